"""Thick-restarted Golub-Kahan-Lanczos for all problems of an operator at once, each in its own Krylov space."""

from typing import NamedTuple

import torch
from torch import Tensor

from ramodel.progress import Progress
from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.solver.certificate import scales
from ramodel.spectra.solver.krylov import KrylovBasis
from ramodel.spectra.solver.projected import projected_triplets
from ramodel.spectra.solver.ritz import Ritz

__all__ = ["Search", "basis_size", "lanczos"]

_MARGIN = 6
"""Ritz triplets kept at a restart beside those asked for: they hold what the next cycle starts from."""

_CYCLE = 14
"""Least number of steps between restarts."""

_CAP = 32
"""Vectors of a basis where the rank allows: reads of orthogonalisation and the projected problem stay small."""


class Search(NamedTuple):
    """How far to go; the arguments of `solve`."""

    tolerance: float
    block_size: int
    max_passes: int
    seed: int


def basis_size(rank: int, output_size: int, input_size: int, block_size: int = 1) -> tuple[int, int]:
    """Return how many vectors a basis holds and how many triplets a restart keeps.

    Examples
    --------
    >>> basis_size(12, 4096, 4096), basis_size(30, 4096, 4096), basis_size(12, 20, 20)
    ((32, 18), (50, 36), (20, 18))
    """
    keep = min(rank + _MARGIN, output_size, input_size)
    steps = _multiple(max(_CAP - keep, _CYCLE), block_size)
    return min(keep + steps, _multiple(input_size, block_size)), keep


def lanczos(
    operator: JacobianOperator, start: Tensor, rank: int, search: Search, progress: Progress | None = None
) -> Ritz:
    """Return the `rank` largest Ritz triplets of every problem once their free residuals are below the tolerance.

    The next value must be settled as well, so far that it cannot lie above the last one asked for. Problems that have
    converged leave at restarts. What comes out for one depends on its own start rows [N, b, n], not on its company
    (but for rounding): all take the same random vectors after a breakdown.
    """
    problems, dtype, device = operator.problems, operator.dtype, operator.device
    capacity, keep = basis_size(rank, operator.output_size, operator.input_size, start.shape[1])
    basis = KrylovBasis(operator, start, capacity, search.seed)
    found = Ritz(
        torch.zeros(problems, rank, dtype=torch.float64, device=device),
        torch.zeros(problems, rank, operator.output_size, dtype=dtype, device=device),
        torch.zeros(problems, rank, operator.input_size, dtype=dtype, device=device),
        torch.zeros(problems, dtype=torch.float64, device=device),
        torch.zeros(problems, dtype=torch.int64, device=device),
    )
    active = torch.arange(problems, device=device)
    while True:
        basis.extend()
        values, left, right = projected_triplets(basis.projected(), keep, squared=dtype == torch.float32)
        coupling = left[:, basis.size - basis.block_size :].mT @ basis.overhang()
        done = _settled(values, torch.linalg.vector_norm(coupling, dim=2), rank, search.tolerance)
        done |= basis.passes >= search.max_passes or basis.size >= operator.input_size
        finished = torch.nonzero(done)[:, 0]
        count = rank if len(finished) == len(active) else keep
        left_vectors, right_vectors = basis.combined(left[:, :, :count], right[:, :, :count])
        if len(finished):
            at = active[finished]
            found.values[at] = values[finished, :rank]
            found.left[at] = left_vectors[finished, :rank]
            found.right[at] = right_vectors[finished, :rank]
            if keep > rank:
                found.following[at] = values[finished, rank]
            found.passes[at] = basis.passes
            if progress is not None:
                progress.advance(len(finished))
        if len(finished) == len(active):
            return found
        going = torch.nonzero(~done)[:, 0]
        basis.restart(values, left_vectors, right_vectors, coupling, going)
        active = active[going]


def _settled(values: Tensor, residuals: Tensor, rank: int, tolerance: float) -> Tensor:
    wanted = values[:, :rank]
    settled = (residuals[:, :rank] <= tolerance * scales(wanted)).all(dim=1)
    if values.shape[1] == rank:
        return settled
    distance = torch.maximum(wanted[:, -1] - values[:, rank], tolerance * scales(wanted)[:, -1])
    return settled & (residuals[:, rank] <= distance)


def _multiple(number: int, divisor: int) -> int:
    return -(-number // divisor) * divisor
