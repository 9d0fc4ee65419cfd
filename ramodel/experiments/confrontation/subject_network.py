"""Anyone's network as experiments take one: its blocks, its head, the last operation of each block."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ramodel.nets.architectures.trainable import TrainableNetwork

__all__ = ["SubjectNetwork"]

_CLOSE = 1e-9
"""Relative difference below which two float64 tensors count as the same."""


class SubjectNetwork(TrainableNetwork):
    """A network that was made elsewhere, seen as residual blocks between an embedding and a head.

    What its parts are is found by calling it once: the head is the linear layer whose result are the logits, and the
    last operation of a block is the layer whose result is added to what the block received.

    Parameters
    ----------
    network
        In evaluation mode. It is used as it is, not copied.
    blocks
        Its residual blocks, in order.
    example
        Some inputs, samples first, in the type of the network.

    Raises
    ------
    ValueError
        If the result is not a matrix of logits, or no linear layer makes it.
    """

    def __init__(self, network: nn.Module, blocks: Sequence[nn.Module], example: Tensor) -> None:
        super().__init__()
        self.network = network
        self._blocks = tuple(blocks)
        given, made, order, logits = self._called(example)
        self.head = self._found_head(order, made, logits)
        self._outputs = {block: _output_parameters(block, given, made, order) for block in blocks}
        self.embedding = _linear_before(given[blocks[0]], order, made) if blocks[0] in given else None

    @property
    def residual_blocks(self) -> tuple[nn.Module, ...]:
        """The residual blocks, in order."""
        return self._blocks

    def branch(self, block: nn.Module, hidden: Tensor) -> Tensor:
        """Return what `block` adds to `hidden`."""
        added: Tensor = block(hidden) - hidden
        return added

    def output_parameters(self, block: nn.Module) -> tuple[nn.Parameter, ...]:
        """Return B_l, parameters of the layer whose result the block adds; none where no layer's result is added."""
        return self._outputs[block]

    def set_step(self, epoch: int, step: int) -> None:
        """Do nothing: it is not trained here."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits [N, C]."""
        result = self.network(inputs)
        logits = result.get("logits") if isinstance(result, Mapping) else result
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(result).__name__
            raise ValueError(f"the network returns {shape}; it must return logits [N, C].")
        return logits

    @torch.no_grad()
    def _called(
        self, example: Tensor
    ) -> tuple[dict[nn.Module, Tensor], dict[nn.Module, Tensor], list[nn.Module], Tensor]:
        """Return what modules were given and made of `example`, layers with weights in order of use, and the logits."""
        given: dict[nn.Module, Tensor] = {}
        made: dict[nn.Module, Tensor] = {}
        order: list[nn.Module] = []

        def after(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
            if arguments and isinstance(arguments[0], Tensor) and isinstance(output, Tensor):
                given[module], made[module] = arguments[0].clone(), output.clone()
                if not list(module.children()) and list(module.parameters(recurse=False)):
                    order.append(module)

        handles = [module.register_forward_hook(after) for module in self.network.modules()]
        try:
            logits = self(example)
        finally:
            for handle in handles:
                handle.remove()
        return given, made, order, logits

    def _found_head(self, order: Sequence[nn.Module], made: Mapping[nn.Module, Tensor], logits: Tensor) -> nn.Linear:
        for module in reversed(order):
            if isinstance(module, nn.Linear) and _same(made[module], logits):
                return module
        raise ValueError("no linear layer of the network makes its logits; the theory speaks of a linear head.")


def _output_parameters(
    block: nn.Module, given: Mapping[nn.Module, Tensor], made: Mapping[nn.Module, Tensor], order: Sequence[nn.Module]
) -> tuple[nn.Parameter, ...]:
    """Return the parameters of the layer in `block` whose result is what it adds, before an outer ReLU if any."""
    if block not in made:
        return ()
    before, result = given[block], made[block]
    inside = set(block.modules())
    ways: tuple[Callable[[Tensor], Tensor], ...] = (lambda sum_: sum_, torch.relu)
    for module in reversed([module for module in order if module in inside]):
        if made[module].shape != before.shape:
            continue
        if any(_same(way(before + made[module]), result) for way in ways):
            return tuple(parameter for parameter in module.parameters(recurse=False) if parameter.requires_grad)
    return ()


def _linear_before(state: Tensor, order: Sequence[nn.Module], made: Mapping[nn.Module, Tensor]) -> nn.Linear | None:
    """Return the linear layer whose result is the first state, if one is."""
    for module in order:
        if isinstance(module, nn.Linear) and _same(made[module], state):
            return module
    return None


def _same(first: Tensor, second: Tensor) -> bool:
    if first.shape != second.shape:
        return False
    size = float(second.abs().max())
    return float((first - second).abs().max()) <= _CLOSE * max(size, 1e-300)
