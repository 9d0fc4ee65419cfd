"""Statement S12: what gradient flow conserves, and how fast weight decay aligns the blocks.

Gradient flow is ``dJ_l/dt = -dF/dJ_l``, ``dW/dt = -dF/dW`` with F of the Frobenius model; decays may be zero here. With
``A_l = I + J_l`` and the residuals of S1, ``R_l = J_l A_l^T - A_{l+1}^T J_{l+1}`` (``J_L A_L^T - W^T W / rho`` for
l = L), the imbalance ``D_l = A_l A_l^T - A_{l+1}^T A_{l+1}`` obeys ``dD_l/dt = -lam_J (R_l + R_l^T)``, whatever the
loss. With ``D_l = Delta_l + B_l``, linear and quadratic in J, that is ``dD_l/dt = -lam_J (Delta_l + 2 B_l)`` for l < L:
exact, but no closed equation for D_l.

How fast the blocks align follows near an aligned optimum, in the limit of small decay: the loss then holds M fixed,
and the decay slides the factors along the factorisations of M. Every pair of directions moves by itself, at the
rates `relaxation_rates`, in units of lam_J. They depend on s, L and rho only, so that time courses at different decays
collapse on lam_J t. The slowest rate is below 1, at times far below: alignment takes longer than 1 / lam_J.
"""

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from ramodel.checks import finite_array, integer, nonnegative, positive
from ramodel.theory.model import Array, representable

__all__ = [
    "alignment_rate",
    "alignment_residual",
    "imbalance",
    "imbalance_rate",
    "layer_spread_rate",
    "least_stretch",
    "relaxation_rates",
    "twist_rate",
]


def imbalance(jacobians: ArrayLike, head: ArrayLike) -> Array:
    """D_l = A_l A_l^T - A_{l+1}^T A_{l+1}, with W^T W after the last block (S12; known: Arora et al. 2018).

    Conserved by gradient flow without decay (exact, any loss).

    Parameters
    ----------
    jacobians
        J_l, shape [..., L, d, d]; A_l = I + J_l.
    head
        W, shape [..., C, d]; axes in front, such as time, fit those of `jacobians`.

    Returns
    -------
    Array [..., L, d, d], symmetric, no unit.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an array is empty, or an entry is NaN or infinite.
    OverflowError
        If a result leaves float64.

    Examples
    --------
    >>> imbalance([[[1.0]], [[0.5]]], [[0.5]])[:, 0, 0]
    array([1.75, 2.  ])
    """
    blocks, weights = _network(jacobians, head)
    maps = blocks + np.eye(blocks.shape[-1])
    with np.errstate(over="ignore", invalid="ignore"):
        after = np.concatenate([_transposed(maps[..., 1:, :, :]) @ maps[..., 1:, :, :], _gram(weights)], axis=-3)
        return representable("the imbalance", maps @ _transposed(maps) - after)


def imbalance_rate(jacobians: ArrayLike, head: ArrayLike, *, jacobian_decay: float, head_decay: float) -> Array:
    """Rate dD_l/dt of the imbalance under gradient flow (S12; own; exact, any loss).

    ``-2 lam_J D_l + lam_J [(A_l + A_l^T) - (A_{l+1} + A_{l+1}^T)]`` for l < L, and
    ``-2 lam_J D_L + lam_J (A_L + A_L^T) - 2 (lam_J - lam_W) W^T W``; in short ``-lam_J (R_l + R_l^T)``.

    Parameters
    ----------
    jacobians, head
        As in `imbalance`.
    jacobian_decay, head_decay
        lam_J, lam_W, at least 0.

    Returns
    -------
    Array [..., L, d, d], in the unit of the decays (per unit of time).

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `imbalance`, for the decays too.

    Examples
    --------
    >>> imbalance_rate([[[1.0]], [[0.5]]], [[0.5]], jacobian_decay=0.1, head_decay=0.1).round(12)[:, 0, 0]
    array([-0.25, -0.1 ])
    """
    blocks, weights = _network(jacobians, head)
    block_decay = nonnegative("jacobian_decay", jacobian_decay)
    with np.errstate(over="ignore", invalid="ignore"):
        residual = _residual(blocks, block_decay, nonnegative("head_decay", head_decay) * _gram(weights))
        return representable("the rate of the imbalance", -residual - _transposed(residual))


def alignment_residual(jacobians: ArrayLike, head: ArrayLike, *, decay_ratio: float) -> Array:
    """R_l = J_l A_l^T - A_{l+1}^T J_{l+1}, and J_L A_L^T - W^T W / rho: 0 at critical points (S1, S12; own; exact).

    Under gradient flow ``dR_l/dt = -lam_J R_l + J_l (dJ_l/dt)^T - (dJ_{l+1}/dt)^T J_{l+1}`` for l < L.

    Parameters
    ----------
    jacobians, head
        As in `imbalance`.
    decay_ratio
        rho = lam_J / lam_W > 0.

    Returns
    -------
    Array [..., L, d, d], no unit.

    Raises
    ------
    TypeError, ValueError, OverflowError
        As `imbalance`, for the ratio too.

    Examples
    --------
    >>> alignment_residual([[[1.0]], [[1.0]]], [[2**0.5]], decay_ratio=1.0).round(12)[:, 0, 0]
    array([ 0., -0.])
    """
    blocks, weights = _network(jacobians, head)
    rho = positive("decay_ratio", decay_ratio)
    with np.errstate(over="ignore", invalid="ignore"):
        return representable("the alignment residual", _residual(blocks, 1.0, _gram(weights) / rho))


def least_stretch(head: ArrayLike) -> Array:
    """Bound sigma_min(I + J_l) >= sqrt(1 - ||W_0||_2^2) along gradient flow without decay from J = 0 (S12; own; bound).

    All blocks have the same singular values there, and ``A_L A_L^T = I - W_0^T W_0 + W^T W``. Hence no block becomes
    singular if the head starts with norm below 1.

    Parameters
    ----------
    head
        W_0, shape [..., C, d], at the start.

    Returns
    -------
    Array [...], no unit; 0, which says nothing, where the norm is 1 or more.

    Raises
    ------
    TypeError, ValueError
        If `head` is not a matrix of finite numbers.

    Examples
    --------
    >>> float(least_stretch([[0.6, 0.0]]))
    0.8
    """
    weights = finite_array("head", head)
    if weights.ndim < 2:
        raise ValueError(f"head has shape {weights.shape}; its axes must be [..., classes, width].")
    norm = np.minimum(np.linalg.norm(weights, ord=2, axis=(-2, -1)), 1.0)
    bound: Array = np.sqrt((1.0 - norm) * (1.0 + norm))
    return bound


def layer_spread_rate(s: ArrayLike) -> Array:
    """Rate (1 + 2s)/(1 + s) at which one direction's s_l become equal over layers (S12; own; exact).

    An eigenvalue of the Hessian at every positive critical point with loss held fixed along it: between 1 and 2.

    Parameters
    ----------
    s
        Singular values of the Residual Jacobian, at least 0; any shape.

    Returns
    -------
    Array of the same shape, in units of lam_J.

    Raises
    ------
    TypeError, ValueError
        If an entry is not a number, negative, NaN or infinite.

    Examples
    --------
    >>> layer_spread_rate([0.0, 1.0])
    array([1. , 1.5])
    """
    values = finite_array("s", s, minimum=0.0, nonempty=False)
    rate: Array = (1.0 + values / (1.0 + values))[()]
    return rate


def twist_rate(s: ArrayLike, depth: float, decay_ratio: float) -> Array:
    """Rate 1/(1 + s + rho L s) at which a common twist of all blocks in a cluster relaxes (S12; own; asymptotic).

    Two directions of equal s may rotate by the same angle in every block while the head turns back: M stays, all blocks
    are asymmetric alike, and only decay undoes it. In deep networks this is slow.

    Parameters
    ----------
    s
        Singular value that both directions share, at least 0; any shape.
    depth
        L.
    decay_ratio
        rho = lam_J / lam_W > 0.

    Returns
    -------
    Array of the same shape, in units of lam_J.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or range.

    Examples
    --------
    >>> float(twist_rate(1.0, 8, 1.0))
    0.1
    """
    values = finite_array("s", s, minimum=0.0, nonempty=False)
    rho, layers = positive("decay_ratio", decay_ratio), positive("depth", depth)
    with np.errstate(over="ignore"):  # the rate is then 0 in float64
        rate: Array = (1.0 / (1.0 + values + values * rho * layers))[()]
    return rate


def relaxation_rates(first: float, second: float, depth: int, decay_ratio: float) -> Array:
    """Rates at which misalignment between two directions relaxes near an aligned optimum (S12; own; asymptotic).

    The 2L eigenvalues of the Hessian of F over ``(J_l)_ij, (J_l)_ji, W_ij, W_ji`` along which M does not change, in
    units of lam_J: what the rates tend to as the decays vanish against the curvature of the loss, which must see all
    of M. At finite decay they are off by the ratio of the two.

    Parameters
    ----------
    first, second
        Singular values s_i, s_j of the Residual Jacobian along the two directions; 0 for an inactive one.
    depth
        L, a whole number.
    decay_ratio
        rho = lam_J / lam_W > 0.

    Returns
    -------
    Array [2L], increasing, greater than 0, where rho >= 1 also less than 2; without unit (times lam_J: per unit of
    time). All 1 if both directions are inactive. Error a few rounding errors of the largest rate, at any depth.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or range.
    OverflowError
        If the largest rate leaves float64, or the slowest one is lost beside it.

    Examples
    --------
    >>> relaxation_rates(0.5, 0.0, depth=2, decay_ratio=1.0).round(4)
    array([0.4488, 0.7554, 1.2446, 1.5512])
    """
    s, t = nonnegative("first", first), nonnegative("second", second)
    layers, rho = integer("depth", depth), positive("decay_ratio", decay_ratio)
    where = f"first is {first}, second {second}, depth {depth}, decay_ratio {decay_ratio}"
    # Only ratios matter; divided by the larger one, all products stay within float64.
    a, b = 1.0 + s, 1.0 + t
    larger = max(a, b)
    a, b, s, t = a / larger, b / larger, s / larger, t / larger
    # M stays where A_l becomes G_l A G_{l-1}^{-1} and W becomes W G_L^{-1}, G_l = exp [[0, p_l], [q_l, 0]], G_0 = 1:
    # (J_l)_ij = b p_l - a p_{l-1} and W_ij = -w_i p_L, so that nothing grows like (a/b)^L.
    p_factor, q_factor = _turning(b, a, rho * s * a, layers), _turning(a, b, rho * t * b, layers)
    crossed = (s * a + t * b) * np.eye(layers) - s * b * np.eye(layers, k=-1) - t * a * np.eye(layers, k=1)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        for factor in (p_factor, q_factor):  # crossed becomes R_p^-T crossed R_q^-1
            crossed = solve_triangular(factor, crossed, trans="T", check_finite=False).T
        excess = [(1.0 - rho) * s * a / p_factor[-1, -1] ** 2, (1.0 - rho) * t * b / q_factor[-1, -1] ** 2]
    hessian = np.block([[np.eye(layers), crossed], [crossed.T, np.eye(layers)]])
    hessian[[layers - 1, -1], [layers - 1, -1]] += excess
    if not np.isfinite(hessian).all():
        raise OverflowError(f"a relaxation rate exceeds float64: {where}; take singular values and decays less apart.")
    rates: Array = np.linalg.eigvalsh(hessian)
    if rates[0] <= len(rates) * np.finfo(np.float64).eps * rates[-1]:
        raise OverflowError(
            f"the slowest rate is lost to rounding: {where}; take singular values and decays less apart."
        )
    return rates


def alignment_rate(s: ArrayLike, depth: int, decay_ratio: float) -> float:
    """Slowest rate of alignment over all pairs of directions, in units of lam_J (S12; own; asymptotic).

    Asymmetry and misalignment vanish as ``exp(-rate lam_J t)`` in the end: training must last several times
    1/(rate lam_J). See `relaxation_rates` for what it assumes.

    Parameters
    ----------
    s
        Singular values of the Residual Jacobian, shape [K], with a 0 for inactive directions if there are any (one
        stands for all).
    depth
        L, a whole number.
    decay_ratio
        rho = lam_J / lam_W > 0.

    Returns
    -------
    Number without unit.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or range, or fewer than two directions are given.
    OverflowError
        As `relaxation_rates`.

    Examples
    --------
    >>> round(alignment_rate([0.5, 0.4, 0.0], depth=8, decay_ratio=1.0), 4)
    0.0888
    """
    values = finite_array("s", s, shape=(None,), minimum=0.0)
    if values.size < 2:
        raise ValueError("s has one entry; alignment is between two directions: add a 0 for the inactive ones.")
    pairs = combinations(values, 2)
    return min(float(relaxation_rates(first, second, depth, decay_ratio)[0]) for first, second in pairs)


def _network(jacobians: ArrayLike, head: ArrayLike) -> tuple[Array, Array]:
    """Return J [..., L, d, d] and W [..., C, d]."""
    blocks, weights = finite_array("jacobians", jacobians), finite_array("head", head)
    if blocks.ndim < 3 or blocks.shape[-1] != blocks.shape[-2]:
        raise ValueError(f"jacobians has shape {blocks.shape}; its axes must be [..., layer, row, column], square.")
    front, width = blocks.shape[:-3], blocks.shape[-1]
    if weights.ndim != len(front) + 2 or weights.shape[:-2] != front or weights.shape[-1] != width:
        wanted = "(" + ", ".join([*map(str, front), "any", str(width)]) + ")"
        raise ValueError(
            f"head has shape {weights.shape}; with jacobians of shape {blocks.shape} it must have shape {wanted}."
        )
    return blocks, weights


def _gram(weights: Array) -> Array:
    """Return W^T W [..., 1, d, d]."""
    gram: Array = (_transposed(weights) @ weights)[..., np.newaxis, :, :]
    return gram


def _residual(blocks: Array, block_decay: float, decayed_gram: Array) -> Array:
    """Return block_decay R_l, from head_decay W^T W."""
    maps = blocks + np.eye(blocks.shape[-1])
    after = block_decay * _transposed(maps[..., 1:, :, :]) @ blocks[..., 1:, :, :]
    return np.asarray(block_decay * blocks @ _transposed(maps) - np.concatenate([after, decayed_gram], axis=-3))


def _turning(diagonal: float, below: float, head: float, layers: int) -> Array:
    """Return R, upper triangular, for which |R p|^2 = sum_l (diagonal p_l - below p_{l-1})^2 + head p_L^2."""
    change = np.zeros((layers + 1, layers))
    change[:-1] = diagonal * np.eye(layers) - below * np.eye(layers, k=-1)
    change[-1, -1] = np.sqrt(head)
    return np.asarray(np.linalg.qr(change, mode="r"))


def _transposed(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)
