"""Pre-activation networks (He, Zhang, Ren & Sun 2016, v2): h + W2 relu(BN(W1 relu(BN(h)))), no biases."""

from torch import Tensor, nn

from ramodel.checks import integer, one_of
from ramodel.nets.architectures.image_config import STEMS, ImageNetworkConfig, Stem
from ramodel.nets.architectures.layers import ACTIVATIONS, Activation, Layers
from ramodel.nets.architectures.stages import ImageNetwork, StageBlock, blocks_behind, initial_scales, stem_layers

__all__ = ["PreactivationBlock", "PreactivationConfig", "PreactivationNetwork"]


class PreactivationConfig(
    ImageNetworkConfig,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="family",
    tag="preactivation",
):
    """What defines a pre-activation network, its initial weights included.

    Parameters
    ----------
    stem
        "fully-connected": W0 on the image as one row of numbers, blocks of matrices; "convolutional": the same with
        3 x 3 convolutions at full size; "strided": half way, a transition halves height and width and doubles the
        channels (a block with an option-A shortcut, which is no residual block).
    image_shape, classes, width, depth, hidden, skip, keep_probability, rescale_kept, seed
        As in `PaperConfig`.
    activation
        The activation, in the blocks and behind the last of them.
    normalisation
        BatchNorm or none. W2, which ends the branch, starts 1 / sqrt(depth) times as large, and without norms W1 as
        well, so that deep networks train; without skip they do not.

    Raises
    ------
    TypeError, ValueError
        If a field has the wrong type or lies outside its range.
    """

    stem: Stem = "fully-connected"
    hidden: int | None = None
    activation: Activation = "relu"

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        one_of("stem", self.stem, STEMS)
        one_of("activation", self.activation, ACTIVATIONS)
        if self.hidden is not None:
            integer("hidden", self.hidden)


class PreactivationBlock(StageBlock):
    """One step ``block(h) = h + branch(h)``, branch(h) = W2 phi(BN(W1 phi(BN(h))))."""

    def __init__(self, config: PreactivationConfig, layers: Layers, inputs: int, outputs: int, hidden: int) -> None:
        super().__init__(inputs, outputs, skip=config.skip, drop=config.new_drop())
        self.inner_norm = layers.norm(inputs)
        self.activation = layers.activation()
        inner_scale, outer_scale = initial_scales(config, norm_ends_branch=False)
        self.inner = layers.matrix(inputs, hidden, scale=inner_scale, halves=inputs != outputs)
        self.outer_norm = layers.norm(hidden)
        self.outer = layers.matrix(hidden, outputs, scale=outer_scale)

    def transform(self, hidden: Tensor) -> Tensor:
        """Return W2 phi(BN(W1 phi(BN(h))))."""
        inner = self.inner(self.activation(self.inner_norm(hidden)))
        return self.outer(self.activation(self.outer_norm(inner)))  # type: ignore[no-any-return]

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """W2."""
        return tuple(self.outer.parameters())


class PreactivationNetwork(ImageNetwork):
    """z = W pool(relu(BN(h_L))), h_l = h_{l-1} + f_l(h_{l-1}), f_l = W2 relu BN W1 relu BN, h_0 = W0 x, in float32.

    Source: He, Zhang, Ren & Sun, Identity Mappings in Deep Residual Networks (ECCV 2016, arXiv 1603.05027).

    Examples
    --------
    >>> import torch
    >>> config = PreactivationConfig(stem="convolutional", image_shape=(8, 8), classes=10, width=6, depth=4)
    >>> PreactivationNetwork(config).eval()(torch.zeros(2, 64)).shape
    torch.Size([2, 10])
    """

    def __init__(self, config: PreactivationConfig) -> None:
        images = config.stem != "fully-connected"
        layers = Layers(config.seed, images=images, norm=config.normalisation, activation=config.activation)

        def new_block(inputs: int, outputs: int) -> PreactivationBlock:
            hidden = outputs if config.hidden is None else config.hidden * outputs // config.width
            return PreactivationBlock(config, layers, inputs, outputs, hidden)

        stem = stem_layers(config.stem, config, layers, activated=False)
        blocks = blocks_behind(config.stem, config.width, config.depth, new_block)
        width = blocks[-1].outputs
        last = nn.Sequential(layers.norm(width), layers.activation())
        super().__init__(config, stem=stem, blocks=blocks, last=last, head=layers.head(width, config.classes))
