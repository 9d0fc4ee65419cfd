"""Steps written briefly: one call gives a true claim and its spoilt twin on the same domain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import mpmath
from sympy import Expr, S, Symbol

from proofs_check.claims import Computed, Equal, Follows, Tends, Tried
from proofs_check.evaluation import Where
from proofs_check.sign import Argument, Exceeds, Manifest
from proofs_check.step import Step

__all__ = ["StepsOn", "computed", "quoted", "tried"]

Margin = Callable[[Random], mpmath.mpf]


@dataclass(frozen=True)
class StepsOn:
    """Writes steps whose symbols take values in the domain `where`.

    Examples
    --------
    >>> from sympy import symbols
    >>> from proofs_check.evaluation import Reals
    >>> s = symbols("s", positive=True)
    >>> step = StepsOn({s: Reals(0.1, 10)}).exceeds("1 + s > s", 1 + s, s, spoilt=s + 2)
    >>> step.claim.symbolic().holds, step.spoilt.symbolic().holds
    (True, False)
    """

    where: Where

    def equal(self, title: str, left: Expr, right: Expr, *, spoilt: Expr) -> Step:
        """Return the step "`left` = `right`"; `spoilt` is a wrong left side."""
        return Step(title, *(Equal(side, right, self.where) for side in (left, spoilt)))

    def exceeds(
        self,
        title: str,
        greater: Expr,
        smaller: Expr,
        argument: Argument | None = None,
        *,
        spoilt: Expr,
        strict: bool = True,
    ) -> Step:
        """Return the step "`greater` > `smaller`"; `spoilt` is too large a smaller side."""
        how = argument or Manifest()
        return Step(title, *(Exceeds(S(greater), S(side), self.where, how, strict) for side in (smaller, spoilt)))

    def follows(
        self, title: str, conclusion: Expr, given: Mapping[Symbol, Expr], certificate: Expr, *, spoilt: Expr
    ) -> Step:
        """Return the step "`conclusion` vanishes where `given` does"; `spoilt` is a wrong conclusion."""
        return Step(title, *(Follows(claim, given, certificate, self.where) for claim in (conclusion, spoilt)))

    def tends(
        self,
        title: str,
        expression: Expr,
        variable: Symbol,
        at: Expr,
        to: Expr,
        *,
        approach: Sequence[float | str],
        within: float,
        spoilt: Expr,
        digits: int | None = None,
    ) -> Step:
        """Return the step "`expression` -> `to` as `variable` -> `at`"; `spoilt` is a wrong limit."""
        claims = (
            Tends(expression, variable, S(at), S(limit), approach, within, self.where, digits) for limit in (to, spoilt)
        )
        return Step(title, *claims)


def quoted(title: str, fact: str, reference: str, margin: Margin, *, spoilt: Margin) -> Step:
    """Return a step quoted from the literature; `spoilt` is the margin of a theorem that is not true."""
    return Step(title, *(Tried(fact, attempt, reference) for attempt in (margin, spoilt)))


def tried(title: str, fact: str, margin: Margin, *, spoilt: Margin) -> Step:
    """Return a step that gathers the ones before it and tries the result on random cases."""
    return Step(title, *(Tried(fact, attempt) for attempt in (margin, spoilt)))


def computed(
    title: str, fact: str, compute: Callable[[], Sequence[mpmath.mpf]], printed: Sequence[str], *, spoilt: Sequence[str]
) -> Step:
    """Return a step that computes numbers with 50 digits, once for both claims; `spoilt` has a wrong digit."""

    @cache
    def at_precision(_: int) -> Sequence[mpmath.mpf]:
        return compute()

    return Step(title, *(Computed(fact, lambda: at_precision(mpmath.mp.prec), digits) for digits in (printed, spoilt)))
