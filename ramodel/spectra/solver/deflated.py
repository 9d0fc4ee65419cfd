"""A Jacobian without singular triplets that are known already."""

import torch
from torch import Tensor

from ramodel.spectra.operators import JacobianOperator

__all__ = ["DeflatedOperator"]


class DeflatedOperator(JacobianOperator):
    """``(I - U U^T) J (I - V V^T)`` of every problem, U and V given as orthonormal rows [N, K, m] and [N, K, n].

    Coordinates are those that the operator uses itself.
    """

    def __init__(self, operator: JacobianOperator, left: Tensor, right: Tensor) -> None:
        self.operator = operator
        self.problems = operator.problems
        self.input_size, self.output_size = operator.input_size, operator.output_size
        self.dtype, self.device = operator.dtype, operator.device
        self._left, self._right = left, right

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return the product with ``(I - U U^T) J (I - V V^T)``: [N, p, n] to [N, p, m]."""
        return _without(self._left, self.operator.matvec(_without(self._right, vectors)))

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return the product with ``(I - V V^T) J^T (I - U U^T)``: [N, p, m] to [N, p, n]."""
        return _without(self._right, self.operator.rmatvec(_without(self._left, vectors)))

    def select(self, problems: Tensor) -> "DeflatedOperator":
        """Return the deflated operator of some problems only."""
        return DeflatedOperator(self.operator.select(problems), self._left[problems], self._right[problems])


def _without(rows: Tensor, vectors: Tensor) -> Tensor:
    return torch.baddbmm(vectors, vectors @ rows.mT, rows, alpha=-1.0)
