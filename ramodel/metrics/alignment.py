"""RA2: singular vectors of Residual Jacobians align, left with right and across depth.

Jacobians are ``[L, ..., d, d]``, layers first; singular vectors are rows, ``[L, ..., K, d]``, largest singular value
first, as `ramodel.spectra.measure` returns them; axes in between, such as inputs, stay as they are. Single vectors are
arbitrary inside a cluster of equal singular values (S14): trust `alignment_grid` where values are apart, and the
basis-free metrics everywhere.
"""

from collections.abc import Iterator

import array_api_compat

from ramodel.checks import integer, nonnegative
from ramodel.metrics.arrays import Array, Namespace, norm, ratio, real_array, spectrum

__all__ = [
    "alignment_grid",
    "asymmetry_error",
    "frame_coordinates",
    "jacobian_cosine",
    "leading_directions",
    "subspace_affinity_score",
]

_ORTHONORMAL = 1e-3


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


def frame_coordinates(left: Array, jacobians: Array, right: Array) -> Iterator[tuple[Array, Namespace]]:
    """Yield ``U_i^T J_j V_i`` [layer i, ..., K, K] for each layer j, and the functions of the arrays' library.

    Arguments as in `alignment_grid`, which see.
    """
    left, xp = real_array("left", left, axes="layer ... rank coordinate")
    right, _ = real_array("right", right, axes="layer ... rank coordinate")
    jacobians, _ = _square("jacobians", jacobians, "layer ... row column")
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


def subspace_affinity_score(first: Array, second: Array) -> Array:
    """Return the mean squared cosine of the principal angles between two subspaces (RA2: 1, they coincide).

    ``||A B^T||_F^2 / max(dim A, dim B)`` for orthonormal rows A, B. Range 0 (orthogonal) .. 1 (equal); independent
    random (Haar) subspaces of dimension K in R^d give K/d on average, the level of a network without skips (S8).
    Basis-free: invariant under any rotation or sign flip within either subspace, and under rotation of both together.
    Rows of zeros span nothing (see `leading_directions`); 0 where a subspace has no dimension at all.

    Parameters
    ----------
    first, second
        ``[..., K, d]``, orthonormal or zero rows. Axes in front broadcast: ``left[:, None], left[None, :]`` gives
        all pairs of layers.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite, do not fit each other or their rows are not orthonormal.

    Examples
    --------
    >>> float(subspace_affinity_score([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    0.5
    """
    first, xp = _orthonormal("first", first)
    second, _ = _orthonormal("second", second)
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(
            f"second has vectors of {second.shape[-1]} coordinates and first of {first.shape[-1]}; "
            "subspaces of the same space can be compared."
        )
    overlap = xp.sum(xp.matmul(first, xp.matrix_transpose(second)) ** 2, axis=(-2, -1))
    score = ratio(overlap, xp.maximum(_dimension(first, xp), _dimension(second, xp)), xp, empty=0.0)
    return xp.where(score > 1.0, xp.ones_like(score), score)  # rounding may exceed the greatest value


def leading_directions(vectors: Array, singular_values: Array, count: int, *, floor: float = 1e-3) -> Array:
    """Return the first `count` singular vectors, those of negligible singular values replaced by zero rows.

    A Jacobian of rank below `count` has no top-`count` subspace: the vectors of its zero singular values are arbitrary
    and would spoil `subspace_affinity_score`. Rows with ``s_k <= floor * s_1`` become zero, which spans nothing.

    Parameters
    ----------
    vectors
        ``[..., K, d]``, left or right singular vectors as rows.
    singular_values
        ``[..., K]``, decreasing.
    count
        Dimension of the subspace, such as the number of classes; at most K.
    floor
        Least singular value that counts, relative to the largest.

    Returns
    -------
    Array
        ``[..., count, d]``.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or do not fit each other, or `count` exceeds K.

    Examples
    --------
    >>> leading_directions([[1.0, 0.0], [0.0, 1.0]], [1.0, 1e-9], 2)
    array([[1., 0.],
           [0., 0.]])
    """
    vectors, xp = real_array("vectors", vectors, axes="... rank coordinate")
    values, _ = spectrum(singular_values)
    if tuple(values.shape) != tuple(vectors.shape[:-1]):
        raise ValueError(
            f"singular_values has shape {tuple(values.shape)}; with vectors of shape {tuple(vectors.shape)} "
            f"it must have shape {tuple(vectors.shape[:-1])}."
        )
    count = integer("count", count, maximum=vectors.shape[-2], hint="Measure with a larger rank.")
    floor = nonnegative("floor", floor)
    kept = values[..., :count] > floor * values[..., :1]
    top = vectors[..., :count, :]
    return xp.where(kept[..., None], top, xp.zeros_like(top))


def asymmetry_error(jacobians: Array) -> Array:
    """Return ``||J - J^T||_F / ||J||_F`` (S1: 0, every block is symmetric).

    Range 0 (symmetric) .. 2 (antisymmetric); sqrt(2) on average (root mean square) for independent random left and
    right singular vectors in many dimensions, the level of a network without skips. Invariant under rotation
    (J -> Q J Q^T) and scale. 0 for a zero Jacobian, which is symmetric.

    Parameters
    ----------
    jacobians
        ``[..., d, d]``.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `jacobians` is not a finite array of square matrices.

    Examples
    --------
    >>> float(asymmetry_error([[0.0, 1.0], [-1.0, 0.0]]))
    2.0
    """
    jacobians, xp = _square("jacobians", jacobians, "... row column")
    unit = _unit(jacobians, xp)
    return norm(unit - xp.matrix_transpose(unit), xp, axis=(-2, -1))


def jacobian_cosine(jacobians: Array) -> Array:
    """Return the cosine between the Jacobians of all pairs of layers (S1: 1, all blocks are equal up to size).

    ``<J_i, J_j>_F / (||J_i||_F ||J_j||_F)``. Range -1 .. 1; about 0 +- 1/d for independent random ones. Basis-free:
    invariant under J -> P J Q for the same orthogonal P, Q in all layers, and under positive scale of each J_l. 0 where
    a Jacobian is zero, also with itself.

    Parameters
    ----------
    jacobians
        ``[L, ..., d, d]``.

    Returns
    -------
    Array
        ``[L, L, ...]``.

    Raises
    ------
    TypeError, ValueError
        If `jacobians` is not a finite array of square matrices.

    Examples
    --------
    >>> jacobian_cosine([[[1.0, 0.0], [0.0, 0.0]], [[3.0, 0.0], [0.0, 4.0]]])
    array([[1. , 0.6],
           [0.6, 1. ]])
    """
    jacobians, xp = _square("jacobians", jacobians, "layer ... row column")
    unit = xp.moveaxis(_unit(jacobians, xp), 0, -3)
    flat = xp.reshape(unit, (*unit.shape[:-2], unit.shape[-1] ** 2))
    cosine = xp.matmul(flat, xp.matrix_transpose(flat))
    return xp.clip(xp.moveaxis(cosine, (-2, -1), (0, 1)), -1.0, 1.0)


def _square(name: str, value: Array, axes: str) -> tuple[Array, Namespace]:
    array, xp = real_array(name, value, axes=axes)
    if array.shape[-1] != array.shape[-2]:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; its last two axes must be of equal length.")
    return array, xp


def _orthonormal(name: str, value: Array) -> tuple[Array, Namespace]:
    rows, xp = real_array(name, value, axes="... rank coordinate")
    products = xp.matmul(rows, xp.matrix_transpose(rows))
    # A row has length one or zero, so the square of its length equals the length.
    expected = xp.eye(rows.shape[-2], dtype=rows.dtype, device=array_api_compat.device(rows)) * products**2
    worst = float(xp.max(xp.abs(products - expected)))
    if worst > _ORTHONORMAL:
        raise ValueError(
            f"{name} has rows that are not orthonormal (off by {worst:.1e}); give singular vectors as rows, "
            "[..., rank, coordinate], or the rows of a QR decomposition."
        )
    return rows, xp


def _dimension(rows: Array, xp: Namespace) -> Array:
    return xp.round(xp.sum(rows**2, axis=(-2, -1)))


def _unit(jacobians: Array, xp: Namespace) -> Array:
    size = norm(jacobians, xp, axis=(-2, -1))[..., None, None]
    return ratio(jacobians, size, xp, empty=0.0)
