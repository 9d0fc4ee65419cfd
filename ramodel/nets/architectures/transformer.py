"""A small causal transformer with pre-norm blocks, of the size of nanoGPT's character models (Karpathy)."""

import math
from collections.abc import Iterator
from typing import Literal, cast

import msgspec
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ramodel.checks import LARGEST_SEED, integer, one_of, positive
from ramodel.nets.architectures.trainable import Parts, TrainableNetwork

__all__ = ["Transformer", "TransformerBlock", "TransformerConfig"]


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
        one Residual Jacobian, as Aubry et al. (arXiv 2407.07810) measure them. "addition": the same network, number
        for number, but each of the two additions is a block, 2 x `depth` of them; only there is the branch linear in
        its last matrix, as S19 wants. "parallel": both parts read the same state, h -> h + a(h) + m(h), as in GPT-J
        and PaLM: a layer is one block, and S19 holds for it.
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
        Whether the head is the token embedding itself.
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
        if positive("keep_probability", self.keep_probability) > 1.0:
            raise ValueError(f"keep_probability is {self.keep_probability}; it must be at most 1.")
        if self.keep_probability < 1.0 and not self.skip:
            raise ValueError(f"keep_probability is {self.keep_probability}; without skip it must be 1.")
        integer("seed", self.seed, minimum=0, maximum=LARGEST_SEED)

    @property
    def classes(self) -> int:
        """Number of logits of a token: the vocabulary."""
        return self.vocabulary


class TransformerBlock(nn.Module):
    """One step ``block(h) = h + block.branch(h)`` on states [N, T, width]; without skip, the branch alone.

    In evaluation mode a branch that training left out now and then counts `keep_probability` times. Subclasses give
    `branch` and `output_parameters`.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.skip = config.skip
        self.keep_probability = config.keep_probability

    def branch(self, hidden: Tensor) -> Tensor:
        """Return what the block adds to `hidden` [N, T, width] where it is not left out."""
        raise NotImplementedError

    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """Return the weights in which the last operation of the branch is linear (S19); none where it is not."""
        raise NotImplementedError

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the next state [N, T, width]."""
        added = self.branch(hidden)
        if not self.skip:
            return added
        return hidden + (added if self.training or self.keep_probability == 1.0 else self.keep_probability * added)


class Attention(TransformerBlock):
    """branch(h) = O attention(norm(h)): every token reads itself and the tokens before it, in `heads` ways."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.heads = config.heads
        self.norm = _norm(config)
        self.read = _linear(config.width, 3 * config.width, bias=config.bias)
        self.output = _linear(config.width, config.width, bias=config.bias)

    def branch(self, hidden: Tensor) -> Tensor:
        """Return what attention adds to `hidden` [N, T, width]."""
        samples, tokens, width = hidden.shape
        read = self.read(self.norm(hidden)).view(samples, tokens, 3, self.heads, width // self.heads)
        query, key, value = read.permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(found.transpose(1, 2).reshape(samples, tokens, width))  # type: ignore[no-any-return]

    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """Return O."""
        return (cast(nn.Parameter, self.output.weight),)


class FeedForward(TransformerBlock):
    """branch(h) = B phi(A norm(h)), at every token by itself."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        hidden = config.hidden or 4 * config.width
        self.norm = _norm(config)
        self.inner = _linear(config.width, hidden, bias=config.bias)
        self.activation = nn.GELU() if config.activation == "gelu" else nn.ReLU()
        self.output = _linear(hidden, config.width, bias=config.bias)

    def branch(self, hidden: Tensor) -> Tensor:
        """Return what the feed-forward part adds to `hidden` [N, T, width]."""
        return self.output(self.activation(self.inner(self.norm(hidden))))  # type: ignore[no-any-return]

    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """Return B."""
        return (cast(nn.Parameter, self.output.weight),)


class Layer(TransformerBlock):
    """Attention a and feed-forward part m as one block: branch(h) = a(h) + m(h + a(h)), in parallel a(h) + m(h).

    Without skip, one after the other, m(a(h)).
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.parallel = config.block == "parallel"
        self.attention = Attention(config)
        self.feed_forward = FeedForward(config)

    def branch(self, hidden: Tensor) -> Tensor:
        """Return what the layer adds to `hidden` [N, T, width]."""
        attended = self.attention.branch(hidden)
        if self.parallel:
            return attended + self.feed_forward.branch(hidden)
        if not self.skip:
            return self.feed_forward.branch(attended)
        return attended + self.feed_forward.branch(hidden + attended)

    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """Return O and B in parallel; one after the other, what O adds passes through m: then there are none."""
        if not self.parallel:
            return ()
        return (*self.attention.output_parameters(), *self.feed_forward.output_parameters())


class Transformer(TrainableNetwork):
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
        self.blocks = nn.ModuleList(kind(config) for _ in range(config.depth) for kind in kinds)
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
        """Draw the weights in the order of the layers, whatever counts as a block."""
        generator = torch.Generator().manual_seed(self.config.seed)
        additions = 2 * self.config.depth
        for embedding in (self.token_embedding, self.position_embedding):
            embedding.weight.normal_(generator=generator).div_(math.sqrt(self.config.width))
        for part in self._parts_of_layers():
            for name, linear in part.named_children():
                if isinstance(linear, nn.Linear):
                    shrink = additions if name == "output" and self.config.skip else 1
                    linear.weight.normal_(generator=generator).div_(math.sqrt(linear.in_features * shrink))
        self.head.weight.normal_(generator=generator).div_(math.sqrt(self.config.width))
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()

    def _parts_of_layers(self) -> Iterator[Attention | FeedForward]:
        for module in self.blocks.modules():
            if isinstance(module, (Attention, FeedForward)):
                yield module

    @property
    def residual_blocks(self) -> tuple[TransformerBlock, ...]:
        """The layers, or the additions where the configuration says so: one stage."""
        return cast(tuple[TransformerBlock, ...], tuple(self.blocks))

    def branch(self, block: nn.Module, hidden: Tensor) -> Tensor:
        """Return what `block` adds to `hidden` [N, T, width]."""
        return cast(TransformerBlock, block).branch(hidden)

    def output_parameters(self, block: nn.Module) -> tuple[nn.Parameter, ...]:
        """Return the weights in which the last operation of the branch is linear (S19).

        Attention's output matrix and the second feed-forward matrix: each of its own block of kind "addition", both of
        a "parallel" one. A block of kind "layer" has none: what its attention adds goes through the feed-forward part.
        """
        return cast(TransformerBlock, block).output_parameters()

    def parts(self) -> Parts:
        """Return the trained parameters by what decays them; a tied embedding counts as the head."""
        parts = Parts([], [], [], [], [])
        for name, parameter in self.named_parameters():
            inside = name.startswith("blocks.")
            if name.endswith("bias") or (name.startswith("norm.") and not inside):
                parts.biases.append(parameter)
            elif inside:
                (parts.norms if name.endswith("norm.weight") else parts.blocks).append(parameter)
            else:
                (parts.head if parameter is self.head.weight else parts.embedding).append(parameter)
        return parts


def _norm(config: TransformerConfig) -> nn.Module:
    return nn.LayerNorm(config.width, bias=config.bias) if config.normalisation == "layer" else nn.Identity()


def _linear(inputs: int, outputs: int, *, bias: bool) -> nn.Linear:
    """Return a map with undefined weights: torch's own initialisation would move the global seed."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias, dtype=torch.float32)  # type: ignore[no-untyped-call]
    return layer


def _embedding(count: int, width: int) -> nn.Embedding:
    layer: nn.Embedding = nn.utils.skip_init(nn.Embedding, count, width, dtype=torch.float32)  # type: ignore[no-untyped-call]
    return layer
