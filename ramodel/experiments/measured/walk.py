"""One forward pass of a network, and what its residual blocks see of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ramodel.nets.architectures.network import ResidualNetwork
from ramodel.nets.architectures.trainable import TrainableNetwork

__all__ = ["Stage", "found_stages", "walked", "watching", "whole_forward"]

Reading = Literal["whole", "pooled", "otherwise"]


class Stage(NamedTuple):
    """Residual blocks that follow one another, with states of one shape."""

    blocks: tuple[nn.Module, ...]
    first: int
    """Position of the first of them among all residual blocks."""
    shape: tuple[int, ...]
    """Of one state."""
    read: Reading
    """How the head reads the last state: "whole", as it is; "pooled", its mean over pixels; "otherwise", or not."""

    @property
    def size(self) -> int:
        """Numbers in a state."""
        return int(np.prod(self.shape))

    @property
    def layers(self) -> NDArray[np.int64]:
        """Numbers of the blocks, from 1."""
        return np.arange(self.first + 1, self.first + len(self.blocks) + 1)


def whole_forward(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the logits of `inputs` by way of the blocks, where the network's own forward takes a short cut."""
    if not (isinstance(network, ResidualNetwork) and network.is_collapsible):
        return network(inputs)  # type: ignore[no-any-return]
    hidden = network.embedding(inputs)
    for block in network.blocks:
        hidden = block(hidden)
    return network.head(hidden)  # type: ignore[no-any-return]


@contextmanager
def watching(handles: Sequence[Any]) -> Iterator[None]:
    """Remove hooks at the end, however it ends."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def walked(network: TrainableNetwork, inputs: Tensor) -> tuple[list[list[Tensor]], Tensor]:
    """Return what every residual block receives and returns, in pairs, and what the head reads.

    The network must be in eval mode.
    """
    seen: dict[nn.Module, list[Tensor]] = {}
    read: list[Tensor] = []

    def received(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        seen[module] = [arguments[0].detach().clone()]

    def returned(module: nn.Module, _: tuple[Any, ...], output: Tensor) -> None:
        seen[module].append(output.detach().clone())

    handles = [network.head.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0].detach()))]
    for block in network.residual_blocks:
        handles += [block.register_forward_pre_hook(received), block.register_forward_hook(returned)]
    with watching(handles):
        whole_forward(network, inputs)
    missed = [number for number, block in enumerate(network.residual_blocks, start=1) if block not in seen]
    if missed:
        raise ValueError(
            f"block {missed[0]} of {type(network).__name__} was not called; its forward must call every block that "
            "residual_blocks lists."
        )
    return [seen[block] for block in network.residual_blocks], read[0]


def found_stages(network: TrainableNetwork, inputs: Tensor) -> tuple[Stage, ...]:
    """Return the stages of a network in eval mode, as a few samples show them: where the next block goes on."""
    calls, read = walked(network, inputs)
    blocks = network.residual_blocks
    starts = [0]
    for position in range(1, len(blocks)):
        before, here = calls[position - 1][1], calls[position][0]
        if before.shape != here.shape or not torch.equal(before, here):
            starts.append(position)
    stages = []
    for start, end in zip(starts, [*starts[1:], len(blocks)], strict=True):
        last = calls[end - 1][1]
        stages.append(Stage(tuple(blocks[start:end]), start, tuple(last.shape[1:]), _reading(last, read)))
    return tuple(stages)


def _reading(last: Tensor, read: Tensor) -> Reading:
    for reading, state in (("whole", last), ("pooled", last.mean((2, 3)) if last.ndim == 4 else last)):
        if state.shape == read.shape and torch.allclose(state, read):
            return cast(Reading, reading)
    return "otherwise"
