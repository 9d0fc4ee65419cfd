"""SGD with momentum, Adam and AdamW on one vector: every entry has its own learning rate and its own decay."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

__all__ = ["StackedOptimiser", "stacked_optimiser"]

_BETA, _BETA_OF_SQUARES, _EPSILON = 0.9, 0.999, 1e-8


class StackedOptimiser(ABC):
    """Steps of the optimiser of torch of the same name, entry by entry.

    Parameters
    ----------
    weights, gradient
        [n]; `step` changes the first (in place) and may overwrite the second.
    decay
        lam [n].

    Attributes
    ----------
    steps
        Taken so far.
    state
        Moving averages [n] that the steps depend on.
    """

    averages: tuple[str, ...]
    """Names of the state, as torch has them."""

    def __init__(self, weights: Tensor, gradient: Tensor, decay: Tensor) -> None:
        self.weights, self.gradient, self.decay = weights, gradient, decay

        self.steps = 0
        self.state = [torch.zeros_like(weights) for _ in self.averages]

    def take_over(self, other: "StackedOptimiser", entries: Tensor) -> None:
        """Go on from where `other`, of the same name, stands at these entries of its vectors, a mask [n]."""
        self.steps = other.steps
        self.state = [average[entries] for average in other.state]

    @abstractmethod
    def step(self, rates: Tensor) -> None:
        """Move the weights against the gradient, with learning rates [n]."""


class _Sgd(StackedOptimiser):
    averages = ("momentum_buffer",)

    def __init__(self, weights: Tensor, gradient: Tensor, decay: Tensor, momentum: float) -> None:
        super().__init__(weights, gradient, decay)
        self.momentum = momentum

    def step(self, rates: Tensor) -> None:
        self.steps += 1
        (velocity,) = self.state
        self.gradient.addcmul_(self.decay, self.weights)
        velocity.mul_(self.momentum).add_(self.gradient)
        self.weights.addcmul_(rates, velocity, value=-1.0)


class _Adam(StackedOptimiser):
    """With torch's constants."""

    averages = ("exp_avg", "exp_avg_sq")

    def __init__(self, weights: Tensor, gradient: Tensor, decay: Tensor, *, decoupled: bool) -> None:
        super().__init__(weights, gradient, decay)
        self.decoupled = decoupled

    def step(self, rates: Tensor) -> None:
        self.steps += 1
        mean, square = self.state
        if self.decoupled:
            self.weights.addcmul_(rates * self.decay, self.weights, value=-1.0)
        else:
            self.gradient.addcmul_(self.decay, self.weights)
        mean.lerp_(self.gradient, 1.0 - _BETA)
        square.mul_(_BETA_OF_SQUARES).addcmul_(self.gradient, self.gradient, value=1.0 - _BETA_OF_SQUARES)
        unbiased = math.sqrt(1.0 - _BETA_OF_SQUARES**self.steps)
        root = square.sqrt().div_(unbiased).add_(_EPSILON)
        self.weights.addcdiv_(rates * mean, root, value=-1.0 / (1.0 - _BETA**self.steps))


def stacked_optimiser(
    name: str, weights: Tensor, gradient: Tensor, decay: Tensor, *, momentum: float
) -> StackedOptimiser:
    """Return "sgd" (the only one with momentum), "adam" (decay in the gradient) or "adamw" (decay apart).

    Examples
    --------
    >>> weights, gradient = torch.ones(2), torch.ones(2)
    >>> optimiser = stacked_optimiser("sgd", weights, gradient, torch.zeros(2), momentum=0.9)
    >>> optimiser.step(torch.tensor([0.5, 0.25]))
    >>> weights
    tensor([0.5000, 0.7500])
    """
    if name == "sgd":
        return _Sgd(weights, gradient, decay, momentum)
    return _Adam(weights, gradient, decay, decoupled=name == "adamw")
