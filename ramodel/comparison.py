"""The central idea: every result is a pair of a measured number and what the theory says of it."""

import math
from typing import Literal

import msgspec

__all__ = ["Comparison", "Kind", "Verdict"]

Kind = Literal["exact", "upper_bound", "lower_bound", "asymptotic", "empirical"]
Verdict = Literal["holds", "does not hold", "control agrees", "not decided"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One claim, confronted: what the theory says, what was measured, and what the control gave.

    The `kind` picks the check:

    ============== =============================================================================
    kind           holds when
    ============== =============================================================================
    `exact`        ``abs(numeric - theory) <= tolerance``
    `upper_bound`  ``numeric <= theory + tolerance``
    `lower_bound`  ``numeric >= theory - tolerance``
    `asymptotic`   as `exact` where a `tolerance` is given, else `theory` lies in `interval`
    `empirical`    the whole `interval` (or `numeric`) lies in `band`
    ============== =============================================================================

    Where a `control` is given it must miss the claim: if it meets it too, the verdict is "control agrees", for the
    check has told nothing apart.

    Parameters
    ----------
    statement
        Id in the registry, such as "S1" or "RA2".
    claim
        What is compared, in a few words.
    subject
        What it was measured on, such as "linear".
    kind
        See the table.
    numeric
        The measured number. NaN means that it could not be measured: the verdict is then "not decided".
    theory
        The predicted value or bound; None for `empirical`.
    tolerance
        Allowed departure, in the units of `numeric`.
    band
        For `empirical`: (least, greatest) accepted value, None for an open end. Written before the run.
    interval
        95 % interval of `numeric`; for `empirical` the whole of it must lie in `band`.
    control, control_name
        The same number where the claim must fail, and what that was ("untrained", "no skip", ...).
    stationarity
        Largest relative gradient norm of the networks involved: how far exact statements may be off.
    note
        One sentence of context, such as why something could not be measured.

    Raises
    ------
    ValueError
        If the fields that `kind` needs are missing or the band is upside down.

    Examples
    --------
    >>> Comparison(statement="S1", claim="blocks symmetric", subject="linear", kind="exact",
    ...            numeric=2e-6, theory=0.0, tolerance=1e-4).verdict
    'holds'
    """

    statement: str
    claim: str
    subject: str
    kind: Kind
    numeric: float
    theory: float | None = None
    tolerance: float = 0.0
    band: tuple[float | None, float | None] | None = None
    interval: tuple[float, float] | None = None
    control: float | None = None
    control_name: str | None = None
    stationarity: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse comparisons that could not fail or could not be judged."""
        if self.kind == "empirical":
            if self.band is None or self.band == (None, None):
                raise ValueError(f"band is {self.band}; an empirical comparison needs a band with an end.")
            low, high = self.band
            if low is not None and high is not None and low > high:
                raise ValueError(f"band is {self.band}; its lower end must not exceed its upper end.")
        elif self.theory is None or not math.isfinite(self.theory):
            raise ValueError(f"theory is {self.theory}; kind {self.kind!r} needs a finite prediction.")
        if not self.tolerance >= 0.0:
            raise ValueError(f"tolerance is {self.tolerance}; it must not be negative or NaN.")

    @property
    def error(self) -> float:
        """Departure from the claim in units of `numeric`: 0 where it holds without any tolerance."""
        if self.kind == "empirical":
            ends = self.interval if self.interval is not None else (self.numeric, self.numeric)
            return max(self._departure(end) for end in ends)
        return self._departure(self.numeric)

    @property
    def verdict(self) -> Verdict:
        """The verdict by the table of the class; "control agrees" when the control meets the claim as well."""
        if math.isnan(self.numeric) or math.isnan(self.error):
            return "not decided"
        holds = self.error <= self.tolerance
        if self.kind == "asymptotic" and self.tolerance == 0.0 and self.interval is not None:
            assert self.theory is not None
            holds = self.interval[0] <= self.theory <= self.interval[1]
        if not holds:
            return "does not hold"
        if self.control is not None and self._departure(self.control) <= self.tolerance:
            return "control agrees"
        return "holds"

    def _departure(self, value: float) -> float:
        if math.isnan(value):
            return math.nan
        if self.kind == "empirical":
            low, high = self.band if self.band is not None else (None, None)
        else:
            low = self.theory if self.kind != "upper_bound" else None
            high = self.theory if self.kind != "lower_bound" else None
        below = low - value if low is not None else 0.0
        above = value - high if high is not None else 0.0
        return max(below, above, 0.0)
