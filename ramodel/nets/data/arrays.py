"""Named arrays from files: .npz, .npy and .safetensors, parsed without running anything in them."""

import os
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from ramodel.checks import existing_file

__all__ = ["ARRAY_SUFFIXES", "read_arrays"]

ARRAY_SUFFIXES = (".npy", ".npz", ".safetensors")

_DAMAGE = (OSError, ValueError, TypeError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for files that are cut, altered, encrypted or announce more than there is."""


def read_arrays(path: str | os.PathLike[str], *, sole: str = "inputs") -> dict[str, NDArray[Any]]:
    """Return the arrays in a file by name; the one in a .npy file is called `sole`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If its name ends otherwise, it is damaged, or it holds pickled objects.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/data.npz", inputs=[[1.0, 2.0]], labels=[3])
    ...     read_arrays(f"{folder}/data.npz")
    {'inputs': array([[1., 2.]]), 'labels': array([3])}
    """
    file = existing_file("path", path)
    if file.suffix not in ARRAY_SUFFIXES:
        raise ValueError(f"path is {str(file)!r}; its name must end in {', '.join(ARRAY_SUFFIXES)}.")
    if file.suffix == ".safetensors":
        try:
            # Through torch, which knows bfloat16; NumPy does not.
            return {name: _plain(tensor) for name, tensor in load_file(file).items()}
        except SafetensorError as error:
            raise ValueError(f"{file} is not a whole safetensors file ({error}). Fetch it anew.") from error
    try:
        with file.open("rb") as content:
            loaded = np.load(content, allow_pickle=False)
            if file.suffix == ".npy" and isinstance(loaded, np.ndarray):
                return {sole: loaded}
            return {key: loaded[key] for key in loaded.files}
    except (AttributeError, *_DAMAGE) as error:
        # NumPy's own words advise to allow pickles, which would run whatever the file holds. An AttributeError is that
        # of a bare array in a file named .npz.
        raise ValueError(
            f"{file} is not a readable {file.suffix} file of plain arrays: it is damaged, of another format, or holds "
            "pickled objects. Write it with numpy.savez(path, images=..., labels=...)."
        ) from error


def _plain(tensor: Any) -> NDArray[Any]:
    array: NDArray[Any] = (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    return array
