"""A small causal transformer with pre-norm blocks, of the size of nanoGPT's character models (Karpathy)."""

import math
from typing import Literal, cast

import msgspec
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ramodel.checks import LARGEST_SEED, integer, one_of
from ramodel.nets.architectures.blocks import Block, draw_normal_
from ramodel.nets.architectures.stochastic_depth import StochasticDepth, require_keep_probability
from ramodel.nets.architectures.trainable import BlockNetwork

__all__ = ["Transformer", "TransformerConfig"]


class TransformerConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="family", tag="transformer"
):
    """What defines a transformer, its initial weights included.

    Parameters
    ----------
    vocabulary, context
        Number of different tokens, and the most tokens that it reads at once.
    width, depth, heads
        Length d of the state of a token, number of layers (each an attention and a feed-forward part), and heads of
        the attention, which divide the width.
    hidden
        Rows of the first feed-forward matrix; None means 4 x `width`.
    block
        What counts as a residual block. "layer": attention and feed-forward part together, h -> h + a(h) + m(h + a(h)),
        one Residual Jacobian, as Aubry et al. (arXiv 2407.07810) measure them. "addition": the same network, but each
        of the two additions is a block, 2 x `depth` of them; only there is the branch linear in its last matrix, as S19
        wants. "parallel": both parts read the same state, h -> h + a(h) + m(h), as in GPT-J and PaLM: a layer is one
        block, and S19 holds for it.
    activation
        Of the feed-forward part.
    normalisation
        "layer": LayerNorm with a trained scale before each part and before the head; or "none".
    skip
        Whether a part adds its result to what it read; off is the control of statement S8.
    keep_probability
        Stochastic depth: in training mode the branch of each block is left out with probability 1 - q in each step; in
        evaluation mode it counts q times.
    bias
        Whether linear maps and norms have biases. They are never decayed.
    tied
        Whether the head is the token embedding itself, decayed like an embedding then.
    seed
        Seed of the initial weights and of the branches that are left out.

    Raises
    ------
    TypeError, ValueError
        If a field has the wrong type or lies outside its range.
    """

    vocabulary: int
    context: int = 64
    width: int = 64
    depth: int = 4
    heads: int = 4
    hidden: int | None = None
    block: Literal["layer", "addition", "parallel"] = "layer"
    activation: Literal["gelu", "relu"] = "gelu"
    normalisation: Literal["layer", "none"] = "layer"
    skip: bool = True
    keep_probability: float = 1.0
    bias: bool = False
    tied: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("vocabulary", "context", "width", "depth", "heads"):
            integer(name, getattr(self, name))
        if self.hidden is not None:
            integer("hidden", self.hidden)
        if self.width % self.heads:
            raise ValueError(f"heads is {self.heads}; it must divide the width, which is {self.width}.")
        one_of("block", self.block, ["layer", "addition", "parallel"])
        one_of("activation", self.activation, ["gelu", "relu"])
        one_of("normalisation", self.normalisation, ["layer", "none"])
        require_keep_probability(self.keep_probability, skip=self.skip)
        integer("seed", self.seed, minimum=0, maximum=LARGEST_SEED)

    @property
    def classes(self) -> int:
        """Number of logits of a token: the vocabulary."""
        return self.vocabulary


class Attention(Block):
    """f(h) = O attention(norm(h)): every token reads itself and the tokens before it, in `heads` ways."""

    def __init__(self, config: TransformerConfig, drop: StochasticDepth | None = None) -> None:
        super().__init__(skip=config.skip, drop=drop)
        self.heads = config.heads
        self.norm = _norm(config)
        self.read = _linear(config.width, 3 * config.width, bias=config.bias)
        self.output = _linear(config.width, config.width, bias=config.bias)

    def transform(self, hidden: Tensor) -> Tensor:
        """Return f at `hidden` [N, T, width]."""
        samples, tokens, width = hidden.shape
        read = self.read(self.norm(hidden)).view(samples, tokens, 3, self.heads, width // self.heads)
        query, key, value = read.permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(found.transpose(1, 2).reshape(samples, tokens, width))  # type: ignore[no-any-return]

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """O [width, width]."""
        return (cast(nn.Parameter, self.output.weight),)


class FeedForward(Block):
    """f(h) = B phi(A norm(h)), at every token by itself."""

    def __init__(self, config: TransformerConfig, drop: StochasticDepth | None = None) -> None:
        super().__init__(skip=config.skip, drop=drop)
        hidden = config.hidden or 4 * config.width
        self.norm = _norm(config)
        self.inner = _linear(config.width, hidden, bias=config.bias)
        self.activation = nn.GELU() if config.activation == "gelu" else nn.ReLU()
        self.output = _linear(hidden, config.width, bias=config.bias)

    def transform(self, hidden: Tensor) -> Tensor:
        """Return f at `hidden` [N, T, width]."""
        return self.output(self.activation(self.inner(self.norm(hidden))))  # type: ignore[no-any-return]

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """B [width, hidden]."""
        return (cast(nn.Parameter, self.output.weight),)


class Layer(Block):
    """Attention a and feed-forward part m as one block: f(h) = a(h) + m(h + a(h)), or a(h) + m(h) in parallel.

    Without skip f(h) = m(a(h)), one after the other.
    """

    def __init__(self, config: TransformerConfig, drop: StochasticDepth | None = None) -> None:
        super().__init__(skip=config.skip, drop=drop)
        self.parallel = config.block == "parallel"
        self.attention = Attention(config)
        self.feed_forward = FeedForward(config)

    def transform(self, hidden: Tensor) -> Tensor:
        """Return f at `hidden` [N, T, width]."""
        attended = self.attention.transform(hidden)
        if self.parallel:
            return attended + self.feed_forward.transform(hidden)
        if not self.skip:
            return self.feed_forward.transform(attended)
        return attended + self.feed_forward.transform(hidden + attended)

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """O and B in parallel. One after the other there are none: what O adds goes through m too."""
        return (*self.attention.output_parameters, *self.feed_forward.output_parameters) if self.parallel else ()


class Transformer(BlockNetwork):
    """z = W norm(h_L), h_0 = token embedding + learnt position, h_l = h_{l-1} + f_l(h_{l-1}), at every token.

    Made in float32. Matrices start from normal numbers of variance 1 / fan-in, the last ones of each branch divided by
    the root of the number of additions (as in GPT-2), embeddings from variance 1 / width.

    Attributes
    ----------
    token_embedding, position_embedding
        [vocabulary, width] and [context, width].
    blocks
        `torch.nn.ModuleList` of the residual blocks; ``block(h)`` is the next state, ``block.branch(h)`` what it adds.
    norm, head
        LayerNorm (or identity) and W [vocabulary, width].

    Examples
    --------
    >>> network = Transformer(TransformerConfig(vocabulary=11, context=8, width=16, depth=3))
    >>> tokens = torch.arange(8)[None]
    >>> network(tokens).shape
    torch.Size([1, 8, 11])
    >>> len(network.residual_blocks), sum(parameter.numel() for parameter in network.parameters())
    (3, 9808)
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = _embedding(config.vocabulary, config.width)
        self.position_embedding = _embedding(config.context, config.width)
        kinds = (Attention, FeedForward) if config.block == "addition" else (Layer,)
        self.blocks = nn.ModuleList(
            kind(config, StochasticDepth(config.keep_probability)) for _ in range(config.depth) for kind in kinds
        )
        self.norm = _norm(config)
        self.head = _linear(config.width, config.vocabulary, bias=config.bias)
        self._initialise()
        if config.tied:
            self.head.weight = self.token_embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits [N, T, vocabulary] of the token that follows each of `tokens` [N, T].

        Raises
        ------
        TypeError, ValueError
            If `tokens` does not hold whole numbers [N, T], or more of them in a row than the context.
        """
        self._check(tokens)
        hidden = self.token_embedding(tokens) + self.position_embedding.weight[: tokens.shape[1]]
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(self.norm(hidden))  # type: ignore[no-any-return]

    def _check(self, tokens: Tensor) -> None:
        if not isinstance(tokens, Tensor):
            raise TypeError(f"tokens is a {type(tokens).__name__}; it must be a torch tensor: torch.as_tensor(tokens).")
        if tokens.dtype not in (torch.int64, torch.int32):
            raise TypeError(f"tokens has type {tokens.dtype}; it must hold whole numbers: tokens.long().")
        if tokens.ndim != 2 or not 1 <= tokens.shape[1] <= self.config.context:
            raise ValueError(
                f"tokens has shape {tuple(tokens.shape)}; it must have shape (any, 1 .. {self.config.context}): "
                "samples of at most `context` tokens."
            )

    @torch.no_grad()
    def _initialise(self) -> None:
        """Draw the weights, part after part: the same ones whatever counts as a block."""
        generator = torch.Generator().manual_seed(self.config.seed)
        for embedding in (self.token_embedding, self.position_embedding):
            embedding.weight.normal_(generator=generator).div_(math.sqrt(self.config.width))
        last = 1.0 / math.sqrt(2 * self.config.depth) if self.config.skip else 1.0
        for name, module in self.blocks.named_modules():
            if isinstance(module, nn.Linear):
                draw_normal_(module, last if name.endswith("output") else 1.0, generator)
        draw_normal_(self.head, 1.0, generator)


def _norm(config: TransformerConfig) -> nn.Module:
    return nn.LayerNorm(config.width, bias=config.bias) if config.normalisation == "layer" else nn.Identity()


def _linear(inputs: int, outputs: int, *, bias: bool) -> nn.Linear:
    """Return a map with undefined weights: torch's own initialisation would move the global seed."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias, dtype=torch.float32)  # type: ignore[no-untyped-call]
    return layer


def _embedding(count: int, width: int) -> nn.Embedding:
    layer: nn.Embedding = nn.utils.skip_init(nn.Embedding, count, width, dtype=torch.float32)  # type: ignore[no-untyped-call]
    return layer
