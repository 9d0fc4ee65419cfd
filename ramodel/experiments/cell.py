"""One cell: train a network, measure it, and set the theory's predictions beside the measurement, as one dataset."""

from pathlib import Path

import msgspec
import xarray as xr

from ramodel.checks import integer, positive
from ramodel.experiments.claims import Arm, NetworkKind
from ramodel.experiments.measurement import measure_network, spread_over_classes
from ramodel.experiments.prediction import model_of, predict_network
from ramodel.nets import Dataset, NetworkConfig, ResidualNetwork, TrainingConfig, load_dataset, train

__all__ = ["Cell", "run_cell"]


class Cell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides the numbers of one cell.

    Parameters
    ----------
    kind
        Block: "linear" (h + J h), "factored" (h + B A h), "gelu" or "relu" (h + B phi(A h)).
    arm
        "trained" (full batch, to stationarity), "sgd" (mini-batches), and the controls "untrained" and "no-skip".
    depth, width, seed
        Number of blocks, width of the state, seed of weights, split and mini-batches.
    dataset, train_size, test_size
        Name or path of the data and how much of it is used.
    jacobian_decay, head_decay, embedding_decay
        lam_J, lam_W, lam_E of THEORY.md.
    tolerance, iterations
        Relative gradient norm to stop at, and the most iterations (epochs of "sgd").
    inputs
        Number of test inputs at which Jacobians are measured, spread evenly over the classes.
    """

    kind: NetworkKind
    arm: Arm
    depth: int
    seed: int
    width: int = 32
    dataset: str = "digits"
    train_size: int = 1000
    test_size: int = 500
    jacobian_decay: float = 1e-2
    head_decay: float = 1e-2
    embedding_decay: float = 1e-2
    tolerance: float = 1e-7
    iterations: int = 2000
    inputs: int = 20

    def __post_init__(self) -> None:
        """Check what the network and the training do not check themselves."""
        integer("depth", self.depth)
        integer("width", self.width)
        integer("inputs", self.inputs)
        positive("tolerance", self.tolerance)

    @property
    def name(self) -> str:
        """Name of the cell, of its file and of its group."""
        return f"{self.kind}-{self.arm}-L{self.depth:02d}-seed{self.seed}"


def run_cell(cell: Cell, *, data_folder: Path | None = None) -> xr.Dataset:
    """Train (unless the arm says otherwise), measure and predict one cell.

    Returns
    -------
    xarray.Dataset
        The measurement of `measure_network`, for networks of the provable model also the prediction of
        `predict_network`, and the scalars stationarity (relative gradient norm), objective, train_loss,
        train_accuracy, test_accuracy. `attrs` holds the cell's settings.
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
    )
    if network.is_linear and cell.arm != "no-skip":
        model = model_of(cell.kind, cell.depth, cell.jacobian_decay, cell.head_decay, cell.embedding_decay)
        chosen = spread_over_classes(dataset.test_labels, cell.inputs)
        found = found.merge(predict_network(network, model, dataset.test_inputs[chosen], found.sizes["rank"]))
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
