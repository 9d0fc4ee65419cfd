"""The Jacobian averaged over inputs: its singular values, its eigenvalues (S7), and whitened coordinates."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["LowRankMean", "leading_eigenvalues", "leading_singular_values", "low_rank_mean", "whitened"]

_Array = NDArray[np.float64]

_LEAST_SPREAD = 1e-2
"""Directions with a smaller share of the largest second moment are left out of whitened coordinates: states hardly
reach them, so that no penalty has shaped J there, and whitening would magnify what is left of its start. With it the
linear blocks of a trained network behind BatchNorm are symmetric to 1 %; with 1e-6 nothing symmetric is left."""

LowRankMean = tuple[_Array, _Array]
"""A [L, d, r] and B [L, d, r] with mean Jacobian ``A B^T``."""


def low_rank_mean(left: _Array, values: _Array, right: _Array) -> LowRankMean:
    """Return the factors of ``mean_n U_n S_n V_n^T``, the mean of the rank-K parts of the Jacobians at every input.

    Parameters
    ----------
    left, right
        ``[L, N, K, d]``, singular vectors in rows.
    values
        ``[L, N, K]``.
    """
    layers, inputs, rank, width = left.shape
    weighted = (left * values[..., None] / inputs).reshape(layers, inputs * rank, width)
    return weighted.swapaxes(1, 2), right.reshape(layers, inputs * rank, width).swapaxes(1, 2)


def leading_singular_values(mean: _Array | LowRankMean, kept: int) -> _Array:
    """Return the first `kept` singular values of matrices [L, d, d] or of their factors, ``[L, kept]``."""
    if isinstance(mean, tuple):
        (_, first), (_, second) = np.linalg.qr(mean[0]), np.linalg.qr(mean[1])
        mean = first @ second.swapaxes(1, 2)
    values = np.linalg.svd(mean, compute_uv=False)[:, :kept]
    return values.astype(np.float64, copy=False)


def leading_eigenvalues(mean: _Array | LowRankMean, kept: int) -> _Array:
    """Return the `kept` eigenvalues of greatest real part, their real parts, of matrices [L, d, d] or factors.

    S7 speaks of eigenvalues: ``1/eig(J_l) = (l - 1) + L/t`` with t > 0 for directions that grow, hence the order.
    """
    if isinstance(mean, tuple):
        mean = mean[1].swapaxes(1, 2) @ mean[0]  # A B^T and B^T A share their nonzero eigenvalues
    real: _Array = np.sort(np.linalg.eigvals(mean).real, axis=-1)[:, ::-1]
    return real[:, :kept]


def whitened(jacobians: _Array, second_moment: _Array) -> _Array:
    """Return ``Sigma^(-1/2) J Sigma^(1/2)`` on the span of Sigma, where S7 makes singular values eigenvalues.

    Parameters
    ----------
    jacobians
        ``[L, d, d]``.
    second_moment
        ``Sigma = mean of h h^T`` [d, d] of the states that enter the first block.

    Returns
    -------
    Array
        ``[L, r, r]``, r the rank of Sigma.

    Examples
    --------
    >>> sheared = np.array([[[0.0, 2.0], [0.5, 0.0]]])
    >>> whitened(sheared, np.diag([4.0, 1.0]))[0]
    array([[0., 1.],
           [1., 0.]])
    """
    moments, axes = np.linalg.eigh(second_moment)
    kept = moments > _LEAST_SPREAD * moments[-1]
    spread, frame = np.sqrt(moments[kept]), axes[:, kept]
    found: _Array = frame.T @ jacobians @ frame * (spread / spread[:, None])
    return found
