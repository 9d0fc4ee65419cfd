"""What training and experiments ask of a network, whatever its family."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ramodel.nets.architectures.blocks import Block
from ramodel.nets.architectures.stochastic_depth import draw_kept_branches

__all__ = ["BlockNetwork", "Parts", "TrainableNetwork"]

_NORMS = (_BatchNorm, nn.LayerNorm)


class Parts(NamedTuple):
    """Every trained parameter once, by what its weight decay is.

    The decays lam_E, lam_J, lam_W of the theory fall on the first three. Norms are decayed where the training says so,
    those in residual blocks by lam_J and the others by lam_E; biases never.
    """

    embedding: list[nn.Parameter]
    """Weights before the first block, and of transitions between stages."""
    blocks: list[nn.Parameter]
    """Weights of the residual blocks."""
    head: list[nn.Parameter]
    """Weights after the last block."""
    norms: list[nn.Parameter]
    """Scales and shifts of normalisation layers inside the residual blocks."""
    outer_norms: list[nn.Parameter]
    """Scales and shifts of normalisation layers elsewhere."""
    biases: list[nn.Parameter]
    """All other vectors."""


class TrainableNetwork(nn.Module, ABC):
    """A residual network that `ramodel.nets.train` trains and that the experiments measure.

    Attributes
    ----------
    config
        A frozen struct that says how to make the network anew, initial weights included.
    head
        W [classes, width]: the linear map that ends the network.
    """

    config: Any
    head: nn.Linear

    @property
    @abstractmethod
    def residual_blocks(self) -> tuple[nn.Module, ...]:
        """The residual blocks that are measured, in order; of all stages, blocks that change the shape left out."""

    @abstractmethod
    def branch(self, block: nn.Module, hidden: Tensor) -> Tensor:
        """Return what `block`, one of `residual_blocks`, adds to `hidden`, before any outer activation."""

    @abstractmethod
    def output_parameters(self, block: nn.Module) -> tuple[nn.Parameter, ...]:
        """Return B_l: the parameters in which the last operation of the branch of `block` is linear (S19).

        The last weight matrix; where a normalisation with scale and shift ends the branch, these two.
        """

    def parts(self) -> Parts:
        """Return the trained parameters by what decays them."""
        parts = Parts([], [], [], [], [], [])
        blocks = {module for block in self.residual_blocks for module in block.modules()}
        seen = set()
        for module in self.modules():
            for parameter in module.parameters(recurse=False):
                if not parameter.requires_grad or parameter in seen:
                    continue
                seen.add(parameter)
                if isinstance(module, _NORMS):
                    (parts.norms if module in blocks else parts.outer_norms).append(parameter)
                elif parameter.ndim == 1:
                    parts.biases.append(parameter)
                elif module in blocks:
                    parts.blocks.append(parameter)
                else:
                    (parts.head if module is self.head else parts.embedding).append(parameter)
        return parts

    def set_step(self, epoch: int, step: int) -> None:
        """Draw what is random in a step of training, from (seed, epoch, step) alone: which branches are left out.

        The training loop calls it before the forward of mini-batch `step` of `epoch`. Networks without stochastic
        depth have nothing to draw.
        """
        draw_kept_branches(self, self.config.seed, epoch, step)

    def after_step(self, generator: torch.Generator) -> None:
        """Mend the weights after a step of the optimiser: Procrustes networks project their transitions."""


class BlockNetwork(TrainableNetwork):
    """A network whose list `blocks` holds its residual blocks, each of them a `Block`, and transitions between."""

    blocks: nn.ModuleList

    @property
    def residual_blocks(self) -> tuple[Block, ...]:
        """The blocks whose states have one shape, in order."""
        return tuple(module for module in self.blocks if isinstance(module, Block) and module.keeps_shape)

    def branch(self, block: nn.Module, hidden: Tensor) -> Tensor:
        """Return what `block`, one of `residual_blocks`, adds to `hidden`, before any outer activation."""
        return cast(Block, block).branch(hidden)

    def output_parameters(self, block: nn.Module) -> tuple[nn.Parameter, ...]:
        """Return B_l of `block`, one of `residual_blocks`: its last matrix, or scale and shift of its last norm."""
        return cast(Block, block).output_parameters
