"""Many small networks trained as one batched programme."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, overload

import msgspec
import torch

from ramodel.checks import one_of
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.data.datasets import Dataset
from ramodel.nets.training.arithmetic import (
    deterministic_algorithms,
    flushed_denormals,
    forward_products,
    step_products,
)
from ramodel.nets.training.checkpoints import differing_fields
from ramodel.nets.training.config import TrainingConfig
from ramodel.nets.training.first_order import learning_rate
from ramodel.nets.training.losses import mean_losses
from ramodel.nets.training.run import Run, TrainingCallback
from ramodel.nets.training.stacked import StackedNetworks
from ramodel.nets.training.stacked_optimisers import stacked_optimiser
from ramodel.nets.training.train import TrainingResult, new_run, result_of
from ramodel.progress import Progress, progress_bar

__all__ = ["FREE_SETTINGS", "train_many", "unbatched_settings"]

FREE_SETTINGS = ("seed", "jacobian_decay", "head_decay", "embedding_decay", "decay_norms", "learning_rate", "tolerance")
"""Fields of `TrainingConfig` in which the networks of a batch may differ."""

_NEEDED = {"coupling_weight": 0.0, "gradient_smoothing": 0.0, "compile": "none"}


def unbatched_settings(config: TrainingConfig) -> tuple[str, ...]:
    """Return the fields for which a network has to be trained by `train`, by itself; none for most.

    Examples
    --------
    >>> unbatched_settings(TrainingConfig(optimiser="sgd"))
    ()
    >>> unbatched_settings(TrainingConfig(optimiser="lbfgs"))
    ('optimiser',)
    """
    fields = [name for name, needed in _NEEDED.items() if getattr(config, name) != needed]
    return ("optimiser", *fields) if config.optimiser == "lbfgs" else tuple(fields)


@overload
def train_many(
    networks: Sequence[TrainableNetwork],
    datasets: Sequence[Dataset],
    configs: Sequence[TrainingConfig],
    *,
    device: str | torch.device = ...,
    progress: bool = ...,
    callbacks: Sequence[TrainingCallback | None] | None = ...,
    errors: Literal["raise"] = ...,
) -> list[TrainingResult]: ...


@overload
def train_many(
    networks: Sequence[TrainableNetwork],
    datasets: Sequence[Dataset],
    configs: Sequence[TrainingConfig],
    *,
    device: str | torch.device = ...,
    progress: bool = ...,
    callbacks: Sequence[TrainingCallback | None] | None = ...,
    errors: Literal["return"],
) -> list[TrainingResult | FloatingPointError]: ...


def train_many(
    networks: Sequence[TrainableNetwork],
    datasets: Sequence[Dataset],
    configs: Sequence[TrainingConfig],
    *,
    device: str | torch.device = "cpu",
    progress: bool = True,
    callbacks: Sequence[TrainingCallback | None] | None = None,
    errors: Literal["raise", "return"] = "raise",
) -> list[TrainingResult] | list[TrainingResult | FloatingPointError]:
    """Train networks of one architecture at once: the numbers of `train`, one after the other, up to rounding.

    Every operation is done for all networks together, which on a CPU saves most of what small operations cost beside
    their arithmetic, and on a GPU fills it. A network that has met its tolerance leaves the batch; nothing is written
    on the way.

    Parameters
    ----------
    networks
        Of one family and one configuration; only the seeds may differ. They are trained in place.
    datasets
        One for each network, of as many training samples of one shape; the same one may stand there many times.
    configs
        One for each network; they may differ in `FREE_SETTINGS`. The optimiser is "sgd", "adam" or "adamw".
    device, progress
        As in `train`.
    callbacks
        One for each network or None, as `callback` of `train`.
    errors
        "raise" the error of the first network whose objective stops being finite, when all others are trained; or
        "return" it in the place of its result.

    Returns
    -------
    list of TrainingResult
        In the order of the networks; `seconds` is the wall time of the batch until the network left it.

    Raises
    ------
    ValueError
        If the networks, data or configurations do not go together, or one of them asks for what only `train` does:
        L-BFGS, interventions, compilation, projections after a step (Procrustes).
    FloatingPointError
        If an objective stops being finite.

    Examples
    --------
    >>> from ramodel.nets import NetworkConfig, ResidualNetwork, load_dataset
    >>> data = load_dataset("digits", classes=[0, 1], train_size=100)
    >>> networks = [
    ...     ResidualNetwork(NetworkConfig(kind="relu", inputs=64, classes=2, width=8, depth=3, seed=seed))
    ...     for seed in range(3)
    ... ]
    >>> config = TrainingConfig(optimiser="sgd", iterations=50, batch_size=25)
    >>> [result.train_accuracy for result in train_many(networks, [data] * 3, [config] * 3)]
    [1.0, 1.0, 1.0]
    """
    one_of("errors", errors, ["raise", "return"])
    called = [None] * len(networks) if callbacks is None else list(callbacks)
    _check(networks, datasets, configs, called)
    title = f"{len(networks)} x {type(networks[0]).__name__}, depth {networks[0].config.depth}"
    with (
        flushed_denormals(),
        deterministic_algorithms(configs[0].deterministic),
        progress_bar(title, configs[0].iterations, show=progress) as bar,
        progress_bar("", None, show=False) as silent,
    ):
        runs = [
            new_run(network, dataset, config, device=device, progress=silent, callback=callback)
            for network, dataset, config, callback in zip(networks, datasets, configs, called, strict=True)
        ]
        ends: dict[int, TrainingResult | FloatingPointError] = {}
        for run, failure in _descend(runs, bar):
            number = runs.index(run)
            ends[number] = result_of(run, datasets[number]) if failure is None else failure
    found = [ends[number] for number in range(len(runs))]
    if errors == "raise":
        for end in found:
            if isinstance(end, FloatingPointError):
                raise end
    return found


def _descend(runs: Sequence[Run], bar: Progress) -> Iterator[tuple[Run, FloatingPointError | None]]:
    """Train until every run is over; yield each one when it ends, and what ended it if it failed."""
    failures = {run.network: _failure(run.look, 0) for run in runs}
    going, together = list(runs), None
    while going:
        left = [run for run in going if failures[run.network] is None and not run.is_over]
        for run in going:
            if run not in left:
                yield run, failures[run.network]
        if not left:
            return
        if together is None:
            together = _StackedTraining(left)
        elif len(left) < len(going):
            together = together.of(left)
        going = left
        losses = together.one_epoch()
        failures = {run.network: failure for run, failure in zip(going, together.report(losses), strict=True)}
        bar.advance(status=f"loss {sum(losses) / len(losses):.4f}")


class _StackedTraining:
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

    def of(self, runs: Sequence[Run]) -> "_StackedTraining":
        """Return some of the runs by themselves; the networks hold their weights, see `report`."""
        kept = torch.tensor([run in runs for run in self.runs], device=self.networks.owner.device)
        part = _StackedTraining(runs)
        part.optimiser.take_over(self.optimiser, kept[self.networks.owner])
        return part

    def one_epoch(self) -> list[float]:
        """Take the steps of one epoch and return the mean loss of each network on the way."""
        epoch, config = self.runs[0].iteration, self.config
        batches = [run.batches for run in self.runs]
        device = self.networks.weights.device
        rates = [learning_rate(run.config, epoch, config.iterations) for run in self.runs]
        spread_rates = self.networks.weights.new_tensor(rates)[self.networks.owner]
        totals = self.networks.weights.new_zeros(len(self.runs))
        with step_products(config.precision, device):
            for step, pieces in enumerate(zip(*(batch.of_epoch(epoch) for batch in batches), strict=True)):
                inputs, labels = (torch.stack(of_all, dim=1) for of_all in zip(*pieces, strict=True))
                self.networks.set_step(epoch, step)
                self.networks.gradient.zero_()
                with forward_products(config.precision, device):
                    losses = mean_losses(config.loss, self.networks(inputs), labels)
                losses.sum().backward()  # type: ignore[no-untyped-call]
                self.optimiser.step(spread_rates)
                totals += losses.detach() * len(labels)
        return (totals / len(batches[0].labels)).tolist()

    def report(self, losses: Sequence[float]) -> list[FloatingPointError | None]:
        """Tell every run that an epoch is done, and return what failed; a run that is over has its weights."""
        passes = self.runs[0].iteration + 1
        is_look = passes % self.config.checkpoint_every == 0 or passes == self.config.iterations
        is_look = is_look or any(run.seconds_left == 0.0 for run in self.runs)
        if is_look or any(run.is_called_at(passes) for run in self.runs) or not all(map(math.isfinite, losses)):
            self.networks.store()
        return [_failure(_note, run, passes, loss, is_look) for run, loss in zip(self.runs, losses, strict=True)]


def _note(run: Run, passes: int, loss: float, is_look: bool) -> None:
    run.require_finite(loss, passes)
    if is_look:
        run.look(passes)
    else:
        run.advance(passes, loss)


def _failure(action: Callable[..., None], *arguments: Any) -> FloatingPointError | None:
    try:
        action(*arguments)
    except FloatingPointError as error:
        return error
    return None


def _check(
    networks: Sequence[TrainableNetwork],
    datasets: Sequence[Dataset],
    configs: Sequence[TrainingConfig],
    callbacks: Sequence[TrainingCallback | None],
) -> None:
    """Raise ValueError where networks cannot be trained together, or not by `train_many`."""
    count = len(networks)
    if count == 0:
        raise ValueError("networks is empty; it must hold one network or more.")
    for name, given in (("datasets", datasets), ("configs", configs), ("callbacks", callbacks)):
        if len(given) != count:
            raise ValueError(f"{name} has {len(given)} entries; with {count} networks it must have {count}.")
    if len({id(network) for network in networks}) < count:
        raise ValueError("networks holds the same network twice; each one is trained in place.")
    first, data, config = networks[0], datasets[0], configs[0]
    alone = "Train it by itself, with `ramodel.nets.train`."
    if refused := unbatched_settings(config):
        raise ValueError(f"{refused[0]} is {getattr(config, refused[0])!r}, which batches do not do. {alone}")
    if type(first).after_step is not TrainableNetwork.after_step:
        raise ValueError(f"networks[0] is a {type(first).__name__}, which mends its weights after each step. {alone}")
    for number in range(1, count):
        network, dataset = networks[number], datasets[number]
        if type(network) is not type(first):
            raise ValueError(
                f"networks[{number}] is a {type(network).__name__} and networks[0] a {type(first).__name__}; "
                "all must be of one family."
            )
        for what, differences in (
            (f"networks[{number}]", differing_fields(_freed(network.config, ("seed",), first.config), first.config)),
            (f"configs[{number}]", differing_fields(_freed(configs[number], FREE_SETTINGS, config), config)),
        ):
            if differences:
                raise ValueError(f"{what} is not like the first one ({differences}); make a batch of each kind.")
        if dataset.train_inputs.shape != data.train_inputs.shape:
            raise ValueError(
                f"datasets[{number}] has training inputs of shape {dataset.train_inputs.shape} and datasets[0] of "
                f"{data.train_inputs.shape}; mini-batches must be of one size."
            )


def _freed(struct: msgspec.Struct, free: tuple[str, ...], other: msgspec.Struct) -> msgspec.Struct:
    """Return `struct` with the values of `other` in some fields."""
    return msgspec.structs.replace(struct, **{name: getattr(other, name) for name in free})
