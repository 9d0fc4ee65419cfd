"""The store of a run: one file per finished cell, written whole or not at all, and all of them as one netCDF."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from ramodel.files import whole_file
from ramodel.netcdf import read_tree, write_tree

__all__ = ["CellStore", "computed_once", "write_atomically", "write_measurements"]


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, never a part."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_measurements(path: Path, root: xr.Dataset, groups: Mapping[str, xr.Dataset] | None = None) -> None:
    """Write datasets as the root and the groups of one netCDF file, atomically."""
    with whole_file(path) as temporary:
        write_tree(temporary, root, groups)


def computed_once(
    path: Path,
    compute: Callable[[], xr.Dataset],
    *,
    origin: Mapping[str, str | int],
    axes: Mapping[str, ArrayLike] | None = None,
) -> xr.Dataset:
    """Return the dataset in `path` if it was made as asked for; else compute it, store it whole, and return it.

    Parameters
    ----------
    path
        A netCDF file; a damaged one is made anew. Its folder is made where it is missing.
    compute
        Makes the dataset.
    origin
        Attributes that tell how it was made; they are added to what is computed.
    axes
        Variables whose values it must have.
    """
    stored = _read(path)
    if stored is not None and _is_made_by(stored, origin, axes or {}):
        return stored
    dataset = compute().assign_attrs(origin)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_measurements(path, dataset)
    return dataset


class CellStore:
    """Finished cells in a folder: `NAME.nc` holds a result, `NAME.failed.json` the error of a cell that failed.

    Parameters
    ----------
    folder
        Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def write(self, name: str, dataset: xr.Dataset) -> None:
        """Store the result of cell `name`, compressed, and forget an earlier failure of it."""
        write_measurements(self.folder / f"{name}.nc", dataset)
        self._failure(name).unlink(missing_ok=True)

    def write_failure(self, name: str, error: str, traceback: str = "") -> None:
        """Store that cell `name` failed and why."""
        record = {"cell": name, "error": error} | ({"traceback": traceback} if traceback else {})
        write_atomically(self._failure(name), msgspec.json.encode(record))

    def read(self, name: str) -> xr.Dataset | None:
        """Return the result of cell `name`; None where there is none or its file is damaged."""
        return _read(self.folder / f"{name}.nc")

    def failure(self, name: str) -> str | None:
        """Return the stored error of cell `name`, or None."""
        path = self._failure(name)
        if not path.exists():
            return None
        try:
            return str(msgspec.json.decode(path.read_bytes())["error"])
        except (msgspec.DecodeError, KeyError, TypeError):
            return "its record of failure is damaged"

    def clear_unfinished(self) -> None:
        """Remove what a killed process left half-written. Nobody else may be writing."""
        for path in self.folder.glob(".*.part"):
            path.unlink(missing_ok=True)

    def _failure(self, name: str) -> Path:
        return self.folder / f"{name}.failed.json"


def _read(path: Path) -> xr.Dataset | None:
    """Return the dataset of a file; None where there is no file or it is damaged."""
    if not path.exists():
        return None
    try:
        return read_tree(path).to_dataset()
    except (OSError, ValueError, KeyError, RuntimeError):
        return None


def _is_made_by(stored: xr.Dataset, origin: Mapping[str, str | int], axes: Mapping[str, ArrayLike]) -> bool:
    same = {key: stored.attrs.get(key) for key in origin} == dict(origin)
    return same and all(name in stored and np.array_equal(stored[name], axis) for name, axis in axes.items())
