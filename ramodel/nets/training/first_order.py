"""SGD with momentum, Adam and AdamW: one plain loop over epochs and mini-batches."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ramodel.nets.training.arithmetic import forward_products, step_products
from ramodel.nets.training.config import Optimiser, TrainingConfig
from ramodel.nets.training.interventions import coupling_penalty, smooth_gradients
from ramodel.nets.training.losses import mean_loss
from ramodel.nets.training.objective import Statistics, decay_groups, normalised_by_batch
from ramodel.nets.training.run import Run

__all__ = ["descend_first_order", "learning_rate"]

_COUPLED = 32
"""Samples of a mini-batch at which the Jacobians of neighbouring blocks are coupled."""


def descend_first_order(run: Run, optimiser: Optimiser, last: int) -> None:
    """Train from the epoch where `run` stands to epoch `last`, or until `run` is over or has to stop."""
    config = run.config
    stepper = _stepper(optimiser, run)
    _restore(stepper, run.restored)
    forward = _forward(run)
    while run.iteration < last and not run.is_over and not run.must_stop:
        for group in stepper.param_groups:
            group["lr"] = learning_rate(config, run.iteration, last)
        total = _one_epoch(run, stepper, forward)
        passes = run.iteration + 1
        run.require_finite(total, passes)
        if passes % config.checkpoint_every == 0 or passes == last or run.seconds_left == 0.0:
            run.look(passes, _state(stepper))
        else:
            run.advance(passes, total)
            if run.must_stop:
                run.save(_state(stepper))


def learning_rate(config: TrainingConfig, epoch: int, last: int) -> float:
    """Return the step size of `epoch`, the first being 0, of a run of `last` epochs.

    Examples
    --------
    >>> config = TrainingConfig(optimiser="sgd", learning_rate=0.5, schedule="step")
    >>> [learning_rate(config, epoch, 6) for epoch in (0, 2, 4)]
    [0.5, 0.05, 0.005]
    """
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "step":
        return config.learning_rate / 10.0 ** (3 * epoch // last)
    return 0.5 * config.learning_rate * (1.0 + math.cos(math.pi * epoch / last))


def _one_epoch(run: Run, stepper: torch.optim.Optimizer, forward: Callable[[Tensor], Tensor]) -> float:
    """Take the steps of one epoch and return the mean loss on the way."""
    config, network, epoch = run.config, run.network, run.iteration
    generator = torch.Generator().manual_seed(_epoch_seed(config, epoch))
    device = run.batches.labels.device
    total: Tensor = run.objective.decay.new_zeros(())
    # The coupling penalty takes BatchNorm as in evaluation; nothing else in training looks at running statistics.
    statistics: Statistics = "moving" if config.coupling_weight > 0.0 else "kept"
    with (
        normalised_by_batch(network, training=True, statistics=statistics),
        step_products(config.precision, device),
    ):
        for step, (inputs, labels) in enumerate(run.batches.of_epoch(epoch)):
            network.set_step(epoch, step)
            stepper.zero_grad()
            with forward_products(config.precision, device):
                loss = mean_loss(config.loss, forward(inputs), labels)
                if config.coupling_weight > 0.0:
                    loss = loss + config.coupling_weight * coupling_penalty(network, inputs[:_COUPLED], generator)
            loss.backward()  # type: ignore[no-untyped-call]
            if config.gradient_smoothing > 0.0:
                smooth_gradients(network, config.gradient_smoothing)
            stepper.step()
            network.after_step(generator)
            total += loss.detach() * len(labels)
    return float(total) / len(run.batches.labels)


def _epoch_seed(config: TrainingConfig, epoch: int) -> int:
    """Return the seed of what interventions and projections draw in `epoch`: a resumed run draws the same."""
    return (config.seed * 1_000_003 + epoch) % 2**63


def _forward(run: Run) -> Callable[[Tensor], Tensor]:
    """Return the network, compiled where that is asked for and can pay."""
    if run.config.compile == "auto" and run.batches.labels.is_cuda:
        return torch.compile(run.network)
    return run.network


def _stepper(optimiser: Optimiser, run: Run) -> torch.optim.Optimizer:
    groups = [{"params": group, "weight_decay": lam} for group, lam in decay_groups(run.network, run.config.decays)]
    if optimiser == "sgd":
        return torch.optim.SGD(groups, lr=run.config.learning_rate, momentum=run.config.momentum)
    kind = torch.optim.Adam if optimiser == "adam" else torch.optim.AdamW
    return kind(groups, lr=run.config.learning_rate)


def _state(stepper: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = stepper.state_dict()["state"]
    return {
        f"{index}.{name}": tensor
        for index, entry in state.items()
        for name, tensor in entry.items()
        if tensor is not None
    }


def _restore(stepper: torch.optim.Optimizer, saved: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in saved.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    stepper.load_state_dict({**stepper.state_dict(), "state": state})
