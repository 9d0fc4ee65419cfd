"""Statements S5, S7 and S11: how representations move when the blocks are aligned."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array, integer, real

__all__ = ["deep_step_cv", "equal_step_profile", "equal_step_trajectory", "step_cv", "trajectory"]


def trajectory(inputs: ArrayLike, vectors: ArrayLike, s: ArrayLike, depth: int) -> NDArray[np.float64]:
    """States h_0, ..., h_L of inputs under L equal symmetric blocks (statement S5; own; exact).

    ``h_l = x + sum_k ((1 + s_k)^l - 1) v_k v_k^T x``

    Parameters
    ----------
    inputs
        x, shape [..., d]: one input or rows of inputs.
    vectors
        V, shape [d, K]: the unit vector v_k is column k; columns are orthonormal. (`numpy.linalg.svd` returns the
        transpose.)
    s
        s_k, shape [K]: nonzero eigenvalues of the Residual Jacobian, signed.
    depth
        L, a whole number.

    Returns
    -------
    Array [L + 1, ..., d] in the unit of `inputs`; relative error a few rounding errors times L abs(s) / abs(1 + s).

    Raises
    ------
    TypeError
        If `depth` is not a whole number or an array does not hold real numbers.
    ValueError
        If shapes do not fit, columns are not orthonormal, or an entry is NaN or infinite.
    OverflowError
        If a state exceeds the largest float64.

    Examples
    --------
    >>> trajectory([1.0, 1.0], [[1.0], [0.0]], [1.0], depth=3)
    array([[1., 1.],
           [2., 1.],
           [4., 1.],
           [8., 1.]])
    """
    x, v, eigenvalues = _checked_directions(inputs, vectors, s)
    layers = np.arange(integer("depth", depth) + 1)
    growth = _gain_after(layers[:, np.newaxis], eigenvalues)
    return _states(
        x, v, growth, f"(1 + s)^{layers[-1]} exceeds the largest float64 for s up to {eigenvalues.max(initial=0.0):g}."
    )


def _gain_after(layers: NDArray[np.int64], s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (1 + s)^layers - 1 without cancellation at small s, for either sign of 1 + s."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        small = np.expm1(layers * np.log1p(s))
        return np.where(np.abs(s) < 0.5, small, (1.0 + s) ** layers - 1.0)


def step_cv(s: ArrayLike, depth: float) -> NDArray[np.float64]:
    """Coefficient of variation of the step lengths on a line, steps growing by 1 + s (statement S5; own; exact).

    ``CV^2 = L tanh(a / 2L) coth(a / 2) - 1`` with the log-gain ``a = L ln(1 + s)``: RA1's "equispaced" holds up to this
    defect, which increases with depth at fixed a towards `deep_step_cv` (a).

    Parameters
    ----------
    s
        Singular value of every Residual Jacobian, at least 0; any shape, no unit.
    depth
        L, at least 1, not necessarily whole.

    Returns
    -------
    Population standard deviation over mean of the L step lengths, same shape, no unit. Exactly 0 at L = 1. Relative
    error a few rounding errors times L / (L - 1), at any gain, small or huge.

    Raises
    ------
    TypeError
        If `depth` is not a real number or `s` does not hold any.
    ValueError
        If `depth` is less than 1, or an entry of `s` is negative, NaN or infinite.

    Examples
    --------
    >>> float(step_cv(0.1, depth=8).round(6))
    0.217238
    """
    steps = real("depth", depth)
    if steps < 1.0:
        raise ValueError(f"depth is {depth}; it must be at least 1 (fewer steps have no variation).")
    half = 0.5 * np.log1p(finite_array("s", s, minimum=0.0, nonempty=False))
    whole = steps * half
    defect = langevin_ratio(whole) - langevin_ratio(half) / steps**2
    cv: NDArray[np.float64] = whole * np.sqrt(defect / (1.0 + half**2 * langevin_ratio(half)))
    return cv[()]


def deep_step_cv(log_gain: ArrayLike) -> NDArray[np.float64]:
    """Limit of `step_cv` in many thin blocks: CV^2 = (a/2) coth(a/2) - 1, below a^2/12 (statement S5; own; exact).

    Parameters
    ----------
    log_gain
        a, the total log-gain L ln(1 + s), at least 0; any shape, no unit.

    Returns
    -------
    Coefficient of variation, same shape, no unit; relative error a few rounding errors.

    Raises
    ------
    TypeError
        If an entry is not a real number.
    ValueError
        If an entry is negative, NaN or infinite.

    Examples
    --------
    >>> float(deep_step_cv(1.0).round(6))
    0.286316
    """
    half = 0.5 * finite_array("log_gain", log_gain, minimum=0.0, nonempty=False)
    cv: NDArray[np.float64] = half * np.sqrt(langevin_ratio(half))
    return cv[()]


def langevin_ratio(b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (b coth b - 1) / b^2 for b >= 0: the Langevin function over its argument, 1/3 at 0.

    Below 2 by Lambert's continued fraction b coth b = 1 + b^2/(3 + b^2/(5 + ...)), which has no cancellation.
    """
    small = np.minimum(b, 2.0) ** 2
    fraction = np.full_like(small, 27.0)
    for odd in range(25, 1, -2):
        fraction = odd + small / fraction
    large = np.maximum(b, 2.0)
    return np.where(b < 2.0, 1.0 / fraction, (1.0 / np.tanh(large) - 1.0 / large) / large)


def equal_step_trajectory(inputs: ArrayLike, vectors: ArrayLike, first: ArrayLike, depth: int) -> NDArray[np.float64]:
    """States h_0, ..., h_L of inputs that go in equal steps (statements S7, S11; own; exact).

    ``h_l = x + l sum_k s_k v_k v_k^T x``

    Parameters
    ----------
    inputs, vectors
        As for `trajectory`.
    first
        s_k, shape [K]: nonzero eigenvalues of the Residual Jacobian of the first block, signed.
    depth
        L, a whole number.

    Returns
    -------
    Array [L + 1, ..., d] in the unit of `inputs`; relative error a few rounding errors.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `trajectory`.

    Examples
    --------
    >>> equal_step_trajectory([1.0, 1.0], [[1.0], [0.0]], [1.0], depth=3)
    array([[1., 1.],
           [2., 1.],
           [3., 1.],
           [4., 1.]])
    """
    x, v, eigenvalues = _checked_directions(inputs, vectors, first)
    layers = np.arange(integer("depth", depth) + 1)
    with np.errstate(over="ignore"):
        growth = np.multiply.outer(layers, eigenvalues)
    return _states(x, v, growth, f"a state exceeds the largest float64 for s up to {eigenvalues.max(initial=0.0):g}.")


def _checked_directions(
    inputs: ArrayLike, vectors: ArrayLike, s: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return x [..., d], V [d, K] with orthonormal columns, and s [K]."""
    x = finite_array("inputs", inputs, nonempty=False)
    if x.ndim == 0:
        raise ValueError(f"inputs is the number {float(x)}; it must be a vector or rows of vectors.")
    v = finite_array("vectors", vectors, shape=(x.shape[-1], None), nonempty=False)
    eigenvalues = finite_array("s", s, shape=(v.shape[1],), nonempty=False)
    if not np.allclose(v.T @ v, np.eye(v.shape[1]), rtol=0.0, atol=1e-6):
        raise ValueError(f"vectors (shape {v.shape}) has columns that are not orthonormal; v_k is column k.")
    return x, v, eigenvalues


def _states(
    x: NDArray[np.float64], v: NDArray[np.float64], growth: NDArray[np.float64], overflow: str
) -> NDArray[np.float64]:
    """Return x + V growth_l V^T x for every row of `growth` [layers, K]."""
    with np.errstate(over="ignore", invalid="ignore"):
        steps = growth.reshape(len(growth), *(1,) * (x.ndim - 1), -1) * (x @ v)
        states: NDArray[np.float64] = x + steps @ v.T
    if not np.isfinite(states).all():
        raise OverflowError(overflow)
    return states


def equal_step_profile(first: ArrayLike, depth: int) -> NDArray[np.float64]:
    """Profile of rank-one aligned blocks whose steps are equal: 1/s_{l+1} = 1/s_l + 1 (statement S11; own; exact).

    ``s_l = s_1 / (1 + (l - 1) s_1)``. Nothing else gives equal steps on a line: RA2 and RA4 (within a network) imply
    RA1.

    Parameters
    ----------
    first
        s_1 of the first block, signed; any shape, no unit.
    depth
        L, a whole number.

    Returns
    -------
    Array [L, *first.shape], no unit; relative error a few rounding errors times the largest 1 / abs(1 + (l - 1) s_1).

    Raises
    ------
    TypeError
        If `depth` is not a whole number or `first` does not hold real numbers.
    ValueError
        If an entry is NaN or infinite, or 1 + l s_1 = 0 for some l < L (the state is zero there and cannot go on).

    Examples
    --------
    >>> equal_step_profile(1.0, depth=4)
    array([1.        , 0.5       , 0.33333333, 0.25      ])
    """
    s = finite_array("first", first, nonempty=False)
    layers = np.arange(integer("depth", depth))
    denominator = 1.0 + np.multiply.outer(layers, s)
    if (denominator == 0.0).any():
        raise ValueError(
            "first has an entry -1/l with l < depth; the state is zero after l blocks and no step follows."
        )
    return s / denominator
