"""Operators of equal sizes, one after another: one solver for several blocks."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ramodel.spectra.operators.operator import JacobianOperator

__all__ = ["StackedOperator"]


class StackedOperator(JacobianOperator):
    """The problems of several operators, those of the first one first.

    Parameters
    ----------
    operators
        At least one; all of one n, m, dtype and device.

    Raises
    ------
    ValueError
        If there is none, or two do not fit.
    """

    def __init__(self, operators: Sequence[JacobianOperator]) -> None:
        if not operators:
            raise ValueError("operators is empty; there must be at least one to stack.")
        first = operators[0]
        for index, operator in enumerate(operators):
            if _form(operator) != _form(first):
                raise ValueError(
                    f"operators[{index}] has {_described(operator)} and operators[0] {_described(first)}; only "
                    "operators of one form can be stacked. Stack each stage of the network apart."
                )
        self.operators = tuple(operators)
        self.problems = sum(operator.problems for operator in operators)
        self.input_size, self.output_size, self.dtype, self.device = _form(first)
        self.kind = "generic" if any(operator.kind == "generic" for operator in operators) else first.kind
        self.reason = next((operator.reason for operator in operators if operator.reason), "")

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``J v`` for p vectors of each problem: [N, p, n] to [N, p, m]."""
        return self._each(lambda operator, part: operator.matvec(part), vectors)

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``J^T u`` for p vectors of each problem: [N, p, m] to [N, p, n]."""
        return self._each(lambda operator, part: operator.rmatvec(part), vectors)

    def select(self, problems: Tensor) -> JacobianOperator:
        """Return the operator of some problems only, given as increasing indices [M]."""
        chosen, start = [], 0
        for operator in self.operators:
            own = problems[(problems >= start) & (problems < start + operator.problems)] - start
            if len(own):
                chosen.append(operator.select(own))
            start += operator.problems
        return chosen[0] if len(chosen) == 1 else StackedOperator(chosen)

    def in_input_order(self, vectors: Tensor) -> Tensor:
        """Return right vectors [N, ..., n] with their coordinates in the order of the flattened state."""
        return self._each(lambda operator, part: operator.in_input_order(part), vectors)

    def in_output_order(self, vectors: Tensor) -> Tensor:
        """Return left vectors [N, ..., m] with their coordinates in the order of the flattened output."""
        return self._each(lambda operator, part: operator.in_output_order(part), vectors)

    @property
    def flops(self) -> float | None:
        """Floating-point operations of one product for one problem, the mean over the problems; None if unknown."""
        total = 0.0
        for operator in self.operators:
            if operator.flops is None:
                return None
            total += operator.problems * operator.flops
        return total / self.problems

    def _each(self, apply: Callable[[JacobianOperator, Tensor], Tensor], vectors: Tensor) -> Tensor:
        parts = torch.split(vectors, [operator.problems for operator in self.operators])
        return torch.cat([apply(operator, part) for operator, part in zip(self.operators, parts, strict=True)])


def _form(operator: JacobianOperator) -> tuple[int, int, torch.dtype, torch.device]:
    return operator.input_size, operator.output_size, operator.dtype, operator.device


def _described(operator: JacobianOperator) -> str:
    return f"Jacobians {operator.output_size} x {operator.input_size} in {operator.dtype} on {operator.device}"
