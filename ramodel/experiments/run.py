"""Running a cell: train the network, measure it, and set the theory's predictions beside, as one dataset."""

from pathlib import Path

import msgspec
import xarray as xr

from ramodel.experiments.cell import Cell
from ramodel.experiments.measurement import measure_network
from ramodel.nets import (
    Dataset,
    NetworkConfig,
    ResidualNetwork,
    TrainingConfig,
    load_dataset,
    train,
)

__all__ = ["run_cell"]


def run_cell(cell: Cell, *, data_folder: Path | None = None) -> xr.Dataset:
    """Train (unless the arm says otherwise), measure and predict one cell.

    Returns
    -------
    xarray.Dataset
        The measurement of `measure_network`, and the scalars stationarity (relative gradient norm), objective,
        train_loss, train_accuracy, test_accuracy. `attrs` holds the cell's settings.
    """
    dataset = load_dataset(
        cell.dataset,
        data_folder=data_folder,
        train_size=cell.train_size,
        test_size=cell.test_size,
        seed=cell.seed,
    )
    network = ResidualNetwork(_network_config(cell, dataset))
    result = train(network, dataset, _training_config(cell), progress=False)
    found = measure_network(
        network,
        dataset,
        inputs=cell.inputs,
        jacobian_decay=cell.jacobian_decay,
        head_decay=cell.head_decay,
        embedding_decay=cell.embedding_decay,
    )
    found["stationarity"] = result.gradient_norm
    found["objective"] = result.objective
    found["train_loss"] = result.train_loss
    found["train_accuracy"] = result.train_accuracy
    found["test_accuracy"] = result.test_accuracy
    return found.assign_attrs(msgspec.to_builtins(cell))


def _network_config(cell: Cell, dataset: Dataset) -> NetworkConfig:
    return NetworkConfig(
        kind=cell.kind,
        inputs=dataset.inputs,
        classes=dataset.classes,
        width=cell.width,
        depth=cell.depth,
        skip=cell.arm != "no-skip",
        seed=cell.seed,
    )


def _training_config(cell: Cell) -> TrainingConfig:
    config = TrainingConfig(
        jacobian_decay=cell.jacobian_decay,
        head_decay=cell.head_decay,
        embedding_decay=cell.embedding_decay,
        tolerance=cell.tolerance,
        iterations=0 if cell.arm == "untrained" else cell.iterations,
        seed=cell.seed,
    )
    if cell.arm == "sgd":
        return msgspec.structs.replace(
            config, optimiser="sgd", learning_rate=0.05, momentum=0.9, batch_size=150, schedule="cosine"
        )
    return config
