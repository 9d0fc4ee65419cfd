"""The networks of Li & Papyan (2023): post-activation blocks relu(h + BN(W2 relu(BN(W1 h)))), no biases."""

from torch import nn

from ramodel.checks import integer, one_of
from ramodel.nets.architectures.image_config import STEMS, Stem
from ramodel.nets.architectures.layers import Layers
from ramodel.nets.architectures.post_activation import PostActivationBlock, PostActivationConfig
from ramodel.nets.architectures.stages import ImageNetwork, blocks_behind, stem_layers

__all__ = ["PaperConfig", "PaperNetwork"]


class PaperConfig(
    PostActivationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="family", tag="paper"
):
    """What defines a network of the paper, its initial weights included.

    Parameters
    ----------
    stem
        "fully-connected": W0, norm and activation on the image as one row of numbers, blocks of matrices;
        "convolutional": the same with 3 x 3 convolutions at full size; "strided": half way, a transition halves height
        and width and doubles the channels (a block with an option-A shortcut, which is no residual block).
    image_shape, classes
        Height and width, and channels if there are more than one; number of logits.
    width, depth
        Length of a state, or channels behind the stem; number of residual blocks, the transition not counted.
    hidden
        Rows of W1 (twice as many behind the transition); None means `width`.
    skip
        Whether a block adds its branch to its input; off is the control of statement S8.
    activation, outer_activation
        The activation, and whether it acts on the sum: phi(h + branch(h)), or h + branch(h).
    normalisation, norm_ends_branch
        BatchNorm or none, and whether the second norm of a block is there. Without it W2 starts 1 / sqrt(depth) times
        as large, and without any norms W1 as well, so that deep networks train; without skip they do not.
    keep_probability, rescale_kept
        Stochastic depth: in training whole branches are left out with probability 1 - q; in evaluation they count q
        times. With `rescale_kept` those that are kept count 1/q times in training, and once in evaluation.
    seed
        Seed of the initial weights (Kaiming normal, fan-out; the head 1 / fan-in), and of the branches that are left
        out.

    Raises
    ------
    TypeError, ValueError
        If a field has the wrong type or lies outside its range.
    """

    stem: Stem = "fully-connected"
    hidden: int | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        one_of("stem", self.stem, STEMS)
        if self.hidden is not None:
            integer("hidden", self.hidden)


class PaperNetwork(ImageNetwork):
    """z = W pool(h_L), h_l = relu(h_{l-1} + f_l(h_{l-1})), f_l = BN W2 relu BN W1, h_0 = relu(BN(W0 x)), in float32.

    Source: Li & Papyan, Residual Alignment (NeurIPS 2023, arXiv 2401.09018).

    Examples
    --------
    >>> import torch
    >>> config = PaperConfig(stem="strided", image_shape=(8, 8), classes=10, width=6, depth=4)
    >>> network = PaperNetwork(config).eval()
    >>> network(torch.zeros(2, 64)).shape
    torch.Size([2, 10])
    >>> len(network.residual_blocks), len(network.blocks)
    (4, 5)
    """

    def __init__(self, config: PaperConfig) -> None:
        images = config.stem != "fully-connected"
        layers = Layers(config.seed, images=images, norm=config.normalisation, activation=config.activation)

        def new_block(inputs: int, outputs: int) -> PostActivationBlock:
            hidden = None if config.hidden is None else config.hidden * outputs // config.width
            return PostActivationBlock(config, layers, inputs, outputs, hidden=hidden)

        stem = stem_layers(config.stem, config, layers, activated=True)
        blocks = blocks_behind(config.stem, config.width, config.depth, new_block)
        head = layers.head(blocks[-1].outputs, config.classes)
        super().__init__(config, stem=stem, blocks=blocks, last=nn.Identity(), head=head)
