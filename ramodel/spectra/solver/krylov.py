"""Bases of Golub and Kahan: ``J V = U A`` with few vectors, for many Jacobians in lockstep."""

import torch
from torch import Tensor

from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.solver.orthogonal import less, orthonormal, orthonormal_or_zero, random_rows, swept

__all__ = ["KrylovBasis", "random_image"]

_SMALL = 0.02
"""A vector that is shorter than this times the Jacobian lost digits to cancellation: sweeps become two-sided."""

_BREAKDOWN = 1.0
"""Times eps times the norm of the Jacobian: shorter vectors are rounding errors and are replaced by random ones."""

_STRIDE = 4
"""Steps between looks at the lengths of the vectors: a look costs as much as a tenth of a small step."""


class KrylovBasis:
    """Orthonormal rows U and V of every problem, and the matrix A with ``J V = U A``.

    Vectors are kept step by step in memory, so that a product reads and writes contiguous numbers. Right vectors are
    orthogonalised against all earlier ones at every step, left ones by the recurrence alone, until a vector turns out
    small against J (cancellation, a Jacobian of low rank): that step is done again, and all further ones, with sweeps
    of both sides, repeated where they cancel, and random vectors in the place of vanished ones.
    """

    def __init__(self, operator: JacobianOperator, start: Tensor, capacity: int, seed: int) -> None:
        block_size = start.shape[1]
        self.operator, self.block_size, self.seed = operator, block_size, seed
        self.size = 0
        self.passes = 0
        self._capacity = capacity
        problems, dtype, device = operator.problems, operator.dtype, operator.device
        left = torch.empty(capacity, problems, operator.output_size, dtype=dtype, device=device)
        right = torch.empty(capacity + block_size, problems, operator.input_size, dtype=dtype, device=device)
        self._left, self._right = left.transpose(0, 1), right.transpose(0, 1)
        self._diagonal: list[Tensor] = []
        self._above: list[Tensor] = []
        self._values = torch.zeros(problems, 0, dtype=torch.float64, device=device)
        self._coupling = torch.zeros(problems, 0, block_size, dtype=torch.float64, device=device)
        self._scale = torch.zeros(problems, dtype=dtype, device=device)
        self._careful = device.type == "cuda"
        spare = random_rows(block_size, operator.input_size, seed, dtype, device)
        orthonormal_or_zero(start, start[:, :0], self._right.narrow(1, 0, block_size), self._scale[:, None, None], spare)

    def extend(self) -> None:
        """Add vectors until the basis is full."""
        self._diagonal, self._above = [], []
        while self.size + self.block_size <= self._capacity:
            first = self.size
            while first + self.block_size * (_STRIDE - 1) >= self.size <= self._capacity - self.block_size:
                self._step()
                self.size += self.block_size
            if not self._careful:
                self._return_to_first_loss((self.size - first) // self.block_size)
        if not bool(torch.isfinite(self.overhang()).all()):
            raise ValueError(
                "operator returned a product that is not finite; weights, inputs and states must be finite and in the "
                f"range of {self.operator.dtype}."
            )

    def projected(self) -> Tensor:
        """Return A in float64, [N, c, c]: kept values, their coupling to the next vectors, then (block) bidiagonal."""
        block, kept = self.block_size, self._values.shape[1]
        matrix = torch.zeros(len(self._values), self.size, self.size, dtype=torch.float64, device=self._values.device)
        matrix[:, :kept, :kept].diagonal(dim1=1, dim2=2).copy_(self._values)
        matrix[:, :kept, kept : kept + block] = self._coupling
        _blocks(matrix[:, kept:, kept:], block).copy_(torch.stack(self._diagonal, dim=-1))
        if len(self._above) > 1:
            above = torch.stack(self._above[:-1], dim=-1).transpose(1, 2)
            _blocks(matrix[:, kept:-block, kept + block :], block).copy_(above)
        return matrix

    def overhang(self) -> Tensor:
        """Return the block of A between the last left vectors and the right ones to come, [N, b, b], in float64."""
        return self._above[-1].mT.to(torch.float64)

    def combined(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``P^T U`` [N, k, m] and ``Q^T V`` [N, k, n] for coefficients P and Q [N, c, k]."""
        dtype, size = self._left.dtype, self.size
        return left.mT.to(dtype) @ self._left.narrow(1, 0, size), right.mT.to(dtype) @ self._right.narrow(1, 0, size)

    def restart(self, values: Tensor, left: Tensor, right: Tensor, coupling: Tensor, problems: Tensor) -> None:
        """Begin anew from Ritz triplets [N, k], [N, k, m], [N, k, n] coupled [N, k, b] to the next right vectors.

        `problems` are the indices of those to go on with.
        """
        kept, block = values.shape[1], self.block_size
        following = self._right.narrow(1, self.size, block)
        if len(problems) < len(values):
            self.operator = self.operator.select(problems)
            values, left, right, coupling = (part[problems] for part in (values, left, right, coupling))
            following = following[problems]
            self._left, self._right = self._left[: len(problems)], self._right[: len(problems)]
        self._left[:, :kept] = left
        self._right[:, :kept] = right
        self._right[:, kept : kept + block] = following
        self._values, self._coupling, self.size = values, coupling, kept
        self._scale = values[:, 0].to(left.dtype)

    def _step(self) -> None:
        """Add one block of vectors."""
        size, block, matrices = self.size, self.block_size, self.operator
        newest, left = self._right.narrow(1, size, block), self._left.narrow(1, size, block)
        known, right = self._right.narrow(1, 0, size + block), self._right.narrow(1, size + block, block)
        image = matrices.matvec(newest)
        if self._above:
            image = less(image, self._above[-1], self._left.narrow(1, size - block, block))
        elif size:
            image = less(image, self._coupling.mT.to(image.dtype), self._left.narrow(1, 0, size))
        if self._careful:
            floor = _BREAKDOWN * torch.finfo(image.dtype).eps * self._scale[:, None, None]
            diagonal = orthonormal_or_zero(image, self._left.narrow(1, 0, size), left, floor)
            self._scale = torch.maximum(self._scale, diagonal.diagonal(dim1=1, dim2=2).amax(dim=1))
            # Were the newest right vectors left to the sweep, an error of orthogonality would grow from step to step.
            back = less(matrices.rmatvec(left), diagonal, newest)
            spare = random_rows(block, right.shape[2], self.seed + 1 + self.passes, image.dtype, image.device)
            above = orthonormal_or_zero(back, known, right, floor, spare)
        else:
            diagonal = orthonormal(image, left)
            above = orthonormal(swept(less(matrices.rmatvec(left), diagonal, newest), known), right)
        self._diagonal.append(diagonal)
        self._above.append(above)
        self.passes += 2 * block

    def _return_to_first_loss(self, steps: int) -> None:
        """Take back what was done since a vector lost digits, and go on carefully from there."""
        lengths = torch.stack(self._diagonal[-steps:] + self._above[-steps:]).diagonal(dim1=2, dim2=3).amin(dim=2)
        self._scale = torch.fmax(self._scale, lengths.amax(dim=0))
        lost = ~(lengths > _SMALL * self._scale).all(dim=1)
        if not bool(lost.any()):
            return
        lost = lost[:steps] | lost[steps:]
        taken_back = steps - int(torch.nonzero(lost)[0])
        del self._diagonal[-taken_back:], self._above[-taken_back:]
        self.size -= taken_back * self.block_size
        self._careful = True


def random_image(operator: JacobianOperator, count: int, seed: int) -> Tensor:
    """Return ``J^T r`` of random r, the same for all problems, [N, count, n]: it has no part that J does not see."""
    rows = random_rows(count, operator.output_size, seed, operator.dtype, operator.device)
    return operator.rmatvec(rows.expand(operator.problems, -1, -1))


def _blocks(matrix: Tensor, block: int) -> Tensor:
    """Return the diagonal blocks of [N, s b, s b] as a view [N, b, b, s]."""
    return matrix.unflatten(2, (-1, block)).unflatten(1, (-1, block)).diagonal(dim1=1, dim2=3)
