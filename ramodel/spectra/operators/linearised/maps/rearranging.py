"""Maps that move numbers and add them up, but never scale them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import Layout, Rows, resize, shape_of
from ramodel.spectra.operators.linearised.maps.linear_map import Identity, LinearMap

__all__ = ["Embed", "Expand", "Flip", "Permute", "Roll", "Slice", "Total", "View", "total"]


class View(LinearMap):
    """A reshape."""

    owns_result = False
    is_view = True

    def __init__(self, source: Layout, target: Layout) -> None:
        self.source = source
        self.target = target
        self._shape = shape_of(target)

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return tangent.reshape(tangent.shape[0], *self._shape)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return View(self.target, self.source)

    def take(self, rows: Rows) -> LinearMap:
        """Return the map of the kept rows."""
        return View(resize(self.source, rows), resize(self.target, rows))

    def after(self, first: LinearMap) -> LinearMap | None:
        """Return `self` after `first` as one cheaper map, or None."""
        if not isinstance(first, View):
            return None
        return Identity() if shape_of(first.source) == self._shape else View(first.source, self.target)


class Permute(LinearMap):
    """A permutation of the axes: axis i of the image is axis ``order[i]`` of the argument."""

    owns_result = False
    is_view = True

    def __init__(self, order: Sequence[int]) -> None:
        self.order = tuple(order)
        self._with_probes = (0, *(place + 1 for place in order))

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return tangent.permute(self._with_probes)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return Permute(sorted(range(len(self.order)), key=self.order.__getitem__))

    def after(self, first: LinearMap) -> LinearMap | None:
        """Return `self` after `first` as one cheaper map, or None."""
        if not isinstance(first, Permute):
            return None
        order = [first.order[place] for place in self.order]
        return Identity() if order == sorted(order) else Permute(order)


class Slice(LinearMap):
    """Entries start, start + step, ... (`length` of them) of one axis of `size`, counted from the last axis (-1)."""

    owns_result = False
    is_view = True

    def __init__(self, axis: int, start: int, length: int, step: int, size: int) -> None:
        self.axis = axis
        self.start = start
        self.length = length
        self.step = step
        self.size = size

    def of(self, tangent: Tensor) -> Tensor:
        """Return the entries of a tensor whose axis is whole."""
        part = tangent.narrow(self.axis, self.start, (self.length - 1) * self.step + 1)
        return part if self.step == 1 else part.unfold(self.axis, 1, self.step).squeeze(-1)

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return self.of(tangent)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return Embed(self)


class Embed(LinearMap):
    """The transpose of a slice: its entries in their places, zeros elsewhere."""

    def __init__(self, part: Slice) -> None:
        self.part = part

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        shape = list(tangent.shape)
        shape[self.part.axis] = self.part.size
        whole = tangent.new_zeros(shape)
        self.part.of(whole).copy_(tangent)
        return whole

    def accumulate(self, tangent: Tensor, total: Tensor) -> None:
        """Add the image to `total`."""
        self.part.of(total).add_(tangent)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self.part


class Expand(LinearMap):
    """Repetition along axes of size one and along new leading axes."""

    owns_result = False

    def __init__(self, source: Layout, target: Layout) -> None:
        self.source = source
        self.target = target
        self._missing = len(target) - len(source)
        self._shape = shape_of(target)

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        probes, *shape = tangent.shape
        return tangent.reshape(probes, *(1,) * self._missing, *shape).expand(probes, *self._shape)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return total(self.target, self.source)

    def take(self, rows: Rows) -> LinearMap:
        """Return the map of the kept rows."""
        return Expand(resize(self.source, rows), resize(self.target, rows))


class Total(LinearMap):
    """Sums over axes, which the image keeps with size one or, leading ones, loses: the transpose of `Expand`.

    Of at least one axis (`torch.sum` takes none for all): `total` sees to that.
    """

    def __init__(self, source: Layout, target: Layout) -> None:
        self.source = source
        self.target = target
        padded = (*((),) * (len(source) - len(target)), *target)
        self.axes = [
            place for place, (long, short) in enumerate(zip(source, padded, strict=True), 1) if long and not short
        ]
        self._shape = shape_of(target)

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return torch.sum(tangent, self.axes, keepdim=True).reshape(tangent.shape[0], *self._shape)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return Expand(self.target, self.source)

    def take(self, rows: Rows) -> LinearMap:
        """Return the map of the kept rows."""
        return Total(resize(self.source, rows), resize(self.target, rows))


def total(source: Layout, target: Layout) -> LinearMap:
    """Return the sums that lead from `source` to `target`: a reshape where the axes that go have one entry."""
    sums = Total(source, target)
    return sums if sums.axes else View(source, target)


class Roll(LinearMap):
    """Cyclic shifts along axes counted from the last."""

    def __init__(self, shifts: Sequence[int], axes: Sequence[int]) -> None:
        self.shifts = tuple(shifts)
        self.axes = tuple(axes)

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return torch.roll(tangent, self.shifts, self.axes)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return Roll([-shift for shift in self.shifts], self.axes)


class Flip(LinearMap):
    """Reversed axes, counted from the last."""

    def __init__(self, axes: Sequence[int]) -> None:
        self.axes = tuple(axes)

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return torch.flip(tangent, self.axes)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self
