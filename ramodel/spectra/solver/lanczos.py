"""Thick-restarted Golub-Kahan-Lanczos for all problems of an operator at once, each in its own Krylov space."""

from typing import NamedTuple

import torch
from torch import Tensor

from ramodel.progress import Progress
from ramodel.spectra.solver.krylov import KrylovBasis
from ramodel.spectra.solver.projected import projected_triplets
from ramodel.spectra.solver.ritz import Ritz, scales

__all__ = ["Search", "basis_size", "lanczos"]

_MARGIN = 6
"""Ritz triplets kept at a restart beside those asked for: they hold what the next cycle starts from."""

_CYCLE = 14
"""Least number of steps between restarts."""

_CAPACITY = 32
"""Vectors of a basis where the rank allows: reads of orthogonalisation and the projected problem stay small."""

_SAMPLE = 8
"""Problems at most that are asked whether it is time to look at all: a look costs as much as tens of small steps."""

_SHARE = 16
"""The sample is one problem in this number."""


class Search(NamedTuple):
    """How far to go; the arguments of `solve`."""

    tolerance: float
    block_size: int
    max_passes: int
    seed: int


class _Projections(NamedTuple):
    """Singular triplets of the projected matrices."""

    values: Tensor
    left: Tensor
    right: Tensor
    coupling: Tensor
    """``[N, k, b]``, of the left Ritz vectors to the right vectors to come: their size is the residual of J^T u."""


def basis_size(rank: int, output_size: int, input_size: int, block_size: int = 1) -> tuple[int, int]:
    """Return how many vectors a basis holds and how many triplets a restart keeps.

    Examples
    --------
    >>> basis_size(12, 4096, 4096), basis_size(30, 4096, 4096), basis_size(12, 20, 20)
    ((32, 18), (50, 36), (20, 18))
    """
    keep = min(rank + _MARGIN, output_size, input_size)
    steps = _multiple(max(_CAPACITY - keep, _CYCLE), block_size)
    return min(keep + steps, _multiple(input_size, block_size)), keep


def lanczos(basis: KrylovBasis, rank: int, keep: int, search: Search, progress: Progress | None = None) -> Ritz:
    """Return the `rank` largest Ritz triplets of every problem once their free residuals are below the tolerance.

    The next value must be settled as well, so far that it cannot lie above the last one asked for. Problems that have
    converged leave, so that the easy ones do not pay for the hard ones.
    """
    parts: list[Ritz] = []
    active = torch.arange(basis.problems, device=basis.device)
    order = []
    while len(active):
        basis.extend()
        while not (basis.full or basis.passes >= search.max_passes or _time_to_look(basis, rank, keep, search)):
            basis.extend()
        found = _projections(basis, keep)
        done = _settled(found, rank, search.tolerance)
        done |= basis.passes >= search.max_passes or basis.size >= basis.operator.input_size
        finished, going = torch.nonzero(done)[:, 0], torch.nonzero(~done)[:, 0]
        count = found.values.shape[1] if len(going) else rank
        left, right = basis.combined(found.left[:, :, :count], found.right[:, :, :count])
        if len(finished):
            ritz = Ritz(
                found.values[:, :rank],
                left[:, :rank],
                right[:, :rank],
                found.values[:, rank] if found.values.shape[1] > rank else torch.zeros_like(found.values[:, 0]),
                torch.full_like(active, basis.passes),
            )
            parts.append(ritz.select(finished) if len(going) else ritz)
            order.append(active[finished])
            if progress is not None:
                progress.advance(len(finished))
        if len(going):
            basis.restart(found.values, left, right, found.coupling)
            if len(finished):
                basis.select(going)
        active = active[going]
    if len(parts) == 1:
        return parts[0]
    back = torch.argsort(torch.cat(order))
    return Ritz(*(torch.cat(field)[back] for field in zip(*parts, strict=True)))


def _projections(basis: KrylovBasis, keep: int, problems: Tensor | None = None) -> _Projections:
    squared = basis.dtype == torch.float32
    matrices, overhang = basis.projected(problems)
    values, left, right = projected_triplets(matrices, min(keep, basis.size), squared=squared)
    return _Projections(values, left, right, left[:, basis.size - basis.block_size :].mT @ overhang)


def _settled(found: _Projections, rank: int, tolerance: float) -> Tensor:
    residuals = torch.linalg.vector_norm(found.coupling, dim=2)
    wanted = found.values[:, :rank]
    settled: Tensor = (residuals[:, :rank] <= tolerance * scales(wanted)).all(dim=1)
    if found.values.shape[1] == rank:
        return settled
    distance = torch.maximum(wanted[:, -1] - found.values[:, rank], tolerance * scales(wanted)[:, -1])
    return settled.logical_and(residuals[:, rank] <= distance)


def _time_to_look(basis: KrylovBasis, rank: int, keep: int, search: Search) -> bool:
    """Tell whether half of a sample of the problems have converged."""
    if basis.size <= rank:
        return False
    count = min(_SAMPLE, -(-basis.problems // _SHARE))
    sample = torch.arange(count, device=basis.device) * (basis.problems // count)
    return 2 * int(_settled(_projections(basis, keep, sample), rank, search.tolerance).sum()) >= count


def _multiple(number: int, divisor: int) -> int:
    return -(-number // divisor) * divisor
