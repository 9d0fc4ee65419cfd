"""What can be known of triplets afterwards: their residuals, and whether a larger value was missed."""

import math

import torch
from torch import Tensor

from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.solver.krylov import KrylovBasis, random_image
from ramodel.spectra.solver.lanczos import Search, basis_size, lanczos
from ramodel.spectra.solver.projected import projected_triplets
from ramodel.spectra.solver.ritz import Ritz, scales, tidied

__all__ = ["ROUNDING", "relative_residuals", "with_missed"]

ROUNDING = 50.0
"""Times eps s_1: what arithmetic may leave of a residual, or make of nothing."""

_PROBE = 0.75
"""Steps of the search for a value that was missed, less one, over log(n)."""


def relative_residuals(
    operator: JacobianOperator, values: Tensor, left: Tensor, right: Tensor
) -> tuple[Tensor, Tensor]:
    """Return |J v_k - s_k u_k| and |J^T u_k - s_k v_k| over `scales`, [N, K] each, from products made now."""
    size = values.to(left.dtype)[:, :, None]
    forward = torch.linalg.vector_norm(torch.addcmul(operator.matvec(right), size, left, value=-1.0), dim=2)
    adjoint = torch.linalg.vector_norm(torch.addcmul(operator.rmatvec(left), size, right, value=-1.0), dim=2)
    return forward / scales(values), adjoint / scales(values)


def with_missed(operator: JacobianOperator, found: Ritz, search: Search) -> Ritz:
    """Return the triplets with those that one Krylov space cannot see: further copies of multiple values.

    A few steps from a random vector orthogonal to V bound the norm of what the triplets leave of J from below. After q
    steps the square of the bound misses that of the norm by a share of ``0.1 (log(n) / (q - 1))^2`` on average at most
    (Kuczynski & Wozniakowski 1992), and by far less where one value sticks out, as a missed one does unless it is
    close to s_K. Where the bound is above s_K the iteration goes on from there with the triplets in its basis.
    """
    found = found._replace(passes=found.passes.clone())
    rank, eps = found.values.shape[1], torch.finfo(operator.dtype).eps
    capacity, keep = basis_size(rank, operator.output_size, operator.input_size, search.block_size)
    unsure, seed = torch.arange(operator.problems, device=operator.device), search.seed
    if keep == rank:
        return found
    while len(unsure):
        seed += 1  # a direction that found one copy has no part along the others
        part = operator.select(unsure) if len(unsure) < operator.problems else operator
        held = found.select(unsure)
        basis = KrylovBasis(part, capacity, search.block_size, seed)
        basis.resume(held.values, held.left, held.right, random_image(part, search.block_size, seed))
        basis.extend(1 + math.ceil(_PROBE * math.log(operator.input_size)))
        rest = basis.projected()[0][:, rank:, rank:]
        bound = projected_triplets(rest, 1, squared=True)[0][:, 0]
        found.passes[unsure] += basis.passes + search.block_size
        missing = bound > held.values[:, -1] * (1.0 + search.tolerance) + ROUNDING * eps * held.values[:, 0]
        at = torch.nonzero(missing & (found.passes[unsure] < search.max_passes))[:, 0]
        unsure = unsure[at]
        if len(at):
            basis.select(at)
            basis.careful = True
            more = tidied(lanczos(basis, rank, keep, search), search.seed)
            more = more._replace(passes=found.passes[unsure] + more.passes)
            for field, new in zip(found, more, strict=True):
                field[unsure] = new
    return found
