"""Approximate triplets while they are being found."""

from typing import NamedTuple

import torch
from torch import Tensor

from ramodel.spectra.solver.orthogonal import orthonormal_or_zero, random_rows

__all__ = ["Ritz", "scales", "tidied"]

_ORTHONORMAL = 100.0
"""Times eps: entries of the Gram matrix of vectors, less the identity, above which they are orthonormalised anew."""

_SMALL_VALUE = 1e-3
"""Residuals are relative to s_k, or to this fraction of s_1 where s_k is less."""

_OWN_PART = 0.5
"""A vector that is less than this away from the span of those before it says nothing of its own."""


class Ritz(NamedTuple):
    """Approximate triplets in the coordinates of the operator."""

    values: Tensor
    """``[N, K]``, float64."""
    left: Tensor
    """``[N, K, m]``."""
    right: Tensor
    """``[N, K, n]``."""
    following: Tensor
    """``[N]``, the next Ritz value; 0 if there is none."""
    passes: Tensor
    """``[N]``, products spent."""

    def select(self, problems: Tensor) -> "Ritz":
        """Return the triplets of some problems, given as indices."""
        return Ritz(*(field[problems] for field in self))


def scales(values: Tensor) -> Tensor:
    """Return ``max(s_k, 1e-3 s_1)`` of values [N, K], what residuals are relative to; 1 where all are zero."""
    scale = torch.maximum(values, _SMALL_VALUE * values[:, :1])
    return torch.where(scale == 0.0, 1.0, scale)


def tidied(ritz: Ritz, seed: int) -> Ritz:
    """Return the triplets with decreasing values and orthonormal vectors, those of zero values completed at random."""
    values, order = ritz.values.sort(dim=1, descending=True)
    if not torch.equal(values, ritz.values):
        ritz = ritz._replace(
            values=values,
            left=torch.take_along_dim(ritz.left, order[:, :, None], dim=1),
            right=torch.take_along_dim(ritz.right, order[:, :, None], dim=1),
        )
    return ritz._replace(left=_orthonormal(ritz.left, seed), right=_orthonormal(ritz.right, seed))


def _orthonormal(vectors: Tensor, seed: int) -> Tensor:
    count, size = vectors.shape[1:]
    identity = torch.eye(count, dtype=vectors.dtype, device=vectors.device)
    error = (vectors @ vectors.mT - identity).abs().amax(dim=(1, 2))
    off = torch.nonzero(error > _ORTHONORMAL * torch.finfo(vectors.dtype).eps)[:, 0]
    if not len(off):
        return vectors
    rows, vectors = vectors[off], vectors.clone()
    length = torch.linalg.vector_norm(rows, dim=2, keepdim=True)
    out = torch.zeros_like(rows)
    floor = torch.full_like(length[:, :1], _OWN_PART)

    def spare() -> Tensor:
        return random_rows(count, size, seed, vectors.dtype, vectors.device)

    orthonormal_or_zero(torch.where(length > 0.0, rows / length, 0.0), rows[:, :0], out, floor, spare)
    vectors[off] = out
    return vectors
