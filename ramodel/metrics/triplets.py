"""RA2 from singular triplets alone, for states too large for a d x d matrix.

The rank-K part of a Jacobian, ``J_K = sum_k s_k u_k v_k^T``, acts on the 2K directions that its singular vectors span.
`compact_jacobians` writes it in those, so that every metric of `ramodel.metrics.symmetry` applies at any width; the
others compare layers through the overlaps of their vectors. All are exact where the rank is at most K, and say of the
top K otherwise. None depends on the basis inside a cluster of equal singular values, except one that is cut at K.
"""

from ramodel.metrics.arrays import Array, Namespace, norm, ratio, real_array, spectrum

__all__ = ["compact_jacobians", "low_rank_cosine", "low_rank_grid", "symmetry_cosine"]


def compact_jacobians(left: Array, singular_values: Array, right: Array) -> Array:
    """Return the rank-K part of every Jacobian in the coordinates of its own singular vectors.

    ``Q^T J_K Q`` with Q an orthonormal basis of the span of u_1 .. u_K and v_1 .. v_K: a rotation of J_K without the
    directions in which nothing happens, so ``asymmetry_error(compact_jacobians(...))`` is that of J_K, and so is every
    other metric that rotations leave alone. Invariant, up to a rotation, under joint signs of u_k and v_k.

    Parameters
    ----------
    left, right
        ``[..., K, d]``, orthonormal rows.
    singular_values
        ``[..., K]``, decreasing.

    Returns
    -------
    Array
        ``[..., q, q]`` with ``q = min(2 K, d)``, in the units of the singular values.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or do not fit each other.

    Examples
    --------
    >>> from ramodel.metrics import asymmetry_error
    >>> u, v = [[1.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]
    >>> float(asymmetry_error(compact_jacobians(u, [2.0], v)).round(6))
    1.414214
    """
    left, values, right, xp = _triplets(left, singular_values, right, axes="... rank coordinate")
    rank = values.shape[-1]
    both = xp.matrix_transpose(xp.concat([left, right], axis=-2))
    _, coordinates = xp.linalg.qr(both)
    images, sources = coordinates[..., :rank], coordinates[..., rank:]
    return xp.matmul(images * values[..., None, :], xp.matrix_transpose(sources))


def symmetry_cosine(left: Array, right: Array) -> Array:
    """Return ``u_k . v_k`` for every singular triplet, with its sign (S1: 1; RA2: left and right vectors align).

    For a symmetric Jacobian it is 1 for a positive eigenvalue and -1 for a negative one. Range -1 .. 1; 0 on average
    for independent random (Haar) vectors, in size `ramodel.metrics.baselines.absolute_cosine`. Invariant under joint
    signs of u_k and v_k and under rotation of both together; inside a cluster of equal singular values the vectors are
    arbitrary, and so is this, unless the Jacobian is symmetric and positive there: prefer ``asymmetry_error``.

    Parameters
    ----------
    left, right
        ``[..., K, d]``, rows of length one.

    Returns
    -------
    Array
        ``[..., K]``.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or do not fit each other.

    Examples
    --------
    >>> symmetry_cosine([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, -1.0]])
    array([ 1., -1.])
    """
    left, xp = real_array("left", left, axes="... rank coordinate")
    right, _ = real_array("right", right, axes="... rank coordinate")
    _same_shape(left, right)
    return xp.clip(xp.sum(left * right, axis=-1), -1.0, 1.0)


def low_rank_cosine(left: Array, singular_values: Array, right: Array) -> Array:
    """Return the cosine between the rank-K parts of the Jacobians of all pairs of layers (S1: 1).

    ``<J_i, J_j>_F = sum_km s_ik s_jm (u_ik . u_jm)(v_ik . v_jm)``, over the norms: `ramodel.metrics.jacobian_cosine`
    without any d x d matrix. Range -1 .. 1; 0 +- 1/d for independent random (Haar) frames. Basis-free: invariant under
    J -> P J Q for the same orthogonal P, Q in all layers, and under positive scale of each. 0 where a Jacobian is zero,
    also with itself.

    Parameters
    ----------
    left, right
        ``[L, ..., K, d]``, orthonormal rows.
    singular_values
        ``[L, ..., K]``, decreasing.

    Returns
    -------
    Array
        ``[L, L, ...]``.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.stack([np.eye(2), np.eye(2)])
    >>> low_rank_cosine(frames, [[1.0, 0.0], [4.0, 3.0]], frames)
    array([[1. , 0.8],
           [0.8, 1. ]])
    """
    left, values, right, xp = _triplets(left, singular_values, right, axes="layer ... rank coordinate")
    weights = ratio(values, norm(values, xp, axis=-1)[..., None], xp, empty=0.0)
    depth, rank = values.shape[0], values.shape[-1]
    tall_left, tall_right, tall_weights = (_layers_in_rows(array, xp) for array in (left, right, weights[..., None]))
    products = xp.matmul(tall_left, xp.matrix_transpose(tall_left))
    products = products * xp.matmul(tall_right, xp.matrix_transpose(tall_right))
    products = products * tall_weights * xp.matrix_transpose(tall_weights)
    blocks = xp.reshape(products, (*products.shape[:-2], depth, rank, depth, rank))
    cosine = xp.sum(blocks, axis=(-3, -1))
    return xp.clip(xp.moveaxis(cosine, (-2, -1), (0, 1)), -1.0, 1.0)


def low_rank_grid(left: Array, singular_values: Array, right: Array, *, exchanged: bool = False) -> Array:
    """Return ``U_i^T J_j V_i`` for all pairs of layers, J_j cut to rank K (RA2: its spectrum on the diagonal).

    ``(U_i^T U_j) S_j (V_j^T V_i)``: `ramodel.metrics.signed_grid` without any d x d matrix, and with its invariances.

    Parameters
    ----------
    left, right
        ``[L, ..., K, d]``, orthonormal rows.
    singular_values
        ``[L, ..., K]``, decreasing.
    exchanged
        Return ``V_i^T J_j U_i`` instead.

    Returns
    -------
    Array
        ``[L, L, ..., K, K]``: layer i of the vectors, layer j of the Jacobian, index of u, index of v.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.stack([np.eye(2), np.eye(2)[::-1]])
    >>> low_rank_grid(frames, [[2.0, 1.0], [4.0, 3.0]], frames)[0, 1]
    array([[3., 0.],
           [0., 4.]])
    """
    left, values, right, xp = _triplets(left, singular_values, right, axes="layer ... rank coordinate")
    rows, columns = (right, left) if exchanged else (left, right)
    shape = (*values.shape[1:-1], values.shape[0], values.shape[-1], values.shape[-1])
    tall_rows, tall_columns = _layers_in_rows(rows, xp), _layers_in_rows(columns, xp)
    grids = []
    for layer in range(values.shape[0]):
        images = xp.matmul(tall_rows, xp.matrix_transpose(left[layer, ...])) * values[layer, ..., None, :]
        sources = xp.matmul(tall_columns, xp.matrix_transpose(right[layer, ...]))
        grid = xp.matmul(xp.reshape(images, shape), xp.matrix_transpose(xp.reshape(sources, shape)))
        grids.append(xp.moveaxis(grid, -3, 0))
    return xp.stack(grids, axis=1)


def _layers_in_rows(array: Array, xp: Namespace) -> Array:
    """Turn ``[L, ..., K, d]`` into ``[..., L K, d]``: one large product for each input instead of many small ones."""
    moved = xp.moveaxis(array, 0, -3)
    return xp.reshape(moved, (*moved.shape[:-3], moved.shape[-3] * moved.shape[-2], moved.shape[-1]))


def _triplets(left: Array, singular_values: Array, right: Array, axes: str) -> tuple[Array, Array, Array, Namespace]:
    left, xp = real_array("left", left, axes=axes)
    right, _ = real_array("right", right, axes=axes)
    _same_shape(left, right)
    values, _ = spectrum(singular_values)
    if tuple(values.shape) != tuple(left.shape[:-1]):
        raise ValueError(
            f"singular_values has shape {tuple(values.shape)}; with vectors of shape {tuple(left.shape)} "
            f"it must have shape {tuple(left.shape[:-1])}."
        )
    return left, values, right, xp


def _same_shape(left: Array, right: Array) -> None:
    if tuple(left.shape) != tuple(right.shape):
        raise ValueError(
            f"right has shape {tuple(right.shape)} and left {tuple(left.shape)}; they must have the same shape, "
            "[..., rank, coordinate]."
        )
