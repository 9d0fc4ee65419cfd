"""One number with its interval from many networks: means, extremes, trends along an axis, paired differences."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from ramodel.experiments.intervals import exponent, mean_interval
from ramodel.metrics.scaling import least_squares

__all__ = ["Summarised", "bootstrap_interval", "difference", "extreme", "mean", "trend"]

Function = Callable[[xr.Dataset], float]
Interval = tuple[float, float]

_DRAWS = 200
_CONFIDENCE = 0.95


class Summarised(NamedTuple):
    """One number of several networks."""

    value: float
    """NaN where it could not be found."""
    interval: Interval | None = None
    """95 % interval; None where there is none."""
    note: str = ""


def mean(readings: Sequence[float], nets: Sequence[xr.Dataset], function: Function) -> Summarised:
    """Return the mean of `readings` with Student's interval over networks; of one network, with one over its inputs.

    Parameters
    ----------
    readings
        ``function(net)`` of every network, none of them NaN.
    nets
        The networks.
    function
        The reading, taken anew at resampled inputs where there is one network alone.
    """
    if not readings:
        return Summarised(math.nan)
    if len(readings) > 1:
        return Summarised(float(np.mean(readings)), mean_interval(readings))
    interval = _over_inputs(nets[0], function)
    return Summarised(readings[0], interval, "" if interval is None else "one network: interval over inputs")


def extreme(readings: Sequence[float], farness: Callable[[float], float], *, nearest: bool = False) -> Summarised:
    """Return the reading of the greatest `farness`, or of the least, without an interval."""
    if not readings:
        return Summarised(math.nan)
    return Summarised(float(min(readings, key=farness) if nearest else max(readings, key=farness)))


def trend(sizes: Sequence[float], readings: Sequence[float], *, logarithmic: bool) -> Summarised:
    """Return the slope of readings against sizes, or that of their logarithms: the exponent.

    Replicates of one size count as one point, the mean, weighted by their number: the interval has as many degrees of
    freedom as there are sizes, less two.

    Examples
    --------
    >>> trend([4, 8, 16], [1.0, 2.0, 4.0], logarithmic=False).value
    0.25
    """
    if logarithmic:
        fit = exponent(sizes, readings)
        if fit is None:
            return Summarised(math.nan, note="an exponent needs positive readings at three sizes")
        lost = sum(not 0.0 < reading < math.inf for reading in readings)
        note = f"{lost} of {len(readings)} readings are no positive numbers and left out" if lost else ""
        return Summarised(fit.slope, fit.interval, note)
    distinct = sorted(set(sizes))
    if len(distinct) < 3:
        return Summarised(math.nan, note="a slope with an interval needs three sizes")
    groups = [[value for size, value in zip(sizes, readings, strict=True) if size == one] for one in distinct]
    counts = np.array([float(len(group)) for group in groups])
    line = least_squares(np.array(distinct), np.array([np.mean(group) for group in groups]), counts, np)
    return Summarised(float(line.slope), (float(line.interval[0]), float(line.interval[1])))


def difference(pairs: Sequence[tuple[float, float]]) -> Summarised:
    """Return the mean of first minus second over pairs, with Student's interval.

    Examples
    --------
    >>> difference([(0.75, 0.5), (0.5, 0.25)])
    Summarised(value=0.25, interval=(0.25, 0.25), note='')
    """
    gaps = [first - second for first, second in pairs]
    return Summarised(float(np.mean(gaps)), mean_interval(gaps)) if gaps else Summarised(math.nan)


def bootstrap_interval(statistic: Callable[[np.random.Generator], float], *, seed: int = 0) -> Interval | None:
    """Return the percentile interval of `statistic` over 200 draws; None where the draws do not differ.

    Parameters
    ----------
    statistic
        Draws its sample by the generator it is given, and returns the number of interest.
    seed
        Of the generator.
    """
    generator = np.random.default_rng(seed)
    values = np.array([statistic(generator) for _ in range(_DRAWS)])
    values = values[~np.isnan(values)]
    if not values.size or np.ptp(values) == 0.0:
        return None
    tail = (1.0 - _CONFIDENCE) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


def _over_inputs(net: xr.Dataset, function: Function) -> Interval | None:
    count = net.sizes.get("input", 0)
    if count < 2:
        return None

    def at_drawn_inputs(generator: np.random.Generator) -> float:
        return function(net.isel(input=generator.integers(count, size=count)))

    return bootstrap_interval(at_drawn_inputs)
