"""What is measured on a network: spectra, alignment, trajectories, work and energy, as one dataset with named axes."""

import copy
from typing import cast

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from ramodel.experiments.measured.collapse import measured_collapse
from ramodel.experiments.measured.head import HeadPredictions, measured_head
from ramodel.experiments.measured.jacobians import measured_jacobians
from ramodel.experiments.measured.objective import measured_objective
from ramodel.experiments.measured.samples import states_of_samples
from ramodel.experiments.measured.stand_ins import measured_stand_ins
from ramodel.experiments.measured.text import measure_text_network
from ramodel.experiments.measured.trajectories import measured_trajectories
from ramodel.experiments.measured.variables import put
from ramodel.experiments.measured.walk import Stage, found_stages
from ramodel.experiments.prediction import predict_network, provable_model
from ramodel.experiments.sweeps.config import MeasureSettings
from ramodel.nets import Dataset, Loss, ResidualNetwork, TrainingConfig, spread_over_classes
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training.objective import Decays
from ramodel.spectra import Spectra, measure, secant_jacobians

__all__ = ["EXTRA_RANKS", "measure_network"]

EXTRA_RANKS = 2
"""Singular triplets kept beyond the number of classes, so that the gap after the C-th can be seen."""

_NARROW = 128
"""Numbers in a state up to which Jacobians are decomposed whole; of wider ones the leading triplets are found."""

_WIDEST = 512
"""The same for fully connected networks where stand-ins are asked for."""

_TOLERANCE = 1e-2
"""Residual of the triplets of wide states, relative: values are then good to about its square."""

_LEAST_STATE = 0.03
"""Directions with a smaller share of the largest singular value of the states are no part of the secant."""


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
        Of any family; left untouched. Measured in evaluation mode, S19 in the mode of the objective; in float64, the
        spectra of states of more than 512 numbers in float32 where the network itself is in no more.
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
        Axes layer (1..L), state, input, rank, class (of the inputs; attribute `classes`: C); every variable says in
        `long_name` what it is. Coordinates: `stage` of each layer, `state_stage` and `state_layer` (the blocks before
        it) of each state. For networks of the provable model also what `predict_network` says. Networks that read
        text: see `ramodel.experiments.measured.text`.
    """
    settings = settings or MeasureSettings()
    measured = copy.deepcopy(network).double().eval()
    of_norms = jacobian_decay if training is not None and training.decay_norms else 0.0
    decays = Decays(embedding_decay or 0.0, jacobian_decay, head_decay, of_norms)
    if dataset.test_labels.ndim > 1:
        return measure_text_network(
            measured, dataset, inputs=inputs, decays=decays, loss=loss, settings=settings, training=training
        )
    chosen = spread_over_classes(dataset.test_labels, inputs)
    labels = dataset.test_labels[chosen]
    points = torch.as_tensor(dataset.test_inputs[chosen]).to(measured.head.weight)
    stages = found_stages(measured, points[:2])
    kept = min(settings.rank or dataset.classes + EXTRA_RANKS, max(stage.size for stage in stages))
    samples = states_of_samples(measured, dataset, stages)
    head = measured.head.weight.detach().cpu().numpy()
    parts = []
    for number, stage in enumerate(stages):
        states = samples.states[number]
        stood_in = settings.stand_ins and len(stage.shape) == 1 and stage.size <= _WIDEST
        whole = stood_in or stage.size <= _NARROW
        single = stage.size > _WIDEST and network.head.weight.dtype != torch.float64
        spectra = _spectra(measured, stage, points, labels, kept, whole=whole, single=single)
        part = measured_jacobians(spectra, dataset.classes, kept, second_moment=_second_moment(states[0]))
        part = part.merge(measured_trajectories(spectra.states.values.astype(np.float64, copy=False)))
        predictions = None
        if stage.read == "whole" and jacobian_decay > 0.0 and head_decay > 0.0:
            predictions = HeadPredictions(head, jacobian_decay, head_decay, len(stage.blocks))
            part = part.merge(measured_head(predictions, kept, states, samples.labels))
        if settings.collapse:
            reads = head if stage.read == "whole" else None
            part = part.merge(measured_collapse(states, samples.labels, samples.predictions, reads))
        if stood_in:
            part = part.merge(_stand_ins(measured, stage, dataset, spectra, kept, predictions))
        parts.append(_placed(part, stage, number, single=len(stages) == 1))
    found = xr.merge(parts, join="outer", compat="no_conflicts", combine_attrs="drop") if len(parts) > 1 else parts[0]
    found = found.assign_coords(rank=np.arange(1, kept + 1))
    found = found.assign_coords({"class": np.unique(labels), "input_class": ("input", labels)})
    found.attrs["classes"] = dataset.classes
    sizes = np.repeat([stage.size for stage in stages], [len(stage.blocks) for stage in stages])
    put(found, "state_size", ("layer",), sizes, "d, numbers in a state")
    singular = np.linalg.svd(head, compute_uv=False)[:kept]
    put(
        found, "head_singular_value", ("rank",), np.pad(singular, (0, kept - singular.size)), "w_k, singular value of W"
    )
    model = provable_model(measured, decays)
    if model is not None:
        found = found.merge(predict_network(cast(ResidualNetwork, measured), model, points.cpu().numpy(), kept))
    if settings.work:
        found = found.merge(measured_objective(measured, stages, dataset, loss, decays, training))
    return found


def _spectra(
    network: TrainableNetwork,
    stage: Stage,
    points: Tensor,
    labels: NDArray[np.int64],
    kept: int,
    *,
    whole: bool,
    single: bool,
) -> Spectra:
    return measure(
        network,
        points,
        blocks=list(stage.blocks),
        rank=stage.size if whole else kept,
        labels=labels,
        class_means=True,
        method="dense" if whole else "lanczos",
        tolerance=1e-4 if whole else _TOLERANCE,
        dtype=torch.float32 if single else torch.float64,
        keep_jacobians=whole,
        statistics=() if whole else ("frobenius", "asymmetry"),
        progress=False,
    )


def _second_moment(states: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the mean of h h^T over states [N, d]; None where they are wide."""
    return states.T @ states / len(states) if states.shape[1] <= _WIDEST else None


def _stand_ins(
    network: TrainableNetwork,
    stage: Stage,
    dataset: Dataset,
    spectra: Spectra,
    kept: int,
    predictions: HeadPredictions | None,
) -> xr.Dataset:
    secant = secant_jacobians(network, dataset.train_inputs, blocks=list(stage.blocks), tolerance=_LEAST_STATE)
    jacobians = spectra.jacobian.values
    stand_ins = {
        "input": jacobians,
        "class_mean": cast(Spectra, spectra.class_means).jacobian.values,
        "mean": jacobians.mean(axis=1, keepdims=True),
        "secant": secant.cpu().numpy()[:, None],
    }
    return measured_stand_ins(stand_ins, dataset.classes, kept, predictions)


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
    # Axes without coordinates could not differ in length between stages.
    part = part.assign_coords(
        {"other_layer": layers} | {n: np.arange(part.sizes[n]) for n in ("index",) if n in part.dims}
    )
    walks = [name for name, variable in part.items() if variable.dims == ("input",)]
    return part.assign({name: part[name].expand_dims(segment=[number + 1]) for name in walks})
