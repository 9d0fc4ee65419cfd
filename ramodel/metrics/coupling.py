"""S17: coupling, whether the singular vectors of one Residual Jacobian diagonalise another.

The measure of Aubry, Meng, Sugolov & Papyan (arXiv 2407.07810). Shapes as in `ramodel.metrics.alignment`.
"""

from ramodel.metrics.alignment import signed_grid
from ramodel.metrics.arrays import Array, norm, ratio, spectrum, square

__all__ = ["coupling_error", "grid_coupling_error"]


def coupling_error(left: Array, jacobians: Array, right: Array, singular_values: Array) -> Array:
    """Return m_K = ``||U_i^T J_j V_i - S_j||_F / ||S_j||_F`` for all pairs of layers (S17: 0).

    U_i, V_i hold the top K left and right singular vectors of J_i, S_j the top K singular values of J_j. 0 on the
    diagonal (i = j) by definition; S1(d), the nuclear optimum and the white kinetic one say 0 for every pair. About
    `ramodel.metrics.baselines.coupling_error` for independent random frames, the level of a network without skips.

    Invariant under rotation of all layers together (J -> Q J Q^T, U -> Q U, V -> Q V), even with different rotations on
    the left and on the right, under positive scale of all of J_j, and under joint signs of u_k and v_k. Inside a
    cluster of equal singular values of J_i the basis is arbitrary, and m_K depends on it, unless J_j is a multiple of
    the identity there, as where theory holds: then it is 0 in every basis.

    Their program takes absolute values of the entries before it subtracts S, so that flipped signs do not count, and
    reports a second measure with left and right exchanged ("VJU"): that is ``coupling_error(right, jacobians, left,
    singular_values)``, the same where the blocks are symmetric.

    Parameters
    ----------
    left, right
        ``[L, ..., K, d]``, orthonormal rows: singular vectors of the same `jacobians`.
    jacobians
        ``[L, ..., d, d]``.
    singular_values
        ``[L, ..., K]``, decreasing.

    Returns
    -------
    Array
        ``[L, L, ...]``: layer i of the vectors, layer j of the Jacobian. Where S_j is 0 the Jacobian is, and so is m_K.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or their shapes do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> first, second = np.diag([4.0, 3.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> frames = np.stack([np.eye(2), np.eye(2)[::-1]])
    >>> coupling_error(frames, [first, first[::-1, ::-1]], frames, [[4.0, 3.0], [4.0, 3.0]]).round(6)
    array([[0.      , 0.282843],
           [0.282843, 0.      ]])
    """
    return grid_coupling_error(signed_grid(left, jacobians, right), singular_values)


def grid_coupling_error(grid: Array, singular_values: Array) -> Array:
    """Return m_K from the grids ``U_i^T J_j V_i`` themselves (S17: 0); see `coupling_error`.

    For grids that are at hand, such as `alignment_left_right` of a measurement with ``alignment=True``, or
    `ramodel.metrics.low_rank_grid`. Cut the last two axes of the grid and the last of the singular values to compare
    fewer than K directions.

    Parameters
    ----------
    grid
        ``[L, L, ..., K, K]``, with signs: layer i of the vectors, layer j of the Jacobian.
    singular_values
        ``[L, ..., K]``, decreasing.

    Returns
    -------
    Array
        ``[L, L, ...]``. Where S_j is 0 the Jacobian is, and so is m_K.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not finite or their shapes do not fit each other.

    Examples
    --------
    >>> float(grid_coupling_error([[[[4.0, 0.0], [0.0, 0.0]]]], [[4.0, 3.0]])[0, 0])
    0.6
    """
    coordinates, xp = square("grid", grid, axes="layer layer ... rank rank")
    values, _ = spectrum(singular_values)
    wanted = tuple(coordinates.shape[1:-1])
    if tuple(values.shape) != wanted:
        raise ValueError(
            f"singular_values has shape {tuple(values.shape)}; with these vectors it must have shape {wanted}: "
            "[layer, ..., rank]."
        )
    departure = coordinates - values[..., None] * xp.eye(values.shape[-1], dtype=values.dtype, device=values.device)
    size = norm(values, xp, axis=-1)
    return ratio(norm(departure, xp, axis=(-2, -1)), xp.broadcast_to(size, departure.shape[:-2]), xp, empty=0.0)
