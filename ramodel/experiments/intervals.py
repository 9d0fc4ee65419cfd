"""Intervals over networks: of a mean, and of an exponent across depth."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from ramodel.metrics import Fit, depth_exponent

__all__ = ["exponent", "mean_interval"]


def mean_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return Student's t interval of the mean of `values`; None for fewer than two of them, or infinite ones.

    Examples
    --------
    >>> low, high = mean_interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(stdtrit(len(values) - 1, 0.5 + confidence / 2.0)) * spread
    centre = float(np.mean(values))
    return centre - reach, centre + reach


def exponent(sizes: Sequence[float], values: Sequence[float]) -> Fit | None:
    """Return the slope of ``ln value`` against ``ln size`` over networks; None for fewer than three sizes.

    Networks whose value is not a positive number are left out.

    Examples
    --------
    >>> fit = exponent([4, 8, 16, 16], [0.8, 0.4, 0.2, float("nan")])
    >>> round(fit.slope, 12)
    -1.0
    """
    pairs = [
        (float(size), value) for size, value in zip(sizes, values, strict=True) if math.isfinite(value) and value > 0.0
    ]
    if len({size for size, _ in pairs}) < 3:
        return None
    kept_sizes, kept_values = zip(*pairs, strict=True)
    return depth_exponent(np.array(kept_sizes), np.array(kept_values))
