"""The kinds of claim that are not about signs: equality, consequence, limit, example, fact tried, number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import mpmath
from sympy import Expr, Integer, Symbol, expand, limit, nan, oo

from proofs_check.algebra import vanishes
from proofs_check.evaluation import Point, Where, agree, sample, value
from proofs_check.step import Road

__all__ = ["POINTS", "Computed", "Equal", "Example", "Follows", "Tends", "Tried"]

POINTS = 12
"""Random points at which a claim is evaluated."""


@dataclass(frozen=True)
class Equal:
    """`left` = `right` everywhere in the domain; tuples are compared entry by entry.

    Symbolic: the difference simplifies to zero. Numeric: both sides agree to 50 digits.

    Examples
    --------
    >>> from sympy import symbols
    >>> from proofs_check.evaluation import Reals
    >>> s = symbols("s")
    >>> Equal((1 + s) ** 2, 1 + 2 * s + s**2, where={s: Reals(-2, 2)}).symbolic().holds
    True
    """

    left: Expr | tuple[Expr, ...]
    right: Expr | tuple[Expr, ...]
    where: Where
    method: str = "identity"
    points: int = POINTS

    def __str__(self) -> str:
        return "; ".join(f"{left} = {right}" for left, right in self._pairs())

    def symbolic(self) -> Road:
        """Ask SymPy to bring every difference to zero."""
        for left, right in self._pairs():
            if not vanishes(left - right):
                return Road(False, f"({left}) - ({right}) does not simplify to zero")
        return Road(True)

    def numeric(self, rng: Random) -> Road:
        """Compare both sides at random points."""
        for _ in range(self.points):
            point = sample(self.where, [side for pair in self._pairs() for side in pair], rng)
            for left, right in self._pairs():
                road = _compared(value(left, point), value(right, point), point)
                if not road.holds:
                    return road
        return Road(True)

    def _pairs(self) -> list[tuple[Expr, Expr]]:
        left, right = (side if isinstance(side, tuple) else (side,) for side in (self.left, self.right))
        return list(zip(left, right, strict=True))


@dataclass(frozen=True)
class Follows:
    """`conclusion` = 0 wherever every hypothesis vanishes, shown by a certificate.

    The certificate is an expression in the names of the hypotheses that vanishes with them. Symbolic: it does vanish,
    and it equals the conclusion as a polynomial in free matrices. Numeric: so it does at random matrices that know
    nothing of the hypotheses.

    Examples
    --------
    >>> from proofs_check.algebra import T, matrices
    >>> from proofs_check.evaluation import Matrices
    >>> X, e = matrices("X e")
    >>> symmetric = X + X * T(X)
    >>> Follows(X - T(X), {e: symmetric - T(symmetric)}, certificate=e, where={X: Matrices(3, 3)}).symbolic().holds
    True
    """

    conclusion: Expr
    hypotheses: Mapping[Symbol, Expr]
    certificate: Expr
    where: Where
    method: str = "consequence"

    def __str__(self) -> str:
        given = ", ".join(f"{name} := {hypothesis} = 0" for name, hypothesis in self.hypotheses.items())
        return f"{self.conclusion} = {self.certificate} = 0, where {given}"

    def symbolic(self) -> Road:
        """Ask SymPy to expand the certificate into the conclusion."""
        if expand(self.certificate.subs(dict.fromkeys(self.hypotheses, Integer(0)))) != 0:
            return Road(False, "the certificate does not vanish with the hypotheses")
        if expand(self.conclusion - self.certificate.subs(dict(self.hypotheses))) != 0:
            return Road(False, f"({self.conclusion}) is not {self.certificate}")
        return Road(True)

    def numeric(self, rng: Random) -> Road:
        """Compare conclusion and certificate at random matrices."""
        occurring = [self.conclusion, self.certificate, *self.hypotheses.values()]
        for _ in range(POINTS):
            point = sample(self.where, occurring, rng)
            named = {name: value(hypothesis, point) for name, hypothesis in self.hypotheses.items()}
            road = _compared(value(self.conclusion, point), value(self.certificate, point | named), point)
            if not road.holds:
                return road
        return Road(True)


@dataclass(frozen=True)
class Tends:
    """`expression` -> `to` as `variable` -> `at` (from above where `at` is finite).

    Symbolic: SymPy's limit. Numeric: along `approach` the distance to the limit decreases, down to `within`.

    Parameters
    ----------
    approach
        Values of the variable, nearer and nearer to `at`.
    within
        Distance that the last of them must reach.
    digits
        Decimal digits carried, where numbers far out need more than the usual.

    Examples
    --------
    >>> from sympy import symbols, tanh
    >>> y = symbols("y", positive=True)
    >>> Tends(tanh(y) / y, y, at=0, to=1, approach=(0.1, 0.01), within=1e-4, where={}).symbolic().holds
    True
    """

    expression: Expr
    variable: Symbol
    at: Expr
    to: Expr
    approach: Sequence[float | str]
    within: float
    where: Where
    digits: int | None = None
    method: str = "limit"

    def __str__(self) -> str:
        return f"{self.expression} -> {self.to} as {self.variable} -> {self.at}"

    def symbolic(self) -> Road:
        """Ask SymPy for the limit."""
        found = limit(self.expression, self.variable, self.at, "-" if self.at == oo else "+")
        return Road(True) if found != nan and vanishes(found - self.to) else Road(False, f"the limit is {found}")

    def numeric(self, rng: Random) -> Road:
        """Follow the expression along `approach`."""
        with mpmath.workdps(self.digits or mpmath.mp.dps):
            point = sample(self.where, [self.expression, self.to], rng)
            target = value(self.to, point)
            distances = [
                abs(value(self.expression, {**point, self.variable: mpmath.mpf(number)}) - target)
                for number in self.approach
            ]
        if any(far <= near for far, near in pairwise(distances)):
            return Road(False, "the distance to the limit does not decrease" + _at(point))
        if not distances[-1] <= self.within:
            return Road(False, f"still {mpmath.nstr(distances[-1], 3)} off" + _at(point))
        return Road(True)


@dataclass(frozen=True)
class Example:
    """A construction whose residuals are zero: in exact arithmetic, and at random to 50 digits.

    Parameters
    ----------
    exact
        Returns residuals in exact arithmetic.
    random
        Returns pairs of numbers that must agree, built from random numbers.
    """

    description: str
    exact: Callable[[], Sequence[Expr]]
    random: Callable[[Random], Sequence[tuple[Any, Any]]]
    method: str = "exact example"

    def __str__(self) -> str:
        return self.description

    def symbolic(self) -> Road:
        """Build it in exact arithmetic."""
        residuals = [residual for residual in self.exact() if not vanishes(residual)]
        return (
            Road(False, f"{len(residuals)} residuals differ from zero, such as {residuals[0]}")
            if residuals
            else Road(True)
        )

    def numeric(self, rng: Random) -> Road:
        """Build it from random numbers."""
        for left, right in self.random(rng):
            road = _compared(left, right, {})
            if not road.holds:
                return road
        return Road(True)


@dataclass(frozen=True)
class Tried:
    """A fact without a symbolic road here, tried on random cases: a known theorem, or what the steps before add up to.

    Parameters
    ----------
    fact
        The fact in one line.
    margin
        Takes a random generator, tries one random case, and returns a number that the fact says is not negative.
    reference
        Where it is proved, if it is quoted.
    """

    fact: str
    margin: Callable[[Random], mpmath.mpf] = field(repr=False)
    reference: str = ""

    def __str__(self) -> str:
        return f"{self.fact} [{self.reference}]" if self.reference else self.fact

    @property
    def method(self) -> str:
        """Say whose theorem it is."""
        return f"quoted: {self.reference}" if self.reference else "random cases"

    def symbolic(self) -> None:
        """Return None: there is no proof here."""

    def numeric(self, rng: Random) -> Road:
        """Try random cases."""
        for _ in range(POINTS):
            margin = self.margin(rng)
            if not margin >= 0:
                return Road(False, f"a random case misses it by {mpmath.nstr(-margin, 3)}")
        return Road(True)


@dataclass(frozen=True)
class Computed:
    """Numbers that come out as printed when they are computed with 50 digits; there is no proof of them here.

    Parameters
    ----------
    fact
        What the numbers are, in one line.
    compute
        Returns them.
    printed
        The same numbers in decimal digits, rounded.

    Examples
    --------
    >>> claim = Computed("pi and e", lambda: [mpmath.pi(), mpmath.e()], ("3.1416", "2.718"))
    >>> claim.numeric(Random(0)).holds
    True
    """

    fact: str
    compute: Callable[[], Sequence[mpmath.mpf]] = field(repr=False)
    printed: Sequence[str]
    method: str = "computed with 50 digits"

    def __str__(self) -> str:
        return f"{self.fact}: {', '.join(self.printed)}"

    def symbolic(self) -> None:
        """Return None: there is no proof here."""

    def numeric(self, rng: Random) -> Road:
        """Compute the numbers and round them."""
        for number, printed in zip(self.compute(), self.printed, strict=True):
            decimals = len(printed.partition(".")[2])
            if not abs(number - mpmath.mpf(printed)) <= mpmath.mpf(10) ** -decimals / 2:
                return Road(False, f"{mpmath.nstr(number, 20)} is not {printed}")
        return Road(True)


def _compared(left: Any, right: Any, point: Point) -> Road:
    if agree(left, right):
        return Road(True)
    return Road(False, f"{_short(left)} differs from {_short(right)}" + _at(point))


def _at(point: Point) -> str:
    scalars = [f"{symbol} = {_short(number)}" for symbol, number in point.items() if not _is_matrix(number)]
    return f" at {', '.join(scalars)}" if scalars else ""


def _short(number: Any) -> str:
    if _is_matrix(number):
        return f"a matrix of norm {mpmath.nstr(mpmath.norm(number), 8)}"
    return str(mpmath.nstr(number, 8))


def _is_matrix(number: Any) -> bool:
    return isinstance(number, mpmath.matrix)
