"""Weights of anyone's network: read from a file without running anything in it, and put into the network whole."""

import os
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ramodel.checks import existing_file

__all__ = ["load_weights", "put_weights", "read_weights"]

_TORCH_SUFFIXES = (".pt", ".pth")
_WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "weights")
"""Keys under which training scripts keep the weights beside epoch and optimiser."""

_PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before the name of every weight."""


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the named tensors of a .safetensors, .pt or .pth file, on the CPU.

    A .pt or .pth file is read by ``torch.load(weights_only=True)``, which builds tensors and plain containers and
    nothing else. Weights that lie under "state_dict" or "model" beside other things are taken from there; prefixes of
    DataParallel ("module.") and torch.compile ("_orig_mod.") are dropped.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the name ends otherwise, or the file is damaged, holds more than tensors, holds none, or a number in it is
        not finite.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"epoch": 3, "state_dict": {"module.bias": torch.ones(2)}}, Path(folder, "net.pt"))
    ...     read_weights(Path(folder, "net.pt"))
    {'bias': tensor([1., 1.])}
    """
    file = existing_file("weights", path)
    if file.suffix == ".safetensors":
        try:
            tensors = load_file(file)
        except SafetensorError as error:
            raise ValueError(f"{file} is not a whole safetensors file ({error}). Fetch it anew.") from error
    elif file.suffix in _TORCH_SUFFIXES:
        tensors = _state_dict(_read_torch(file), file)
    else:
        raise ValueError(f"weights is {str(file)!r}; its name must end in .safetensors, .pt or .pth.")
    if not tensors:
        raise ValueError(f"{file} holds no tensors.")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ValueError(f"{name!r} in {file} holds a number that is not finite; the weights are of no use.")
    return tensors


def load_weights(network: nn.Module, path: str | os.PathLike[str]) -> None:
    """Put the weights in the file `path` into `network`; raise as `read_weights` and `put_weights` do."""
    put_weights(network, read_weights(path), str(path))


def put_weights(network: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Put `tensors` into `network`, every one of them and nothing less.

    Weights that several names share, such as those of an embedding and a head, may come under one of the names, as
    safetensors saves them.

    Raises
    ------
    ValueError
        If a tensor is missing, has no place in the network, or has another shape there; the network is then as it was.
    """
    own = network.state_dict()
    # Files made before torch 0.4.1, and many that others convert, do not count the batches of a BatchNorm.
    brought = {_place(own[name]) for name in tensors if name in own}
    missing = [
        name
        for name, tensor in own.items()
        if name not in tensors and _place(tensor) not in brought and not name.endswith(".num_batches_tracked")
    ]
    unknown = [name for name in tensors if name not in own]
    faults = [
        f"{name!r} has shape {tuple(tensor.shape)} in place of {tuple(own[name].shape)}"
        for name, tensor in tensors.items()
        if name in own and own[name].shape != tensor.shape
    ]
    faults += [f"it lacks {_first(missing)}"] if missing else []
    faults += [f"the network has no {_first(unknown)}"] if unknown else []
    if faults:
        raise ValueError(f"{origin} does not fit the {type(network).__name__}: {'; '.join(faults[:3])}.")
    network.load_state_dict(dict(tensors), strict=False)


def _read_torch(file: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # Of a file that torch.save did not write torch asks to be told; the errors below say what is wrong.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{file} holds more than tensors, or is damaged; it is not opened further, because that can run code. Save "
            "torch.save(network.state_dict(), path), or a .safetensors file."
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file} is not a whole file of torch.save. Fetch it anew.") from error


def _state_dict(content: Any, file: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        inner = (content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping))
        tensors: Mapping[Any, Any] = next(inner, content)
        if all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in tensors.items()):
            return {_bare(name): tensor for name, tensor in tensors.items()}
    raise ValueError(
        f"{file} is not a table of named tensors. Save torch.save(network.state_dict(), path), or a .safetensors file."
    )


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _place(tensor: Tensor) -> tuple[object, ...]:
    """Return where the numbers of a tensor lie, the same for two names of one weight."""
    return tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def _first(names: list[str]) -> str:
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{names[0]!r}{more}"
