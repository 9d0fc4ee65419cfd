"""RA2, index by index: the k-th singular vectors of one Residual Jacobian in the frames of another.

Jacobians are ``[L, ..., d, d]``, layers first; singular vectors are rows, ``[L, ..., K, d]``, largest singular value
first, as `ramodel.measure` returns them; axes in between, such as inputs and tokens, stay as they are. Grids are
``[L, L, ..., K, K]``: layer i of the vectors, layer j of the Jacobian, index of u, index of v. Single vectors are
arbitrary inside a cluster of equal singular values (S14): trust grids where values are apart, and the basis-free
metrics of `ramodel.metrics.subspaces` and `ramodel.metrics.symmetry` everywhere.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ramodel.metrics.arrays import Array, Namespace, ratio, real_array, square

__all__ = [
    "PairMeans",
    "alignment_grid",
    "diagonal_energy_score",
    "frame_coordinates",
    "pair_means",
    "sign_consistency_score",
    "signed_grid",
]


def alignment_grid(left: Array, jacobians: Array, right: Array) -> Array:
    """Return ``|U_i^T J_j V_i| / s_1(J_j)`` for all pairs of layers (RA2: the spectrum of J_j on the diagonal, else 0).

    U_i, V_i hold the top K left and right singular vectors of J_i. For i = j the grid is ``diag(s / s_1)`` by
    definition; RA2 says that it is so for every pair. Range 0 .. 1. Invariant under rotation of all layers together
    (J -> Q J Q^T, U -> Q U, V -> Q V), scale of each J_j, and signs of single vectors; **not** under rotations inside
    clusters of equal singular values. 0 where J_j is zero.

    Parameters
    ----------
    left, right
        ``[L, ..., K, d]``, orthonormal rows: singular vectors of the same `jacobians`.
    jacobians
        ``[L, ..., d, d]``.

    Returns
    -------
    Array
        ``[L, L, ..., K, K]``: layer i of the vectors, layer j of the Jacobian, index of u, index of v.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or their shapes do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian = np.diag([2.0, 1.0])
    >>> alignment_grid([np.eye(2), np.eye(2)], [jacobian, jacobian], [np.eye(2), np.eye(2)])[0, 1]
    array([[1. , 0. ],
           [0. , 0.5]])
    """
    grids = []
    for layer, (coordinates, xp) in enumerate(frame_coordinates(left, jacobians, right)):
        grid = xp.abs(coordinates)
        # At i = j the largest entry is s_1(J_j): no further decomposition needed.
        largest = xp.max(grid[layer, ...], axis=(-2, -1))[..., None, None]
        grids.append(ratio(grid, largest, xp, empty=0.0))
    return xp.stack(grids, axis=1)


def signed_grid(left: Array, jacobians: Array, right: Array) -> Array:
    """Return ``U_i^T J_j V_i`` for all pairs of layers, signs kept (RA2: the singular values of J_j on the diagonal).

    The raw material of `diagonal_energy_score`, `sign_consistency_score` and `ramodel.metrics.coupling_error`. With
    `left` and `right` exchanged it is the second grid of the literature, ``V_i^T J_j U_i``: the same where blocks are
    symmetric. Invariant under rotation of all layers together, even with different rotations on the left and on the
    right, and under joint signs of u_k and v_k; a single sign turns a row or a column. Linear in J_j.

    Parameters
    ----------
    left, right
        ``[L, ..., K, d]``, orthonormal rows: singular vectors of the same `jacobians`.
    jacobians
        ``[L, ..., d, d]``.

    Returns
    -------
    Array
        ``[L, L, ..., K, K]``: layer i of the vectors, layer j of the Jacobian, index of u, index of v.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or their shapes do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.stack([np.eye(2), np.eye(2)])
    >>> signed_grid(frames, [np.diag([2.0, 1.0]), np.diag([-3.0, 1.0])], frames)[0, 1]
    array([[-3.,  0.],
           [ 0.,  1.]])
    """
    found = list(frame_coordinates(left, jacobians, right))
    return found[0][1].stack([coordinates for coordinates, _ in found], axis=1)


def frame_coordinates(left: Array, jacobians: Array, right: Array) -> Iterator[tuple[Array, Namespace]]:
    """Yield ``U_i^T J_j V_i`` [layer i, ..., K, K] for each layer j, and the functions of the arrays' library.

    Arguments as in `alignment_grid`, which see.
    """
    left, xp = real_array("left", left, axes="layer ... rank coordinate")
    right, _ = real_array("right", right, axes="layer ... rank coordinate")
    jacobians, _ = square("jacobians", jacobians, axes="layer ... row column")
    wanted = (*jacobians.shape[:-2], left.shape[-2], jacobians.shape[-1])
    for name, vectors in (("left", left), ("right", right)):
        if tuple(vectors.shape) != wanted:
            raise ValueError(
                f"{name} has shape {tuple(vectors.shape)}; with jacobians of shape {tuple(jacobians.shape)} "
                f"it must have shape {wanted}: [layer, ..., rank, coordinate], the same ranks on both sides."
            )
    depth, rank, width = jacobians.shape[0], left.shape[-2], jacobians.shape[-1]
    # Vectors of all layers in one tall matrix per input: one large product for each Jacobian instead of L small ones.
    rows = xp.moveaxis(left, 0, -3)
    tall = xp.reshape(rows, (*rows.shape[:-3], depth * rank, width))
    columns = xp.matrix_transpose(xp.moveaxis(right, 0, -3))
    for layer in range(depth):
        image = xp.reshape(xp.matmul(tall, jacobians[layer, ...]), rows.shape)
        yield xp.moveaxis(xp.matmul(image, columns), -3, 0), xp


def diagonal_energy_score(grid: Array) -> Array:
    """Return the share of the energy of a grid on its diagonal, ``sum_k g_kk^2 / sum_km g_km^2`` (RA2: 1).

    Range 0 .. 1; exactly 1/K on average for independent random (Haar) frames. Invariant under the sign of any row or
    column and under scale; **not** under rotations inside clusters of equal singular values. 0 for a grid of zeros.

    Parameters
    ----------
    grid
        ``[..., K, K]``, such as `signed_grid` returns.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `grid` is not a finite array of square matrices.

    Examples
    --------
    >>> float(diagonal_energy_score([[3.0, 0.0], [4.0, 0.0]]))
    0.36
    """
    relative, xp = _relative(grid)
    energy = relative**2
    return ratio(_diagonal_sum(energy, xp), xp.sum(energy, axis=(-2, -1)), xp, empty=0.0)


def sign_consistency_score(grid: Array) -> Array:
    """Return the positive share of the diagonal of a grid, ``sum_k max(g_kk, 0) / sum_k |g_kk|`` (RA2: 1).

    1 where the k-th left and right vectors of one layer belong together in the other with the same sign; 0 where every
    sign is turned; exactly 1/2 on average for independent random (Haar) frames. Invariant under joint signs of u_k and
    v_k and under scale. 0 where the diagonal is zero.

    Parameters
    ----------
    grid
        ``[..., K, K]``, with signs: `signed_grid`, not `alignment_grid`.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `grid` is not a finite array of square matrices.

    Examples
    --------
    >>> float(sign_consistency_score([[3.0, 7.0], [0.0, -1.0]]))
    0.75
    """
    relative, xp = _relative(grid)
    positive = _diagonal_sum(xp.where(relative > 0.0, relative, xp.zeros_like(relative)), xp)
    return ratio(positive, _diagonal_sum(xp.abs(relative), xp), xp, empty=0.0)


class PairMeans(NamedTuple):
    """Means of a metric over pairs of different layers."""

    adjacent: Array
    """``[...]``, over pairs of neighbours, both orders."""
    all_pairs: Array
    """``[...]``, over all pairs i != j."""


def pair_means(pairs: Array) -> PairMeans:
    """Return the means of a pairwise metric over neighbours and over all pairs of different layers (S8).

    Without skips only neighbours align (S8): `adjacent` is then above `all_pairs`; RA2 says that depth makes no
    difference, and both are equal. Invariant under reversal of the layers; linear in the metric.

    Parameters
    ----------
    pairs
        ``[L, L, ...]``, L >= 2, such as `ramodel.metrics.jacobian_cosine` returns; the diagonal does not count.

    Returns
    -------
    PairMeans
        Entries of shape ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `pairs` is not finite, its first two axes differ, or there are fewer than two layers.

    Examples
    --------
    >>> means = pair_means([[1.0, 0.9, 0.3], [0.9, 1.0, 0.9], [0.3, 0.9, 1.0]])
    >>> float(means.adjacent.round(6)), float(means.all_pairs.round(6))
    (0.9, 0.7)
    """
    array, xp = real_array("pairs", pairs, axes="layer layer ...")
    depth = array.shape[0]
    if array.shape[1] != depth or depth < 2:
        raise ValueError(
            f"pairs has shape {tuple(array.shape)}; its first two axes must both be the layers, at least two."
        )
    beside = [(i, i + 1) for i in range(depth - 1)]
    adjacent = xp.stack([0.5 * (array[i, j, ...] + array[j, i, ...]) for i, j in beside])
    trace = sum((array[i, i, ...] for i in range(1, depth)), start=array[0, 0, ...])
    total = xp.sum(array, axis=(0, 1)) - trace
    return PairMeans(xp.mean(adjacent, axis=0), total / (depth * (depth - 1)))


def _relative(grid: Array) -> tuple[Array, Namespace]:
    """Return the entries over the largest, so that no square can overflow or vanish."""
    array, xp = square("grid", grid, axes="... rank rank")
    return ratio(array, xp.max(xp.abs(array), axis=(-2, -1), keepdims=True), xp, empty=0.0), xp


def _diagonal_sum(matrices: Array, xp: Namespace) -> Array:
    return xp.linalg.trace(matrices)
