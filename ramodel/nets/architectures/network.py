"""Fully connected residual networks: embedding, blocks, head; every state can be walked."""

from typing import Any, Literal, cast

import msgspec
import torch
from torch import Tensor, nn

from ramodel.checks import LARGEST_SEED, integer, nonnegative, one_of
from ramodel.nets.architectures.blocks import Block, LinearBlock, TwoLayerBlock, draw_normal_, empty_linear
from ramodel.nets.architectures.samples import as_rows
from ramodel.nets.architectures.stochastic_depth import StochasticDepth, require_keep_probability
from ramodel.nets.architectures.trainable import BlockNetwork

__all__ = ["EmbeddingMode", "NetworkConfig", "NetworkKind", "ResidualNetwork"]

NetworkKind = Literal["linear", "factored", "relu", "gelu"]
EmbeddingMode = Literal["trained", "fixed", "identity"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {"factored": nn.Identity, "relu": nn.ReLU, "gelu": nn.GELU}


class NetworkConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="family", tag="model"
):
    """What defines a network, its initial weights included.

    Parameters
    ----------
    kind
        Branch of a block: "linear" J h (the Frobenius model), "factored" B A h (the nuclear model), "relu" and
        "gelu" B phi(A h).
    inputs, classes
        Length of an input vector and number of logits.
    width, depth
        Length d of a hidden state and number L of blocks.
    hidden
        Rows of A (columns of B); None means `width`. Linear blocks have none.
    skip
        Whether a block adds its branch to its input; off is the control of statement S8.
    bias
        Whether embedding, blocks and head have biases. They are never decayed.
    embedding
        h_0 = E x with E "trained", "fixed" at its random start, or the "identity" (needs inputs = width).
    embedding_scale, head_scale
        Initial E and W have entries of variance scale^2 / fan-in.
    block_scale
        Initial branches have size `block_scale` / depth: J has entries of variance (block_scale/depth)^2 / width; A
        and B of two-matrix blocks share the size equally.
    initial_orthogonal
        Multiple of a random orthogonal matrix, another one in each block, that the initial branch has besides; None
        means 0 with skip and 1.2 without, where smaller starts collapse to zero. (Multiples of the identity would give
        all blocks one frame from the start, which S8 says training has no reason to find.)
    keep_probability, rescale_kept
        Stochastic depth (S13): in training whole branches are left out with probability 1 - q; in evaluation they count
        q times. With `rescale_kept` those that are kept count 1/q times in training, and once in evaluation.
    seed
        Seed of the initial weights, and of the branches that are left out.

    Raises
    ------
    TypeError, ValueError
        If a field has the wrong type or lies outside its range.
    """

    kind: NetworkKind
    inputs: int
    classes: int
    width: int
    depth: int
    hidden: int | None = None
    skip: bool = True
    bias: bool = False
    embedding: EmbeddingMode = "trained"
    embedding_scale: float = 1.0
    head_scale: float = 1.0
    block_scale: float = 1.0
    initial_orthogonal: float | None = None
    keep_probability: float = 1.0
    rescale_kept: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        one_of("kind", self.kind, ["linear", "factored", "relu", "gelu"])
        one_of("embedding", self.embedding, ["trained", "fixed", "identity"])
        for name in ("inputs", "classes", "width", "depth"):
            integer(name, getattr(self, name))
        if self.hidden is not None:
            integer("hidden", self.hidden)
            if self.kind == "linear":
                raise ValueError(f"hidden is {self.hidden}; linear blocks have no hidden width. Use kind 'factored'.")
        if self.embedding == "identity" and self.inputs != self.width:
            raise ValueError(f"width is {self.width}; an identity embedding needs it to equal inputs ({self.inputs}).")
        for name in ("embedding_scale", "head_scale", "block_scale"):
            nonnegative(name, getattr(self, name))
        if self.initial_orthogonal is not None:
            nonnegative("initial_orthogonal", self.initial_orthogonal)
        require_keep_probability(self.keep_probability, skip=self.skip)
        integer("seed", self.seed, minimum=0, maximum=LARGEST_SEED)


class ResidualNetwork(BlockNetwork):
    """A residual network z = W h_L, h_l = h_{l-1} + f_l(h_{l-1}), h_0 = E x, in float64.

    Attributes
    ----------
    embedding, head
        E [width, inputs] and W [classes, width], as `torch.nn.Linear`.
    blocks
        `torch.nn.ModuleList` of the L blocks; ``block(h)`` is the next state, ``block.branch(h)`` what it adds.

    Examples
    --------
    >>> network = ResidualNetwork(NetworkConfig(kind="relu", inputs=6, classes=3, width=5, depth=4))
    >>> x = torch.ones(2, 6, dtype=torch.float64)
    >>> states = network.states(x)
    >>> states.shape
    torch.Size([5, 2, 5])
    >>> bool(torch.allclose(network(x), network.head(states[-1])))
    True
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        generator = torch.Generator().manual_seed(config.seed)
        self.embedding = empty_linear(config.inputs, config.width, bias=config.bias)
        self.blocks = nn.ModuleList(_block(config) for _ in range(config.depth))
        self.head = empty_linear(config.width, config.classes, bias=config.bias)

        draw_normal_(self.embedding, config.embedding_scale, generator)
        orthogonal = config.initial_orthogonal
        if orthogonal is None:
            orthogonal = 0.0 if config.skip else 1.2
        size = config.block_scale / config.depth
        for block in self.blocks:
            cast(LinearBlock | TwoLayerBlock, block).initialise(size, orthogonal, generator)
        draw_normal_(self.head, config.head_scale, generator)
        if config.embedding == "identity":
            nn.init.eye_(self.embedding.weight)
        self.embedding.requires_grad_(config.embedding == "trained")

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits [N, classes] of `inputs` [N, inputs].

        Raises
        ------
        TypeError, ValueError
            If `inputs` is not a tensor of the network's type and of this shape.
        """
        as_rows(inputs, self.config.inputs, self.head.weight.dtype)
        if self.is_collapsible:
            return inputs @ self.end_to_end().T
        hidden = self.embedding(inputs)
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(hidden)  # type: ignore[no-any-return]

    def states(self, inputs: Tensor) -> Tensor:
        """Return h_0, ..., h_L as [L+1, N, width] for `inputs` [N, inputs]; raise as the call of the network does."""
        as_rows(inputs, self.config.inputs, self.head.weight.dtype)
        states = [self.embedding(inputs)]
        for block in self.blocks:
            states.append(block(states[-1]))
        return torch.stack(states)

    @property
    def is_linear(self) -> bool:
        """Whether the blocks have no activation."""
        return self.config.kind in ("linear", "factored")

    @property
    def is_collapsible(self) -> bool:
        """Whether the whole network is one matrix: no activation, no biases, no branches left out at random."""
        return self.is_linear and not self.config.bias and self.config.keep_probability == 1.0

    def jacobians(self) -> Tensor:
        """Return the Jacobians J_l of the branches as [L, width, width]; the network must have linear blocks.

        Without skip they are the layers A_l themselves.

        Raises
        ------
        ValueError
            If the blocks are not linear: their Jacobians depend on the input (see `ramodel.measure`).
        """
        if not self.is_linear:
            raise ValueError(
                f"kind is {self.config.kind!r}; only 'linear' and 'factored' blocks have one Jacobian for all inputs. "
                "Use ramodel.measure(network, inputs)."
            )
        return torch.stack([cast(LinearBlock | TwoLayerBlock, block).jacobian() for block in self.blocks])

    def end_to_end(self) -> Tensor:
        """Return M = W (I + J_L) ... (I + J_1) E [classes, inputs] of a network with linear blocks (biases apart).

        Multiplied from the head, so that each step costs classes x width^2 and not width^3.
        """
        product = self.head.weight
        for jacobian in reversed(self.jacobians().unbind()):
            product = torch.addmm(product, product, jacobian) if self.config.skip else product @ jacobian
        return product @ self.embedding.weight


def _block(config: NetworkConfig) -> Block:
    drop = StochasticDepth(config.keep_probability, rescale=config.rescale_kept)
    options: dict[str, Any] = {"skip": config.skip, "bias": config.bias, "drop": drop}
    if config.kind == "linear":
        return LinearBlock(config.width, **options)
    activation = _ACTIVATIONS[config.kind]()
    return TwoLayerBlock(config.width, config.hidden or config.width, activation, **options)
