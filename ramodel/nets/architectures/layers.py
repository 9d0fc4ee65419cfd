"""Layers with weights drawn from a generator: matrices and convolutions, norms, activations."""

import math
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import torch
from torch import nn

__all__ = ["ACTIVATIONS", "Activation", "Layers", "Normalisation", "convolution", "normalisation"]

Activation = Literal["relu", "gelu", "tanh", "identity"]
Normalisation = Literal["batch", "none"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "identity": nn.Identity,
}
_GAINS = {"relu": math.sqrt(2.0), "gelu": math.sqrt(2.0), "tanh": 5.0 / 3.0, "identity": 1.0}
"""Of Kaiming's start, as torch has them; that of GELU is taken to be that of ReLU."""

_Layer = TypeVar("_Layer", nn.Linear, nn.Conv2d)


class Layers:
    """Makes the layers of a network one after another, on rows of numbers or on images, in float32.

    Parameters
    ----------
    seed
        Of all weights, which depend on nothing else but the order in which they are made.
    images
        Whether states are images [N, channels, height, width], and matrices 3 x 3 convolutions.
    norm, activation
        Kind of the norms ("none": the identity) and of the activations.
    """

    def __init__(self, seed: int, *, images: bool, norm: Normalisation, activation: Activation) -> None:
        self.images = images
        self._norm = norm
        self._activation = activation
        self._generator = torch.Generator().manual_seed(seed)

    def matrix(
        self, inputs: int, outputs: int, *, followed: bool = True, scale: float = 1.0, halves: bool = False
    ) -> nn.Module:
        """Return a matrix, or a convolution, without bias: normal numbers of variance (scale gain)^2 / fan-out.

        Parameters
        ----------
        followed
            Whether an activation follows; its gain (He et al. 2015) is taken if so, else 1.
        scale
            Factor of the gain.
        halves
            Whether height and width are halved.
        """
        gain = scale * (_GAINS[self._activation] if followed else 1.0)
        if self.images:
            layer = convolution(inputs, outputs, stride=2 if halves else 1)
            return self._drawn(layer, gain / math.sqrt(layer.weight[:, 0].numel()))
        return self._drawn(_linear(inputs, outputs), gain / math.sqrt(outputs))

    def circular_convolution(self, inputs: int, outputs: int, size: int) -> nn.Conv2d:
        """Return a convolution of kernels size x size on the torus, without bias: variance 1 / fan-in."""
        layer = convolution(inputs, outputs, size=size, border="circular")
        return self._drawn(layer, 1.0 / (size * math.sqrt(inputs)))

    def head(self, width: int, classes: int) -> nn.Linear:
        """Return a matrix without bias: normal numbers of variance 1 / fan-in, so that logits start of order one."""
        return self._drawn(_linear(width, classes), 1.0 / math.sqrt(width))

    def norm(self, features: int) -> nn.Module:
        """Return a norm with scale 1 and shift 0, or the identity."""
        return normalisation(self._norm, features, images=self.images)

    def activation(self) -> nn.Module:
        """Return an activation."""
        return ACTIVATIONS[self._activation]()

    def _drawn(self, layer: _Layer, std: float) -> _Layer:
        nn.init.normal_(layer.weight, std=std, generator=self._generator)
        return layer


def convolution(inputs: int, outputs: int, *, size: int = 3, stride: int = 1, border: str = "zeros") -> nn.Conv2d:
    """Return a convolution without bias in float32, weights undefined: torch's start would move the global seed.

    Height and width are kept, but for a `stride`.
    """
    options: dict[str, Any] = {"stride": stride, "padding": size // 2, "padding_mode": border, "bias": False}
    layer: nn.Conv2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d, inputs, outputs, size, dtype=torch.float32, **options
    )
    return layer


def normalisation(kind: Normalisation, features: int, *, images: bool) -> nn.Module:
    """Return BatchNorm with scale and shift in float32, or the identity where `kind` is "none"."""
    if kind == "none":
        return nn.Identity()
    return (nn.BatchNorm2d if images else nn.BatchNorm1d)(features, dtype=torch.float32)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=False, dtype=torch.float32)  # type: ignore[no-untyped-call]
    return layer
