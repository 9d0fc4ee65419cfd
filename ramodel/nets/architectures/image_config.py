"""Fields that the configurations of all networks for images have."""

import math
from typing import Literal, get_args

import msgspec

from ramodel.checks import LARGEST_SEED, integer, one_of
from ramodel.nets.architectures.layers import Normalisation
from ramodel.nets.architectures.stochastic_depth import StochasticDepth, require_keep_probability

__all__ = [
    "STEMS",
    "ImageNetworkConfig",
    "Stem",
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
