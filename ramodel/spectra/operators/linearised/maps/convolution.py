"""Convolutions and their transposes, probes folded into the batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ramodel.spectra.operators.linearised.maps.linear_map import LinearMap
from ramodel.spectra.operators.linearised.maps.scale import Scale

__all__ = ["Convolution", "ConvolutionGeometry"]


@dataclass(frozen=True)
class ConvolutionGeometry:
    """Everything about a convolution but its weight."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    image: tuple[int, ...]
    """Spatial sizes of what is convolved."""
    result: tuple[int, ...]
    """Spatial sizes of the outcome."""
    flops: float
    """Of one product, for one problem."""


class Convolution(LinearMap):
    """A convolution with weight [out, in / groups, *kernel]."""

    def __init__(self, weight: Tensor, geometry: ConvolutionGeometry) -> None:
        channels_last = torch.channels_last if weight.ndim == 4 else torch.contiguous_format
        self.weight = weight.detach().contiguous(memory_format=channels_last)
        self.geometry = geometry

    @property
    def flops(self) -> float:
        """Of one product, for one problem and one probe."""
        return self.geometry.flops

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        way = self.geometry
        return _folded(
            tangent,
            lambda batch: torch.convolution(
                batch, self.weight, None, way.stride, way.padding, way.dilation, False, _zeros(way.stride), way.groups
            ),
        )

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        way = self.geometry
        kernel = self.weight.shape[2:]
        reach = [d * (k - 1) for d, k in zip(way.dilation, kernel, strict=True)]
        padding = tuple(r - p for r, p in zip(reach, way.padding, strict=True))
        if any(step != 1 for step in way.stride) or min(padding) < 0:
            return _TransposedConvolution(self)
        # A forward convolution: autograd's road to J^T u takes three to four times as long on CPUs.
        outputs, inputs = self.weight.shape[:2]
        grouped = self.weight.reshape(way.groups, outputs // way.groups, inputs, *kernel).transpose(1, 2)
        weight = grouped.reshape(way.groups * inputs, outputs // way.groups, *kernel).flip(*range(2, self.weight.ndim))
        return Convolution(weight, replace(way, padding=padding, image=way.result, result=way.image))

    def after(self, first: LinearMap) -> LinearMap | None:
        """Return `self` after `first` as one cheaper map, or None."""
        if isinstance(first, Scale) and (factor := first.along(self._channel_axis)) is not None:
            inputs = self.weight.shape[1]
            grouped = factor.expand(inputs * self.geometry.groups).reshape(self.geometry.groups, 1, inputs)
            spread = grouped.expand(-1, self.weight.shape[0] // self.geometry.groups, -1).reshape(-1, inputs)
            return Convolution(self.weight * self._beside_kernel(spread), self.geometry)
        return None

    def before(self, second: LinearMap) -> LinearMap | None:
        """Return `self` followed by `second` as one cheaper map, or None."""
        if isinstance(second, Scale) and (factor := second.along(self._channel_axis)) is not None:
            return Convolution(self.weight * self._beside_kernel(factor[:, None]), self.geometry)
        return None

    @property
    def _channel_axis(self) -> int:
        return 1 - self.weight.ndim

    def _beside_kernel(self, factor: Tensor) -> Tensor:
        return factor.reshape(*factor.shape, *_ones(self.geometry.stride))


class _TransposedConvolution(LinearMap):
    """The transpose of a convolution with strides, or padded beyond its kernel."""

    def __init__(self, convolution: Convolution) -> None:
        self.convolution = convolution

    @property
    def flops(self) -> float:
        """Of one product, for one problem and one probe."""
        return self.convolution.flops

    def apply(self, tangent: Tensor) -> Tensor:
        """Return the image of a tangent [p, *shape]."""
        way, weight = self.convolution.geometry, self.convolution.weight
        reached = [
            (size - 1) * step - 2 * pad + d * (k - 1) + 1
            for size, step, pad, d, k in zip(
                way.result, way.stride, way.padding, way.dilation, weight.shape[2:], strict=True
            )
        ]
        unreached = [size - reach for size, reach in zip(way.image, reached, strict=True)]
        return _folded(
            tangent,
            lambda batch: torch.convolution(
                batch, weight, None, way.stride, way.padding, way.dilation, True, unreached, way.groups
            ),
        )

    def transpose(self) -> LinearMap:
        """Return the transposed map."""
        return self.convolution


def _folded(tangent: Tensor, convolve: Callable[[Tensor], Tensor]) -> Tensor:
    if len(tangent) == 1:
        return convolve(tangent[0])[None]
    image = convolve(tangent.flatten(0, 1))
    return image.view(*tangent.shape[:2], *image.shape[1:])


def _zeros(like: Sequence[int]) -> list[int]:
    return [0] * len(like)


def _ones(like: Sequence[int]) -> list[int]:
    return [1] * len(like)
