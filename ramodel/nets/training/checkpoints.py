"""Checkpoints: tensors as safetensors, everything else as JSON, replaced as one."""

import os
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ramodel.checks import existing_file, writable_folder
from ramodel.nets.architectures.family import AnyNetworkConfig, build_network
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.data.datasets import DataChoice
from ramodel.nets.training.config import TrainingConfig

__all__ = [
    "SUMMARY",
    "Checkpoint",
    "TrainingRecord",
    "differing_fields",
    "load_checkpoint",
    "save_checkpoint",
    "trained_on",
]

SUMMARY = "summary.json"
"""File that `ramodel train` leaves beside the checkpoint: which data it was trained on, and what was reached."""


_INDEX = "checkpoint.json"
_NETWORK, _OPTIMISER = "network.", "optimiser."


class TrainingRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One look at the full training set.

    Parameters
    ----------
    iteration
        Passes over the training set so far.
    objective
        F, mean loss plus decay.
    gradient_norm
        Relative: ||grad F|| / (||grad loss|| + ||grad decay||).
    """

    iteration: int
    objective: float
    gradient_norm: float


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A network, and where its training stood.

    Parameters
    ----------
    network
        With its weights.
    training
        Configuration of the run; None for a network on its own.
    data_digest
        SHA-256 of the data set that it was trained on.
    optimiser
        State of the optimiser by name.
    history
        Looks at the training set so far.
    since_look
        Passes over the training set since the last look.
    seconds
        Wall time so far.
    """

    network: TrainableNetwork
    training: TrainingConfig | None = None
    data_digest: str = ""
    optimiser: dict[str, Tensor] = msgspec.field(default_factory=dict)
    history: tuple[TrainingRecord, ...] = ()
    since_look: int = 0
    seconds: float = 0.0

    @property
    def iteration(self) -> int:
        """Passes over the training set so far."""
        return self.since_look + (self.history[-1].iteration if self.history else 0)


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part; `tensors` names the other file, so that replacing this one replaces both."""

    tensors: str
    dtype: str
    network: AnyNetworkConfig
    training: TrainingConfig | None
    data_digest: str
    history: tuple[TrainingRecord, ...]
    seconds: float
    since_look: int = 0


def save_checkpoint(folder: str | os.PathLike[str], checkpoint: Checkpoint) -> Path:
    """Write `checkpoint` into `folder` and return the path of its JSON file.

    The tensors are written first, under a new name; the checkpoint changes at the moment in which the JSON file that
    names them is replaced. Whoever is interrupted before finds the previous checkpoint whole.

    Raises
    ------
    NotADirectoryError, PermissionError
        If `folder` cannot be written.
    ValueError
        If a tensor holds a number that is not finite.

    Examples
    --------
    >>> import tempfile
    >>> from ramodel.nets import NetworkConfig, ResidualNetwork
    >>> network = ResidualNetwork(NetworkConfig(kind="linear", inputs=4, classes=2, width=3, depth=2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_checkpoint(folder, Checkpoint(network=network))
    ...     again = load_checkpoint(folder).network
    >>> again.config == network.config and bool((again.head.weight == network.head.weight).all())
    True
    """
    target = writable_folder("folder", folder)
    network = checkpoint.network
    tensors = {_NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    tensors |= {_OPTIMISER + name: tensor for name, tensor in checkpoint.optimiser.items()}
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{name} holds a number that is not finite; it is not written to {target}.")
    index = _Index(
        tensors=f"iteration-{checkpoint.iteration:06d}.safetensors",
        dtype=str(network.head.weight.dtype).removeprefix("torch."),
        network=network.config,
        training=checkpoint.training,
        data_digest=checkpoint.data_digest,
        history=checkpoint.history,
        seconds=checkpoint.seconds,
        since_look=checkpoint.since_look,
    )
    partial = target / f".{index.tensors}.partial"
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, partial)
    partial.replace(target / index.tensors)
    partial = target / f".{_INDEX}.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=1))
    partial.replace(target / _INDEX)
    for old in target.glob("iteration-*.safetensors"):
        if old.name != index.tensors:
            old.unlink()
    return target / _INDEX


def load_checkpoint(folder: str | os.PathLike[str]) -> Checkpoint:
    """Read the checkpoint in `folder`; the network is on the CPU, in the type it was saved in.

    Raises
    ------
    FileNotFoundError
        If `folder` holds no checkpoint.
    ValueError
        If a file is damaged.
    """
    path = existing_file("folder", Path(folder).expanduser() / _INDEX, hint="Is it the folder of a checkpoint?")
    try:
        index = msgspec.json.decode(path.read_bytes(), type=_Index)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path} is not a checkpoint of this version ({error}).") from error
    file = existing_file("tensors", path.parent / index.tensors, hint=f"{path} names it.")
    network = build_network(index.network).to(getattr(torch, index.dtype))
    try:
        tensors = load_file(file)
        network.load_state_dict(_part(tensors, _NETWORK))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{file} does not hold the tensors of its network ({error}).") from error
    return Checkpoint(
        network=network,
        training=index.training,
        data_digest=index.data_digest,
        optimiser=_part(tensors, _OPTIMISER),
        history=index.history,
        since_look=index.since_look,
        seconds=index.seconds,
    )


class _Summary(msgspec.Struct):
    """The part of the summary that is needed here."""

    data: DataChoice


def trained_on(folder: str | os.PathLike[str]) -> DataChoice:
    """Return the choice of data of the network that `ramodel train` left in `folder`.

    Raises
    ------
    FileNotFoundError
        If `folder` holds no summary.
    ValueError
        If it is not one of `ramodel train`.
    """
    hint = "Give the folder that `ramodel train --out` wrote."
    path = existing_file("folder", Path(folder).expanduser() / SUMMARY, hint=hint)
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Summary).data
    except msgspec.MsgspecError as error:
        raise ValueError(f"folder is {str(path)!r}; it is not a summary of `ramodel train` ({error}).") from error


def differing_fields(saved: msgspec.Struct, wanted: msgspec.Struct) -> str:
    """Return "name: saved value, not wanted value" for every field in which two configurations differ."""
    before, after = msgspec.structs.asdict(saved), msgspec.structs.asdict(wanted)
    return "; ".join(f"{name}: {before[name]!r}, not {after[name]!r}" for name in after if before[name] != after[name])


def _part(tensors: dict[str, Any], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
