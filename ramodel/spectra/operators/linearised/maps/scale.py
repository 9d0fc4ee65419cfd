"""Elementwise products: derivatives of activations, weights of normalisations."""

from torch import Tensor

from ramodel.spectra.operators.linearised.layout import Layout, Rows, broadcast, resize, take
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap

__all__ = ["Scale"]


class Scale(LinearMap):
    """Multiplication by a constant that is broadcast against the value, not the other way; its own transpose."""

    def __init__(self, factor: Tensor, layout: Layout) -> None:
        self.factor = factor
        self.layout = layout

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        return tangent * self.factor

    def overwrite(self, tangent: Tensor) -> Tensor:
        """Return the image, in the memory of the tangent."""
        return tangent.mul_(self.factor)

    def accumulate(self, tangent: Tensor, total: Tensor) -> None:
        """Add the image to `total`."""
        total.addcmul_(tangent, self.factor)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self

    def take(self, rows: Rows) -> LinearMap:
        """Return the map of the kept rows."""
        factor = take(self.factor, self.layout, rows)
        return self if factor is self.factor else Scale(factor, resize(self.layout, rows))

    def after(self, first: LinearMap) -> LinearMap | None:
        """Return `self` after `first` as one cheaper map, or None."""
        if not isinstance(first, Scale):
            return None
        factor = first.factor * self.factor
        return Scale(factor, broadcast([first.layout, self.layout], factor.shape))

    def along(self, axis: int) -> Tensor | None:
        """Return the factor as a vector where it varies along this (negative) axis alone."""
        others = [size for place, size in enumerate(self.factor.shape, -self.factor.ndim) if place != axis]
        return None if any(size != 1 for size in others) else self.factor.reshape(-1)
