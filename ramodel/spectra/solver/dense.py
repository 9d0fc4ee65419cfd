"""Exact triplets of small states, from the Jacobians themselves."""

import torch

from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.solver.ritz import scales
from ramodel.spectra.solver.solved import SolvedTriplets
from ramodel.spectra.solver.triplets import singular_triplets

__all__ = ["dense_triplets"]


def dense_triplets(operator: JacobianOperator, rank: int) -> SolvedTriplets:
    """Return the `rank` largest singular triplets of every problem from full SVDs in float64.

    Raises
    ------
    ValueError
        If a product is not finite.
    """
    jacobians = operator.dense()
    if not bool(torch.isfinite(jacobians).all()):
        raise ValueError(
            "operator returned a product that is not finite; weights, inputs and states must be finite and in the "
            f"range of {operator.dtype}."
        )
    jacobians = jacobians.to(torch.float64)
    extra = singular_triplets(jacobians, rank + 1)
    values, left, right = extra.singular_values[:, :rank], extra.left[:, :rank], extra.right[:, :rank]
    following = (
        extra.singular_values[:, rank] if extra.singular_values.shape[1] > rank else torch.zeros_like(values[:, 0])
    )
    forward = torch.linalg.vector_norm(right @ jacobians.mT - values[:, :, None] * left, dim=2) / scales(values)
    adjoint = torch.linalg.vector_norm(left @ jacobians - values[:, :, None] * right, dim=2) / scales(values)
    return SolvedTriplets(
        values.to(operator.dtype),
        left.to(operator.dtype),
        right.to(operator.dtype),
        forward,
        adjoint,
        torch.where(following == 0.0, torch.inf, values[:, -1] / following),
        torch.ones_like(values, dtype=torch.bool),
        extra.tail_energy + following.square(),
        torch.full((len(values),), min(jacobians.shape[1:]), dtype=torch.int64, device=values.device),
    )
