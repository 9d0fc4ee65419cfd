"""Runs of training that stand at the same epoch, as one: steps, looks and checkpoints."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ramodel.nets.training.arithmetic import forward_products, step_products
from ramodel.nets.training.batches import side_by_side
from ramodel.nets.training.first_order import learning_rate
from ramodel.nets.training.losses import mean_losses
from ramodel.nets.training.objective import decay_groups
from ramodel.nets.training.run import Run
from ramodel.nets.training.stacked import StackedNetworks
from ramodel.nets.training.stacked_optimisers import stacked_optimiser

__all__ = ["StackedTraining", "failure_of"]


class StackedTraining:
    """Runs that stand at the same epoch, their weights and the state of their optimisers stacked."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.config = runs[0].config
        self.networks = StackedNetworks([run.network for run in runs])
        self.optimiser = stacked_optimiser(
            self.config.optimiser,
            self.networks.weights,
            self.networks.gradient,
            self.networks.spread([run.objective.decay for run in runs]),
            momentum=self.config.momentum,
        )
        # Position of each parameter in the groups of torch's optimisers, by which checkpoints name their state.
        first = runs[0].network
        ordered = [parameter for group, _ in decay_groups(first, self.config.decays) for parameter in group]
        place = {parameter: number for number, parameter in enumerate(ordered)}
        trained = [(name, parameter) for name, parameter in first.named_parameters() if parameter in place]
        self._places = {name: place[parameter] for name, parameter in trained}
        if all(run.restored for run in runs):
            self._restore([run.restored for run in runs])

    def _restore(self, states: Sequence[dict[str, Tensor]]) -> None:
        self.optimiser.steps = int(states[0].get("0.step", 0))
        for name, average in zip(self.optimiser.averages, self.optimiser.state, strict=True):
            own = [[state[f"{place}.{name}"].flatten() for place in self._places.values()] for state in states]
            average.copy_(self.networks.spread([torch.cat(pieces) for pieces in own]))

    def states(self) -> list[dict[str, Tensor]]:
        """Return the state of the optimiser of each network, as that of `train` is saved."""
        found: list[dict[str, Tensor]] = [{} for _ in self.runs]
        for name, average in zip(self.optimiser.averages, self.optimiser.state, strict=True):
            for parameter, stack in self.networks.by_parameter(average).items():
                for own, tensor in zip(found, stack, strict=True):
                    own[f"{self._places[parameter]}.{name}"] = tensor
        if self.config.optimiser != "sgd":
            steps = {f"{place}.step": torch.tensor(float(self.optimiser.steps)) for place in self._places.values()}
            found = [own | steps for own in found]
        return found

    def save(self) -> None:
        """Write a checkpoint of every network that has a folder."""
        self.networks.store()
        for run, state in zip(self.runs, self.states(), strict=True):
            run.save(state)

    def of(self, runs: Sequence[Run]) -> "StackedTraining":
        """Return some of the runs by themselves; the networks hold their weights, see `report`."""
        kept = torch.tensor([run in runs for run in self.runs], device=self.networks.owner.device)
        part = StackedTraining(runs)
        part.optimiser.take_over(self.optimiser, kept[self.networks.owner])
        return part

    def one_epoch(self) -> list[float]:
        """Take the steps of one epoch and return the mean loss of each network on the way."""
        epoch, config = self.runs[0].iteration, self.config
        batches = [run.batches for run in self.runs]
        count = len(batches[0].labels)
        device = self.networks.weights.device
        rates = [learning_rate(run.config, epoch, config.iterations) for run in self.runs]
        spread_rates = self.networks.weights.new_tensor(rates)[self.networks.owner]
        totals = self.networks.weights.new_zeros(len(self.runs))
        with step_products(config.precision, device):
            for step, (inputs, labels) in enumerate(side_by_side(batches, epoch)):
                self.networks.set_step(epoch, step)
                self.networks.gradient.zero_()
                with forward_products(config.precision, device):
                    losses = mean_losses(config.loss, self.networks(inputs), labels)
                losses.sum().backward()  # type: ignore[no-untyped-call]
                self.optimiser.step(spread_rates)
                totals += losses.detach() * len(labels)
        return (totals / count).tolist()

    def report(self, losses: Sequence[float]) -> list[FloatingPointError | None]:
        """Tell every run that an epoch is done, and return what failed; a run that is over has its weights."""
        passes = self.runs[0].iteration + 1
        is_look = passes % self.config.checkpoint_every == 0 or passes == self.config.iterations
        is_look = is_look or any(run.seconds_left == 0.0 for run in self.runs)
        if is_look or any(run.is_called_at(passes) for run in self.runs) or not all(map(math.isfinite, losses)):
            self.networks.store()
        states = self.states() if is_look else [None] * len(self.runs)
        each = zip(self.runs, losses, states, strict=True)
        return [failure_of(_note, run, passes, loss, state) for run, loss, state in each]


def _note(run: Run, passes: int, loss: float, state: dict[str, Tensor] | None) -> None:
    """Tell `run` of an epoch; the state of its optimiser says that it has to look."""
    run.require_finite(loss, passes)
    if state is None:
        run.advance(passes, loss)
    else:
        run.look(passes, state)


def failure_of(action: Callable[..., None], *arguments: Any) -> FloatingPointError | None:
    """Call `action` and return the error where an objective is not finite."""
    try:
        action(*arguments)
    except FloatingPointError as error:
        return error
    return None
