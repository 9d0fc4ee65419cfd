"""A training run: its records, its checkpoints, its time."""

import hashlib
import math
import time
from pathlib import Path

from torch import Tensor

from ramodel.nets.architectures.network import ResidualNetwork
from ramodel.nets.data.datasets import Dataset
from ramodel.nets.training.checkpoints import (
    Checkpoint,
    TrainingRecord,
    differing_fields,
    load_checkpoint,
    save_checkpoint,
)
from ramodel.nets.training.config import TrainingConfig
from ramodel.nets.training.objective import TrainingObjective
from ramodel.progress import Progress

__all__ = ["Run"]


class Run:
    """Where a training run stands; the optimisers report to it and ask it whether to go on.

    Attributes
    ----------
    iteration
        Passes over the training set so far.
    history
        A record of every look at the full training set.
    restored
        State of the optimiser in the checkpoint that the run resumes from; empty at a fresh start.
    """

    def __init__(
        self,
        network: ResidualNetwork,
        objective: TrainingObjective,
        config: TrainingConfig,
        dataset: Dataset,
        folder: Path | None,
        progress: Progress,
    ) -> None:
        self.network = network
        self.objective = objective
        self.config = config
        self.history: list[TrainingRecord] = []
        self.restored: dict[str, Tensor] = {}
        self._digest = _digest(dataset)
        self._folder = folder
        self._progress = progress
        self._began = time.monotonic()
        self._shown = 0

    @property
    def iteration(self) -> int:
        """Passes over the training set at the last look."""
        return self.history[-1].iteration

    @property
    def seconds(self) -> float:
        """Wall time, interruptions left out."""
        return time.monotonic() - self._began

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
        found = self.objective(self.objective.point())
        record = TrainingRecord(iteration, float(found.value), float(found.relative_gradient()))
        self.require_finite(record.objective, record.iteration)
        self.require_finite(record.gradient_norm, record.iteration)
        self.history.append(record)
        self.show(iteration, f"objective {record.objective:.6f}  gradient {record.gradient_norm:.1e}")
        if self._folder is not None:
            checkpoint = Checkpoint(
                network=self.network,
                training=self.config,
                data_digest=self._digest,
                optimiser=optimiser or {},
                history=tuple(self.history),
                seconds=self.seconds,
            )
            save_checkpoint(self._folder, checkpoint)

    def require_finite(self, loss: float, iteration: int) -> None:
        """Raise FloatingPointError, naming the last good checkpoint, unless `loss` is finite."""
        if math.isfinite(loss):
            return
        if self._folder is not None and self.history:
            kept = f"The checkpoint of iteration {self.iteration} in {str(self._folder)!r} is kept."
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
        digest.update(array.tobytes())
    return digest.hexdigest()
