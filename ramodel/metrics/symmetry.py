"""RA2 without singular vectors: are Residual Jacobians symmetric, normal, and equal across depth?

Jacobians are ``[..., d, d]``. Where states are too large for that, `ramodel.metrics.compact_jacobians` gives the rank-K
part of a Jacobian in a few coordinates, to which these metrics apply as well.
"""

from ramodel.metrics.arrays import Array, Namespace, norm, ratio, square

__all__ = ["asymmetry_error", "jacobian_cosine", "normality_error"]


def asymmetry_error(jacobians: Array) -> Array:
    """Return ``||J - J^T||_F / ||J||_F`` (S1: 0, every block is symmetric).

    Range 0 (symmetric) .. 2 (antisymmetric); sqrt(2 - 2/d) in the root mean square for independent random
    (Haar) left and right singular vectors, the level of a network without skips. Invariant under rotation
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
    jacobians, xp = square("jacobians", jacobians, axes="... row column")
    unit = _unit(jacobians, xp)
    return norm(unit - xp.matrix_transpose(unit), xp, axis=(-2, -1))


def normality_error(jacobians: Array) -> Array:
    """Return ``||J J^T - J^T J||_F / ||J||_F^2`` (S1: 0, a symmetric matrix is normal).

    A normal Jacobian has orthogonal eigenvectors, and its singular values are the sizes of its eigenvalues; rotations
    are normal without being symmetric. Range 0 .. sqrt(2); `ramodel.metrics.baselines.normality_error` for independent
    random left and right singular vectors. Invariant under rotation (J -> Q J Q^T) and scale. 0 for a zero Jacobian.

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
    >>> float(normality_error([[0.0, 1.0], [-1.0, 0.0]]))
    0.0
    >>> float(normality_error([[0.0, 1.0], [0.0, 0.0]]).round(6))
    1.414214
    """
    jacobians, xp = square("jacobians", jacobians, axes="... row column")
    unit = _unit(jacobians, xp)
    turned = xp.matrix_transpose(unit)
    return norm(xp.matmul(unit, turned) - xp.matmul(turned, unit), xp, axis=(-2, -1))


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
    jacobians, xp = square("jacobians", jacobians, axes="layer ... row column")
    unit = xp.moveaxis(_unit(jacobians, xp), 0, -3)
    flat = xp.reshape(unit, (*unit.shape[:-2], unit.shape[-1] ** 2))
    cosine = xp.matmul(flat, xp.matrix_transpose(flat))
    return xp.clip(xp.moveaxis(cosine, (-2, -1), (0, 1)), -1.0, 1.0)


def _unit(jacobians: Array, xp: Namespace) -> Array:
    size = norm(jacobians, xp, axis=(-2, -1))[..., None, None]
    return ratio(jacobians, size, xp, empty=0.0)
