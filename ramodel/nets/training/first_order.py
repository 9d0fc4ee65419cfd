"""SGD with momentum, Adam and AdamW: one plain loop over epochs and mini-batches."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ramodel.nets.training.config import Optimiser, TrainingConfig
from ramodel.nets.training.losses import mean_loss
from ramodel.nets.training.objective import TrainingObjective, decay_groups
from ramodel.nets.training.run import Run

__all__ = ["descend_first_order"]


def descend_first_order(run: Run, optimiser: Optimiser, last: int) -> None:
    """Train from the epoch where `run` stands to epoch `last`, or until `run` is over."""
    config, objective = run.config, run.objective
    stepper = _stepper(optimiser, run)
    _restore(stepper, run.restored)
    for epoch in range(run.iteration, last):
        for group in stepper.param_groups:
            group["lr"] = _learning_rate(config, epoch, last)
        total = objective.inputs.new_zeros(())
        for rows in _batches(objective, config, epoch):
            stepper.zero_grad()
            loss = mean_loss(objective.loss, run.network(objective.inputs[rows]), objective.labels[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            stepper.step()
            total += loss.detach()
        passes = epoch + 1
        run.require_finite(float(total), passes)
        if passes % config.checkpoint_every == 0 or passes == last or run.seconds_left == 0.0:
            run.look(passes, _state(stepper))
            if run.is_over:
                break


def _stepper(optimiser: Optimiser, run: Run) -> torch.optim.Optimizer:
    groups = [{"params": group, "weight_decay": lam} for group, lam in decay_groups(run.network, run.config.decays)]
    if optimiser == "sgd":
        return torch.optim.SGD(groups, lr=run.config.learning_rate, momentum=run.config.momentum)
    kind = torch.optim.Adam if optimiser == "adam" else torch.optim.AdamW
    return kind(groups, lr=run.config.learning_rate)


def _learning_rate(config: TrainingConfig, epoch: int, last: int) -> float:
    if config.schedule == "constant":
        return config.learning_rate
    return 0.5 * config.learning_rate * (1.0 + math.cos(math.pi * epoch / last))


def _batches(objective: TrainingObjective, config: TrainingConfig, epoch: int) -> Iterator[Tensor | slice]:
    """Yield the rows of each mini-batch; the order depends on seed and epoch alone, so that a run can be resumed."""
    samples = len(objective.labels)
    if config.batch_size is None or config.batch_size >= samples:
        yield slice(None)
        return
    order = torch.from_numpy(np.random.default_rng([config.seed, epoch]).permutation(samples))
    yield from torch.split(order.to(objective.labels.device), config.batch_size)


def _state(stepper: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = stepper.state_dict()["state"]
    return {f"{index}.{name}": tensor for index, entry in state.items() for name, tensor in entry.items()}


def _restore(stepper: torch.optim.Optimizer, saved: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in saved.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    stepper.load_state_dict({**stepper.state_dict(), "state": state})
