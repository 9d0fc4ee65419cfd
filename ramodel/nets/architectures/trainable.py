"""What training and experiments ask of a network, whatever its family."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Parts", "TrainableNetwork"]


class Parts(NamedTuple):
    """Every trained parameter once, by what its weight decay is.

    The decays lam_E, lam_J, lam_W of the theory fall on the first three; `norms` are decayed like the part they stand
    in where the training says so, and `biases` never.
    """

    embedding: list[nn.Parameter]
    """Weights before the first block, and of transitions between stages."""
    blocks: list[nn.Parameter]
    """Weights of the residual blocks."""
    head: list[nn.Parameter]
    """Weights after the last block."""
    norms: list[nn.Parameter]
    """Scales and shifts of normalisation layers inside the residual blocks: decayed by lam_J or not at all."""
    biases: list[nn.Parameter]
    """Everything else: biases, and norms outside of the blocks."""


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

    @abstractmethod
    def parts(self) -> Parts:
        """Return the trained parameters by what decays them."""

    def after_step(self, generator: torch.Generator) -> None:  # noqa: B027  (most networks have nothing to do)
        """Mend the weights after a step of the optimiser: Procrustes networks project their transitions."""
