"""Orthonormal rows for many problems at once, by Gram-Schmidt in batched products (QR is slow in batches on a GPU)."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["less", "orthonormal", "orthonormal_or_zero", "random_rows", "swept"]

_CANCELLED = 0.1
"""A sweep that leaves less than this of a vector is repeated."""

_NOISE = 100.0
"""Times the length of what counts as zero: so is the sweep of a vector that is left shorter than this. What an earlier
vector has along those before it comes back with the next product, however short that is: errors of orthogonality would
grow from step to step."""

_EXHAUSTED = 1e-3
"""Of a random vector at least this is left by a sweep, unless the swept rows span nearly all of the space."""


def random_rows(count: int, size: int, seed: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return normal rows [count, size] that depend on the seed alone, not on device or type."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    return torch.randn(count, size, generator=generator, dtype=torch.float64).to(dtype=dtype, device=device)


def less(rows: Tensor, coefficients: Tensor, known: Tensor) -> Tensor:
    """Return rows [N, p, n] less combinations of known rows [N, j, n], with coefficients [N, p, j]."""
    if coefficients.shape[1:] == (1, 1):
        return torch.addcmul(rows, coefficients, known, value=-1.0)
    return torch.baddbmm(rows, coefficients, known, alpha=-1.0)


def swept(rows: Tensor, known: Tensor) -> Tensor:
    """Take from rows [N, p, n], in place, their parts along orthonormal rows [N, j, n]."""
    if known.shape[1] == 0:
        return rows
    return rows.baddbmm_(torch.bmm(rows, known.mT), known, alpha=-1.0)


def orthonormal(rows: Tensor, out: Tensor) -> Tensor:
    """Write orthonormal rows to `out` and return R [N, p, p], upper triangular, with ``rows_i = sum_j R_ji out_j``."""
    count = rows.shape[1]
    if count == 1:
        length: Tensor = torch.linalg.vector_norm(rows, dim=2, keepdim=True)
        torch.div(rows, length, out=out)
        return length
    factor = rows.new_zeros(len(rows), count, count)
    for i in range(count):
        row, earlier = rows[:, i : i + 1], out[:, :i]
        for _ in range(2 if i else 0):
            shared = torch.bmm(row, earlier.mT)
            row = torch.baddbmm(row, shared, earlier, alpha=-1.0)
            factor[:, :i, i] += shared[:, 0]
        length = torch.linalg.vector_norm(row, dim=2, keepdim=True)
        factor[:, i, i] = length[:, 0, 0]
        torch.div(row, length, out=out[:, i : i + 1])
    return factor


def orthonormal_or_zero(
    rows: Tensor, known: Tensor, out: Tensor, floor: Tensor, spare: Callable[[], Tensor] | None = None
) -> Tensor:
    """As `orthonormal`, against `known` rows [N, j, n] as well, safe where rows vanish.

    A row that is left shorter than `floor` [N, 1, 1] counts as zero: so do its column of R and its row of `out`, which
    takes one of the random rows [p, n] that `spare` gives instead (or zero where no direction is left).
    """
    factor = rows.new_zeros(len(rows), rows.shape[1], rows.shape[1])
    rows = _swept_twice(rows, known, floor[:, :, 0])
    for i in range(rows.shape[1]):
        row, earlier = rows[:, i : i + 1], out[:, :i]
        for _ in range(2 if i else 0):
            shared = torch.bmm(row, earlier.mT)
            row = swept(torch.baddbmm(row, shared, earlier, alpha=-1.0), known)
            factor[:, :i, i] += shared[:, 0]
        length = torch.linalg.vector_norm(row, dim=2, keepdim=True)
        alive = ~(length <= floor)
        factor[:, i, i] = torch.where(alive, length, 0.0)[:, 0, 0]
        row = torch.where(alive, row / length, 0.0)
        if spare is not None and _any(~alive):
            row = torch.where(alive, row, _fresh(spare()[i], known, earlier))
        out[:, i : i + 1] = row
    return factor


def _swept_twice(rows: Tensor, known: Tensor, floor: Tensor) -> Tensor:
    before = torch.linalg.vector_norm(rows, dim=2)
    rows = swept(rows, known)
    after = torch.linalg.vector_norm(rows, dim=2)
    return swept(rows, known) if _any(after < torch.maximum(_CANCELLED * before, _NOISE * floor)) else rows


def _fresh(row: Tensor, known: Tensor, earlier: Tensor) -> Tensor:
    fresh = (row / torch.linalg.vector_norm(row)).repeat(len(known), 1, 1)
    for _ in range(2):
        fresh = swept(swept(fresh, known), earlier)
    length = torch.linalg.vector_norm(fresh, dim=2, keepdim=True)
    return torch.where(length > _EXHAUSTED, fresh / length, 0.0)


def _any(mask: Tensor) -> bool:
    """Tell whether something is to be done; on a GPU without asking, since a captured step cannot be asked."""
    return mask.is_cuda or bool(mask.any())
