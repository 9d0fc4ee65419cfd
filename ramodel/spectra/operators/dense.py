"""Products with Jacobians that have been formed already."""

from torch import Tensor

from ramodel.spectra.operators.operator import JacobianOperator

__all__ = ["DenseOperator"]


class DenseOperator(JacobianOperator):
    """Products with the matrices ``[N, m, n]`` themselves, in state order.

    Examples
    --------
    >>> import torch
    >>> DenseOperator(torch.tensor([[[1.0, 2.0]]])).rmatvec(torch.tensor([[[3.0]]]))
    tensor([[[3., 6.]]])
    """

    def __init__(self, jacobians: Tensor) -> None:
        self.jacobians = jacobians
        self.problems, self.output_size, self.input_size = jacobians.shape
        self.dtype, self.device = jacobians.dtype, jacobians.device

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``J v`` for p vectors of each problem: [N, p, n] to [N, p, m]."""
        return vectors @ self.jacobians.mT

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``J^T u`` for p vectors of each problem: [N, p, m] to [N, p, n]."""
        return vectors @ self.jacobians

    def select(self, problems: Tensor) -> "DenseOperator":
        """Return the operator of some problems only, given as increasing indices [M]."""
        return DenseOperator(self.jacobians[problems])

    @property
    def flops(self) -> float:
        """Floating-point operations of one product for one problem."""
        return 2.0 * self.output_size * self.input_size

    def dense(self) -> Tensor:
        """Return the Jacobians, [N, m, n]."""
        return self.jacobians
