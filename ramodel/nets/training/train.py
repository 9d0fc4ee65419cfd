"""Training of a residual network on a data set, and what was reached."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec
import torch
from torch import Tensor

from ramodel.checks import writable_folder
from ramodel.nets.architectures.network import ResidualNetwork
from ramodel.nets.data.datasets import Dataset
from ramodel.nets.training.checkpoints import TrainingRecord
from ramodel.nets.training.config import TrainingConfig
from ramodel.nets.training.devices import usable_device
from ramodel.nets.training.first_order import descend_first_order
from ramodel.nets.training.losses import mean_loss
from ramodel.nets.training.objective import TrainingObjective
from ramodel.nets.training.quasi_newton import descend_quasi_newton
from ramodel.nets.training.run import Run
from ramodel.progress import progress_bar

__all__ = ["Stop", "TrainingResult", "train"]

Stop = Literal["tolerance", "iterations", "time budget", "no descent"]


class TrainingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a training run reached.

    Parameters
    ----------
    converged
        Whether `gradient_norm` met the tolerance.
    stopped_by
        What ended the run: the "tolerance", the number of "iterations", the "time budget", or "no descent": L-BFGS
        found no lower point (a kink of ReLU, or the last digits).
    gradient_norm
        Stationarity: ||grad F|| / (||grad loss|| + ||grad decay||) on the full training set.
    objective, train_loss
        F with and without its decay terms.
    train_accuracy, test_accuracy
        Share of samples whose largest logit is that of their label; NaN without test samples.
    iterations
        Passes over the training set (steps of L-BFGS).
    seconds
        Wall time, summed over the parts of an interrupted run.
    history
        Looks at the full training set on the way.
    """

    converged: bool
    stopped_by: Stop
    gradient_norm: float
    objective: float
    train_loss: float
    train_accuracy: float
    test_accuracy: float
    iterations: int
    seconds: float
    history: tuple[TrainingRecord, ...]


def train(
    network: ResidualNetwork,
    dataset: Dataset,
    config: TrainingConfig,
    *,
    device: str | torch.device = "cpu",
    folder: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = True,
) -> TrainingResult:
    """Train `network`, in place, to a stationary point of F = mean loss + weight decay, or as far as `config` allows.

    Parameters
    ----------
    network
        Moved to `device`; afterwards it holds the trained weights. Its floating-point type is that of the run: L-BFGS
        wants float64, in float32 it stalls near a relative gradient of 5e-6.
    dataset
        Training and test samples.
    config
        Objective, optimiser, end.
    device
        "cpu", "cuda", ...
    folder
        Where checkpoints go; None writes none.
    resume
        Go on from the checkpoint in `folder`. The result is that of the uninterrupted run, on the CPU bit for bit.
    progress
        Show a progress bar where standard error is a terminal.

    Raises
    ------
    ValueError
        If the data do not fit the network, the checkpoint in `folder` is of another run, or torch cannot use `device`.
    FloatingPointError
        If the objective stops being finite; the last good checkpoint is kept.

    Examples
    --------
    >>> from ramodel.nets import NetworkConfig, load_dataset
    >>> data = load_dataset("digits", classes=[0, 1], train_size=100)
    >>> network = ResidualNetwork(NetworkConfig(kind="linear", inputs=64, classes=2, width=8, depth=3))
    >>> result = train(network, data, TrainingConfig())
    >>> result.converged, result.train_accuracy
    (True, 1.0)
    """
    _check_fit(network, dataset)
    network.to(usable_device(device))
    inputs, labels = _tensors(network, dataset.train_inputs, dataset.train_labels)
    objective = TrainingObjective(network, inputs, labels, config.loss, config.decays)
    target = None if folder is None else writable_folder("folder", folder)
    title = f"{network.config.kind}, depth {network.config.depth}"
    with flushed_denormals(), progress_bar(title, config.iterations, show=progress) as bar:
        run = Run(network, objective, config, dataset, target, bar)
        if resume:
            run.resume()
        if not run.history:
            run.look(0)
        if config.optimiser != "lbfgs":
            descend_first_order(run, config.optimiser, config.iterations)
        else:
            descend_first_order(run, "adam", config.warmup)
            descend_quasi_newton(run)
        return _result(run, dataset)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Let denormal numbers be zero inside: unused directions decay into them and slow a CPU down tenfold and more."""
    tiny = torch.tensor(torch.finfo(torch.float64).tiny, dtype=torch.float64)
    before = bool(tiny * 0.5 == 0.0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _check_fit(network: ResidualNetwork, dataset: Dataset) -> None:
    for name, have, want in (
        ("inputs", network.config.inputs, dataset.inputs),
        ("classes", network.config.classes, dataset.classes),
    ):
        if have != want:
            raise ValueError(f"{name} of the network is {have}, but data set {dataset.name!r} has {want}.")


def _tensors(network: ResidualNetwork, inputs: object, labels: object) -> tuple[Tensor, Tensor]:
    weight = network.head.weight
    return torch.as_tensor(inputs).to(weight), torch.as_tensor(labels).to(weight.device)


def _result(run: Run, dataset: Dataset) -> TrainingResult:
    last = run.history[-1]
    if run.is_converged:
        stopped_by: Stop = "tolerance"
    elif last.iteration >= run.config.iterations:
        stopped_by = "iterations"
    else:
        stopped_by = "time budget" if run.seconds_left == 0.0 else "no descent"
    objective = run.objective
    train_loss, train_accuracy = _performance(run, objective.inputs, objective.labels)
    test = _tensors(run.network, dataset.test_inputs, dataset.test_labels)
    return TrainingResult(
        converged=run.is_converged,
        stopped_by=stopped_by,
        gradient_norm=last.gradient_norm,
        objective=last.objective,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        test_accuracy=_performance(run, *test)[1],
        iterations=last.iteration,
        seconds=run.seconds,
        history=tuple(run.history),
    )


@torch.no_grad()
def _performance(run: Run, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
    if len(labels) == 0:
        return float("nan"), float("nan")
    logits = run.network(inputs)
    accuracy = (logits.argmax(dim=1) == labels).double().mean()
    return float(mean_loss(run.objective.loss, logits, labels)), float(accuracy)
