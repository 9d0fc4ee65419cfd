"""The objective of training: mean loss plus weight decay with exactly the theory's lam, and its gradient."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ramodel.nets.architectures.network import ResidualNetwork
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training.collapsed import CollapsedLoss
from ramodel.nets.training.losses import Loss, mean_loss
from ramodel.optimise import Evaluation

__all__ = ["Decays", "Statistics", "TrainingObjective", "batch_norms", "decay_groups", "normalised_by_batch"]

Statistics = Literal["kept", "moving", "anew"]


class Decays(NamedTuple):
    """Weight decay lam of the weights of each part, and of the norms in the blocks and elsewhere; biases have none."""

    embedding: float
    blocks: float
    head: float
    norms: float = 0.0
    outer_norms: float = 0.0


class TrainingObjective:
    """F(theta) = mean loss + (lam_E/2)||E||^2 + (lam_J/2) sum_l ||block l||^2 + (lam_W/2)||W||^2 on a training set.

    Called with a point [1, n] it is an objective of `ramodel.optimise`. A point lists the trained parameters in the
    order of `network.parameters()`.

    Parameters
    ----------
    network
        Gives the architecture; `move` sets its parameters.
    inputs, labels
        Training set [N, d_in], [N], on the device and in the type of the network.
    loss
        Mean over samples of the cross-entropy or of half the squared error.
    decays
        lam_E, lam_J, lam_W, and that of the norms.
    batches
        Rows of the mini-batches that are evaluated one after the other; None for all at once. They limit the memory,
        and are what BatchNorm normalises over.
    """

    def __init__(
        self,
        network: TrainableNetwork,
        inputs: Tensor,
        labels: Tensor,
        loss: Loss,
        decays: Decays,
        *,
        batches: Sequence[Tensor | slice] | None = None,
    ) -> None:
        self.network = network
        self.inputs = inputs
        self.labels = labels
        self.loss: Loss = loss
        self.batches = [slice(None)] if batches is None else batches
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        lam = {parameter: lam for group, lam in decay_groups(network, decays) for parameter in group}
        self.decay = torch.cat([p.detach().new_full((p.numel(),), lam[p]) for p in self.parameters])
        self._collapsed: CollapsedLoss | None = None
        if isinstance(network, ResidualNetwork) and network.is_collapsible:
            self._collapsed = CollapsedLoss(network, inputs, labels, loss)

    def point(self) -> Tensor:
        """Return the parameters of the network as a point [1, n]."""
        return _flat(self.parameters).detach()[None]

    @torch.no_grad()
    def move(self, point: Tensor) -> None:
        """Set the parameters of the network to a copy of `point` [1, n]."""
        sizes = [parameter.numel() for parameter in self.parameters]
        for parameter, numbers in zip(self.parameters, torch.split(point[0], sizes), strict=True):
            parameter.copy_(numbers.view(parameter.shape))

    def __call__(self, point: Tensor) -> Evaluation:
        """Return F, its gradient, and the scale ||grad loss|| + ||grad decay|| at `point` [1, n]."""
        if self._collapsed is None:
            self.move(point)
        return self._at(point[0])

    def here(self) -> Evaluation:
        """Return what a call at `point()` returns."""
        return self._at(self.point()[0])

    def _at(self, vector: Tensor) -> Evaluation:
        value, gradient = self._back_propagated() if self._collapsed is None else self._collapsed(vector)
        decay_gradient = self.decay * vector
        scale = torch.linalg.vector_norm(gradient) + torch.linalg.vector_norm(decay_gradient)
        value = value + 0.5 * torch.dot(decay_gradient, vector)
        return Evaluation(value[None], gradient.add_(decay_gradient)[None], scale[None])

    def _back_propagated(self) -> tuple[Tensor, Tensor]:
        value, gradient = self.decay.new_zeros(()), torch.zeros_like(self.decay)
        for rows in self.batches:
            labels = self.labels[rows]
            loss = mean_loss(self.loss, self.network(self.inputs[rows]), labels) * (len(labels) / len(self.labels))
            gradient += _flat(torch.autograd.grad(loss, self.parameters))
            value += loss.detach()
        return value, gradient


def decay_groups(network: TrainableNetwork, decays: Decays) -> list[tuple[list[nn.Parameter], float]]:
    """Return the trained parameters in groups: embedding, blocks, head, norms in blocks and elsewhere, and biases."""
    return [(group, lam) for group, lam in zip(network.parts(), (*decays, 0.0), strict=True) if group]


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """Return the layers of `network` that normalise over a mini-batch."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


@contextmanager
def normalised_by_batch(
    network: nn.Module, *, training: bool = False, statistics: Statistics = "kept"
) -> Iterator[None]:
    """Let BatchNorm normalise by each mini-batch inside; afterwards the network is in evaluation mode.

    Parameters
    ----------
    training
        Whether everything else is in training mode too: whether branches are dropped.
    statistics
        The running statistics, by which evaluation mode normalises: "kept" as they are; "moving" averages as torch
        makes them; or made "anew": means over the mini-batches that are evaluated inside, which no moving average lags
        behind (Wu & Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3).
    """
    norms = batch_norms(network)
    network.train(training)
    before = [(norm.track_running_stats, norm.momentum) for norm in norms]
    averages = []
    for norm in norms:
        norm.training = True
        norm.track_running_stats = statistics != "kept"
        if statistics == "anew":
            norm.reset_running_stats()
            averages.append(norm.register_forward_pre_hook(_plain_average()))
    try:
        yield
    finally:
        for average in averages:
            average.remove()
        for norm, (tracked, momentum) in zip(norms, before, strict=True):
            norm.track_running_stats, norm.momentum = tracked, momentum
        network.eval()


def _plain_average() -> Callable[[_BatchNorm, tuple[Tensor, ...]], None]:
    """Return a hook that gives each mini-batch the same weight; torch's own average waits for the device every time."""
    numbers = itertools.count(1)

    def weigh(norm: _BatchNorm, _: tuple[Tensor, ...]) -> None:
        norm.momentum = 1.0 / next(numbers)

    return weigh


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
