"""RA4 with intervals over inputs: least-squares and Theil-Sen lines, resampled.

The other inputs that might have been drawn are the uncertainty that matters where one network is measured at many
inputs, or networks of several depths at the same inputs. Inputs are drawn with replacement, the same in every layer or
network, and the line is fitted anew to each draw (Efron & Tibshirani 1993, percentile interval).
"""

from typing import Literal

import array_api_compat
import numpy as np

from ramodel.checks import LARGEST_SEED, integer, one_of
from ramodel.metrics.arrays import Array, Namespace, quantile, ratio
from ramodel.metrics.scaling import CONFIDENCE, Fit, least_squares, matching_depths, positive_layers

__all__ = ["Method", "resampled_depth_exponent", "resampled_inverse_line"]

Method = Literal["least squares", "Theil-Sen"]

_LARGEST = 2**22
"""Slopes of pairs held at a time (32 MiB)."""


def resampled_depth_exponent(
    depths: Array, singular_values: Array, *, method: Method = "Theil-Sen", resamples: int = 2000, seed: int = 0
) -> Fit:
    """Return the exponent of singular values across depth with its interval over inputs (RA4: -1).

    The slope of ``ln s`` against ``ln L``. "least squares" fits the means of ``ln s`` over inputs; "Theil-Sen" takes
    the medians over inputs and then the median of the slopes of all pairs of networks of different depth (Sen 1968),
    which up to 29 % of wild networks cannot move far. The interval says nothing of other seeds or of the bend of the
    law itself (S4): `ramodel.metrics.depth_exponent` has one for that. Invariant under the scale of s and under the
    order of the inputs up to the draws.

    Parameters
    ----------
    depths
        ``[n]``, number of blocks of each network, at least three distinct values.
    singular_values
        ``[n, N, ...]``, positive: the same N >= 2 inputs in every network; further axes, such as rank, give one line
        each.
    method
        How the line is fitted.
    resamples
        Number of draws.
    seed
        Of the draws.

    Returns
    -------
    Fit
        Entries of shape ``[...]``; `slope` is the exponent, `intercept` is ln s at L = 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite and positive, fewer than three distinct depths or two inputs are given.

    Examples
    --------
    >>> fit = resampled_depth_exponent([4, 8, 16], [[0.8, 0.4], [0.4, 0.2], [0.2, 0.1]])
    >>> round(float(fit.slope), 12), [round(float(end), 12) for end in fit.interval]
    (-1.0, [-1.0, -1.0])
    """
    depths, values, xp = matching_depths(depths, singular_values, "network input ...")
    distinct = len({float(depth) for depth in depths})
    return _resampled(xp.log(depths), xp.log(values), method, resamples, seed, distinct, xp)


def resampled_inverse_line(
    singular_values: Array, *, method: Method = "Theil-Sen", resamples: int = 2000, seed: int = 0
) -> Fit:
    """Return the line of ``1 / s_l`` against the layer l with its interval over inputs (RA4 within a network: slope 1).

    "least squares" fits the means of ``1/s_l`` over inputs, so its slope is the mean of the slopes of
    `ramodel.metrics.inverse_line`; "Theil-Sen" takes the medians over inputs and then the median of the slopes of all
    pairs of layers. Scaling s by c divides slope and interval by c; the order of the inputs matters up to the draws.

    Parameters
    ----------
    singular_values
        ``[L, N, ...]``, positive, L >= 3, N >= 2: one singular value of every layer at every input; further axes, such
        as rank, give one line each.
    method
        How the line is fitted.
    resamples
        Number of draws.
    seed
        Of the draws.

    Returns
    -------
    Fit
        Entries of shape ``[...]``; `intercept` is the value at l = 0.

    Raises
    ------
    TypeError, ValueError
        If the argument is not finite and positive, or holds fewer than three layers or two inputs.

    Examples
    --------
    >>> fit = resampled_inverse_line([[1 / 2, 1 / 4], [1 / 3, 1 / 5], [1 / 4, 1 / 6]])
    >>> round(float(fit.slope), 12), round(float(fit.intercept), 12)
    (1.0, 2.0)
    """
    layers, values, xp = positive_layers(singular_values, "layer input ...")
    return _resampled(layers, 1.0 / values, method, resamples, seed, int(values.shape[0]), xp)


def _resampled(x: Array, y: Array, method: Method, resamples: int, seed: int, distinct: int, xp: Namespace) -> Fit:
    """Fit y ``[n, N, ...]`` against x ``[n]``, once as it is and once for every draw of inputs."""
    method = one_of("method", method, ["least squares", "Theil-Sen"])
    draws = integer("resamples", resamples, minimum=100)
    seed = integer("seed", seed, minimum=0, maximum=LARGEST_SEED)
    points, inputs, *rest = y.shape
    if inputs < 2:
        raise ValueError(f"singular_values has shape {tuple(y.shape)}; an interval over inputs needs two inputs.")
    flat = xp.reshape(y, (points, inputs, -1))
    counts = np.random.default_rng(seed).multinomial(inputs, np.full(inputs, 1.0 / inputs), size=draws)
    counts = xp.asarray(counts, dtype=xp.float64, device=array_api_compat.device(y))
    if method == "least squares":
        centre = xp.mean(flat, axis=1)
        drawn = xp.matmul(counts / inputs, flat)
        slope, intercept = _least_squares_line(x, centre, xp)
        slopes, _ = _least_squares_line(x, xp.reshape(drawn, (points, -1)), xp)
    else:
        centre = quantile(xp.matrix_transpose(flat), 0.5, xp)
        drawn = _drawn_medians(flat, counts, xp)
        slope, intercept = _theil_sen_line(x, centre, xp)
        slopes, _ = _theil_sen_line(x, xp.reshape(drawn, (points, -1)), xp)
    slopes = xp.matrix_transpose(xp.reshape(slopes, (draws, -1)))
    ends = [quantile(slopes, level, xp) for level in ((1.0 - CONFIDENCE) / 2, (1.0 + CONFIDENCE) / 2)]
    residual = xp.sum((centre - intercept - slope * x[:, None]) ** 2, axis=0)
    total = xp.sum((centre - xp.mean(centre, axis=0)) ** 2, axis=0)
    r_squared = xp.clip(1.0 - ratio(residual, total, xp, empty=0.0), 0.0, 1.0)
    slope, intercept, low, high, r_squared = (
        xp.reshape(entry, tuple(rest)) for entry in (slope, intercept, *ends, r_squared)
    )
    return Fit(slope, intercept, (low, high), r_squared, distinct)


def _least_squares_line(x: Array, y: Array, xp: Namespace) -> tuple[Array, Array]:
    fit = least_squares(x, y, xp.ones_like(x), xp)
    return fit.slope, fit.intercept


def _theil_sen_line(x: Array, y: Array, xp: Namespace) -> tuple[Array, Array]:
    """Return slopes and intercepts of the lines of y ``[n, M]`` against x ``[n]``."""
    places = [float(place) for place in x]
    pairs = [(i, j) for j in range(len(places)) for i in range(j) if places[i] != places[j]]
    device = array_api_compat.device(x)
    first, second = (xp.asarray([pair[end] for pair in pairs], device=device) for end in (0, 1))
    width = (xp.take(x, second, axis=0) - xp.take(x, first, axis=0))[:, None]
    at_once = max(1, _LARGEST // len(pairs))
    slopes = []
    for start in range(0, y.shape[1], at_once):  # by columns, so that memory stays bounded however many lines
        part = y[:, start : min(start + at_once, y.shape[1])]
        rises = xp.take(part, second, axis=0) - xp.take(part, first, axis=0)
        slopes.append(quantile(xp.matrix_transpose(rises / width), 0.5, xp))
    slope = xp.concat(slopes)
    return slope, quantile(xp.matrix_transpose(y - slope * x[:, None]), 0.5, xp)


def _drawn_medians(values: Array, counts: Array, xp: Namespace) -> Array:
    """Return the medians over inputs of values ``[n, N, R]`` in every draw ``[n, B, R]``; `counts` is ``[B, N]``."""
    points, inputs, lines = values.shape
    lower, upper = (inputs + 1) // 2, inputs // 2 + 1
    medians = []
    for point in range(points):
        for line in range(lines):
            column = values[point, :, line]
            order = xp.argsort(column)
            ordered = xp.take(column, order)
            reached = xp.cumulative_sum(xp.take(counts, order, axis=1), axis=1)
            middle = [
                xp.take(ordered, xp.sum(xp.astype(reached < place, xp.int64), axis=1)) for place in (lower, upper)
            ]
            medians.append(0.5 * (middle[0] + middle[1]))
    return xp.moveaxis(xp.reshape(xp.stack(medians), (points, lines, -1)), 1, 2)
