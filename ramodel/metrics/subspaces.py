"""RA2, free of any basis: the subspaces that singular vectors span.

Subspaces are given by orthonormal rows, ``[..., K, d]``: singular vectors, or the rows of a QR decomposition. Single
vectors are arbitrary inside a cluster of equal singular values (S14); the subspace of a whole cluster is not.
"""

import array_api_compat

from ramodel.checks import integer, nonnegative
from ramodel.metrics.arrays import Array, Namespace, ratio, real_array, spectrum

__all__ = ["leading_directions", "principal_angles", "subspace_affinity_score"]

_ORTHONORMAL = 1e-3


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
    first, second, xp = _subspaces(first, second)
    overlap = xp.sum(xp.matmul(first, xp.matrix_transpose(second)) ** 2, axis=(-2, -1))
    score = ratio(overlap, xp.maximum(_dimension(first, xp), _dimension(second, xp)), xp, empty=0.0)
    return xp.where(score > 1.0, xp.ones_like(score), score)  # rounding may exceed the greatest value


def principal_angles(first: Array, second: Array) -> Array:
    """Return the principal angles between two subspaces, smallest first (RA2: all 0).

    ``cos theta_k`` are the singular values of ``A B^T`` for orthonormal rows A, B; small angles are taken from their
    sines, the singular values of ``B - B A^T A``, so that they are exact to rounding (Bjorck & Golub 1973). Range
    0 .. pi/2. Basis-free: invariant under any rotation or sign flip within either subspace, under rotation of both
    together and under exchange of the two. The mean of ``cos^2`` is `subspace_affinity_score` where both have equal
    dimension.

    Parameters
    ----------
    first, second
        ``[..., K, d]``, orthonormal rows, none of them zero; the numbers of rows may differ. Axes in front broadcast.

    Returns
    -------
    Array
        ``[..., min(K1, K2)]``, in radians.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite, do not fit each other or their rows are not orthonormal.

    Examples
    --------
    >>> principal_angles([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).round(6)
    array([0.      , 1.570796])
    """
    first, second, xp = _subspaces(first, second, zero_rows=False)
    if first.shape[-2] < second.shape[-2]:
        first, second = second, first
    overlap = xp.matmul(second, xp.matrix_transpose(first))
    cosines = xp.clip(xp.linalg.svdvals(overlap), 0.0, 1.0)
    outside = xp.linalg.svdvals(second - xp.matmul(overlap, first))
    # svdvals are decreasing: the largest cosine goes with the smallest sine.
    sines = xp.clip(xp.flip(outside[..., : cosines.shape[-1]], axis=-1), 0.0, 1.0)
    return xp.where(cosines**2 > 0.5, xp.asin(sines), xp.acos(cosines))


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


def _subspaces(first: Array, second: Array, *, zero_rows: bool = True) -> tuple[Array, Array, Namespace]:
    first, xp = _orthonormal("first", first, zero_rows=zero_rows)
    second, _ = _orthonormal("second", second, zero_rows=zero_rows)
    if first.shape[-1] != second.shape[-1]:
        raise ValueError(
            f"second has vectors of {second.shape[-1]} coordinates and first of {first.shape[-1]}; "
            "subspaces of the same space can be compared."
        )
    return first, second, xp


def _orthonormal(name: str, value: Array, *, zero_rows: bool) -> tuple[Array, Namespace]:
    rows, xp = real_array(name, value, axes="... rank coordinate")
    products = xp.matmul(rows, xp.matrix_transpose(rows))
    identity = xp.eye(rows.shape[-2], dtype=rows.dtype, device=array_api_compat.device(rows))
    # A row has length one, or zero where that is allowed; then the square of its length equals the length.
    expected = identity * products**2 if zero_rows else identity
    worst = float(xp.max(xp.abs(products - expected)))
    if worst > _ORTHONORMAL:
        raise ValueError(
            f"{name} has rows that are not orthonormal (off by {worst:.1e}); give singular vectors as rows, "
            "[..., rank, coordinate], or the rows of a QR decomposition."
        )
    return rows, xp


def _dimension(rows: Array, xp: Namespace) -> Array:
    return xp.round(xp.sum(rows**2, axis=(-2, -1)))
