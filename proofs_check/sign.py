"""Claims that one quantity exceeds another, and the arguments that prove them.

A sign is never proved by sampling. It is read off an expression that is positive term by term, or derived from one
by a short chain: differentiate away from a zero, divide by a positive factor, apply an increasing function.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Protocol

import mpmath
from sympy import (
    Dummy,
    Expr,
    LambertW,
    S,
    Symbol,
    diff,
    exp,
    expand,
    expand_log,
    factor,
    fraction,
    powsimp,
    simplify,
    together,
)

from proofs_check.algebra import vanishes
from proofs_check.claims import POINTS
from proofs_check.evaluation import DIGITS, WORKING_DIGITS, Where, sample, value
from proofs_check.step import Road

__all__ = ["Argument", "Divided", "Exceeds", "FromZero", "Increasing", "Manifest", "Through", "Written"]


class Argument(Protocol):
    """A way to prove that one expression exceeds another."""

    @property
    def name(self) -> str:
        """The argument in a few words."""

    def proves(self, greater: Expr, smaller: Expr, strict: bool) -> bool:
        """Whether greater > smaller follows (>= unless `strict`)."""


@dataclass(frozen=True)
class Manifest:
    """The difference is positive term by term: sums and products of positive terms, over a positive denominator."""

    name: str = "positive terms"

    def proves(self, greater: Expr, smaller: Expr, strict: bool) -> bool:
        """Read the sign off the difference as it stands, factored, or expanded over its denominator."""
        return any((form.is_positive if strict else form.is_nonnegative) is True for form in _forms(greater - smaller))


@dataclass(frozen=True)
class Written:
    """The difference equals `form`, which is positive term by term."""

    form: Expr
    name: str = "positive terms"

    def proves(self, greater: Expr, smaller: Expr, strict: bool) -> bool:
        """Check the equality, then the sign of `form`."""
        return vanishes(greater - smaller - self.form) and Manifest().proves(self.form, S.Zero, strict)


@dataclass(frozen=True)
class Divided:
    """The difference is a positive factor times `greater` - `smaller`, of which `then` proves the order."""

    factor: Expr
    greater: Expr
    smaller: Expr
    then: Argument

    @property
    def name(self) -> str:
        """The name of what does the work."""
        return self.then.name

    def proves(self, greater: Expr, smaller: Expr, strict: bool) -> bool:
        """Check the product, the sign of the factor and the order of what remains."""
        return (
            vanishes(greater - smaller - self.factor * (self.greater - self.smaller))
            and Manifest().proves(self.factor, S.Zero, True)
            and self.then.proves(S(self.greater), S(self.smaller), strict)
        )


@dataclass(frozen=True)
class Through:
    """`above` proves greater >= `middle` (>= is enough), and `below` proves `middle` > smaller."""

    middle: Expr
    above: Argument
    below: Argument
    name: str = "a value between"

    def proves(self, greater: Expr, smaller: Expr, strict: bool) -> bool:
        """Compare both with the middle."""
        return self.above.proves(greater, self.middle, False) and self.below.proves(self.middle, smaller, strict)


@dataclass(frozen=True)
class FromZero:
    """The difference is not negative at `variable` = 0 and its derivative is positive beyond, by the same argument.

    Parameters
    ----------
    variable
        A positive symbol.
    factors
        After each differentiation a positive factor is divided out; one factor (often 1) for each differentiation.
    last
        How the sign of the last quotient is proved.
    """

    variable: Symbol
    factors: tuple[Expr | int, ...] = (1,)
    last: Argument = Manifest()
    name: str = "derivatives from a zero"

    def proves(self, greater: Expr, smaller: Expr, strict: bool) -> bool:
        """Differentiate as often as there are factors, asking for the value at zero each time."""
        function = greater - smaller
        if self.variable.is_positive is not True:
            return False
        for positive in map(S, self.factors):
            start = simplify(function.subs(self.variable, 0))
            if start.is_nonnegative is not True or not Manifest().proves(positive, S.Zero, True):
                return False
            function = simplify(diff(function, self.variable) / positive)
        return self.last.proves(function, S.Zero, strict)


@dataclass(frozen=True)
class Increasing:
    """Both sides are positive, and an increasing function keeps their order, which `then` proves.

    Parameters
    ----------
    function
        An increasing function of a positive argument.
    then
        Proves the order of its values.
    """

    function: Callable[[Expr], Expr]
    then: Argument
    name: str = "increasing function"

    def proves(self, greater: Expr, smaller: Expr, strict: bool) -> bool:
        """Check that the function increases and that both sides lie in its domain, then compare its values."""
        argument = Dummy("y", positive=True)
        domain = all(Manifest().proves(side, S.Zero, True) for side in (greater, smaller))
        rises = Manifest().proves(diff(self.function(argument), argument), S.Zero, True)
        above, below = (_without_lambert(self.function(side)) for side in (greater, smaller))
        return domain and rises and self.then.proves(above, below, strict)


@dataclass(frozen=True)
class Exceeds:
    """`greater` > `smaller` everywhere in the domain (>= if not `strict`), proved by an argument.

    Symbolic: the argument goes through, from the assumptions of the symbols. Numeric: the difference is positive at
    random points, in 50 digits of which the result is sure.

    Examples
    --------
    >>> from sympy import symbols
    >>> from proofs_check.evaluation import Reals
    >>> s = symbols("s", positive=True)
    >>> claim = Exceeds(exp(s), 1 + s, {s: Reals(1e-6, 1e2)}, FromZero(s, (1, 1)))
    >>> claim.symbolic().holds
    True
    """

    greater: Expr
    smaller: Expr
    where: Where
    argument: Argument = Manifest()
    strict: bool = True

    def __str__(self) -> str:
        return f"{self.greater} {'>' if self.strict else '>='} {self.smaller}"

    @property
    def method(self) -> str:
        """The argument's name."""
        return f"sign: {self.argument.name}"

    def symbolic(self) -> Road:
        """Follow the argument."""
        if self.argument.proves(self.greater.doit(), self.smaller.doit(), self.strict):
            return Road(True)
        return Road(False, f"no proof of {self} by {self.argument.name}")

    def numeric(self, rng: Random) -> Road:
        """Evaluate the difference at random points, at two precisions that must tell the same."""
        difference = self.greater - self.smaller
        for _ in range(POINTS):
            point = sample(self.where, [difference], rng)
            first = value(difference, point)
            with mpmath.workdps(WORKING_DIGITS + DIGITS):
                second = value(difference, point)
            sure = abs(first - second) <= abs(second) * mpmath.mpf(10) ** -5
            if not (sure and (second > 0 if self.strict else second >= 0)):
                spot = ", ".join(f"{symbol} = {mpmath.nstr(number, 6)}" for symbol, number in point.items())
                return Road(False, f"the difference is {mpmath.nstr(second, 6)} at {spot}")
        return Road(True)


def _forms(difference: Expr) -> Iterator[Expr]:
    """Ways to write an expression, of which one may show its sign; a number is taken as it is."""
    difference = _named_roots(difference)
    yield difference
    if difference.is_number:
        return
    yield factor(difference)
    above, below = fraction(together(difference))
    yield expand(above) / expand(below)
    yield powsimp(expand(above)) / below


def _named_roots(expression: Expr) -> Expr:
    """Replace W0 of something positive by a positive symbol, since SymPy does not know that sign."""
    symbolic = (part for part in expression.atoms(LambertW) if len(part.args) == 1 and part.free_symbols)
    found = [part for part in symbolic if part.args[0].is_positive]
    return expression.xreplace({part: Dummy("W", positive=True) for part in found})


def _without_lambert(expression: Expr) -> Expr:
    """Use W0(z) exp(W0(z)) = z, which defines W0; take logarithms of products and powers apart."""
    return expand_log(simplify(expression.replace(exp, _power_of_root)))


def _power_of_root(power: Expr) -> Expr:
    if isinstance(power, LambertW) and len(power.args) == 1:
        return power.args[0] / power
    return exp(power)
