"""What is measured on a network: spectra, alignment, trajectories, work and energy, as one dataset with named axes."""

import copy

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from ramodel.experiments.measured.collapse import measured_collapse
from ramodel.experiments.measured.jacobians import measured_jacobians
from ramodel.experiments.measured.objective import measured_objective
from ramodel.experiments.measured.samples import SampleStates, states_of_samples
from ramodel.experiments.measured.trajectories import measured_trajectories
from ramodel.experiments.measured.variables import put
from ramodel.experiments.measured.walk import Stage, found_stages
from ramodel.experiments.sweeps.config import MeasureSettings
from ramodel.nets import Dataset, Loss, TrainingConfig, spread_over_classes
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training.objective import Decays
from ramodel.spectra import Spectra, measure

__all__ = ["EXTRA_RANKS", "measure_network"]

EXTRA_RANKS = 2
"""Singular triplets kept beyond the number of classes, so that the gap after the C-th can be seen."""

_WHOLE = 128
"""Numbers in a state up to which Jacobians are decomposed whole; of wider ones only the leading triplets are found."""

_WHITENED = 512
"""Numbers in a state up to which whitened coordinates are taken."""


def measure_network(
    network: TrainableNetwork,
    dataset: Dataset,
    *,
    inputs: int,
    jacobian_decay: float,
    head_decay: float,
    loss: Loss = "cross-entropy",
    embedding_decay: float | None = None,
    settings: MeasureSettings | None = None,
    training: TrainingConfig | None = None,
) -> xr.Dataset:
    """Measure one network at `inputs` test inputs, at their class means and, for S19, on the whole training set.

    The residual blocks of all stages stand one after another on the axis layer. Pairs of blocks of different stages,
    and whatever a stage does not have, are NaN.

    Parameters
    ----------
    network
        Of any family; left untouched. Measured in float64 and evaluation mode, S19 in the mode of the objective.
    dataset
        Test inputs for Jacobians and trajectories; training inputs for work and energy (S19) and Neural Collapse.
    inputs
        Number of test inputs, spread evenly over the classes.
    jacobian_decay, head_decay, embedding_decay
        lam_J, lam_W, lam_E, which turn squared norms into energies. None: what lies before the blocks has no decay.
    loss
        Loss of the training.
    settings
        What is measured besides; `inputs` here goes before the one there.
    training
        Says over which mini-batches BatchNorm normalises, and whether lam_J falls on scales and shifts of norms.

    Returns
    -------
    xarray.Dataset
        Axes layer (1..L), state, input, rank, class; every variable says in `long_name` what it is. Coordinates:
        `stage` of each layer, `state_stage` and `state_layer` (the blocks before it) of each state.
    """
    settings = settings or MeasureSettings()
    measured = copy.deepcopy(network).double().eval()
    chosen = spread_over_classes(dataset.test_labels, inputs)
    labels = dataset.test_labels[chosen]
    points = torch.as_tensor(dataset.test_inputs[chosen]).to(measured.head.weight)
    stages = found_stages(measured, points[:2])
    kept = min(settings.rank or dataset.classes + EXTRA_RANKS, max(stage.size for stage in stages))
    samples = states_of_samples(measured, dataset, stages)
    parts = []
    for number, stage in enumerate(stages):
        part = _measured_stage(measured, stage, points, labels, dataset.classes, kept, samples.states[number])
        if settings.collapse:
            head = _head(measured) if stage.read == "whole" else None
            part = part.merge(
                measured_collapse(samples.states[number], samples.labels, samples.predictions, head)
            )
        parts.append(_placed(part, stage, number, single=len(stages) == 1))
    found = xr.merge(parts, join="outer", compat="no_conflicts", combine_attrs="drop") if len(parts) > 1 else parts[0]
    found = found.assign_coords(rank=np.arange(1, kept + 1))
    found = found.assign_coords({"class": np.unique(labels), "input_class": ("input", labels)})
    singular = np.linalg.svd(_head(measured), compute_uv=False)[:kept]
    put(found, "head_singular_value", ("rank",), np.pad(singular, (0, kept - singular.size)), "w_k, singular value of W")
    if settings.work:
        decays = Decays(
            embedding_decay or 0.0,
            jacobian_decay,
            head_decay,
            jacobian_decay if training is not None and training.decay_norms else 0.0,
        )
        found = found.merge(measured_objective(measured, stages, dataset, loss, decays, training))
    return found


def _measured_stage(
    network: TrainableNetwork,
    stage: Stage,
    points: Tensor,
    labels: NDArray[np.int64],
    classes: int,
    kept: int,
    states: NDArray[np.float64],
) -> xr.Dataset:
    whole = stage.size <= _WHOLE
    spectra = measure(
        network,
        points,
        blocks=list(stage.blocks),
        rank=stage.size if whole else kept,
        labels=labels,
        class_means=True,
        method="dense" if whole else "auto",
        keep_jacobians=whole,
        statistics=() if whole else ("frobenius", "asymmetry"),
        progress=False,
    )
    second_moment = states[0].T @ states[0] / states.shape[1] if stage.size <= _WHITENED else None
    found = measured_jacobians(spectra, classes, kept, whole=whole, second_moment=second_moment)
    return found.merge(measured_trajectories(spectra.states.values.astype(np.float64, copy=False)))


def _placed(part: xr.Dataset, stage: Stage, number: int, *, single: bool) -> xr.Dataset:
    """Give the layers and states of a stage their places among those of the network."""
    layers, states = stage.layers, np.arange(len(stage.blocks) + 1) + stage.first + number
    part = part.assign_coords(layer=layers, state=states)
    part = part.assign_coords(
        stage=("layer", np.full(layers.size, number + 1)),
        state_stage=("state", np.full(states.size, number + 1)),
        state_layer=("state", states - number),
    )
    if single:
        return part
    part = part.assign_coords(other_layer=layers)
    walks = [name for name, variable in part.items() if variable.dims == ("input",)]
    return part.assign({name: part[name].expand_dims(segment=[number + 1]) for name in walks})


def _head(network: TrainableNetwork) -> NDArray[np.float64]:
    return network.head.weight.detach().cpu().numpy()
