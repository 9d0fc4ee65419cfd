"""Networks for images: the fields that all have, rows of numbers as images, the mean over pixels."""

import math
from typing import Literal, get_args

import msgspec
import torch
from torch import Tensor

from ramodel.checks import LARGEST_SEED, integer, one_of
from ramodel.nets.architectures.layers import Normalisation
from ramodel.nets.architectures.stochastic_depth import StochasticDepth, require_keep_probability

__all__ = [
    "STEMS",
    "ImageNetworkConfig",
    "Stem",
    "as_images",
    "as_rows",
    "pooled",
]

Stem = Literal["fully-connected", "convolutional", "strided"]
STEMS: tuple[Stem, ...] = get_args(Stem)


class ImageNetworkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields that every family of networks for images has; the families say what `width` and `depth` count."""

    classes: int
    image_shape: tuple[int, ...]
    width: int
    depth: int
    skip: bool = True
    keep_probability: float = 1.0
    rescale_kept: bool = False
    normalisation: Normalisation = "batch"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("classes", "width", "depth"):
            integer(name, getattr(self, name))
        if len(self.image_shape) not in (2, 3):
            raise ValueError(f"image_shape is {self.image_shape}; it must be (height, width) or with channels last.")
        for length in self.image_shape:
            integer("image_shape", length)
        require_keep_probability(self.keep_probability, skip=self.skip)
        one_of("normalisation", self.normalisation, ["batch", "none"])
        integer("seed", self.seed, minimum=0, maximum=LARGEST_SEED)

    @property
    def inputs(self) -> int:
        """Length of an image as a row of numbers."""
        return math.prod(self.image_shape)

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return self.image_shape[2] if len(self.image_shape) == 3 else 1

    def new_drop(self) -> StochasticDepth:
        """Return the stochastic depth of a block."""
        return StochasticDepth(self.keep_probability, rescale=self.rescale_kept)


def as_rows(inputs: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """Return `inputs` if it is a tensor [N, length] of type `dtype`; else raise TypeError or ValueError."""
    if not isinstance(inputs, Tensor):
        raise TypeError(f"inputs is a {type(inputs).__name__}; it must be a torch tensor: torch.as_tensor(inputs).")
    if inputs.ndim != 2 or inputs.shape[1] != length:
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}; it must have shape (any, {length}).")
    if inputs.dtype != dtype:
        raise TypeError(f"inputs has type {inputs.dtype}; the network has {dtype}: inputs.to({dtype}).")
    return inputs


def as_images(inputs: Tensor, image_shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return rows [N, height x width (x channels)], as a data set stores them, as images [N, channels, height, width].

    Images [N, channels, height, width] are returned as they are.

    Raises
    ------
    TypeError, ValueError
        If `inputs` is neither.

    Examples
    --------
    >>> as_images(torch.zeros(5, 12), (2, 2, 3), torch.float32).shape
    torch.Size([5, 3, 2, 2])
    """
    height, width, channels = (*image_shape, 1)[:3]
    if isinstance(inputs, Tensor) and inputs.shape[1:] == (channels, height, width) and inputs.dtype == dtype:
        return inputs
    rows = as_rows(inputs, height * width * channels, dtype)
    return rows.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


def pooled(hidden: Tensor) -> Tensor:
    """Return the mean over the pixels of states [N, channels, height, width], or states [N, width] as they are."""
    return hidden.mean(dim=(2, 3)) if hidden.ndim == 4 else hidden
