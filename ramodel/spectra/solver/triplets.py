"""Singular triplets of many small matrices."""

from typing import NamedTuple

import torch
from torch import Tensor

from ramodel.checks import integer

__all__ = ["Triplets", "singular_triplets"]


class Triplets(NamedTuple):
    """The K largest singular triplets: ``J v_k = s_k u_k``."""

    singular_values: Tensor
    """``[..., K]``, decreasing."""
    left: Tensor
    """``[..., K, d]``, u_k as rows."""
    right: Tensor
    """``[..., K, d]``, v_k as rows; the entry of largest size is positive, which fixes the sign of u_k as well."""
    tail_energy: Tensor
    """``[...]``, sum of s_k^2 over k > K."""


def singular_triplets(matrices: Tensor, rank: int = 12) -> Triplets:
    """Return the `rank` largest singular triplets of every matrix, from a full SVD in float64.

    Inside a cluster of equal singular values the vectors are an arbitrary basis, and so are those of zero values. Where
    all matrices of the last batch axis are the same to the bit, as the Jacobians of a linear block at many inputs are,
    one is decomposed for all.

    Parameters
    ----------
    matrices
        ``[..., m, d]``.
    rank
        Number of triplets; all min(m, d) of them if it is larger.

    Raises
    ------
    ValueError
        If a matrix has an entry that is not finite or `matrices` has fewer than two axes.

    Examples
    --------
    >>> triplets = singular_triplets(torch.diag(torch.tensor([1.0, 3.0, 2.0])), rank=2)
    >>> triplets.singular_values.tolist(), triplets.tail_energy.item()
    ([3.0, 2.0], 1.0)
    """
    integer("rank", rank)
    if matrices.ndim < 2 or matrices.numel() == 0:
        raise ValueError(f"matrices has shape {tuple(matrices.shape)}; its axes must be [..., row, column].")
    matrices = matrices.detach().to(torch.float64)
    if not bool(torch.isfinite(matrices).all()):
        raise ValueError("matrices holds a number that is not finite; every entry must be finite.")
    if matrices.ndim > 2 and bool((matrices == matrices[..., :1, :, :]).all()):
        once = _decomposed(matrices[..., :1, :, :], rank)
        return Triplets(*(part.expand(*matrices.shape[:-2], *part.shape[matrices.ndim - 2 :]) for part in once))
    return _decomposed(matrices, rank)


def _decomposed(matrices: Tensor, rank: int) -> Triplets:
    columns, values, rows = torch.linalg.svd(matrices, full_matrices=False)
    left, right = columns.mT[..., :rank, :], rows[..., :rank, :]
    pivot = right.abs().argmax(dim=-1, keepdim=True)
    sign = torch.where(right.gather(-1, pivot) < 0.0, -1.0, 1.0)
    tail = values[..., rank:].square().sum(-1)
    return Triplets(values[..., :rank].clone(), left * sign, right * sign, tail)
