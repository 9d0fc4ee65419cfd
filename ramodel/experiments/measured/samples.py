"""What a network makes of some training samples: their states, stage by stage."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ramodel.experiments.measured.walk import Stage, walked
from ramodel.nets import Dataset, spread_over_classes
from ramodel.nets.architectures.trainable import TrainableNetwork

__all__ = ["SampleStates", "states_of_samples"]

_SAMPLES = 500
"""Samples looked at, at most."""

_NUMBERS = 2**25
"""Numbers in their states, at most (256 MiB)."""

_CHUNK = 50


class SampleStates(NamedTuple):
    """States, labels, and what the network predicts."""

    states: list[NDArray[np.float64]]
    """Of each stage, [L + 1, N, d]."""
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]


@torch.no_grad()
def states_of_samples(network: TrainableNetwork, dataset: Dataset, stages: tuple[Stage, ...]) -> SampleStates:
    """Return the states of training samples spread evenly over the classes, as many as memory allows.

    Parameters
    ----------
    network
        In evaluation mode and float64.
    """
    numbers = sum((len(stage.blocks) + 1) * stage.size for stage in stages)
    count = max(2 * dataset.classes, min(_SAMPLES, _NUMBERS // numbers))
    rows = spread_over_classes(dataset.train_labels, min(count, len(dataset.train_labels)))
    pieces: list[list[NDArray[np.float64]]] = [[] for _ in stages]
    predictions = []
    for some in np.array_split(rows, -(-len(rows) // _CHUNK)):
        calls, read = walked(network, torch.as_tensor(dataset.train_inputs[some]).to(network.head.weight))
        predictions.append(network.head(read).argmax(dim=-1).cpu().numpy())
        for stage, piece in zip(stages, pieces, strict=True):
            own = calls[stage.first : stage.first + len(stage.blocks)]
            states = torch.stack([*(received for received, _ in own), own[-1][1]])
            piece.append(states.flatten(2).cpu().numpy())
    return SampleStates(
        [np.concatenate(piece, axis=1) for piece in pieces], dataset.train_labels[rows], np.concatenate(predictions)
    )
