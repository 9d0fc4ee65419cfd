"""Many small networks trained as one batched programme."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, overload

import msgspec
import torch

from ramodel.checks import one_of, positive, writable_folder
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.data.datasets import Dataset
from ramodel.nets.training.arithmetic import deterministic_algorithms, flushed_denormals, step_products
from ramodel.nets.training.checkpoints import differing_fields
from ramodel.nets.training.config import TrainingConfig
from ramodel.nets.training.devices import usable_device
from ramodel.nets.training.run import Run, TrainingCallback
from ramodel.nets.training.stacked_training import StackedTraining, failure_of
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
    folders: Sequence[Path | None] | None = ...,
    stop_after: float | None = ...,
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
    folders: Sequence[Path | None] | None = ...,
    stop_after: float | None = ...,
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
    folders: Sequence[Path | None] | None = None,
    stop_after: float | None = None,
    callbacks: Sequence[TrainingCallback | None] | None = None,
    errors: Literal["raise", "return"] = "raise",
) -> list[TrainingResult] | list[TrainingResult | FloatingPointError]:
    """Train networks of one architecture at once: the numbers of `train`, one after the other, up to rounding.

    Every operation is done for all networks together, which on a CPU saves most of what small operations cost beside
    their arithmetic, and on a GPU fills it. A network that has met its tolerance leaves the batch.

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
    folders
        One for each network or None: its checkpoints, from which it goes on. They are those of `train`, which can go on
        from them as well.
    stop_after
        Seconds, as in `train`, for the batch as a whole.
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
    if stop_after is not None:
        positive("stop_after", stop_after)
    called = [None] * len(networks) if callbacks is None else list(callbacks)
    folders_of_all = [None] * len(networks) if folders is None else list(folders)
    _check(networks, datasets, configs, called, folders_of_all)
    title = f"{len(networks)} x {type(networks[0]).__name__}, depth {networks[0].config.depth}"
    with (
        flushed_denormals(),
        deterministic_algorithms(configs[0].deterministic),
        step_products("float32", usable_device(device)),
        progress_bar(title, configs[0].iterations, show=progress) as bar,
        progress_bar("", None, show=False) as silent,
    ):
        runs: list[Run] = []
        first_with: dict[int, Run] = {}
        for each in zip(networks, datasets, configs, folders_of_all, called, strict=True):
            network, dataset, config, folder, callback = each
            shared = first_with.get(id(dataset))
            run = new_run(
                network,
                dataset,
                config,
                device=device,
                progress=silent,
                folder=None if folder is None else writable_folder("folders", folder),
                stop_after=stop_after,
                callback=callback,
                shared=shared,
            )
            run.resume()
            first_with.setdefault(id(dataset), run)
            runs.append(run)
        ends: dict[int, TrainingResult | FloatingPointError] = {}
        for epoch in sorted({run.iteration for run in runs}):  # several, if a kill fell between two checkpoints
            for run, failure in _descend([run for run in runs if run.iteration == epoch], bar):
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
    failures = {run.network: None if run.history else failure_of(run.look, 0) for run in runs}
    going, together = list(runs), None
    bar.advance(runs[0].iteration, status="")
    while going:
        left = [run for run in going if failures[run.network] is None and not run.is_over]
        for run in going:
            if run not in left:
                yield run, failures[run.network]
        if not left:
            return
        if together is None:
            together = StackedTraining(left)
        elif len(left) < len(going):
            together = together.of(left)
        going = left
        if any(run.must_stop for run in going):
            together.save()
            for run in going:
                yield run, None
            return
        losses = together.one_epoch()
        failures = {run.network: failure for run, failure in zip(going, together.report(losses), strict=True)}
        bar.advance(status=f"loss {sum(losses) / len(losses):.4f}")


def _check(
    networks: Sequence[TrainableNetwork],
    datasets: Sequence[Dataset],
    configs: Sequence[TrainingConfig],
    callbacks: Sequence[TrainingCallback | None],
    folders: Sequence[Path | None],
) -> None:
    """Raise ValueError where networks cannot be trained together, or not by `train_many`."""
    count = len(networks)
    if count == 0:
        raise ValueError("networks is empty; it must hold one network or more.")
    every = {"datasets": datasets, "configs": configs, "callbacks": callbacks, "folders": folders}
    for name, given in every.items():
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
