"""One claim as a small picture: the band that it accepts, what was measured with its interval, the control."""

import math

import msgspec

from ramodel.comparison import Comparison

__all__ = ["Strip", "verdict_strip"]

_WIDE = 30.0
"""Ratio of the greatest to the least number above which a strip is logarithmic."""


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """Places from 0 (left) to 100 (right); None where there is nothing to show.

    Parameters
    ----------
    band
        Ends of what is accepted; an open band runs to the end of the strip.
    interval, measured, control
        The measurement with its 95 % interval, and the control.
    """

    band: tuple[float, float]
    interval: tuple[float, float] | None
    measured: float
    control: float | None


def verdict_strip(row: Comparison) -> Strip | None:
    """Return the picture of a comparison; None where nothing was measured.

    Intervals of few seeds can be many times as wide as band, measurement and control together: they are cut at the
    ends of the strip.

    Examples
    --------
    >>> row = Comparison(statement="RA2", claim="affinity", subject="relu", kind="empirical", numeric=0.8,
    ...                  band=(0.6, None), control=0.2)
    >>> strip = verdict_strip(row)
    >>> strip.band[0] < strip.measured < strip.band[1] == 100.0, strip.control < strip.band[0]
    (True, True)
    """
    if not math.isfinite(row.numeric):
        return None
    low, high = _accepted(row)
    numbers = (low, high, row.numeric, row.theory, row.control)
    finite = [value for value in numbers if value is not None and math.isfinite(value)]
    interval = row.interval if row.interval is not None and all(map(math.isfinite, row.interval)) else None
    spread = max(finite) - min(finite)
    if interval is not None:
        reach = max(spread, abs(row.numeric), interval[1] - interval[0] if spread == 0 else 0.0)
        finite += [min(max(end, min(finite) - reach), max(finite) + reach) for end in interval]
    logarithmic = min(finite) > 0 and max(finite) / min(finite) > _WIDE

    def scale(value: float) -> float:
        return math.log(value) if logarithmic else value

    least, greatest = scale(min(finite)), scale(max(finite))
    room = 0.12 * (greatest - least) or 0.1 * abs(greatest) or 1.0
    start, length = least - room, greatest - least + 2 * room

    def place(value: float) -> float:
        if math.isinf(value) or (logarithmic and value <= 0):
            return 100.0 if value > 0 else 0.0
        return round(min(max(100.0 * (scale(value) - start) / length, 0.0), 100.0), 2)

    return Strip(
        band=(place(low), place(high)),
        interval=None if interval is None else (place(interval[0]), place(interval[1])),
        measured=place(row.numeric),
        control=place(row.control) if row.control is not None and math.isfinite(row.control) else None,
    )


def _accepted(row: Comparison) -> tuple[float, float]:
    if row.kind == "empirical":
        low, high = row.band if row.band is not None else (None, None)
        return (-math.inf if low is None else low), (math.inf if high is None else high)
    assert row.theory is not None
    low = -math.inf if row.kind == "upper_bound" else row.theory - row.tolerance
    high = math.inf if row.kind == "lower_bound" else row.theory + row.tolerance
    return low, high
