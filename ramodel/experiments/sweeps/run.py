"""Running one cell of a sweep: data, network, training, measurement, as one dataset."""

import importlib
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import scipy
import torch
import xarray as xr

from ramodel.experiments.measurement import measure_network
from ramodel.experiments.sweeps.cells import SweepCell
from ramodel.experiments.sweeps.config import DataSettings, SweepConfig
from ramodel.experiments.sweeps.during import ReadingsDuring, look_iterations
from ramodel.nets import Dataset, TrainingResult, load_dataset, train, usable_device
from ramodel.nets.architectures.family import build_network, network_config
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training.batched import train_many

__all__ = ["run_sweep_batch", "run_sweep_cell", "sweep_device"]

_REACHED = ("objective", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "iterations", "seconds")
"""Fields of a `TrainingResult` that are kept."""


def run_sweep_cell(
    cell: SweepCell,
    config: SweepConfig,
    *,
    data_folder: Path | None = None,
    device: str = "cpu",
    folder: Path | None = None,
    stop_after: float | None = None,
) -> xr.Dataset | None:
    """Train and measure one network: a picklable function of configuration and seed.

    Parameters
    ----------
    cell, config
        The cell, and the sweep that it is of.
    data_folder
        Where data sets are looked for; default the environment variable RAMODEL_DATA.
    device
        "cpu", "cuda", ..., or "auto".
    folder
        Where checkpoints of the training go, from which it continues; None writes none.
    stop_after
        Seconds after which the training stops and leaves a checkpoint.

    Returns
    -------
    xarray.Dataset or None
        The measurement of `measure_network`; the scalars stationarity, objective, train_loss, train_accuracy,
        test_loss, test_accuracy, iterations, seconds, parameters; NAME_during [look] for every reading of
        `measure.during`; settings and origin as attributes. None where `stop_after` ended the training: the same call
        continues it.

    Examples
    --------
    >>> from ramodel.experiments.sweeps.cells import cells
    >>> config = SweepConfig(
    ...     law="depth", title="", network={"family": "model", "kind": "linear", "width": 12, "depth": 2}, seeds=1,
    ...     data=DataSettings(train_size=100, test_size=20),
    ... )
    >>> found = run_sweep_cell(cells(config)[0], config)
    >>> found.attrs["arm"], bool(found["stationarity"] < 1e-6)
    ('trained', True)
    """
    target = sweep_device(device)
    dataset = _dataset(cell.data, cell.seed, data_folder)
    network = build_network(network_config(cell.network, dataset, cell.seed))
    during = _during(cell, dataset, folder)
    result = train(
        network,
        dataset,
        cell.training,
        device=target,
        folder=folder,
        progress=False,
        stop_after=stop_after,
        callback=during,
    )
    if result.stopped_by == "stop after":
        return None
    return _described(cell, config, dataset, network, result, during, target)


def run_sweep_batch(
    batch: Sequence[SweepCell],
    config: SweepConfig,
    *,
    data_folder: Path | None = None,
    device: str = "cpu",
    folders: Sequence[Path | None] | None = None,
    stop_after: float | None = None,
) -> list[xr.Dataset | FloatingPointError | None]:
    """Train several networks as one programme, then measure each: `run_sweep_cell` of all, up to rounding.

    Parameters
    ----------
    batch
        Cells that differ in seeds and `FREE_SETTINGS` of the training only.
    config, data_folder, device, stop_after
        As in `run_sweep_cell`.
    folders
        Of checkpoints, one for each cell.

    Returns
    -------
    list of xarray.Dataset, FloatingPointError or None
        The error where an objective stopped being finite; None where `stop_after` ended the training.

    Raises
    ------
    ValueError
        If these cells cannot be trained together.
    """
    target = sweep_device(device)
    loaded = {choice: _dataset(*choice, data_folder) for choice in {(cell.data, cell.seed) for cell in batch}}
    datasets = [loaded[cell.data, cell.seed] for cell in batch]
    settings = zip(batch, datasets, strict=True)
    networks = [build_network(network_config(cell.network, dataset, cell.seed)) for cell, dataset in settings]
    kept = [None] * len(batch) if folders is None else folders
    during = [_during(cell, dataset, folder) for cell, dataset, folder in zip(batch, datasets, kept, strict=True)]
    results = train_many(
        networks,
        datasets,
        [cell.training for cell in batch],
        device=target,
        progress=False,
        folders=kept,
        stop_after=stop_after,
        callbacks=during,
        errors="return",
    )
    parts = zip(batch, datasets, networks, results, during, strict=True)
    found: list[xr.Dataset | FloatingPointError | None] = []
    for cell, dataset, network, result, looks in parts:
        if isinstance(result, FloatingPointError):
            found.append(result)
        elif result.stopped_by == "stop after":
            found.append(None)
        else:
            described = _described(cell, config, dataset, network, result, looks, target)
            found.append(described.assign_attrs(batch=len(batch)))
    return found


def sweep_device(device: str) -> torch.device:
    """Return the device of that name; "auto" is a GPU where torch finds one."""
    return usable_device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)


def _dataset(settings: DataSettings, seed: int, data_folder: Path | None) -> Dataset:
    labels = range(settings.classes) if settings.labels is None and settings.classes is not None else settings.labels
    more: dict[str, Any] = {} if settings.context is None else {"context": settings.context}
    return load_dataset(
        settings.dataset,
        data_folder=data_folder,
        classes=labels,
        train_size=settings.train_size,
        test_size=settings.test_size,
        normalise=settings.normalise,
        shuffled_labels=settings.shuffled_labels,
        seed=seed,
        **more,
    )


def _during(cell: SweepCell, dataset: Dataset, folder: Path | None) -> ReadingsDuring | None:
    if not cell.measure.during:
        return None
    looks = look_iterations(cell.training.iterations, cell.measure.looks)
    return ReadingsDuring(cell.measure.during, looks, lambda network: _measured(cell, network, dataset), folder)


def _measured(cell: SweepCell, network: TrainableNetwork, dataset: Dataset) -> xr.Dataset:
    return measure_network(
        network,
        dataset,
        inputs=cell.measure.inputs,
        jacobian_decay=cell.training.jacobian_decay,
        head_decay=cell.training.head_decay,
        embedding_decay=cell.training.embedding_decay,
        loss=cell.training.loss,
        settings=cell.measure,
        training=cell.training,
    )


def _described(
    cell: SweepCell,
    config: SweepConfig,
    dataset: Dataset,
    network: TrainableNetwork,
    result: TrainingResult,
    during: ReadingsDuring | None,
    device: torch.device,
) -> xr.Dataset:
    """Measure a trained network; add what was reached and where it comes from. `batch` counts those trained at once."""
    found = _measured(cell, network, dataset)
    if during is not None:
        during.take(found, result.iterations)
        found = found.merge(during.dataset())
    reached: dict[str, float] = {name: getattr(result, name) for name in _REACHED}
    reached["parameters"] = sum(weights.numel() for weights in network.parameters() if weights.requires_grad)
    found = found.assign(reached | {"stationarity": result.gradient_norm})
    settings = {"axes": cell.axes, "network": network.config, "data": cell.data}
    settings |= {"training": cell.training, "measure": cell.measure, "versions": _versions()}
    return found.assign_attrs(
        law=config.law,
        cell=cell.name,
        arm=cell.arm,
        control=int(cell.control),
        seed=cell.seed,
        digest=cell.digest,
        batch=1,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        **{name: msgspec.json.encode(value).decode() for name, value in settings.items()},
    )


def _versions() -> dict[str, str]:
    packages = {"torch": str(torch.__version__), "numpy": np.__version__, "scipy": scipy.__version__}
    own = importlib.import_module("ramodel").__version__  # not from metadata: a bare machine runs the tree as it is
    return {"ramodel": own, **packages, "python": platform.python_version()}
