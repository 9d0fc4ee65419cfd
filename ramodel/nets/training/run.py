"""A training run: its records, its checkpoints, its time."""

import hashlib
import math
import time
from collections.abc import Container
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.data.datasets import Dataset
from ramodel.nets.training.batches import MiniBatches
from ramodel.nets.training.checkpoints import (
    Checkpoint,
    TrainingRecord,
    differing_fields,
    load_checkpoint,
    save_checkpoint,
)
from ramodel.nets.training.config import TrainingConfig
from ramodel.nets.training.objective import TrainingObjective, batch_norms, normalised_by_batch
from ramodel.progress import Progress

__all__ = ["Run", "TrainingCallback"]


class TrainingCallback(Protocol):
    """What `train` calls on the way, with the network in evaluation mode.

    It is called at the start and at every look; where it has an attribute `iterations`, a container of integers, at
    the start and at these instead.
    """

    def __call__(self, network: TrainableNetwork, iteration: int) -> None:
        """Read from `network` after `iteration` passes over the training set; leave its weights alone."""


class Run:
    """Where a training run stands; the optimisers report to it and ask it whether to go on.

    Attributes
    ----------
    network, objective, batches, config
        What is trained on what, and how.
    iteration
        Passes over the training set so far.
    history
        A record of every look at the full training set.
    restored
        State of the optimiser in the checkpoint that the run resumes from; empty at a fresh start.
    has_batch_norm
        Whether a layer normalises over the mini-batch.
    """

    def __init__(
        self,
        network: TrainableNetwork,
        objective: TrainingObjective,
        batches: MiniBatches,
        config: TrainingConfig,
        dataset: Dataset,
        folder: Path | None,
        progress: Progress,
        *,
        stop_after: float | None = None,
        callback: TrainingCallback | None = None,
    ) -> None:
        self.network = network
        self.objective = objective
        self.batches = batches
        self.config = config
        self.iteration = self._resumed_at = 0
        self.history: list[TrainingRecord] = []
        self.restored: dict[str, Tensor] = {}
        self._digest = "" if folder is None else _digest(dataset)
        self._folder = folder
        self._progress = progress
        self._callback = callback
        self._last_call: int | None = None
        self._kept: int | None = None
        self._called_at: Container[int] | None = getattr(callback, "iterations", None)
        self.has_batch_norm = bool(batch_norms(network))
        self._began = time.monotonic()
        self._stop_at = math.inf if stop_after is None else self._began + stop_after
        self._shown = 0

    @property
    def seconds(self) -> float:
        """Wall time, interruptions left out."""
        return time.monotonic() - self._began

    @property
    def must_stop(self) -> bool:
        """Whether this call has come further and its time is used up: the rest is for the next call."""
        return self.iteration > self._resumed_at and time.monotonic() >= self._stop_at

    @property
    def is_converged(self) -> bool:
        """Whether the last look found the tolerance met."""
        return self.history[-1].gradient_norm <= self.config.tolerance

    @property
    def is_over(self) -> bool:
        """Whether the tolerance is met, or iterations or time are used up."""
        return self.is_converged or self.iteration >= self.config.iterations or self.seconds_left == 0.0

    @property
    def seconds_left(self) -> float:
        """Time to the end of the budget, not negative."""
        return math.inf if self.config.time_budget is None else max(self.config.time_budget - self.seconds, 0.0)

    def resume(self) -> None:
        """Go on from the checkpoint in the folder, where there is one.

        Raises
        ------
        ValueError
            If it belongs to another network, configuration or data set.
        """
        if self._folder is None or not (self._folder / "checkpoint.json").exists():
            return
        saved = load_checkpoint(self._folder)
        way_out = "Choose another folder, or resume=False to overwrite it."
        for what, before, now in (
            ("network", saved.network.config, self.network.config),
            ("training", saved.training, self.config),
        ):
            if before is None:
                raise ValueError(f"folder {str(self._folder)!r} holds a checkpoint without its training. {way_out}")
            differences = differing_fields(before, now)
            if differences:
                raise ValueError(
                    f"folder {str(self._folder)!r} holds a checkpoint of another {what} ({differences}). {way_out}"
                )
        if saved.data_digest != self._digest:
            raise ValueError(f"folder {str(self._folder)!r} holds a checkpoint of another data set. {way_out}")
        self.network.load_state_dict(saved.network.state_dict())
        self.network.eval()  # as every look leaves it: a run that is over is not looked at again
        self.iteration = self._kept = self._resumed_at = saved.iteration
        self.history = list(saved.history)
        self.restored = saved.optimiser
        self._began -= saved.seconds
        self.show(self.iteration, "resumed")

    def look(self, iteration: int, optimiser: dict[str, Tensor] | None = None) -> None:
        """Evaluate the full training set after `iteration` passes, record it and write a checkpoint.

        Raises
        ------
        FloatingPointError
            If objective or gradient are not finite; the checkpoint before is kept.
        """
        self.history.append(self.standing(iteration))
        self.iteration = iteration
        record = self.history[-1]
        self.show(iteration, f"objective {record.objective:.6f}  gradient {record.gradient_norm:.1e}")
        if self._called_at is None or self.is_called_at(iteration):
            self._call(iteration)
        self.save(optimiser)

    def standing(self, iteration: int) -> TrainingRecord:
        """Return objective and stationarity of the network after `iteration` passes; raise as `look` does.

        BatchNorm normalises by the mini-batches of epoch 0, and its running statistics become their means.
        """
        with normalised_by_batch(self.network, statistics="anew"):
            found = self.objective.here()
        record = TrainingRecord(iteration, float(found.value), float(found.relative_gradient()))
        self.require_finite(record.objective, iteration)
        self.require_finite(record.gradient_norm, iteration)
        return record

    def advance(self, iteration: int, loss: float) -> None:
        """Note that `iteration` passes are done, without a look; `loss` is the mean of the last one."""
        self.iteration = iteration
        self.show(iteration, f"loss {loss:.4f}")
        if self.is_called_at(iteration):
            self.call_between_looks(iteration)

    def call_between_looks(self, iteration: int) -> None:
        """Call the callback; the network is left in evaluation mode, its weights and running statistics as they are."""
        if self.has_batch_norm:
            before = {name: buffer.clone() for name, buffer in self.network.named_buffers()}
            with normalised_by_batch(self.network, statistics="anew"), torch.no_grad():
                for rows in self.objective.batches:
                    self.network(self.objective.inputs[rows])
            self._call(iteration)
            self.network.load_state_dict(before, strict=False)
        else:
            self.network.eval()
            self._call(iteration)

    def is_called_at(self, iteration: int) -> bool:
        """Whether the callback asks for `iteration` by name."""
        return self._called_at is not None and (iteration == 0 or iteration in self._called_at)

    def _call(self, iteration: int) -> None:
        if self._callback is not None and iteration != self._last_call:
            self._callback(self.network, iteration)
            self._last_call = iteration

    def save(self, optimiser: dict[str, Tensor] | None) -> None:
        """Write a checkpoint, where there is a folder."""
        if self._folder is None:
            return
        checkpoint = Checkpoint(
            network=self.network,
            training=self.config,
            data_digest=self._digest,
            optimiser=optimiser or {},
            history=tuple(self.history),
            since_look=self.iteration - self.history[-1].iteration,
            seconds=self.seconds,
        )
        save_checkpoint(self._folder, checkpoint)
        self._kept = self.iteration

    def require_finite(self, loss: float, iteration: int) -> None:
        """Raise FloatingPointError, naming the last good checkpoint, unless `loss` is finite."""
        if math.isfinite(loss):
            return
        if self._kept is not None:
            kept = f"The checkpoint of iteration {self._kept} in {str(self._folder)!r} is kept."
        else:
            kept = "No checkpoint was written."
        raise FloatingPointError(
            f"the objective is {loss} at iteration {iteration} (optimiser {self.config.optimiser!r}, learning_rate "
            f"{self.config.learning_rate}). {kept} Lower learning_rate or the initial scales of the network."
        )

    def show(self, iteration: int, status: str) -> None:
        """Move the progress bar."""
        self._progress.advance(iteration - self._shown, status=status)
        self._shown = iteration


def _digest(dataset: Dataset) -> str:
    digest = hashlib.sha256()
    for array in (dataset.train_inputs, dataset.train_labels):
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
