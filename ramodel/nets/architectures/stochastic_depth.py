"""Stochastic depth (Huang, Sun, Liu, Sedra & Weinberger 2016): branches left out at random in training."""

import numpy as np
import torch
from torch import Tensor, nn

from ramodel.checks import positive

__all__ = ["StochasticDepth", "branch_counts", "draw_kept_branches", "require_keep_probability"]

_STREAM = 13
"""Sets these random numbers apart from others that are drawn from the same (seed, epoch, step)."""


class StochasticDepth(nn.Module):
    """Counts a branch 0 times or once in training, and q times in evaluation: the mean of training.

    Whole branches are left out, for all samples of a batch at once. With `rescale` a branch that is kept counts 1/q
    times in training, and once in evaluation.

    Attributes
    ----------
    kept
        Buffer, a scalar: how often the branch counts in this step of training. It is no part of the state dict, and
        stays at "kept" until `TrainableNetwork.set_step` draws it. There is none where q = 1.

    Examples
    --------
    >>> depth = StochasticDepth(0.75)
    >>> depth.eval()(torch.ones(2))
    tensor([0.7500, 0.7500])
    >>> depth.set_kept(False)
    >>> depth.train()(torch.ones(2))
    tensor([0., 0.])
    """

    kept: Tensor

    def __init__(self, keep_probability: float = 1.0, *, rescale: bool = False) -> None:
        super().__init__()
        self.keep_probability = keep_probability
        self.rescale = rescale
        if self.is_random:
            self.register_buffer("kept", torch.empty(()), persistent=False)
            self.set_kept(True)

    @property
    def p(self) -> float:
        """Probability that the branch is left out, under the name that layers of dropout have."""
        return 1.0 - self.keep_probability

    @property
    def is_random(self) -> bool:
        """Whether branches are left out at all."""
        return self.keep_probability < 1.0

    def set_kept(self, kept: bool) -> None:
        """Say whether the branch counts in the next steps of training."""
        self.kept.fill_(self.count(kept))

    def count(self, kept: bool) -> float:
        """Return how often a branch counts in training that is kept, or is not."""
        return (1.0 / self.keep_probability if self.rescale else 1.0) if kept else 0.0

    def forward(self, branch: Tensor) -> Tensor:
        """Return `branch` times what it counts."""
        if not self.is_random:
            return branch
        if self.training:
            return branch * self.kept
        return branch if self.rescale else branch * self.keep_probability


def draw_kept_branches(network: nn.Module, seed: int, epoch: int, step: int) -> None:
    """Draw which branches of `network` are kept in a step, from these three numbers alone: so runs can be resumed."""
    for module, kept in _draws(network, seed, epoch, step):
        module.set_kept(kept)


def branch_counts(network: nn.Module, seed: int, epoch: int, step: int) -> list[float]:
    """Return what `draw_kept_branches` writes into the buffers `kept` of `network`, in order, and leave them alone."""
    return [module.count(kept) for module, kept in _draws(network, seed, epoch, step)]


def _draws(network: nn.Module, seed: int, epoch: int, step: int) -> list[tuple[StochasticDepth, bool]]:
    modules = [module for module in network.modules() if isinstance(module, StochasticDepth) and module.is_random]
    if not modules:
        return []
    draws = np.random.default_rng([seed, epoch, step, _STREAM]).random(len(modules))
    return [(module, draw < module.keep_probability) for module, draw in zip(modules, draws.tolist(), strict=True)]


def require_keep_probability(keep_probability: float, *, skip: bool) -> None:
    """Raise ValueError unless 0 < `keep_probability` <= 1, and 1 where there is no skip to go around a branch.

    Examples
    --------
    >>> require_keep_probability(0.5, skip=False)
    Traceback (most recent call last):
    ...
    ValueError: keep_probability is 0.5; without skip it must be 1: nothing would go around a branch that is left out.
    """
    if positive("keep_probability", keep_probability) > 1.0:
        raise ValueError(f"keep_probability is {keep_probability}; it must be at most 1.")
    if keep_probability < 1.0 and not skip:
        raise ValueError(
            f"keep_probability is {keep_probability}; without skip it must be 1: nothing would go around a branch that "
            "is left out."
        )
