"""Thick-restarted Golub-Kahan-Lanczos for all problems of an operator at once, each in its own Krylov space."""

import torch

from ramodel.progress import Progress
from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.solver.certificate import scales
from ramodel.spectra.solver.krylov import KrylovBasis
from ramodel.spectra.solver.projected import projected_triplets
from ramodel.spectra.solver.ritz import Ritz

__all__ = ["basis_size", "lanczos"]

_MARGIN = 6
"""Ritz triplets kept at a restart beside those asked for: they hold what the next cycle starts from."""

_CYCLE = 14
"""Least number of steps between restarts."""

_CAP = 32
"""Vectors of a basis where the rank allows: reads of orthogonalisation and the projected problem stay small."""


def basis_size(rank: int, smaller_side: int, block_size: int = 1) -> tuple[int, int]:
    """Return how many vectors a basis holds and how many triplets a restart keeps.

    Examples
    --------
    >>> basis_size(12, 4096), basis_size(30, 4096), basis_size(12, 20)
    ((32, 18), (50, 36), (20, 18))
    """
    keep = rank + _MARGIN
    steps = _multiple(max(_CAP - keep, _CYCLE), block_size)
    return min(keep + steps, _multiple(smaller_side, block_size)), keep


def lanczos(
    operator: JacobianOperator,
    rank: int,
    *,
    tolerance: float,
    block_size: int,
    seed: int,
    max_passes: int,
    progress: Progress | None = None,
) -> Ritz:
    """Return the `rank` largest Ritz triplets of every problem once their free residuals are below the tolerance.

    Problems that have converged leave at restarts. All problems start from the same random vector and take the same
    ones after a breakdown, so that what comes out for one does not depend on its company (but for rounding).
    """
    problems, dtype, device = operator.problems, operator.dtype, operator.device
    smaller_side = min(operator.input_size, operator.output_size)
    cap, keep = basis_size(rank, smaller_side, block_size)
    basis = KrylovBasis(operator, cap, block_size, seed)
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
        count = min(keep, basis.size)
        values, left, right = projected_triplets(basis.projected(), count, squared=dtype == torch.float32)
        coupling = left[:, basis.size - block_size :].mT @ basis.overhang()
        residuals = torch.linalg.vector_norm(coupling, dim=2)[:, :rank]
        done = (residuals <= tolerance * scales(values[:, :rank])).all(1)
        done |= basis.passes >= max_passes or basis.size >= smaller_side
        finished = torch.nonzero(done)[:, 0]
        count = rank if len(finished) == len(active) else count
        left_vectors, right_vectors = basis.combined(left[:, :, :count], right[:, :, :count])
        if len(finished):
            at = active[finished]
            found.values[at] = values[finished, :rank]
            found.left[at] = left_vectors[finished, :rank]
            found.right[at] = right_vectors[finished, :rank]
            if values.shape[1] > rank:
                found.following[at] = values[finished, rank]
            found.passes[at] = basis.passes
            if progress is not None:
                progress.advance(len(finished))
        if len(finished) == len(active):
            return found
        going = torch.nonzero(~done)[:, 0]
        basis.restart(values, left_vectors, right_vectors, coupling, going)
        active = active[going]


def _multiple(number: int, divisor: int) -> int:
    return -(-number // divisor) * divisor
