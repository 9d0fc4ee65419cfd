"""Training of a residual network on a data set, and what was reached."""

import os
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from torch import Tensor

from ramodel.checks import positive, writable_folder
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.data.datasets import Dataset
from ramodel.nets.training.arithmetic import (
    deterministic_algorithms,
    flushed_denormals,
    parameter_type,
    step_products,
)
from ramodel.nets.training.batches import MiniBatches
from ramodel.nets.training.checkpoints import TrainingRecord
from ramodel.nets.training.config import TrainingConfig
from ramodel.nets.training.devices import usable_device
from ramodel.nets.training.first_order import descend_first_order
from ramodel.nets.training.losses import mean_loss
from ramodel.nets.training.objective import TrainingObjective, batch_norms
from ramodel.nets.training.quasi_newton import descend_quasi_newton
from ramodel.nets.training.run import Run, TrainingCallback
from ramodel.progress import Progress, progress_bar

__all__ = ["Stop", "TrainingResult", "new_run", "result_of", "train"]

Stop = Literal["tolerance", "iterations", "time budget", "no descent", "stop after"]

_EVALUATED_AT_ONCE = 500
"""Samples of a forward pass without gradients; more where mini-batches are larger."""


class TrainingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a training run reached.

    Parameters
    ----------
    converged
        Whether `gradient_norm` met the tolerance.
    stopped_by
        What ended the run: the "tolerance", the number of "iterations", the "time budget", or "no descent": L-BFGS
        found no lower point (a kink of ReLU, or the last digits). "stop after" did not end it: the next call goes on.
    gradient_norm
        Stationarity: ||grad F|| / (||grad loss|| + ||grad decay||) on the full training set.
    objective, train_loss
        F with and without its decay terms.
    test_loss
        Mean loss of the test samples; NaN where there are none.
    train_accuracy, test_accuracy
        Share of samples (of text: of tokens) whose largest logit is that of their label; NaN without test samples.
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
    test_loss: float
    test_accuracy: float
    iterations: int
    seconds: float
    history: tuple[TrainingRecord, ...]


def train(
    network: TrainableNetwork,
    dataset: Dataset,
    config: TrainingConfig,
    *,
    device: str | torch.device = "cpu",
    folder: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = True,
    stop_after: float | None = None,
    callback: TrainingCallback | None = None,
) -> TrainingResult:
    """Train `network`, in place, to a stationary point of F = mean loss + weight decay, or as far as `config` allows.

    At every look BatchNorm's running statistics are made anew: they are means over the mini-batches of epoch 0, not
    moving averages. Accuracies and losses of the result are those of evaluation mode.

    Parameters
    ----------
    network
        Moved to `device` and to the type of `config.precision`; afterwards it holds the trained weights, in evaluation
        mode.
    dataset
        Training and test samples; they lie on the device as a whole.
    config
        Objective, optimiser, end.
    device
        "cpu", "cuda", ...
    folder
        Where checkpoints go; None writes none.
    resume
        Go on from the checkpoint in `folder`. The result is that of the uninterrupted run: on the CPU bit for bit, on
        CUDA so with `config.deterministic`.
    progress
        Show a progress bar where standard error is a terminal.
    stop_after
        Seconds after which this call writes a checkpoint and returns, at the end of an epoch (L-BFGS: at the next
        look). The same call goes on from there. None for no limit.
    callback
        Called with the network, in evaluation mode, and the number of passes over the training set: at the start and
        at every look; or, where it has an attribute `iterations`, at the start and at these. The numbers of the run
        are those without it. A run that is resumed does not call it again for what was done.

    Raises
    ------
    ValueError
        If the data do not fit the network, the checkpoint in `folder` is of another run, torch cannot use `device`, or
        the configuration asks for what the network or its data do not have.
    FloatingPointError
        If the objective stops being finite; the last good checkpoint is kept.

    Examples
    --------
    >>> from ramodel.nets import NetworkConfig, ResidualNetwork, load_dataset
    >>> data = load_dataset("digits", classes=[0, 1], train_size=100)
    >>> network = ResidualNetwork(NetworkConfig(kind="linear", inputs=64, classes=2, width=8, depth=3))
    >>> result = train(network, data, TrainingConfig())
    >>> result.converged, result.train_accuracy
    (True, 1.0)
    """
    if stop_after is not None:
        positive("stop_after", stop_after)
    target = None if folder is None else writable_folder("folder", folder)
    title = f"{type(network).__name__}, depth {network.config.depth}"
    with (
        flushed_denormals(),
        deterministic_algorithms(config.deterministic),
        step_products("float32", usable_device(device)),  # looks; steps of "tf32" have it otherwise
        progress_bar(title, config.iterations, show=progress) as bar,
    ):
        run = new_run(
            network,
            dataset,
            config,
            device=device,
            progress=bar,
            folder=target,
            stop_after=stop_after,
            callback=callback,
        )
        if resume:
            run.resume()
        if not run.history:
            run.look(0)
        if config.optimiser != "lbfgs":
            descend_first_order(run, config.optimiser, config.iterations)
        else:
            descend_first_order(run, "adam", config.warmup)
            descend_quasi_newton(run)
        return result_of(run, dataset)


def new_run(
    network: TrainableNetwork,
    dataset: Dataset,
    config: TrainingConfig,
    *,
    device: str | torch.device,
    progress: Progress,
    folder: Path | None = None,
    stop_after: float | None = None,
    callback: TrainingCallback | None = None,
    shared: Run | None = None,
) -> Run:
    """Move `network` and data where they belong and return their run before its first look; raise as `train` does.

    A run that has the same data set may be `shared`: then the training set lies on the device once.
    """
    _check_fit(network, dataset, config)
    # Weights of convolutions lie as the images do, which come in the order of NumPy: channels last.
    network.to(usable_device(device), parameter_type(config.precision)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if shared is None:
        _check_samples(network, dataset)
        inputs, labels = _tensors(network, dataset.train_inputs, dataset.train_labels)
    else:
        inputs, labels = shared.batches.inputs, shared.batches.labels
    at_least = 2 if batch_norms(network) else 1
    batches = MiniBatches(inputs, labels, dataset.image_shape, config, at_least=at_least)
    objective = TrainingObjective(network, inputs, labels, config.loss, config.decays, batches=batches.rows(0))
    return Run(network, objective, batches, config, dataset, folder, progress, stop_after=stop_after, callback=callback)


def _check_fit(network: TrainableNetwork, dataset: Dataset, config: TrainingConfig) -> None:
    for name in ("inputs", "classes", "image_shape", "vocabulary", "context"):
        have, want = getattr(network.config, name, None), _offered(dataset, name)
        if have is not None and want is not None and have != want:
            raise ValueError(f"{name} of the network is {have}, but data set {dataset.name!r} has {want}.")
    if config.optimiser == "lbfgs" and getattr(network.config, "keep_probability", 1.0) < 1.0:
        raise ValueError(
            f"keep_probability of the network is {network.config.keep_probability}; 'lbfgs' would never leave a branch "
            "out. Use 'sgd' or 'adam'."
        )
    if config.batch_size == 1 and batch_norms(network):
        raise ValueError("batch_size is 1; BatchNorm needs at least two samples in a mini-batch.")


def _check_samples(network: TrainableNetwork, dataset: Dataset) -> None:
    """Raise ValueError where samples would end a run with an obscure error; on CUDA a wrong label ends the process."""
    if (count := len(dataset.train_labels)) < (least := 2 if batch_norms(network) else 1):
        why = "; BatchNorm needs at least two" if least == 2 else ""
        raise ValueError(f"data set {dataset.name!r} has {count} training samples{why}.")
    for name in ("train", "test"):
        inputs, labels = getattr(dataset, f"{name}_inputs"), getattr(dataset, f"{name}_labels")
        if not np.isfinite(inputs).all():
            raise ValueError(f"{name}_inputs of data set {dataset.name!r} hold a number that is not finite.")
        wrong = labels[(labels < 0) | (labels >= network.config.classes)]
        if wrong.size:
            raise ValueError(
                f"{name}_labels of data set {dataset.name!r} hold {wrong[0]}; they must lie in 0 .. "
                f"{network.config.classes - 1}."
            )


def _offered(dataset: Dataset, name: str) -> object:
    """Return what `dataset` gives for a field of a network's configuration; None where it says nothing."""
    if name == "vocabulary":
        return dataset.classes
    if name == "context":
        return dataset.inputs
    return getattr(dataset, name)


def _tensors(network: TrainableNetwork, inputs: object, labels: object) -> tuple[Tensor, Tensor]:
    weight = network.head.weight
    samples = torch.as_tensor(inputs)
    kind = weight.dtype if samples.is_floating_point() else samples.dtype
    return samples.to(weight.device, kind), torch.as_tensor(labels).to(weight.device)


def result_of(run: Run, dataset: Dataset) -> TrainingResult:
    """Return what `run` has reached; evaluates the training set once more where it stands between two looks."""
    last = run.history[-1]
    if last.iteration < run.iteration:
        last = run.standing(run.iteration)
    train_loss, train_accuracy = _performance(run, run.batches.inputs, run.batches.labels)
    test_loss, test_accuracy = _performance(run, *_tensors(run.network, dataset.test_inputs, dataset.test_labels))
    return TrainingResult(
        converged=run.is_converged,
        stopped_by=_reason(run),
        gradient_norm=last.gradient_norm,
        objective=last.objective,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        iterations=last.iteration,
        seconds=run.seconds,
        history=tuple(run.history),
    )


def _reason(run: Run) -> Stop:
    if run.is_converged:
        return "tolerance"
    if run.iteration >= run.config.iterations:
        return "iterations"
    if run.seconds_left == 0.0:
        return "time budget"
    return "stop after" if run.must_stop else "no descent"


@torch.no_grad()
def _performance(run: Run, inputs: Tensor, labels: Tensor) -> tuple[float, float]:
    if len(labels) == 0:
        return float("nan"), float("nan")
    size = max(run.config.batch_size or len(run.batches.labels), _EVALUATED_AT_ONCE)
    totals = torch.zeros(2, dtype=torch.float64, device=labels.device)
    for rows, targets in zip(torch.split(inputs, size), torch.split(labels, size), strict=True):
        logits = run.network(rows)
        loss = mean_loss(run.objective.loss, logits, targets)
        totals[0] += loss.double() * (len(targets) / len(labels))
        totals[1] += (logits.argmax(dim=-1) == targets).sum()
    loss_of_all, correct = totals.tolist()
    return loss_of_all, correct / labels.numel()
