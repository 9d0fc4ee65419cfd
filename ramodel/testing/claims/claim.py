"""What a claim is: a departure that must stay within a tolerance, whatever the case, and a slip that must not."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

__all__ = ["Claim"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """One property of one statement, to be tried on cases that hypothesis makes up.

    A case is a set of named plain numbers (depths, decays, singular values, seeds), so that a counterexample can be
    copied from where it was printed: ``claim.check(depth=1, s=[1.0], seed=0)``.

    Parameters
    ----------
    statement
        Id in the registry, such as "S2".
    name
        A word or two; `id` is both.
    sentence
        What is claimed, in one line.
    cases
        Strategy of cases, dictionaries of the arguments of `departure`.
    departure
        ``departure(**case)`` is 0 where the claim holds exactly; it measures by a road other than the formula claimed.
    tolerance, reason
        Greatest departure that counts as rounding, and why that much.
    slip
        Arguments of `departure` that put a mistake into the claim: the spoilt twin, which must be refuted.
    mistake
        That mistake in words.
    share
        Share of the examples to try, below 1 where one takes long.

    Examples
    --------
    >>> claim = Claim(statement="S2", name="square", sentence="(1 + s)^2 = 1 + 2 s + s^2", tolerance=1e-12,
    ...               departure=lambda s, twice=2.0: abs((1 + s) ** 2 - (1 + twice * s + s**2)), reason="rounding",
    ...               cases=st.fixed_dictionaries({"s": st.floats(0, 1)}), slip={"twice": 1.0}, mistake="s, not 2 s")
    >>> claim.check(s=0.5)
    >>> claim.check_spoilt(s=0.5)
    Traceback (most recent call last):
    ...
    AssertionError: S2 square, spoilt (s, not 2 s): departure 0.5, allowed 1e-12.
    """

    statement: str
    name: str
    sentence: str
    cases: st.SearchStrategy[Mapping[str, Any]]
    departure: Callable[..., float]
    tolerance: float
    reason: str
    slip: Mapping[str, Any]
    mistake: str
    share: float = field(default=1.0)

    @property
    def id(self) -> str:
        """Statement and name, such as "S2 balance"."""
        return f"{self.statement} {self.name}"

    def check(self, **case: Any) -> None:
        """Try one case; raise AssertionError with the departure where it is too large or not a number."""
        __tracebackhide__ = True
        self._judge(self.departure(**case), self.id)

    def check_spoilt(self, **case: Any) -> None:
        """Try one case on the spoilt twin, as `check` does."""
        __tracebackhide__ = True
        self._judge(self.departure(**case, **self.slip), f"{self.id}, spoilt ({self.mistake})")

    def _judge(self, departure: float, what: str) -> None:
        __tracebackhide__ = True
        if math.isnan(departure) or departure > self.tolerance:
            raise AssertionError(f"{what}: departure {departure:.3g}, allowed {self.tolerance:g}.")
