"""Singular triplets of the small projected matrices."""

import torch
from torch import Tensor

__all__ = ["projected_triplets"]

_LARGEST_BATCHED_ON_CUDA = 32
"""torch's batched eigh and svd on CUDA leave their fast kernels above this size."""

_NEGLIGIBLE = 1e-9
"""Relative to s_1: left vectors of smaller values cannot be had from a Gram matrix in float64."""


def projected_triplets(matrices: Tensor, count: int, *, squared: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return values [N, count], left and right vectors as columns [N, c, count] of float64 matrices [N, c, c].

    `squared` goes by way of the Gram matrix, which takes half the time and loses values below 1e-8 s_1: nothing to a
    basis in float32. Left vectors of values that are negligible are zero.
    """
    size, device = matrices.shape[-1], matrices.device
    if device.type == "cuda" and size > _LARGEST_BATCHED_ON_CUDA:
        parts = projected_triplets(matrices.cpu(), count, squared=squared)
        return parts[0].to(device), parts[1].to(device), parts[2].to(device)
    if squared:
        largest = matrices.abs().amax(dim=(1, 2), keepdim=True)
        scaled = matrices / torch.where(largest == 0.0, 1.0, largest)
        right = torch.linalg.eigh(scaled.mT @ scaled).eigenvectors[:, :, size - count :].flip(-1)
        images = matrices @ right
        values = torch.linalg.vector_norm(images, dim=1)
        floor = torch.clamp(_NEGLIGIBLE * values[:, :1], min=torch.finfo(values.dtype).tiny)
        left = torch.where((values < floor)[:, None], 0.0, images / torch.maximum(values, floor)[:, None])
        return values, left, right
    columns, values, rows = torch.linalg.svd(matrices)
    left, values = columns[:, :, :count], values[:, :count]
    return values, torch.where((values == 0.0)[:, None], 0.0, left), rows[:, :count].mT
