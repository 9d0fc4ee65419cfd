"""What a solver may ask of a batch of Jacobians: products with them, and with their transposes."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

__all__ = ["JacobianOperator", "OperatorKind"]

OperatorKind = Literal["linearised", "generic", "dense"]
"""Where products come from."""

_CHUNK = 2**24
"""Numbers in the probes of one product while a dense Jacobian is formed."""


class JacobianOperator(ABC):
    """A batch of Jacobians ``J_1, ..., J_N`` of one shape, known through products alone.

    A *problem* is one Jacobian: one block at one input (or one pair of its tokens). Vectors are rows. An operator may
    number the coordinates of a vector as its products like them best (channels last, say): singular values do not
    notice, and `in_input_order` and `in_output_order` return vectors to the order of the flattened state.

    Attributes
    ----------
    problems
        N.
    input_size, output_size
        n and m: each J is m x n.
    dtype, device
        Of the vectors.
    kind, reason
        "linearised" (written for the block), "generic" (automatic differentiation; the reason says why) or "dense".
    """

    problems: int
    input_size: int
    output_size: int
    dtype: torch.dtype
    device: torch.device
    kind: OperatorKind = "linearised"
    reason: str = ""

    @abstractmethod
    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``J v`` for p vectors of each problem: [N, p, n] to [N, p, m]."""

    @abstractmethod
    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``J^T u`` for p vectors of each problem: [N, p, m] to [N, p, n]."""

    @abstractmethod
    def select(self, problems: Tensor) -> "JacobianOperator":
        """Return the operator of some problems only, given as increasing indices [M].

        It is made anew where products rest on a replay of the block; even for all problems.
        """

    def in_input_order(self, vectors: Tensor) -> Tensor:
        """Return right vectors [N, ..., n] with their coordinates in the order of the flattened state."""
        return vectors

    def in_output_order(self, vectors: Tensor) -> Tensor:
        """Return left vectors [N, ..., m] with their coordinates in the order of the flattened output."""
        return vectors

    @property
    def flops(self) -> float | None:
        """Floating-point operations of one product for one problem (a multiply-add is two); None where not known."""
        return None

    def dense(self) -> Tensor:
        """Return the Jacobians themselves, [N, m, n] in state order: products with the smaller identity, in chunks."""
        few_rows = self.output_size <= self.input_size
        size = self.output_size if few_rows else self.input_size
        identity = torch.eye(size, dtype=self.dtype, device=self.device)
        step = max(1, _CHUNK // (self.problems * max(self.input_size, self.output_size)))
        parts = []
        for rows in torch.split(identity, step):
            probes = rows.expand(self.problems, *rows.shape)
            parts.append(self.rmatvec(probes) if few_rows else self.matvec(probes))
        images = torch.cat(parts, dim=1)
        if few_rows:
            return self.in_output_order(self.in_input_order(images).mT).mT
        return self.in_input_order(self.in_output_order(images).mT)
