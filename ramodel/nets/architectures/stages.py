"""Blocks and networks in stages, on rows of numbers or on images: what the families share."""

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn.functional import pad

from ramodel.nets.architectures.blocks import Block
from ramodel.nets.architectures.image_config import ImageNetworkConfig, Stem
from ramodel.nets.architectures.layers import Layers
from ramodel.nets.architectures.samples import as_images, as_rows, pooled
from ramodel.nets.architectures.stochastic_depth import StochasticDepth
from ramodel.nets.architectures.trainable import BlockNetwork

__all__ = ["ImageNetwork", "StageBlock", "blocks_behind", "initial_scales", "stem_layers"]

NewBlock = Callable[[int, int], "StageBlock"]
"""Makes a block from its numbers of channels before and behind."""


class StageBlock(Block):
    """A block on states [N, width] or [N, channels, height, width]; a transition where the channels change.

    Parameters
    ----------
    inputs, outputs
        Channels. Where they differ the block halves height and width, and its shortcut has no weights (option A of He,
        Zhang, Ren & Sun 2016): every second pixel of every second row, with channels of zeros added, half of them
        before and half after.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        skip: bool = True,
        outer_activation: nn.Module | None = None,
        drop: StochasticDepth | None = None,
    ) -> None:
        super().__init__(skip=skip, outer_activation=outer_activation, drop=drop)
        self.outputs = outputs
        self.added_channels = outputs - inputs

    @property
    def keeps_shape(self) -> bool:
        """Whether this is a residual block, and no transition."""
        return self.added_channels == 0

    def shortcut(self, hidden: Tensor) -> Tensor:
        """Return `hidden` as it is, or subsampled and padded where the block changes the shape."""
        if self.keeps_shape:
            return hidden
        before = self.added_channels // 2
        return pad(hidden[:, :, ::2, ::2], (0, 0, 0, 0, before, self.added_channels - before))


class ImageNetwork(BlockNetwork):
    """Logits W pool(last(blocks(stem(x)))) of rows [N, d] as a data set stores them, or of images.

    Attributes
    ----------
    stem
        Embedding: a matrix or a 3 x 3 convolution, and what follows it.
    blocks
        `torch.nn.ModuleList` of residual blocks and, where there are several stages, the transitions between them.
    last
        What stands between the last block and the mean over pixels: nothing, or norm and activation.
    head
        W [classes, width], without bias.
    """

    config: ImageNetworkConfig

    def __init__(
        self,
        config: ImageNetworkConfig,
        *,
        stem: nn.Sequential,
        blocks: Sequence[nn.Module],
        last: nn.Module,
        head: nn.Linear,
    ) -> None:
        super().__init__()
        self.config = config
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.last = last
        self.head = head

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits [N, classes] of `inputs`: rows [N, d], or for convolutions [N, channels, height, width].

        Raises
        ------
        TypeError, ValueError
            If `inputs` is not a tensor of the network's type and of this shape.
        """
        dtype = self.head.weight.dtype
        if isinstance(self.stem[0], nn.Conv2d):
            hidden = self.stem(as_images(inputs, self.config.image_shape, dtype))
        else:
            hidden = self.stem(as_rows(inputs, self.config.inputs, dtype))
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(pooled(self.last(hidden)))  # type: ignore[no-any-return]


def initial_scales(config: ImageNetworkConfig, *, norm_ends_branch: bool) -> tuple[float, float]:
    """Return factors of the initial weights before and behind the inner activation of one of `depth` blocks.

    Where no norm ends the branch, W2 starts 1 / sqrt(depth) times as large: then states stay of one size at any depth.
    Where there are no norms at all W1 does too, so that branches start of size 1 / depth, with W1 and W2 balanced: then
    one learning rate fits all depths. Without skip, and behind a norm, there is nothing to make smaller.
    """
    root = 1.0 / math.sqrt(config.depth)
    if not config.skip or (norm_ends_branch and config.normalisation != "none"):
        return 1.0, 1.0
    return (root if config.normalisation == "none" else 1.0), root


def blocks_behind(stem: Stem, width: int, depth: int, new_block: NewBlock) -> list[StageBlock]:
    """Return `depth` blocks of `new_block(inputs, outputs)`; behind a "strided" stem a transition halves them.

    The transition doubles the channels; of an odd number of blocks the first stage has one more.
    """
    if stem != "strided":
        return [new_block(width, width) for _ in range(depth)]
    first = [new_block(width, width) for _ in range((depth + 1) // 2)]
    return [*first, new_block(width, 2 * width), *(new_block(2 * width, 2 * width) for _ in range(depth // 2))]


def stem_layers(stem: Stem, config: ImageNetworkConfig, layers: Layers, *, activated: bool) -> nn.Sequential:
    """Return W0, as a matrix or a 3 x 3 convolution; `activated` with norm and activation behind it."""
    inputs = config.inputs if stem == "fully-connected" else config.channels
    first = layers.matrix(inputs, config.width)
    if not activated:
        return nn.Sequential(first)
    return nn.Sequential(first, layers.norm(config.width), layers.activation())
