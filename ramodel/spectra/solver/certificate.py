"""What can be known of triplets afterwards: their residuals, and whether a larger value was missed."""

import torch
from torch import Tensor

from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.solver.deflated import DeflatedOperator
from ramodel.spectra.solver.krylov import KrylovBasis, random_image
from ramodel.spectra.solver.projected import projected_triplets

__all__ = ["PROBE_STEPS", "missed_values", "relative_residuals", "scales"]

SMALL_VALUE = 1e-3
"""Residuals are relative to s_k, or to this fraction of s_1 where s_k is less."""

PROBE_STEPS = 6
"""Steps of the search for a value that was missed."""


def scales(values: Tensor) -> Tensor:
    """Return ``max(s_k, 1e-3 s_1)`` of decreasing values [N, K]; 1 where all are zero."""
    scale = torch.maximum(values, SMALL_VALUE * values[:, :1])
    return torch.where(scale == 0.0, 1.0, scale)


def relative_residuals(
    operator: JacobianOperator, values: Tensor, left: Tensor, right: Tensor
) -> tuple[Tensor, Tensor]:
    """Return |J v_k - s_k u_k| and |J^T u_k - s_k v_k| over `scales`, [N, K] each, from products made now."""
    size = values.to(left.dtype)[:, :, None]
    forward = torch.linalg.vector_norm(operator.matvec(right) - size * left, dim=2)
    adjoint = torch.linalg.vector_norm(operator.rmatvec(left) - size * right, dim=2)
    return forward / scales(values), adjoint / scales(values)


def missed_values(operator: JacobianOperator, left: Tensor, right: Tensor, seed: int) -> tuple[Tensor, int]:
    """Return a lower bound [N] of the norm of ``(I - U U^T) J (I - V V^T)``
    and what it cost: a few Lanczos steps from a random vector.

    A bound above s_K shows that a value is missing. After q steps from a random vector of n coordinates it is below
    the norm by a share of about ``(log(n) / q)^2 / 4`` at most (Kuczynski and Wozniakowski 1992), and far less where
    one value sticks out: as a missed one does unless it is close to s_K.
    """
    deflated = DeflatedOperator(operator, left, right)
    start = random_image(deflated, 1, seed)
    basis = KrylovBasis(deflated, start, min(PROBE_STEPS, operator.input_size), seed)
    basis.extend()
    return projected_triplets(basis.projected(), 1, squared=True)[0][:, 0], basis.passes + 1
