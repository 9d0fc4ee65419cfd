"""Thick-restarted Golub-Kahan-Lanczos for all problems of an operator at once, each in its own Krylov space."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ramodel.progress import Progress
from ramodel.spectra.solver.krylov import STRIDE, KrylovBasis
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


_BUSY = 2**15
"""Numbers in a vector of all problems from which on a look costs less than the steps between two extensions."""

_STEPS_A_DIGIT = 2.0
"""Steps at least that a residual takes to fall by ten; spectra with gaps are faster, those without take up to six."""


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

    def select(self, problems: Tensor) -> "_Projections":
        return _Projections(*(field[problems] for field in self))


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
    while True:
        _extend_until_time_to_look(basis, rank, keep, search)
        found = _projections(basis, keep)
        done = _excess(found, rank, search.tolerance) <= 1.0
        done |= basis.passes >= search.max_passes or basis.size >= basis.operator.input_size
        finished, going = torch.nonzero(done)[:, 0], torch.nonzero(~done)[:, 0]
        if len(finished):
            parts.append(_ritz(basis, found, rank, finished))
            order.append(active[finished])
            if progress is not None:
                progress.advance(len(finished))
        if not len(going):
            break
        if len(finished):
            basis.select(going)
            found, active = found.select(going), active[going]
        if basis.full:
            basis.restart(found.values, *basis.combined(found.left, found.right), found.coupling)
    if len(parts) == 1:
        return parts[0]
    back = torch.argsort(torch.cat(order))
    return Ritz(*(torch.cat(field)[back] for field in zip(*parts, strict=True)))


def _extend_until_time_to_look(basis: KrylovBasis, rank: int, keep: int, search: Search) -> None:
    """Extend the basis until it is full or half of a sample of the problems have converged."""
    count = min(_SAMPLE, -(-basis.problems // _SHARE))
    sample = torch.arange(count, device=basis.device) * (basis.problems // count)
    least = 1 if basis.problems * basis.operator.input_size >= _BUSY else 2
    wait = least
    while True:
        for _ in range(wait):
            basis.extend()
            if basis.full or basis.passes >= search.max_passes:
                return
        if basis.size > rank:
            excess = _excess(_projections(basis, keep, sample), rank, search.tolerance).median().item()
            if excess <= 1.0:
                return
            wait = max(least, math.ceil(_STEPS_A_DIGIT * math.log10(excess) / STRIDE))


def _projections(basis: KrylovBasis, keep: int, problems: Tensor | None = None) -> _Projections:
    squared = basis.dtype == torch.float32
    matrices, overhang = basis.projected(problems)
    values, left, right = projected_triplets(matrices, min(keep, basis.size), squared=squared)
    return _Projections(values, left, right, left[:, basis.size - basis.block_size :].mT @ overhang)


def _excess(found: _Projections, rank: int, tolerance: float) -> Tensor:
    """Return [N] by what factor residuals are too large, that of the next value among them."""
    residuals = torch.linalg.vector_norm(found.coupling, dim=2)
    allowed = tolerance * scales(found.values[:, : rank + 1])
    if found.values.shape[1] > rank:
        allowed[:, rank] = torch.maximum(allowed[:, rank], found.values[:, rank - 1] - found.values[:, rank])
    excess: Tensor = (residuals[:, : rank + 1] / allowed).amax(dim=1)
    return excess


def _ritz(basis: KrylovBasis, found: _Projections, rank: int, problems: Tensor) -> Ritz:
    left, right = basis.combined(found.left[:, :, :rank], found.right[:, :, :rank], problems)
    values = found.values[problems]
    following = values[:, rank] if values.shape[1] > rank else torch.zeros_like(values[:, 0])
    return Ritz(values[:, :rank], left, right, following, torch.full_like(problems, basis.passes))


def _multiple(number: int, divisor: int) -> int:
    return -(-number // divisor) * divisor
