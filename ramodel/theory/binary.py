"""Statement S11: one logit, or two classes; blocks of rank one on any branch."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array
from ramodel.theory.model import Array

__all__ = ["rank_one_error", "rank_one_profile", "rank_one_trajectory"]


def rank_one_profile(jacobians: ArrayLike, head: ArrayLike) -> Array:
    """Eigenvalues j_l = v^T J_l v along the head's direction v (statement S11; own; exact).

    At every critical point of the Frobenius model with a head of rank one (one logit; two-class softmax, whose rows are
    opposite) J_l = j_l v v^T, and j_l is s or -(1 + s) with ``s (1 + s) = ||W||^2 / rho``.

    Parameters
    ----------
    jacobians
        J_1, ..., J_L, shape [L, d, d].
    head
        W, shape [C, d]; v is its top right singular vector.

    Returns
    -------
    Array [L], signed, no unit.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an entry is not finite, or the head is zero.

    Examples
    --------
    >>> rank_one_profile([[[0.5, 0.0], [0.0, 0.0]], [[-1.5, 0.0], [0.0, 0.0]]], head=[[3.0, 0.0]])
    array([ 0.5, -1.5])
    """
    blocks, v = _blocks_and_direction(jacobians, head)
    profile: Array = blocks @ v @ v
    return profile


def rank_one_error(jacobians: ArrayLike, head: ArrayLike) -> float:
    """Largest ||J_l - j_l v v^T|| / ||J_l||, Frobenius norms; 0 = statement S11 holds, on any branch.

    Parameters
    ----------
    jacobians
        J_1, ..., J_L, shape [L, d, d].
    head
        W, shape [C, d]; v is its top right singular vector.

    Returns
    -------
    Number in [0, 1]; blocks that are zero count as 0.

    Raises
    ------
    TypeError, ValueError
        As `rank_one_profile`.

    Examples
    --------
    >>> rank_one_error([[[0.5, 0.0], [0.0, 0.0]]], head=[[3.0, 0.0], [-3.0, 0.0]])
    0.0
    """
    blocks, v = _blocks_and_direction(jacobians, head)
    rest = np.linalg.norm(blocks - (blocks @ v @ v)[:, np.newaxis, np.newaxis] * np.outer(v, v), axis=(1, 2))
    sizes = np.linalg.norm(blocks, axis=(1, 2))
    return float(np.divide(rest, sizes, out=np.zeros_like(rest), where=sizes > 0.0).max())


def rank_one_trajectory(inputs: ArrayLike, vector: ArrayLike, eigenvalues: ArrayLike) -> NDArray[np.float64]:
    """States of inputs under blocks j_l v v^T: all on the line x + R v, for every input (statement S11; own; exact).

    ``h_l = x + (prod_{m<=l} (1 + j_m) - 1) (v^T x) v``. Steps are equal iff ``1/j_{l+1} = 1/j_l + 1``: see
    `equal_step_profile`.

    Parameters
    ----------
    inputs
        x, shape [..., d]: one input or rows of inputs.
    vector
        v, shape [d]; it is scaled to unit length.
    eigenvalues
        j_l, shape [L], first block first.

    Returns
    -------
    Array [L + 1, ..., d] in the unit of `inputs`.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an entry is not finite, or `vector` is zero.
    OverflowError
        If a state exceeds the largest float64.

    Examples
    --------
    >>> rank_one_trajectory([1.0, 1.0], [1.0, 0.0], [1.0, 0.5])
    array([[1., 1.],
           [2., 1.],
           [3., 1.]])
    """
    v = finite_array("vector", vector, shape=(None,))
    length = np.linalg.norm(v)
    if length == 0.0:
        raise ValueError("vector is zero; give the direction of the blocks.")
    x = finite_array("inputs", inputs, nonempty=False)
    if x.ndim == 0 or x.shape[-1] != v.size:
        raise ValueError(f"inputs has shape {x.shape}; its last axis must be {v.size}, the length of vector.")
    j = finite_array("eigenvalues", eigenvalues, shape=(None,), nonempty=False)
    unit = v / length
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.concatenate([[0.0], np.cumsum(j * np.cumprod(np.concatenate([[1.0], 1.0 + j[:-1]]))[: j.size])])
        states: NDArray[np.float64] = x + np.multiply.outer(steps, (x @ unit)[..., np.newaxis] * unit)
    if not np.isfinite(states).all():
        raise OverflowError("a state exceeds the largest float64; the eigenvalues are too large for this many blocks.")
    return states


def _blocks_and_direction(jacobians: ArrayLike, head: ArrayLike) -> tuple[Array, Array]:
    weights = finite_array("head", head, shape=(None, None))
    width = weights.shape[1]
    blocks = finite_array("jacobians", jacobians, shape=(None, width, width))
    if not weights.any():
        raise ValueError("head is zero; it has no direction.")
    direction: Array = np.linalg.svd(weights)[2][0]
    return blocks, direction
