"""Statement S13: blocks that are dropped at random, in the aligned ansatz with equal s.

Block l is kept with probability q, independently: ``b_l`` is 1 with probability q, else 0. Two conventions are in use.
Plain: a kept block adds s, so a direction grows by ``prod (1 + b_l s)`` (and inference uses q s). Rescaled: a kept
block adds s / q, so that its mean is s. The second is the first with s / q in place of s.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ramodel.checks import finite_array, fitting, integer, positive, real
from ramodel.theory.model import Array, representable

__all__ = [
    "StochasticDepthOptimum",
    "equivalent_decay",
    "expected_squared_loss",
    "gain_mean",
    "gain_variance",
    "stochastic_depth_optimum",
]

_SCAN = 15
"""Values of ln s per unit at which the slope of the one-dimensional problem is scanned for changes of sign."""

_LEAST, _GREATEST = math.log(np.finfo(np.float64).tiny), math.log(np.finfo(np.float64).max)
"""Logarithms of the least and the greatest number that float64 holds to all digits."""


class StochasticDepthOptimum(NamedTuple):
    """The minimum of the expected squared loss with decay, one direction.

    Parameters
    ----------
    s
        Singular value of every block (before any rescaling by 1/q).
    w
        Singular value of the head.
    value
        The objective there.
    """

    s: float
    w: float
    value: float


def gain_mean(s: ArrayLike, depth: int, keep: float, *, rescaled: bool = False) -> Array:
    """Mean of the gain prod (1 + b_l s): (1 + q s)^L, with the 1/q rescaling (1 + s)^L (S13; own; exact).

    Parameters
    ----------
    s
        Singular value of every block, at least 0; any shape.
    depth
        L, a whole number.
    keep
        q, probability that a block is kept, above 0 and at most 1.
    rescaled
        Kept blocks are multiplied by 1/q.

    Returns
    -------
    Same shape, no unit.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of range, NaN or infinite.
    OverflowError
        If a result exceeds the largest float64.

    Examples
    --------
    >>> float(gain_mean(1.0, 2, keep=0.5)), float(gain_mean(1.0, 2, keep=0.5, rescaled=True))
    (2.25, 4.0)
    """
    kept, layers, q = _checked(s, depth, keep, rescaled)
    return _power("the mean gain", np.log1p(q * kept), layers)


def gain_variance(s: ArrayLike, depth: int, keep: float, *, rescaled: bool = False) -> Array:
    """Variance of the gain prod (1 + b_l s): (1 + q (2s + s^2))^L - (1 + q s)^(2L) (S13; own; exact).

    Computed as ``mean^2 ((1 + e)^L - 1)`` with ``e = q (1 - q) s^2 / (1 + q s)^2``, which does not cancel. With the 1/q
    rescaling s is replaced by s / q: the second moment is (1 + 2s + s^2/q)^L.

    Parameters
    ----------
    s, depth, keep, rescaled
        As in `gain_mean`.

    Returns
    -------
    Same shape, no unit; 0 where q = 1.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `gain_mean`.

    Examples
    --------
    >>> float(gain_variance(1.0, 1, keep=0.5))
    0.25
    """
    kept, layers, q = _checked(s, depth, keep, rescaled)
    mean = np.asarray(gain_mean(s, depth, keep, rescaled=rescaled))
    with np.errstate(over="ignore"):
        variance = (mean * np.sqrt(np.expm1(layers * np.log1p(_relative_variance(kept, q))))) ** 2
    return representable("the variance of the gain", variance)


def expected_squared_loss(
    w: ArrayLike, s: ArrayLike, target: ArrayLike, depth: int, keep: float, *, rescaled: bool = False
) -> Array:
    """Mean of (w prod (1 + b_l s) - y)^2: that of the mean gain, plus w^2 times its variance (S13; own; exact).

    The second term is a penalty on s: stochastic depth regularises the blocks by their own noise.

    Parameters
    ----------
    w
        Singular value of the head; any shape that fits `s`.
    s, depth, keep, rescaled
        As in `gain_mean`.
    target
        y; any shape that fits `s`.

    Returns
    -------
    Array of the common shape, in squared units of y.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `gain_mean`, for `w` and `target` too.

    Examples
    --------
    >>> float(expected_squared_loss(1.0, 1.0, 1.5, 1, keep=0.5))  # gain 1 or 2
    0.25
    """
    head, y = (finite_array(name, value, nonempty=False) for name, value in (("w", w), ("target", target)))
    for name, values in (("w", head), ("target", y)):
        fitting(name, values.shape, "s", np.shape(s))
    fitting("target", y.shape, "w", head.shape)
    mean = gain_mean(s, depth, keep, rescaled=rescaled)
    variance = gain_variance(s, depth, keep, rescaled=rescaled)
    with np.errstate(over="ignore"):
        return representable("the expected loss", np.asarray((head * mean - y) ** 2 + head**2 * variance))


def equivalent_decay(m: ArrayLike, s: ArrayLike, keep: float, *, rescaled: bool = False) -> Array:
    """Decay of a block that penalises s as stochastic depth does, while its noise is small (S13; own; asymptotic).

    Of the loss (1/2)(z - y)^2, the variance term with m = w E[gain] is (m^2/2)((1 + e)^L - 1), at least and for
    small L e about ``(1/2) L lam s^2`` with ``lam = m^2 q (1 - q) / (1 + q s)^2``, rescaled
    ``m^2 ((1 - q)/q) / (1 + s)^2``: so much is added to lam_J.

    Parameters
    ----------
    m
        Singular value of the mean end-to-end map, w E[gain]; any shape that fits `s`.
    s, keep, rescaled
        As in `gain_mean`.

    Returns
    -------
    Array of the common shape, in squared units of m.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `gain_mean`, for `m` too.

    Examples
    --------
    >>> float(equivalent_decay(2.0, 0.0, keep=0.5)), float(equivalent_decay(2.0, 1.0, keep=0.5, rescaled=True))
    (1.0, 1.0)
    """
    end_to_end = finite_array("m", m, minimum=0.0, nonempty=False)
    kept, _, q = _checked(s, 1, keep, rescaled)
    fitting("m", end_to_end.shape, "s", kept.shape)
    strength = (1.0 - q) / q if rescaled else q * (1.0 - q)
    with np.errstate(over="ignore"):
        return representable("the equivalent decay", np.asarray(strength * (end_to_end / (1.0 + q * kept)) ** 2))


def stochastic_depth_optimum(
    target: float,
    depth: int,
    keep: float,
    *,
    jacobian_decay: float,
    head_decay: float,
    rescaled: bool = False,
) -> StochasticDepthOptimum:
    """Global minimum over w and s >= 0 of one direction's expected loss with decay (S13; own; exact).

    ``(1/2) E[(w prod (1 + b_l s) - y)^2] + (lam_W/2) w^2 + (lam_J/2) L s^2``. For given s the best head is
    ``w = y G / (Q^L + lam_W)`` with the mean gain ``G = g^L``, g = 1 + q s, and its second moment Q^L,
    Q = 1 + 2 q s + q s^2. That leaves one equation in s (plain; rescaled with s / q and lam_J q^2):
    ``(1-q) s Q^(L-1) + lam_J s (Q^L + lam_W)^2 / (q y^2 g^(2L-1)) = lam_W``. Its left side may turn for large lam_W;
    every crossing on a fine grid is solved, in logarithms, and the lowest minimum is returned. With q = 1 this is the
    reduced problem of S3.

    Parameters
    ----------
    target
        y, not 0 (for y = 0 everything is 0).
    depth, keep, rescaled
        As in `gain_mean`.
    jacobian_decay, head_decay
        lam_J, lam_W > 0.

    Returns
    -------
    StochasticDepthOptimum
        s and w without unit and in that of y; relative error about 1e-10.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of range, NaN or infinite.
    OverflowError
        If s, w or the value leaves float64.

    Examples
    --------
    >>> optima = [stochastic_depth_optimum(4.0, 8, q, jacobian_decay=0.01, head_decay=0.01) for q in (1.0, 0.9)]
    >>> [round(optimum.s, 4) for optimum in optima]
    [0.2711, 0.0521]
    """
    y = real("target", target)
    if y == 0.0:
        raise ValueError("target is 0; the optimum is 0 there, whatever the blocks do.")
    _, layers, q = _checked(0.0, depth, keep, rescaled)
    log_block = math.log(positive("jacobian_decay", jacobian_decay))
    log_head = math.log(positive("head_decay", head_decay))
    log_y, log_q = math.log(abs(y)), math.log(q)
    log_dropped = math.log1p(-q) if q < 1.0 else -math.inf
    to_s = log_q if rescaled else 0.0  # ln s less x; throughout x = ln of what a kept block adds
    log_weight = log_block + 2.0 * to_s - log_q - 2.0 * log_y

    def moments(x: Array) -> tuple[Array, Array]:
        """Return ln g and ln Q."""
        return np.logaddexp(0.0, log_q + x), np.logaddexp(0.0, log_q + x + np.logaddexp(math.log(2.0), x))

    def excess(x: Array) -> Array:
        """Return the logarithm of the left side of the equation less that of the right side."""
        mean, second = moments(x)
        noise = log_dropped + (layers - 1.0) * second
        decay = log_weight + 2.0 * np.logaddexp(layers * second, log_head) - (2.0 * layers - 1.0) * mean
        return np.asarray(x + np.logaddexp(noise, decay) - log_head)

    def log_value(x: float) -> float:
        """Return ln of the objective: (1/2) y^2 (V + lam_W) / (Q^L + lam_W) + (1/2) lam_J L s^2, V the variance."""
        mean, _ = moments(np.asarray(x))
        noise = layers * np.logaddexp(0.0, log_q + log_dropped + 2.0 * (x - mean))  # ln (Q / g^2)^L
        ridge = log_head - 2.0 * layers * mean
        with np.errstate(divide="ignore"):  # no variance where q = 1
            variance = noise + np.log(-np.expm1(-noise))
        residual = np.logaddexp(variance, ridge) - np.logaddexp(noise, ridge)
        decay = log_block + math.log(layers) + 2.0 * (x + to_s)
        return float(np.logaddexp(2.0 * log_y + residual, decay)) - math.log(2.0)

    # All crossings lie between these: Q^L >= g^(2L) and (Q^L + lam_W)^2 >= 4 lam_W Q^L bound the left side from below;
    # from above, Q^L < 3.5 where 2 L s < 1.
    high = min(log_head - log_dropped, -math.log(4.0) - log_weight)
    most = math.log(3.5)
    small = log_head - math.log(2.0) - np.logaddexp(most, log_weight + 2.0 * np.logaddexp(most, log_head))
    low = min(-math.log(2.0 * layers), float(small), high)
    grid = np.linspace(low - 1.0, high + 1.0, 2 + math.ceil(_SCAN * (high - low + 2.0)))
    upward = excess(grid) >= 0.0
    brackets = np.flatnonzero(~upward[:-1] & upward[1:])
    x = min((float(brentq(excess, grid[i], grid[i + 1], xtol=1e-15, rtol=1e-15)) for i in brackets), key=log_value)
    mean, second = moments(np.asarray(x))
    log_w = log_y + layers * float(mean) - float(np.logaddexp(layers * second, log_head))
    logarithms = {"s": x + to_s, "w": log_w, "value": log_value(x)}
    for name, logarithm in logarithms.items():
        if not _LEAST < logarithm < _GREATEST:
            given = f"target is {target}, jacobian_decay {jacobian_decay}, head_decay {head_decay}, keep {keep}"
            size = f"10^{logarithm / math.log(10.0):.0f}"
            raise OverflowError(
                f"{name} of the optimum, about {size}, leaves float64: {given}; bring them closer together."
            )
    s, w, value = map(math.exp, logarithms.values())
    return StochasticDepthOptimum(s=s, w=math.copysign(w, y), value=value)


def _checked(s: ArrayLike, depth: int, keep: float, rescaled: bool) -> tuple[Array, int, float]:
    """Return what a kept block adds, L and q."""
    values = finite_array("s", s, minimum=0.0, nonempty=False)
    q = positive("keep", keep)
    if q > 1.0:
        raise ValueError(f"keep is {keep}; it must be at most 1: it is the probability that a block is kept.")
    with np.errstate(over="ignore"):
        kept = np.asarray(representable("s / keep", values / q)) if rescaled else values
    return kept, integer("depth", depth), q


def _relative_variance(kept: Array, q: float) -> Array:
    """Variance of 1 + b s over its squared mean."""
    ratio: Array = q * (1.0 - q) * (kept / (1.0 + q * kept)) ** 2
    return ratio


def _power(name: str, logarithm: Array, layers: int) -> Array:
    with np.errstate(over="ignore"):
        return representable(name, np.exp(layers * logarithm))
