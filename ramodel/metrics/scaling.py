"""RA4: top singular values scale inversely with depth.

Two readings: across networks of depth L (`depth_exponent`) and within one network, layer by layer (`inverse_line`).
Intervals here are those of least squares; `ramodel.metrics.resampling` has robust lines and intervals over inputs.
"""

from typing import NamedTuple

from scipy.special import stdtrit

from ramodel.metrics.arrays import Array, Namespace, ratio, real_array

__all__ = ["CONFIDENCE", "Fit", "depth_exponent", "inverse_line", "least_squares", "matching_depths", "positive_layers"]

CONFIDENCE = 0.95
"""Of every interval."""


class Fit(NamedTuple):
    """A straight line: floats, or arrays where many lines were fitted at once."""

    slope: Array
    intercept: Array
    interval: tuple[Array, Array]
    """95 % interval of the slope: from Student's t with `points - 2` degrees of freedom, or from the bootstrap."""
    r_squared: Array
    """Share of the variance on the line, 0 .. 1; 1 where nothing varies."""
    points: int
    """Number of distinct abscissae."""


def depth_exponent(depths: Array, singular_values: Array) -> Fit:
    """Return the exponent of singular values across depth: the slope of ``ln s`` against ``ln L`` (RA4: -1).

    Least squares on one point for each depth, the mean of ``ln s`` over its replicates (seeds), weighted by their
    number. Replicates share whatever bends the law away from a power (S4's logarithm), so only distinct depths count
    as independent: the interval has ``points - 2`` degrees of freedom. Invariant under the scale of s and under the
    order of the points; the scale of L moves the intercept alone.

    Parameters
    ----------
    depths
        ``[n]``, number of blocks of each network, at least three distinct values.
    singular_values
        ``[n, ...]``, positive; axes after the first hold replicates of that depth. A depth may also be listed more
        than once.

    Returns
    -------
    Fit
        `slope` is the exponent, `intercept` is ln s at L = 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite and positive, or fewer than three distinct depths are given.

    Examples
    --------
    >>> fit = depth_exponent([4, 8, 16, 32], [0.8, 0.4, 0.2, 0.1])
    >>> round(fit.slope, 12), round(fit.r_squared, 12)
    (-1.0, 1.0)
    """
    depths, values, xp = matching_depths(depths, singular_values, "network ...")
    logs = xp.reshape(xp.log(values), (values.shape[0], -1))
    distinct = sorted({float(depth) for depth in depths})
    listed = xp.astype(xp.stack([depths == depth for depth in distinct]), xp.float64)
    counts = xp.sum(listed, axis=1)
    means = xp.matmul(listed, xp.mean(logs, axis=1)) / counts
    places = xp.matmul(listed, xp.log(depths)) / counts
    fit = least_squares(places, means, counts, xp)
    low, high = fit.interval
    return Fit(float(fit.slope), float(fit.intercept), (float(low), float(high)), float(fit.r_squared), fit.points)


def inverse_line(singular_values: Array) -> Fit:
    """Return the line of ``1 / s_l`` against the layer l (RA4 within a network: slope 1, as S7 and S11 say).

    S11: aligned blocks of rank one make equal steps iff ``1/s_{l+1} = 1/s_l + 1``, so the slope is 1 when s is in
    natural units (of the Jacobian itself); slope 0 is the equal blocks of S1 and S6. Scaling s by c divides slope and
    interval by c.

    Parameters
    ----------
    singular_values
        ``[L, ...]``, positive, L >= 3: one singular value (such as the first) of every layer; other axes, such as
        inputs, give one line each.

    Returns
    -------
    Fit
        Entries of shape ``[...]``; `intercept` is the value at l = 0.

    Raises
    ------
    TypeError, ValueError
        If the argument is not finite and positive, or holds fewer than three layers.

    Examples
    --------
    >>> fit = inverse_line([1 / 2, 1 / 3, 1 / 4, 1 / 5])
    >>> round(float(fit.slope), 12), round(float(fit.intercept), 12)
    (1.0, 1.0)
    """
    layers, values, xp = positive_layers(singular_values, "layer ...")
    return least_squares(layers, 1.0 / values, xp.ones_like(layers), xp)


def matching_depths(depths: Array, singular_values: Array, axes: str) -> tuple[Array, Array, Namespace]:
    """Return both in float64 and the array functions; refuse what no exponent can be fitted to."""
    values, xp = _positive("singular_values", singular_values, axes, "Leave collapsed networks out.")
    depths, _ = _positive("depths", depths, "network", "")
    if depths.shape[0] != values.shape[0]:
        raise ValueError(
            f"depths has {depths.shape[0]} entries and singular_values has shape {tuple(values.shape)}; "
            "the first axis of singular_values must match depths."
        )
    distinct = len({float(depth) for depth in depths})
    if distinct < 3:
        raise ValueError(f"depths holds {distinct} distinct values; an exponent with an interval needs three.")
    return depths, values, xp


def positive_layers(singular_values: Array, axes: str) -> tuple[Array, Array, Namespace]:
    """Return l = 1 .. L, the singular values in float64 and the array functions; refuse what has no 1/s."""
    values, xp = _positive("singular_values", singular_values, axes, "A zero Jacobian has no 1/s.")
    depth = values.shape[0]
    if depth < 3:
        raise ValueError(f"singular_values holds {depth} layers; a line with an interval needs three.")
    return xp.cumulative_sum(xp.ones_like(xp.reshape(values, (depth, -1))[:, 0])), values, xp


def least_squares(x: Array, y: Array, weights: Array, xp: Namespace) -> Fit:
    """Fit y ``[n, ...]`` against x ``[n]`` by weighted least squares."""
    column = (slice(None),) + (None,) * (y.ndim - 1)
    share = (weights / xp.sum(weights))[column]
    x = x[column]
    x_mean, y_mean = xp.sum(share * x), xp.sum(share * y, axis=0)
    across = x - x_mean
    spread = xp.sum(share * across**2)
    slope = xp.sum(share * across * (y - y_mean), axis=0) / spread
    residual = xp.sum(share * (y - y_mean - slope * across) ** 2, axis=0)
    total = xp.sum(share * (y - y_mean) ** 2, axis=0)
    points = x.shape[0]
    reach = float(stdtrit(points - 2, 0.5 + CONFIDENCE / 2)) * xp.sqrt(residual / (points - 2) / spread)
    r_squared = xp.clip(1.0 - ratio(residual, total, xp, empty=0.0), 0.0, 1.0)
    return Fit(slope, y_mean - slope * x_mean, (slope - reach, slope + reach), r_squared, points)


def _positive(name: str, value: Array, axes: str, hint: str) -> tuple[Array, Namespace]:
    array, xp = real_array(name, value, axes=axes)
    if bool(xp.any(array <= 0.0)):
        raise ValueError(f"{name} holds {float(xp.min(array)):g}; every entry must be positive. {hint}".rstrip())
    return array, xp
