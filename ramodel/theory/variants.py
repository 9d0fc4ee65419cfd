"""Statement S1 beyond the plain model: biases, and a head that is not trained. (Decays by layer: `LayerDecayModel`.)"""

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array, nonnegative, positive
from ramodel.theory.layer_decays import decay_of_each_layer
from ramodel.theory.model import Array, relative_size

__all__ = ["biased_balance_error", "biased_jacobians", "skew_spread_error"]


def biased_balance_error(
    jacobians: ArrayLike,
    head: ArrayLike,
    biases: ArrayLike,
    *,
    jacobian_decay: ArrayLike,
    head_decay: float,
    bias_decay: float,
) -> float:
    """Largest relative departure from the balance of blocks with biases (statement S1; own; exact).

    At every critical point of the Frobenius model with ``h_l = h_{l-1} + J_l h_{l-1} + b_l`` J_l is symmetric and
    ``lam_l J_l (I + J_l) = lam_W W^T W - lam_b sum_{m>=l} b_m b_m^T``. Undecayed biases (lam_b = 0) and a bias of the
    head change nothing.

    Parameters
    ----------
    jacobians
        J_1, ..., J_L, shape [L, d, d].
    head
        W, shape [C, d].
    biases
        b_1, ..., b_L, shape [L, d].
    jacobian_decay
        lam_J, or one decay per layer.
    head_decay, bias_decay
        lam_W > 0 and lam_b >= 0.

    Returns
    -------
    ``max_l ||departure|| / ||lam_W W^T W||``, Frobenius norms; 0 = the statement holds.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an entry is not finite or a decay has the wrong sign.

    Examples
    --------
    >>> biased_balance_error([[[1.0]]], [[2.0]], [[2**0.5]], jacobian_decay=1.0, head_decay=1.0, bias_decay=1.0) < 1e-15
    True
    """
    weights = finite_array("head", head, shape=(None, None))
    width = weights.shape[1]
    blocks = finite_array("jacobians", jacobians, shape=(None, width, width))
    decays, target = _balance(weights, biases, len(blocks), jacobian_decay, head_decay, bias_decay)
    return float(relative_size(blocks + blocks @ blocks - target, weights.T @ weights * (head_decay / decays)).max())


def biased_jacobians(
    head: ArrayLike, biases: ArrayLike, *, jacobian_decay: ArrayLike, head_decay: float, bias_decay: float
) -> Array:
    """Residual Jacobians that go with a trained head and biases, where every I + 2 J_l is positive definite (S1; own).

    ``J_l = ((I + 4 K_l)^{1/2} - I)/2`` with ``lam_l K_l = lam_W W^T W - lam_b sum_{m>=l} b_m b_m^T``, exact. K_l can
    have negative eigenvalues, to which two roots above -1 belong: hence the stronger condition, met by
    ``||J_l||_2 < 1/2``.

    Parameters
    ----------
    head
        W, shape [C, d].
    biases
        b_1, ..., b_L, shape [L, d].
    jacobian_decay
        lam_J, or one decay per layer.
    head_decay, bias_decay
        lam_W > 0 and lam_b >= 0.

    Returns
    -------
    Array [L, d, d], symmetric.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an entry is not finite, a decay has the wrong sign, or some I + 4 K_l has a negative
        eigenvalue: then no critical point has this head and these biases.

    Examples
    --------
    >>> biased_jacobians([[2.0]], [[2**0.5]], jacobian_decay=1.0, head_decay=1.0, bias_decay=1.0).round(12)
    array([[[1.]]])
    """
    weights = finite_array("head", head, shape=(None, None))
    count = len(finite_array("biases", biases, shape=(None, weights.shape[1])))
    _, target = _balance(weights, biases, count, jacobian_decay, head_decay, bias_decay)
    kappa, vectors = np.linalg.eigh(target)
    if kappa.min() < -0.25:
        raise ValueError(
            f"biases take I + 4 K_l to the eigenvalue {1.0 + 4.0 * kappa.min():.6g}; no critical point has these "
            "biases with this head."
        )
    eigenvalues = 2.0 * kappa / (1.0 + np.sqrt(1.0 + 4.0 * kappa))
    jacobians: Array = (vectors * eigenvalues[:, np.newaxis, :]) @ vectors.swapaxes(1, 2)
    return jacobians


def skew_spread_error(jacobians: ArrayLike) -> float:
    """How far the skew parts J_l - J_l^T differ over the layers; 0 at every critical point (statement S1; own; exact).

    A head that is **not trained** loses the symmetry of J_l, the balance with W^T W and equal blocks, but keeps the
    bound on the rank, and J_l - J_l^T is the same matrix for every l (zero, where the head is trained). Needs one decay
    for all blocks and no decayed biases.

    Parameters
    ----------
    jacobians
        J_1, ..., J_L, shape [L, d, d].

    Returns
    -------
    ``max_l ||K_l - mean K|| / max_l ||J_l||`` with K_l = J_l - J_l^T, Frobenius norms.

    Raises
    ------
    TypeError, ValueError
        If the array has the wrong shape or is not finite.

    Examples
    --------
    >>> skew_spread_error([[[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]])
    0.0
    """
    blocks = finite_array("jacobians", jacobians, shape=(None, None, None))
    if blocks.shape[1] != blocks.shape[2]:
        raise ValueError(f"jacobians has shape {blocks.shape}; it must hold square matrices [layers, d, d].")
    skew = blocks - blocks.swapaxes(1, 2)
    spread = np.linalg.norm(skew - skew.mean(axis=0), axis=(1, 2)).max()
    return float(spread / np.linalg.norm(blocks, axis=(1, 2)).max()) if spread > 0.0 else 0.0


def _balance(
    weights: Array, biases: ArrayLike, layers: int, jacobian_decay: ArrayLike, head_decay: float, bias_decay: float
) -> tuple[Array, Array]:
    """Return the decays [L, 1, 1] and K_l, the value of J_l (I + J_l)."""
    shifts = finite_array("biases", biases, shape=(layers, weights.shape[1]))
    outer = shifts[:, :, np.newaxis] * shifts[:, np.newaxis, :]
    later = np.cumsum(outer[::-1], axis=0)[::-1]
    gram = positive("head_decay", head_decay) * weights.T @ weights
    column = decay_of_each_layer(jacobian_decay, layers).reshape(-1, 1, 1)
    return column, (gram - nonnegative("bias_decay", bias_decay) * later) / column
