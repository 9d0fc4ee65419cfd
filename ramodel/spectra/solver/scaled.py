"""Jacobians brought to the range where squares of their entries are numbers."""

import torch
from torch import Tensor

from ramodel.spectra.operators import JacobianOperator

__all__ = ["ScaledOperator", "power_of_two"]


class ScaledOperator(JacobianOperator):
    """``c_i J_i`` for the numbers c [N]; exact where they are powers of two."""

    def __init__(self, operator: JacobianOperator, factors: Tensor) -> None:
        self.operator, self.factors = operator, factors
        self.problems = operator.problems
        self.input_size, self.output_size = operator.input_size, operator.output_size
        self.dtype, self.device = operator.dtype, operator.device

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``c J v``: [N, p, n] to [N, p, m]."""
        return self.operator.matvec(vectors) * self.factors[:, None, None]

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``c J^T u``: [N, p, m] to [N, p, n]."""
        return self.operator.rmatvec(vectors) * self.factors[:, None, None]

    def select(self, problems: Tensor) -> "ScaledOperator":
        """Return the scaled operator of some problems only."""
        return ScaledOperator(self.operator.select(problems), self.factors[problems])


def power_of_two(sizes: Tensor) -> Tensor | None:
    """Return powers of two that bring positive sizes to about one; None where all are within range as they are.

    Norms square their entries: in float32 sizes below 1e-12 lose digits to underflow, above 1e12 sums may overflow.
    """
    reach = torch.finfo(sizes.dtype).max ** 0.3
    if bool(((sizes == 0.0) | ((sizes > 1.0 / reach) & (sizes < reach))).all()):
        return None
    exponent = torch.frexp(sizes).exponent
    return torch.where(sizes == 0.0, 1.0, torch.ldexp(torch.ones_like(sizes), -exponent))
