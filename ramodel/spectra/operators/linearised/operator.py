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
    """

    def __init__(
        self,
        program: Program,
        grid: Tensor,
        shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        dtype: torch.dtype,
    ) -> None:
        """Take the program, whose problems are the true entries of `grid` [N] or [N, T], and the shapes of a problem."""
        self._program = program
        self._transposed = program.transposed()
        self._grid = grid
        self._slots = None if bool(grid.all()) else grid.flatten().nonzero()[:, 0]
        self._shape = shape
        self._output_shape = output_shape
        self.problems = int(grid.sum())
        self.input_size = math.prod(shape)
        self.output_size = math.prod(output_shape)
        self.dtype = dtype
        self.device = grid.device

    def matvec(self, vectors: Tensor) -> Tensor:
        return self._product(self._program, vectors, self._shape, self._output_shape)

    def rmatvec(self, vectors: Tensor) -> Tensor:
        return self._product(self._transposed, vectors, self._output_shape, self._shape)

    @torch.no_grad()
    def select(self, problems: Tensor) -> "LinearisedOperator":
        kept = torch.zeros(self._grid.numel(), dtype=torch.bool, device=self.device)
        kept[problems if self._slots is None else self._slots[problems]] = True
        kept = kept.reshape(self._grid.shape)
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
        return LinearisedOperator(self._program.take(rows), grid, self._shape, self._output_shape, self.dtype)

    def in_input_order(self, vectors: Tensor) -> Tensor:
        return _channels_first(vectors, self._shape)

    def in_output_order(self, vectors: Tensor) -> Tensor:
        return _channels_first(vectors, self._output_shape)

    @property
    def flops(self) -> float:
        return self._program.flops

    def _product(
        self, program: Program, vectors: Tensor, shape: tuple[int, ...], image_shape: tuple[int, ...]
    ) -> Tensor:
        probes = vectors.shape[1]
        tangent = vectors.transpose(0, 1)
        if self._slots is not None:
            whole = tangent.new_zeros(probes, self._grid.numel(), tangent.shape[-1])
            tangent = whole.index_copy_(1, self._slots, tangent)
        if len(shape) == 3:
            channels, *sizes = shape
            tangent = tangent.reshape(probes, *self._grid.shape, *sizes, channels).movedim(-1, -3)
        else:
            tangent = tangent.reshape(probes, *self._grid.shape, *shape)
        with torch.no_grad():
            image = program(tangent)
        if len(image_shape) == 3:
            image = image.movedim(-3, -1)
        image = image.reshape(probes, self._grid.numel(), -1)
        if self._slots is not None:
            image = image.index_select(1, self._slots)
        return image.transpose(0, 1).contiguous()


def _channels_first(vectors: Tensor, shape: tuple[int, ...]) -> Tensor:
    if len(shape) != 3:
        return vectors
    channels, *sizes = shape
    return vectors.reshape(*vectors.shape[:-1], *sizes, channels).movedim(-1, -3).reshape(vectors.shape)
