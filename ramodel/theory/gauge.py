"""Statement S8: the rotations of layers against each other that a plain net cannot see."""

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import LARGEST_SEED, finite_array, integer
from ramodel.theory.model import Array

__all__ = ["expected_squared_cosine", "haar_rotations", "rotate_gauge"]

_ORTHOGONAL = 1e-8  # what is left of Q Q^T - I is the error of everything computed with Q


def rotate_gauge(layers: ArrayLike, head: ArrayLike, rotations: ArrayLike) -> tuple[Array, Array]:
    """Move along the gauge orbit: A_l -> Q_l A_l Q_{l-1}^T with Q_0 = I, and W -> W Q_L^T (S8; own and known; exact).

    Inputs, logits and all norms stay as they are, and so do loss and decay of a plain net; of all that the layers'
    frames have in common only the alignment of neighbours is left. With skips it is no symmetry: Q_l (I + J_l)
    Q_{l-1}^T is I plus a matrix of another norm.

    Parameters
    ----------
    layers
        A_1, ..., A_L, shape [L, d, d] (for a net with skips: I + J_l).
    head
        W, shape [C, d].
    rotations
        Q_1, ..., Q_L, shape [L, d, d], orthogonal.

    Returns
    -------
    (layers, head), of the same shapes.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an entry is NaN or infinite, or a rotation is not orthogonal.

    Examples
    --------
    >>> quarter_turn = [[0.0, -1.0], [1.0, 0.0]]
    >>> layers, head = rotate_gauge([[[2.0, 0.0], [0.0, 1.0]]], [[1.0, 0.0]], [quarter_turn])
    >>> (head @ layers[0]).tolist()
    [[2.0, 0.0]]
    """
    blocks = finite_array("layers", layers, shape=(None, None, None))
    depth, width, _ = blocks.shape
    blocks = finite_array("layers", blocks, shape=(depth, width, width))
    weights = finite_array("head", head, shape=(None, width))
    turns = finite_array("rotations", rotations, shape=(depth, width, width))
    defect = float(np.abs(turns @ turns.swapaxes(1, 2) - np.eye(width)).max())
    if defect > _ORTHOGONAL:
        raise ValueError(
            f"rotations depart from Q Q^T = I by {defect:.1e}; they must be orthogonal: see haar_rotations."
        )
    before = np.concatenate([np.eye(width)[np.newaxis], turns[:-1]])
    return turns @ blocks @ before.swapaxes(1, 2), weights @ turns[-1].T


def haar_rotations(count: int, width: int, seed: int) -> Array:
    """Draw orthogonal matrices from Haar's measure, reflections included (Mezzadri, arXiv math-ph/0609050).

    Parameters
    ----------
    count
        How many.
    width
        d.
    seed
        Same seed, same matrices.

    Returns
    -------
    Array [count, d, d].

    Raises
    ------
    TypeError, ValueError
        If an argument is not a whole number in range.

    Examples
    --------
    >>> q = haar_rotations(2, 3, seed=0)
    >>> bool(np.allclose(q @ q.swapaxes(1, 2), np.eye(3)))
    True
    """
    rng = np.random.default_rng(integer("seed", seed, minimum=0, maximum=LARGEST_SEED))
    size = integer("width", width)
    turn, triangle = np.linalg.qr(rng.standard_normal((integer("count", count), size, size)))
    signs = np.sign(np.diagonal(triangle, axis1=1, axis2=2))
    rotations: Array = turn * signs[:, np.newaxis, :]
    return rotations


def expected_squared_cosine(width: int) -> float:
    """Return 1/d, the mean squared cosine between left and right singular vectors along the orbit (S8; own; exact).

    Q v is uniform on the sphere for Haar Q, so each of its d squared coordinates has the same mean.

    Parameters
    ----------
    width
        d.

    Returns
    -------
    Number without unit.

    Raises
    ------
    TypeError, ValueError
        If `width` is not a whole number of at least 1.

    Examples
    --------
    >>> expected_squared_cosine(8)
    0.125
    """
    return 1.0 / integer("width", width)
