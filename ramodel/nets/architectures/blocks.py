"""Residual blocks h -> h + branch(h): linear, and two matrices with an activation between them."""

import math
from typing import cast

import torch
from torch import Tensor, nn

from ramodel.nets.architectures.stochastic_depth import StochasticDepth

__all__ = ["Block", "LinearBlock", "TwoLayerBlock", "draw_normal_"]


class Block(nn.Module):
    """One step of the network: ``block(h) = h + block.branch(h)``, or ``block.branch(h)`` where `skip` is off.

    Where there is an `outer_activation` it acts on that sum. Subclasses give `transform`, the function f_l; the branch
    is what counts of it under stochastic depth: f_l itself where no branches are left out.
    """

    def __init__(
        self, *, skip: bool, outer_activation: nn.Module | None = None, drop: StochasticDepth | None = None
    ) -> None:
        super().__init__()
        self.skip = skip
        self.outer_activation = outer_activation or nn.Identity()
        self.drop = drop or StochasticDepth()

    def transform(self, hidden: Tensor) -> Tensor:
        """Return f_l at `hidden` [N, ...]."""
        raise NotImplementedError

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """B_l: the parameters in which the last operation of the branch is linear, whose energy S19 speaks of."""
        raise NotImplementedError

    @property
    def keeps_shape(self) -> bool:
        """Whether the next state has the shape of `hidden`; a transition between stages has another."""
        return True

    def shortcut(self, hidden: Tensor) -> Tensor:
        """Return what the branch is added to: `hidden` itself, but in blocks that change the shape."""
        return hidden

    def branch(self, hidden: Tensor) -> Tensor:
        """Return what the block adds to `hidden` [N, ...], before the outer activation."""
        return self.drop(self.transform(hidden))  # type: ignore[no-any-return]

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the next state."""
        branch = self.branch(hidden)
        return self.outer_activation(self.shortcut(hidden) + branch if self.skip else branch)  # type: ignore[no-any-return]


class LinearBlock(Block):
    """The block of the Frobenius model: branch(h) = J h, one free matrix."""

    def __init__(self, width: int, *, skip: bool, bias: bool, drop: StochasticDepth | None = None) -> None:
        super().__init__(skip=skip, drop=drop)
        self.linear = empty_linear(width, width, bias=bias)

    def initialise(self, size: float, orthogonal: float, generator: torch.Generator) -> None:
        """Draw J = orthogonal Q + size N(0, 1/width), Q a random orthogonal matrix."""
        draw_normal_(self.linear, size, generator, orthogonal=orthogonal)

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """J [width, width]."""
        return (cast(nn.Parameter, self.linear.weight),)

    def transform(self, hidden: Tensor) -> Tensor:
        """Return J h (+ b)."""
        return self.linear(hidden)  # type: ignore[no-any-return]

    def jacobian(self) -> Tensor:
        """Return J [width, width], times what the branch counts."""
        return self.drop(self.linear.weight)  # type: ignore[no-any-return]


class TwoLayerBlock(Block):
    """Two matrices: branch(h) = B phi(A h). Without activation it is the block of the nuclear model."""

    def __init__(
        self,
        width: int,
        hidden: int,
        activation: nn.Module,
        *,
        skip: bool,
        bias: bool,
        drop: StochasticDepth | None = None,
    ) -> None:
        super().__init__(skip=skip, drop=drop)
        self.inner = empty_linear(width, hidden, bias=bias)
        self.activation = activation
        self.outer = empty_linear(hidden, width, bias=bias)

    def initialise(self, size: float, orthogonal: float, generator: torch.Generator) -> None:
        """Draw A and B alike, so that B A is about `orthogonal` times an orthogonal matrix, give or take `size`."""
        for matrix in (self.inner, self.outer):
            draw_normal_(matrix, math.sqrt(size), generator, orthogonal=math.sqrt(orthogonal))

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """B [width, hidden]."""
        return (cast(nn.Parameter, self.outer.weight),)

    def transform(self, hidden: Tensor) -> Tensor:
        """Return B phi(A h + a) + b."""
        return self.outer(self.activation(self.inner(hidden)))  # type: ignore[no-any-return]

    def jacobian(self) -> Tensor:
        """Return B A [width, width], times what the branch counts: its Jacobian where there is no activation."""
        return self.drop(self.outer.weight @ self.inner.weight)  # type: ignore[no-any-return]


def empty_linear(inputs: int, outputs: int, *, bias: bool) -> nn.Linear:
    """Return a float64 layer with undefined weights: torch's own initialisation would move the global seed."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias, dtype=torch.float64)  # type: ignore[no-untyped-call]
    return layer


@torch.no_grad()
def draw_normal_(layer: nn.Linear, size: float, generator: torch.Generator, *, orthogonal: float = 0.0) -> None:
    """Fill the weight with size N(0, 1/fan-in) + orthogonal Q, Q (semi-)orthogonal, and the bias with zeros."""
    layer.weight.normal_(generator=generator).mul_(size / math.sqrt(layer.in_features))
    if orthogonal > 0.0:
        frame = nn.init.orthogonal_(torch.empty_like(layer.weight), generator=generator)
        layer.weight.add_(frame, alpha=orthogonal)
    if layer.bias is not None:
        layer.bias.zero_()
