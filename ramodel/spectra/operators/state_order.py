"""Products between vectors in the order of the flattened state, however an operator numbers its coordinates."""

from collections.abc import Callable

import torch
from torch import Tensor

from ramodel.spectra.operators.operator import JacobianOperator

__all__ = ["StateOrder"]


class StateOrder:
    """The products of an operator, with vectors in state order going in and coming out.

    Parameters
    ----------
    operator
        With its coordinates in any order.
    """

    def __init__(self, operator: JacobianOperator) -> None:
        self.operator = operator
        self._input = _places(operator.in_input_order, operator.input_size, operator)
        self._output = _places(operator.in_output_order, operator.output_size, operator)

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``J v`` for p vectors of each problem: [N, p, n] to [N, p, m]."""
        return self.operator.in_output_order(self.operator.matvec(_put(vectors, self._input)))

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``J^T u`` for p vectors of each problem: [N, p, m] to [N, p, n]."""
        return self.operator.in_input_order(self.operator.rmatvec(_put(vectors, self._output)))


def _places(in_state_order: Callable[[Tensor], Tensor], size: int, operator: JacobianOperator) -> Tensor | None:
    """Return where each coordinate of the state stands in the operator's vectors, [N, size]; None where in place."""
    numbers = torch.arange(size, dtype=torch.float64, device=operator.device).expand(operator.problems, 1, size)
    places = in_state_order(numbers)[:, 0]
    return None if torch.equal(places, numbers[:, 0]) else places.long()


def _put(vectors: Tensor, places: Tensor | None) -> Tensor:
    if places is None:
        return vectors
    return torch.empty_like(vectors).scatter_(-1, places[:, None].expand_as(vectors), vectors)
