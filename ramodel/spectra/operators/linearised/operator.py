"""Jacobians of a recorded block: the primal computed once, products by linear maps alone."""

import math

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import Rows
from ramodel.spectra.operators.linearised.program import Program
from ramodel.spectra.operators.operator import JacobianOperator

__all__ = ["LinearisedOperator"]


class LinearisedOperator(JacobianOperator):
    """The Jacobians of one block at N states, or the same-token Jacobians of all their tokens.

    Images [C, H, W] have their coordinates channels last inside: convolutions are faster so.

    Parameters
    ----------
    program
        Of tangents [p, *grid, *shape].
    grid
        Its problems are the true entries: of [N], or of [N, T] (tokens, or inputs of several blocks).
    shape, output_shape
        Of the state and the output of one problem.
    dtype
        Of the vectors.
    """

    def __init__(
        self,
        program: Program,
        grid: Tensor,
        shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        dtype: torch.dtype,
    ) -> None:
        self.program = program
        self._transposed = program.transposed()
        self.grid = grid
        self._slots = None if bool(grid.all()) else grid.flatten().nonzero()[:, 0]
        self.shape = shape
        self.output_shape = output_shape
        self.problems = int(grid.sum())
        self.input_size = math.prod(shape)
        self.output_size = math.prod(output_shape)
        self.dtype = dtype
        self.device = grid.device

    def matvec(self, vectors: Tensor) -> Tensor:
        """Return ``J v`` for p vectors of each problem: [N, p, n] to [N, p, m]."""
        return self._product(self.program, vectors, self.shape, self.output_shape)

    def rmatvec(self, vectors: Tensor) -> Tensor:
        """Return ``J^T u`` for p vectors of each problem: [N, p, m] to [N, p, n]."""
        return self._product(self._transposed, vectors, self.output_shape, self.shape)

    @torch.no_grad()
    def select(self, problems: Tensor) -> "LinearisedOperator":
        """Return the operator of some problems only, given as increasing indices [M]."""
        kept = torch.zeros(self.grid.numel(), dtype=torch.bool, device=self.device)
        kept[problems if self._slots is None else self._slots[problems]] = True
        kept = kept.reshape(self.grid.shape)
        if kept.ndim == 1:
            rows = Rows(kept.nonzero()[:, 0])
            grid = kept.new_ones(len(rows.samples))
        else:
            # Samples keep different numbers of tokens: rows are filled up with tokens that no problem asks for.
            samples = kept.any(1).nonzero()[:, 0]
            kept = kept[samples]
            widest = int(kept.sum(1).max()) if len(samples) else 0
            tokens = torch.argsort(kept.to(torch.uint8), dim=1, descending=True, stable=True)[:, :widest]
            rows, grid = Rows(samples, tokens), kept.gather(1, tokens)
        return LinearisedOperator(self.program.take(rows), grid, self.shape, self.output_shape, self.dtype)

    def in_input_order(self, vectors: Tensor) -> Tensor:
        """Return right vectors [..., n] with their coordinates in the order of the flattened state."""
        return _channels_first(vectors, self.shape)

    def in_output_order(self, vectors: Tensor) -> Tensor:
        """Return left vectors [..., m] with their coordinates in the order of the flattened output."""
        return _channels_first(vectors, self.output_shape)

    @property
    def flops(self) -> float:
        """Floating-point operations of matrix products and convolutions in one product for one problem."""
        return self.program.flops

    def _product(
        self, program: Program, vectors: Tensor, shape: tuple[int, ...], image_shape: tuple[int, ...]
    ) -> Tensor:
        probes = vectors.shape[1]
        tangent = vectors.transpose(0, 1)
        if self._slots is not None:
            whole = tangent.new_zeros(probes, self.grid.numel(), tangent.shape[-1])
            tangent = whole.index_copy_(1, self._slots, tangent)
        if len(shape) == 3:
            channels, height, width = shape
            tangent = tangent.reshape(probes, *self.grid.shape, height, width, channels).movedim(-1, -3)
        elif len(shape) != 1 or self.grid.ndim > 1:
            tangent = tangent.reshape(probes, *self.grid.shape, *shape)
        image = program(tangent)
        if len(image_shape) == 3:
            image = image.movedim(-3, -1)
        if len(image_shape) != 1 or self.grid.ndim > 1:
            image = image.reshape(probes, self.grid.numel(), math.prod(image_shape))
        if self._slots is not None:
            image = image.index_select(1, self._slots)
        return image.transpose(0, 1).contiguous()


def _channels_first(vectors: Tensor, shape: tuple[int, ...]) -> Tensor:
    if len(shape) != 3:
        return vectors
    channels, *sizes = shape
    return vectors.reshape(*vectors.shape[:-1], *sizes, channels).movedim(-1, -3).reshape(vectors.shape)
