"""The symmetric maps of normalisations and softmax, and averages over windows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.layout import Layout, Rows, resize, take
from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap

__all__ = ["AveragePool", "Softmax", "Standardise"]

_aten = torch.ops.aten


class Softmax(LinearMap):
    """The derivative ``diag(p) - p p^T`` of a softmax along one axis, counted from the last."""

    def __init__(self, probabilities: Tensor, layout: Layout, axis: int) -> None:
        self.probabilities = probabilities.detach()
        self.layout = layout
        self.axis = axis

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        if len(tangent) == 1:
            image: Tensor = _aten._softmax_backward_data(tangent[0], self.probabilities, self.axis, tangent.dtype)
            return image[None]
        weighted = tangent * self.probabilities
        return weighted.addcmul_(weighted.sum(self.axis, keepdim=True), self.probabilities, value=-1)

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self

    def take(self, rows: Rows) -> LinearMap:
        """Return the map of the kept rows."""
        return Softmax(take(self.probabilities, self.layout, rows), resize(self.layout, rows), self.axis)


class Standardise(LinearMap):
    """The derivative ``(I - 1 1^T / d - z z^T / d) / deviation`` of standardising the last axes to mean 0, variance 1.

    Parameters
    ----------
    value
        What is standardised.
    mean, reciprocal
        Of each group, and one over its deviation; axes of the groups kept with size one.
    axes
        How many of the last axes make up a group.
    """

    def __init__(self, value: Tensor, mean: Tensor, reciprocal: Tensor, layout: Layout, axes: int) -> None:
        self.value = value.detach().contiguous()
        self.mean = mean.contiguous()
        self.reciprocal = reciprocal.contiguous()
        self.layout = layout
        self.axes = axes

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        if len(tangent) == 1:
            return self._one(tangent[0])[None]
        return torch.stack([self._one(probe) for probe in tangent])

    def _one(self, probe: Tensor) -> Tensor:
        # The kernel of the backward pass: symmetric, so that it is the forward one too.
        group = self.value.shape[-self.axes :]
        wanted = [True, False, False]
        image: Tensor = _aten.native_layer_norm_backward(
            probe, self.value, group, self.mean, self.reciprocal, None, None, wanted
        )[0]
        return image

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self

    def take(self, rows: Rows) -> LinearMap:
        """Return the map of the kept rows."""
        groups = (*self.layout[: -self.axes], *((),) * self.axes)
        return Standardise(
            take(self.value, self.layout, rows),
            take(self.mean, groups, rows),
            take(self.reciprocal, groups, rows),
            resize(self.layout, rows),
            self.axes,
        )


class AveragePool(LinearMap):
    """Means over windows; what `torch.nn.functional.avg_pool2d` takes beside the image."""

    def __init__(self, options: Sequence[object], image: Sequence[int]) -> None:
        self.options = options
        self.image = image

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        pooled: Tensor = _aten.avg_pool2d(tangent.flatten(0, 1), *self.options)
        return pooled.reshape(*tangent.shape[:2], *pooled.shape[1:])

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return _SpreadPool(self)


class _SpreadPool(LinearMap):
    """The transpose of `AveragePool`."""

    def __init__(self, pool: AveragePool) -> None:
        self.pool = pool

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        flat = tangent.flatten(0, 1)
        # The kernel asks for the image that was pooled, of which it reads the shape alone.
        image = flat.new_empty(()).expand(len(flat), *self.pool.image)
        spread: Tensor = _aten.avg_pool2d_backward(flat, image, *self.pool.options)
        return spread.reshape(*tangent.shape[:2], *spread.shape[1:])

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self.pool
