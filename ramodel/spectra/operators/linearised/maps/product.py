"""Products with matrices: weights, and the other factor of an attention."""

import math

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import Layout, Rows, resize, shape_of, take
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap
from ramodel.spectra.operators.linearised.maps.rearranging import Slice
from ramodel.spectra.operators.linearised.maps.scale import Scale

__all__ = ["LeftProduct", "Linear", "OwnColumn", "OwnEntry", "RightProduct"]


class Linear(LinearMap):
    """``x M`` along the last axis, one matrix [in, out] for all problems, each of which has `rows` such vectors."""

    def __init__(self, matrix: Tensor, rows: float) -> None:
        self.matrix = matrix.detach().contiguous()
        self.rows = rows
        self._inputs, self._outputs = matrix.shape

    @property
    def flops(self) -> float:
        """Of one product, for one problem and one probe."""
        return 2.0 * self.rows * self.matrix.numel()

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return torch.matmul(tangent, self.matrix)

    def accumulate(self, tangent: Tensor, total: Tensor) -> None:
        """Add the image to `total`."""
        if total.is_contiguous():
            total.view(-1, self._outputs).addmm_(tangent.reshape(-1, self._inputs), self.matrix)
        else:
            super().accumulate(tangent, total)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return Linear(self.matrix.T, self.rows)

    def after(self, first: LinearMap) -> LinearMap | None:
        """Return `self` after `first` as one cheaper map, or None."""
        if isinstance(first, Scale) and (factor := first.along(-1)) is not None:
            return Linear(factor[:, None] * self.matrix, self.rows)
        if isinstance(first, Linear) and first._inputs * self._outputs <= first.matrix.numel() + self.matrix.numel():
            return Linear(first.matrix @ self.matrix, self.rows)
        return None

    def before(self, second: LinearMap) -> LinearMap | None:
        """Return `self` followed by `second` as one cheaper map, or None."""
        if isinstance(second, Scale) and (factor := second.along(-1)) is not None:
            return Linear(self.matrix * factor, self.rows)
        if isinstance(second, Slice) and second.axis == -1:
            return Linear(second.of(self.matrix), self.rows)
        return None


class _MatrixProduct(LinearMap):
    """A product over the last two axes with a factor of its own for every problem, on either side."""

    def __init__(self, factor: Tensor, layout: Layout, flops: float) -> None:
        self.factor = factor.detach()
        self.layout = layout
        self._flops = flops

    @property
    def flops(self) -> float:
        """Of one product, for one problem and one probe."""
        return self._flops

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return type(self)(self.factor.mT, _swapped(self.layout), self.flops)

    def take(self, rows: Rows) -> LinearMap:
        """Return the map of the kept rows."""
        return type(self)(take(self.factor, self.layout, rows), resize(self.layout, rows), self.flops)


class RightProduct(_MatrixProduct):
    """``x B`` over the last two axes, B its own for every problem."""

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return torch.matmul(tangent, self.factor)


class LeftProduct(_MatrixProduct):
    """``A x`` over the last two axes, A its own for every problem."""

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return torch.matmul(self.factor, tangent)


class OwnColumn(LinearMap):
    """Scores that a token's own key changes: a row product ``q_t . x_t`` in column t of row t, zeros elsewhere.

    The argument holds keys as columns [..., k, R], R the kept tokens; the image is [..., R, T], T all tokens.
    """

    def __init__(self, queries: Tensor, own: Tensor, layout: Layout, tokens: int) -> None:
        self.queries = queries.detach()
        """[..., R, k]."""
        self.own = own
        """Which of all tokens each row is, [..., R, 1]."""
        self.layout = layout
        self.tokens = tokens

    @property
    def flops(self) -> float:
        """One row product for each head."""
        rows = shape_of(self.layout)
        return 2.0 * math.prod(rows) / math.prod(f.size for axis in self.layout for f in axis if f.label)

    def entries(self, tangent: Tensor) -> Tensor:
        """Return the row products [p, ..., R, 1]."""
        return (self.queries * tangent.mT).sum(-1, keepdim=True)

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        scores = tangent.new_zeros(*tangent.shape[:-2], tangent.shape[-1], self.tokens)
        self.accumulate(tangent, scores)
        return scores

    def accumulate(self, tangent: Tensor, total: Tensor) -> None:
        """Add the image to `total`."""
        entries = self.entries(tangent)
        total.scatter_add_(-1, self.own.expand(entries.shape), entries)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return OwnEntry(self)

    def take(self, rows: Rows) -> LinearMap:
        """Return the map of the kept rows."""
        own_layout = (*self.layout[:-1], ())
        return OwnColumn(
            take(self.queries, self.layout, rows),
            take(self.own, own_layout, rows),
            resize(self.layout, rows),
            self.tokens,
        )


class OwnEntry(LinearMap):
    """The transpose of `OwnColumn`."""

    def __init__(self, column: OwnColumn) -> None:
        self.column = column

    @property
    def flops(self) -> float:
        """Of one product, for one problem and one probe."""
        return self.column.flops

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        entries = tangent.gather(-1, self.column.own.expand(*tangent.shape[:-1], 1))
        return (self.column.queries * entries).mT

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self.column


def _swapped(layout: Layout) -> Layout:
    return (*layout[:-2], layout[-1], layout[-2])
