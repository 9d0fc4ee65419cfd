"""What a solver hands back."""

from typing import NamedTuple

from torch import Tensor

__all__ = ["SolvedTriplets"]


class SolvedTriplets(NamedTuple):
    """The K largest singular triplets of N problems, ``J v_k = s_k u_k`` and ``J^T u_k = s_k v_k``, with certificates.

    Vectors are rows in the order of the flattened state. K is the rank asked for, or min(m, n) if that is less.
    Residuals are relative to ``max(s_k, 1e-3 s_1)``; inside a cluster of equal values vectors are an arbitrary basis.
    """

    singular_values: Tensor
    """``[N, K]``, decreasing."""
    left: Tensor
    """``[N, K, m]``, orthonormal; those of zero values complete the others."""
    right: Tensor
    """``[N, K, n]``, orthonormal; the entry of largest size is positive, which fixes the sign of u_k as well."""
    residual_forward: Tensor
    """``[N, K]``, |J v_k - s_k u_k|, from products made at the end."""
    residual_adjoint: Tensor
    """``[N, K]``, |J^T u_k - s_k v_k|, from products made at the end."""
    gap: Tensor
    """``[N]``, s_K / s_{K+1} with the value that was found next, which may fall short of s_{K+1}; inf if it is 0."""
    converged: Tensor
    """``[N, K]``, whether both residuals are within the tolerance (or within rounding errors of s_1)."""
    tail_energy: Tensor
    """``[N]``, sum of s_k^2 over k > K; nan where not known."""
    passes: Tensor
    """``[N]``, products J v and J^T u spent, those of the certificate among them."""
