"""Bases of Golub and Kahan: ``J V = U A`` with few vectors, for many Jacobians in lockstep."""

from functools import partial

import torch
from torch import Tensor

from ramodel.spectra.operators import JacobianOperator
from ramodel.spectra.solver.graphs import StepGraphs
from ramodel.spectra.solver.orthogonal import less, orthonormal, orthonormal_or_zero, random_rows, swept

__all__ = ["STRIDE", "KrylovBasis", "random_image"]

_SMALL = 0.02
"""A vector that is shorter than this times the Jacobian lost digits to cancellation: sweeps become two-sided."""

_BREAKDOWN = 1.0
"""Times eps times the norm of the Jacobian: shorter vectors are rounding errors and are replaced by random ones."""

STRIDE = 4
"""Steps between looks at the lengths of the vectors: a look costs as much as a tenth of a small step."""


class KrylovBasis:
    """Orthonormal rows U and V of every problem, and the matrix A with ``J V = U A``.

    Vectors are kept step by step in memory, so that a product reads and writes contiguous numbers. Right vectors are
    orthogonalised against all earlier ones at every step, left ones by the recurrence alone, until a vector turns out
    small against J (cancellation, a Jacobian of low rank): that step is done again, and all further ones, with sweeps
    of both sides, repeated where they cancel, and random vectors in the place of vanished ones.
    """

    def __init__(self, operator: JacobianOperator, capacity: int, block_size: int, seed: int) -> None:
        self.operator, self.block_size, self.seed = operator, block_size, seed
        self.dtype, self.device = operator.dtype, operator.device
        self.size = 0
        self.passes = 0
        self.careful = self.device.type == "cuda"
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
        self._above_last = torch.zeros(problems, block_size, block_size, dtype=dtype, device=device)
        self._spare_rows: dict[int, Tensor] = {}
        self._graphs = StepGraphs(enabled=device.type == "cuda")

    @property
    def problems(self) -> int:
        """Number of Jacobians."""
        return self.operator.problems

    @property
    def full(self) -> bool:
        """Whether the next block does not fit."""
        return self.size + self.block_size > self._capacity

    def start(self, rows: Tensor) -> None:
        """Take rows [N, b, n], made orthonormal, for the first right vectors; random ones where they are zero."""
        self._follow(rows, 0)

    def resume(self, values: Tensor, left: Tensor, right: Tensor, rows: Tensor) -> None:
        """Take triplets [N, k], [N, k, m], [N, k, n] that have converged, and go on from other rows [N, b, n]."""
        self._follow(rows, values.shape[1], right)
        self.restart(values, left, right, values.new_zeros(*values.shape, self.block_size))

    def restart(self, values: Tensor, left: Tensor, right: Tensor, coupling: Tensor) -> None:
        """Begin anew from Ritz triplets [N, k], [N, k, m], [N, k, n] coupled [N, k, b] to the right vectors to come."""
        kept = values.shape[1]
        self._right[:, kept : kept + self.block_size] = self._right[:, self.size : self.size + self.block_size]
        self._left[:, :kept], self._right[:, :kept] = left, right
        if coupling.shape == self._coupling.shape:
            self._coupling.copy_(coupling)
        else:
            self._coupling = coupling.clone()
            self._graphs.clear()
        self._values, self.size = values, kept
        self._diagonal, self._above = [], []
        self._scale.copy_(values[:, 0])

    def select(self, problems: Tensor) -> None:
        """Go on with some problems only, given as increasing indices."""
        self.operator = self.operator.select(problems)
        count, size = len(problems), self.size
        self._left[:count, :size] = self._left[problems, :size]
        self._right[:count, : size + self.block_size] = self._right[problems, : size + self.block_size]
        self._left, self._right = self._left[:count], self._right[:count]
        self._values, self._coupling = self._values[problems], self._coupling[problems]
        self._scale, self._above_last = self._scale[problems], self._above_last[problems]
        self._diagonal = [part[problems] for part in self._diagonal]
        self._above = [part[problems] for part in self._above]
        self._graphs.clear()

    def extend(self, steps: int = STRIDE) -> None:
        """Add blocks of vectors, as many as fit."""
        last = min(self.size + steps * self.block_size, self._capacity)
        while self.size + self.block_size <= last:
            count = min(STRIDE, (last - self.size) // self.block_size)
            key = (self.size, count, bool(self._above), self.careful)
            diagonal, above = self._graphs.run(key, partial(self._steps, self.size, count, not self._above))
            self._diagonal += diagonal
            self._above += above
            self.size += count * self.block_size
            self.passes += 2 * count * self.block_size
            if not self.careful:
                self._return_to_first_loss(count)
        if not bool(torch.isfinite(self._above[-1]).all()):
            raise ValueError(
                "operator returned a product that is not finite; weights, inputs and states must be finite and in the "
                f"range of {self.dtype}."
            )

    def projected(self, problems: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return A [N, c, c] in float64, and the block [N, b, b] that couples its last rows to the columns to come.

        A has the kept values on its diagonal, their coupling to the vectors that followed, then blocks on and above
        the diagonal. `problems` are indices of those to return; all where None.
        """
        block, kept = self.block_size, self._values.shape[1]
        values, coupling = self._values, self._coupling
        diagonal, above = torch.stack(self._diagonal, dim=-1), torch.stack(self._above, dim=-1).transpose(1, 2)
        if problems is not None:
            values, coupling, diagonal, above = (part[problems] for part in (values, coupling, diagonal, above))
        matrix = torch.zeros(len(values), self.size, self.size, dtype=torch.float64, device=self.device)
        matrix[:, :kept, :kept].diagonal(dim1=1, dim2=2).copy_(values)
        matrix[:, :kept, kept : kept + block] = coupling
        _blocks(matrix[:, kept:, kept:], block).copy_(diagonal)
        _blocks(matrix[:, kept:-block, kept + block :], block).copy_(above[..., :-1])
        return matrix, above[..., -1].to(torch.float64)

    def combined(self, left: Tensor, right: Tensor, problems: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return ``P^T U`` [M, k, m] and ``Q^T V`` [M, k, n] for coefficients P and Q [N, c, k], for some problems."""
        pairs = [(left, self._left.narrow(1, 0, self.size)), (right, self._right.narrow(1, 0, self.size))]
        if problems is None or len(problems) == self.problems:
            first, second = (part.mT.to(self.dtype) @ rows for part, rows in pairs)
        elif 2 * len(problems) < self.problems:
            first, second = (part[problems].mT.to(self.dtype) @ rows[problems] for part, rows in pairs)
        else:
            first, second = ((part.mT.to(self.dtype) @ rows)[problems] for part, rows in pairs)
        return first, second

    def _follow(self, rows: Tensor, size: int, known: Tensor | None = None) -> None:
        known = rows[:, :0] if known is None else known
        floor = torch.zeros_like(self._scale)[:, None, None]
        orthonormal_or_zero(
            rows, known, self._right.narrow(1, size, self.block_size), floor, partial(self._spare, size)
        )
        self.size = size

    def _steps(self, size: int, count: int, first: bool) -> tuple[list[Tensor], list[Tensor]]:
        """Add blocks of vectors to a basis of some size; `first` says whether none was added since the restart."""
        diagonals, aboves, block = [], [], self.block_size
        for start in range(size, size + count * block, block):
            newest, left = self._right.narrow(1, start, block), self._left.narrow(1, start, block)
            known, right = self._right.narrow(1, 0, start + block), self._right.narrow(1, start + block, block)
            image = self.operator.matvec(newest)
            if not first:
                image = less(image, self._above_last, self._left.narrow(1, start - block, block))
            elif start:
                image = less(image, self._coupling.mT.to(image.dtype), self._left.narrow(1, 0, start))
            # Were the newest right vectors left to the sweep, an error of orthogonality would grow from step to step.
            if self.careful:
                floor = _BREAKDOWN * torch.finfo(image.dtype).eps * self._scale[:, None, None]
                diagonal = orthonormal_or_zero(image, self._left.narrow(1, 0, start), left, floor)
                torch.maximum(self._scale, diagonal.diagonal(dim1=1, dim2=2).amax(dim=1), out=self._scale)
                back = less(self.operator.rmatvec(left), diagonal, newest)
                above = orthonormal_or_zero(back, known, right, floor, partial(self._spare, start))
            else:
                diagonal = orthonormal(image, left)
                above = orthonormal(swept(less(self.operator.rmatvec(left), diagonal, newest), known), right)
            diagonals.append(diagonal)
            aboves.append(above)
            self._above_last.copy_(above)
            first = False
        return diagonals, aboves

    def _spare(self, start: int) -> Tensor:
        """Return random rows for the block after `start`: others in every cycle."""
        if self.device.type != "cuda":
            return random_rows(
                self.block_size, self.operator.input_size, self.seed + self.passes + start, self.dtype, self.device
            )
        if start not in self._spare_rows:  # a captured step cannot ask the host for others
            self._spare_rows[start] = random_rows(
                self.block_size, self.operator.input_size, self.seed + start, self.dtype, self.device
            )
        return self._spare_rows[start]

    def _return_to_first_loss(self, steps: int) -> None:
        """Take back what was done since a vector lost digits, and go on carefully from there."""
        lengths = torch.stack(self._diagonal[-steps:] + self._above[-steps:]).diagonal(dim1=2, dim2=3)
        torch.maximum(self._scale, lengths.nan_to_num(nan=0.0).amax(dim=(0, 2)), out=self._scale)
        lost = ~(lengths.amin(dim=2) > _SMALL * self._scale).all(dim=1)
        if not bool(lost.any()):
            return
        lost = lost[:steps] | lost[steps:]
        taken_back = steps - int(torch.nonzero(lost)[0])
        del self._diagonal[-taken_back:], self._above[-taken_back:]
        if self._above:
            self._above_last.copy_(self._above[-1])
        self.size -= taken_back * self.block_size
        self.careful = True


def random_image(operator: JacobianOperator, count: int, seed: int) -> Tensor:
    """Return ``J^T r`` of random r, the same for all problems, [N, count, n]: it has no part that J does not see."""
    rows = random_rows(count, operator.output_size, seed, operator.dtype, operator.device)
    return operator.rmatvec(rows.expand(operator.problems, -1, -1))


def _blocks(matrix: Tensor, block: int) -> Tensor:
    """Return the diagonal blocks of [N, s b, s b] as a view [N, b, b, s]."""
    steps = matrix.shape[1] // block
    return torch.unflatten(torch.unflatten(matrix, 2, (steps, block)), 1, (steps, block)).diagonal(dim1=1, dim2=3)
