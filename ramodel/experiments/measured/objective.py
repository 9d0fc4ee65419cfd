"""S19 and S9 on the objective of training: its samples, its mini-batches, its decays."""

from collections.abc import Iterator

import torch
import xarray as xr
from torch import Tensor, nn

from ramodel.experiments.measured.walk import Stage
from ramodel.experiments.measured.work import Batch, measured_work
from ramodel.nets import Dataset, Loss, TrainingConfig
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training.batches import epoch_rows
from ramodel.nets.training.losses import mean_loss
from ramodel.nets.training.objective import Decays, batch_norms, decay_groups, normalised_by_batch

__all__ = ["measured_objective"]

_NUMBERS = 2**25
"""Numbers in the states of a piece of the training set (256 MiB), where pieces do not matter for the result."""


def measured_objective(
    network: TrainableNetwork,
    stages: tuple[Stage, ...],
    dataset: Dataset,
    loss: Loss,
    decays: Decays,
    training: TrainingConfig | None,
) -> xr.Dataset:
    """Return work, energy and gradient norms over the whole training set.

    With BatchNorm the objective is the loss in training mode, averaged over the mini-batches of epoch 0, as
    `ramodel.nets.train` has it: over these S19 holds. Other networks are taken in evaluation mode, in pieces that
    fit into memory.

    Parameters
    ----------
    network
        In float64 and evaluation mode; afterwards again.
    training
        Mini-batches; None normalises by the whole training set.
    """
    lam = {parameter: decay for group, decay in decay_groups(network, decays) for parameter in group}

    def decay(parameter: nn.Parameter) -> float:
        return lam.get(parameter, 0.0)

    def mean(logits: Tensor, labels: Tensor) -> Tensor:
        return mean_loss(loss, logits, labels)

    with normalised_by_batch(network):
        return measured_work(network, stages, _batches(network, stages, dataset, training), mean, decay)


def _batches(
    network: TrainableNetwork, stages: tuple[Stage, ...], dataset: Dataset, training: TrainingConfig | None
) -> Iterator[Batch]:
    count = len(dataset.train_labels)
    if not batch_norms(network):
        numbers = sum((len(stage.blocks) + 1) * stage.size for stage in stages)
        step = max(1, _NUMBERS // numbers)
        rows: list[Tensor | slice] = [slice(start, start + step) for start in range(0, count, step)]
    else:
        rows = [slice(None)] if training is None else epoch_rows(training, count, 0, at_least=2)
    weight = network.head.weight
    for some in rows:
        inputs = torch.as_tensor(dataset.train_inputs[some])
        yield Batch(
            inputs.to(weight) if inputs.is_floating_point() else inputs.to(weight.device),
            torch.as_tensor(dataset.train_labels[some]).to(weight.device),
        )
