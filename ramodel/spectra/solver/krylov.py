"""Bases of Golub and Kahan: ``J V = U A`` with few vectors, for many Jacobians in lockstep."""

import torch
from torch import Tensor

from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.solver.orthogonal import orthonormal, orthonormal_or_zero, random_rows, swept

__all__ = ["KrylovBasis"]

_SMALL = 0.02
"""A vector that is shorter than this times the Jacobian lost digits to cancellation: sweeps become two-sided."""

_BREAKDOWN = 200.0
"""Times eps times the norm of the Jacobian: shorter vectors are rounding errors and are replaced by random ones."""

_FIRST_STEPS = 4
"""Steps that tell the norm of the Jacobian well enough; after a restart s_1 of the projected matrix does."""


class KrylovBasis:
    """Orthonormal rows U and V of every problem, and the matrix A with ``J V = U A``.

    Vectors are kept step by step ([step, problem, coordinate]), so that a product reads and writes contiguous memory.
    Right vectors are orthogonalised against all earlier ones at every step, left ones by the recurrence alone, until a
    vector turns out small against J (cancellation, a Jacobian of low rank): that step is done again, and all further
    ones, with sweeps of both sides, repeated where they cancel, and random vectors in the place of vanished ones.
    """

    def __init__(self, operator: JacobianOperator, capacity: int, block_size: int, seed: int) -> None:
        self.operator, self.block_size, self.seed = operator, block_size, seed
        self.size = 0
        self.passes = 0
        self._capacity = capacity
        problems, dtype, device = operator.problems, operator.dtype, operator.device
        self._left = torch.zeros(capacity, problems, operator.output_size, dtype=dtype, device=device)
        self._right = torch.zeros(capacity + block_size, problems, operator.input_size, dtype=dtype, device=device)
        self._diagonal: list[Tensor] = []
        self._above: list[Tensor] = []
        self._values = torch.zeros(problems, 0, dtype=torch.float64, device=device)
        self._coupling = torch.zeros(problems, 0, block_size, dtype=torch.float64, device=device)
        self._scale = torch.zeros(problems, 1, dtype=dtype, device=device)
        self._careful = device.type == "cuda"
        start = random_rows(block_size, operator.input_size, seed, dtype, device).expand(problems, -1, -1)
        orthonormal(start, _rows(self._right, 0, block_size))

    def extend(self) -> None:
        """Add vectors until the basis is full."""
        self._diagonal, self._above = [], []
        while self.size + self.block_size <= self._capacity:
            if not (self._careful or self._step()):
                self._careful = True
            if self._careful:
                self._careful_step()
            self.size += self.block_size
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
        return left.mT.to(dtype) @ _rows(self._left, 0, size), right.mT.to(dtype) @ _rows(self._right, 0, size)

    def restart(self, values: Tensor, left: Tensor, right: Tensor, coupling: Tensor, problems: Tensor) -> None:
        """Begin anew from Ritz triplets [N, k], [N, k, m], [N, k, n] coupled [N, k, b] to the next right vectors.

        `problems` are the indices of those to go on with.
        """
        kept, block = values.shape[1], self.block_size
        following = self._right[self.size : self.size + block]
        if len(problems) < len(values):
            self.operator = self.operator.select(problems)
            values, left, right, coupling = (part[problems] for part in (values, left, right, coupling))
            following = following[:, problems]
            self._left, self._right = self._left[:, : len(problems)], self._right[:, : len(problems)]
        self._left[:kept] = left.transpose(0, 1)
        self._right[:kept] = right.transpose(0, 1)
        self._right[kept : kept + block] = following
        self._values, self._coupling, self.size = values, coupling, kept
        self._scale = values[:, :1].to(left.dtype)

    def _step(self) -> bool:
        """Add one block by the plain recurrence; return False where it lost digits, so that it must be done again."""
        size, block = self.size, self.block_size
        left, right = _rows(self._left, size, size + block), _rows(self._right, size + block, size + 2 * block)
        diagonal = orthonormal(self._image(), left)
        above = orthonormal(swept(self._back(left, diagonal), _rows(self._right, 0, size + block)), right)
        lengths = torch.minimum(_lengths(diagonal), _lengths(above)).amin(dim=1, keepdim=True)
        self._see(diagonal)
        if not (lengths - _SMALL * self._scale).amin().item() >= 0.0:
            return False
        self._diagonal.append(diagonal)
        self._above.append(above)
        return True

    def _careful_step(self) -> None:
        size, block = self.size, self.block_size
        left, right = _rows(self._left, size, size + block), _rows(self._right, size + block, size + 2 * block)
        floor = _BREAKDOWN * torch.finfo(left.dtype).eps * self._scale[:, :, None]
        diagonal = orthonormal_or_zero(self._image(), _rows(self._left, 0, size), left, floor)
        self._see(diagonal)
        spare = random_rows(block, right.shape[2], self.seed + 1 + self.passes, left.dtype, left.device)
        earlier = _rows(self._right, 0, size + block)
        self._diagonal.append(diagonal)
        self._above.append(orthonormal_or_zero(self._back(left, diagonal), earlier, right, floor, spare))

    def _image(self) -> Tensor:
        """Return J v of the newest right vectors, less what they share with earlier left ones by the recurrence."""
        size, block = self.size, self.block_size
        image = self.operator.matvec(_rows(self._right, size, size + block))
        self.passes += block
        if self._above:
            return torch.baddbmm(image, self._above[-1], _rows(self._left, size - block, size), alpha=-1.0)
        if size:
            return torch.baddbmm(image, self._coupling.mT.to(image.dtype), _rows(self._left, 0, size), alpha=-1.0)
        return image

    def _back(self, left: Tensor, diagonal: Tensor) -> Tensor:
        """Return J^T u of the newest left vectors, less what they share with the newest right ones by the recurrence.

        Were that left to the sweep, an error of orthogonality would grow by |J v| / |J^T u| from step to step.
        """
        size, block = self.size, self.block_size
        back = self.operator.rmatvec(left)
        self.passes += block
        return torch.baddbmm(back, diagonal, _rows(self._right, size, size + block), alpha=-1.0)

    def _see(self, diagonal: Tensor) -> None:
        """Learn the norm of the Jacobian."""
        if self.passes <= 2 * self.block_size * _FIRST_STEPS:
            self._scale = torch.maximum(self._scale, _lengths(diagonal).amax(dim=1, keepdim=True))


def _rows(vectors: Tensor, first: int, last: int) -> Tensor:
    """Return steps of [step, problem, coordinate] as rows of each problem, without a copy."""
    return vectors[first:last].transpose(0, 1)


def _lengths(factor: Tensor) -> Tensor:
    return factor.diagonal(dim1=1, dim2=2)


def _blocks(matrix: Tensor, block: int) -> Tensor:
    """Return the diagonal blocks of [N, s b, s b] as a view [N, b, b, s]."""
    return matrix.unflatten(2, (-1, block)).unflatten(1, (-1, block)).diagonal(dim1=1, dim2=3)
