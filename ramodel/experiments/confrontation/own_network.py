"""Someone's own trained network against every check of the theory that needs no fitted parameter."""

import copy
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import nn

from ramodel.checks import integer, nonnegative, one_of, positive
from ramodel.experiments.confrontation.confrontation import Confrontation
from ramodel.experiments.confrontation.network_checks import checks
from ramodel.experiments.confrontation.network_facts import found_facts
from ramodel.experiments.confrontation.network_numbers import Measured
from ramodel.experiments.confrontation.network_properties import property_checks
from ramodel.experiments.confrontation.network_result import Check, NetworkResult
from ramodel.experiments.confrontation.subject_network import SubjectNetwork
from ramodel.experiments.measurement import measure_network
from ramodel.experiments.subjects import Subject
from ramodel.experiments.sweeps.config import MeasureSettings
from ramodel.nets import Dataset, Inputs, Loss, TrainingConfig
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.spectra import Spectra, measure, residual_alignment
from ramodel.theory import FrobeniusModel, NuclearModel

__all__ = ["confront_network"]

_MOST = 12
"""Singular triplets of a block, at most."""


_BY_CLASS = ("class_mean_singular_value", "class_mean_gain", "gain_predicted")
"""Variables that are taken by class."""


class _Decays(NamedTuple):
    jacobian: float
    head: float
    embedding: float | None
    norms: bool


def confront_network(
    subject: Subject,
    inputs: Inputs,
    *,
    jacobian_decay: float,
    head_decay: float,
    embedding_decay: float | None = None,
    decay_norms: bool = False,
    loss: Loss = "cross-entropy",
    training_inputs: Inputs | None = None,
    blocks: Sequence[str] | None = None,
    skip: str = "auto",
    untrained: bool = True,
    seed: int = 0,
    progress: bool = True,
) -> Confrontation:
    """Measure a trained network and set every parameter-free check of the theory against it.

    Singular values from the head alone (S1, S6), from gains (S2), trajectories (S5), profiles (S7), norms (S9),
    energies (S16, S18), coupling (S17), work and energy (S19), rank thresholds (S6), RA1-RA4 beside their level
    without structure. Exact statements are judged as exact where their assumptions hold; else the number is shown as
    an observation, with the reason. What cannot be asked of this network is listed as well.

    Parameters
    ----------
    subject
        The network; left as it is. `ramodel.experiments.subjects.load_subject` makes one of files.
    inputs
        Where Jacobians and states are measured.
    jacobian_decay, head_decay, embedding_decay
        lam_J, lam_W, lam_E of the training: F = mean loss + (lam/2)|weights|^2. torch's `weight_decay` of SGD and Adam
        is that lam. None: what lies before the blocks has another, unknown one.
    decay_norms
        Whether lam_J falls on scales and shifts of norms inside the blocks too.
    loss
        Of the training.
    training_inputs
        For S19: the samples it was trained on, with labels; `inputs` by default.
    blocks, skip
        As in `ramodel.measure`.
    untrained
        Whether to measure the network as it was before training too, where something says how: the control.
    seed
        Of the untrained weights.
    progress
        Show bars on a terminal.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the network cannot be measured.

    Examples
    --------
    >>> from ramodel.nets import NetworkConfig, ResidualNetwork
    >>> network = ResidualNetwork(NetworkConfig(kind="linear", inputs=4, classes=2, width=4, depth=3, seed=0)).eval()
    >>> points = Inputs(values=np.eye(4), kind="inputs", labels=np.array([0, 1, 0, 1]))
    >>> found = confront_network(Subject(name="mine", network=network), points, jacobian_decay=0.01, head_decay=0.01)
    >>> {check.statement for check in found.network.checks} >= {"S1", "S5", "S9", "S16", "S19", "RA1"}
    True
    """
    decays = _Decays(
        positive("jacobian_decay", jacobian_decay),
        positive("head_decay", head_decay),
        None if embedding_decay is None else positive("embedding_decay", embedding_decay),
        decay_norms,
    )
    one_of("loss", loss, ["cross-entropy", "squared"])
    nonnegative("seed", integer("seed", seed, minimum=0))
    arguments = subject.arguments(inputs)
    networks = [subject.network]
    if untrained and subject.fresh is not None:
        networks.append(subject.untrained(inputs, seed=seed))
    options: dict[str, Any] = {"blocks": blocks, "skip": skip, "seed": seed, "labels": inputs.labels}
    options |= {"rank": _rank(subject, inputs), "statistics": ("frobenius", "asymmetry"), "progress": progress}
    spectra = [_spectra(network, arguments, options) for network in networks]
    properties = residual_alignment(*spectra, classes=_classes(subject, inputs), progress=progress)

    facts: dict[str, str] = {"decays": _decay_words(decays), "loss": loss}
    try:
        measured = [_measured(one, spectra[0], inputs, training_inputs or inputs, decays, loss) for one in networks]
    except _NotMeasurableError as error:
        theory_rows: tuple[Check, ...] = (_unasked(str(error)),)
    else:
        facts |= measured[0].facts.words | _reached(measured[0].cell)
        theory_rows = tuple(checks(measured[0], measured[1] if len(measured) > 1 else None))
    notes = list(properties.notes)
    if len(networks) == 1:
        notes.append("No untrained network to compare with: levels without structure stand in for it where known.")
    result = NetworkResult(
        name=subject.name,
        inputs=f"{len(inputs.values)} of {inputs.origin}" if inputs.origin else f"{len(inputs.values)}",
        facts=facts,
        checks=theory_rows + tuple(property_checks(properties)),
        notes=tuple(notes),
    )
    return Confrontation(network=result)


class _NotMeasurableError(Exception):
    """The theory's checks cannot be asked of this network; the message says why."""


def _measured(
    network: nn.Module, spectra: Spectra, inputs: Inputs, samples: Inputs, decays: _Decays, loss: Loss
) -> Measured:
    """Measure a network as the cell of a sweep is measured, and look at what it is made of."""
    skips = set(spectra.dataset["skip"].values.tolist())
    if not skips <= {"inside", "masked"}:
        if skips == {"none"}:
            raise _NotMeasurableError("its blocks have no skips: the theory speaks of residual blocks")
        raise _NotMeasurableError(f"its skip is {', '.join(sorted(skips))}: name blocks that contain their skips")
    if inputs.kind == "input_ids":
        raise _NotMeasurableError("it reads text: the theory speaks of one vector per sample")
    whole = copy.deepcopy(network).double().eval()
    modules = dict(whole.named_modules())
    if not all(name in modules for name in spectra.blocks):
        raise _NotMeasurableError("its blocks are called more than once in a forward pass")
    weight = next(whole.parameters())
    points = torch.as_tensor(inputs.values).to(weight)
    if isinstance(whole, TrainableNetwork):
        seen, embedding = whole, getattr(whole, "embedding", None)
    else:
        try:
            seen = SubjectNetwork(whole, [modules[name] for name in spectra.blocks], points[:2])
        except ValueError as error:
            raise _NotMeasurableError(str(error)) from error
        embedding = seen.embedding
    labelled = inputs.labels is not None and samples.labels is not None
    embedding = embedding if isinstance(embedding, nn.Linear) else None
    facts = found_facts(seen, embedding, points, skip=", ".join(sorted(skips)), labelled=labelled)
    lams = (facts.depth, decays.jacobian, decays.head, decays.embedding)
    model = FrobeniusModel(*lams) if facts.matrices == 1 else NuclearModel(*lams)
    return Measured(_cell(seen, inputs, samples, decays, loss, labelled=labelled), facts, model)


def _cell(
    network: TrainableNetwork, inputs: Inputs, samples: Inputs, decays: _Decays, loss: Loss, *, labelled: bool
) -> xr.Dataset:
    classes = network.head.out_features
    # Without labels any will do: what is taken by class is dropped then.
    labels = [
        np.arange(len(one.values)) % classes if one.labels is None or not labelled else one.labels
        for one in (inputs, samples)
    ]
    dataset = Dataset(
        train_inputs=np.asarray(samples.values, dtype=np.float64),
        train_labels=labels[1],
        test_inputs=np.asarray(inputs.values, dtype=np.float64),
        test_labels=labels[0],
        class_names=tuple(map(str, range(classes))),
        image_shape=tuple(samples.values.shape[1:]),
        name=inputs.origin,
    )
    found = measure_network(
        network,
        dataset,
        inputs=len(inputs.values),
        jacobian_decay=decays.jacobian,
        head_decay=decays.head,
        embedding_decay=decays.embedding,
        loss=loss,
        settings=MeasureSettings(
            inputs=len(inputs.values), rank=min(classes + 2, _MOST), stand_ins=True, work=labelled, collapse=labelled
        ),
        training=TrainingConfig(decay_norms=decays.norms, optimiser="sgd"),
    )
    return found if labelled else found.drop_vars(_BY_CLASS, errors="ignore")


def _spectra(network: nn.Module, arguments: Any, options: dict[str, Any]) -> Spectra:
    with warnings.catch_warnings():
        # The notes of `residual_alignment` say it.
        warnings.filterwarnings("ignore", ".* have not converged", RuntimeWarning)
        return measure(network, arguments, **options)


def _unasked(reason: str) -> Check:
    return Check(
        statement="S1",
        question="checks of the theory, S1 to S19",
        assumes="a network that goes through residual blocks one after another to a linear head",
        meaning="see THEORY.md",
        reason=reason,
    )


def _reached(cell: xr.Dataset) -> dict[str, str]:
    return {"relative gradient norm": f"{float(cell['gradient_error']):.2g}"} if "gradient_error" in cell else {}


def _decay_words(decays: _Decays) -> str:
    words = [f"blocks {decays.jacobian:g}", f"head {decays.head:g}"]
    words += [] if decays.embedding is None else [f"embedding {decays.embedding:g}"]
    return ", ".join(words) + (", norms like blocks" if decays.norms else "")


def _classes(subject: Subject, inputs: Inputs) -> int | None:
    if subject.classes is not None:
        return subject.classes
    return None if inputs.labels is None else max(int(np.max(inputs.labels)) + 1, 2)


def _rank(subject: Subject, inputs: Inputs) -> int:
    classes = _classes(subject, inputs)
    return _MOST if classes is None else min(classes + 2, _MOST)
