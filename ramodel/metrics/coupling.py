"""S17: coupling, whether the singular vectors of one Residual Jacobian diagonalise another.

The measure of Aubry, Meng, Sugolov & Papyan (arXiv 2407.07810). Shapes as in `ramodel.metrics.alignment`.
"""

from ramodel.metrics.alignment import frame_coordinates
from ramodel.metrics.arrays import Array, norm, ratio, spectrum

__all__ = ["coupling_error"]


def coupling_error(left: Array, jacobians: Array, right: Array, singular_values: Array) -> Array:
    """Return m_K = ``||U_i^T J_j V_i - S_j||_F / ||S_j||_F`` for all pairs of layers (S17: 0).

    U_i, V_i hold the top K left and right singular vectors of J_i, S_j the top K singular values of J_j. 0 on the
    diagonal (i = j) by definition; S1(d), the nuclear optimum and the white kinetic one say 0 for every pair. About
    `ramodel.theory.independent_coupling_error` for independent random frames, the level of a network without skips.

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
    values, _ = spectrum(singular_values)
    columns = []
    for layer, (coordinates, xp) in enumerate(frame_coordinates(left, jacobians, right)):
        if tuple(values.shape) != tuple(coordinates.shape[:-1]):
            raise ValueError(
                f"singular_values has shape {tuple(values.shape)}; with these vectors it must have shape "
                f"{tuple(coordinates.shape[:-1])}: [layer, ..., rank]."
            )
        s = values[layer, ...]
        departure = coordinates - s[..., None] * xp.eye(s.shape[-1], dtype=s.dtype, device=s.device)
        columns.append(ratio(norm(departure, xp, axis=(-2, -1)), norm(s, xp, axis=-1), xp, empty=0.0))
    return xp.stack(columns, axis=1)
