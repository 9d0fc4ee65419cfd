"""Reading a run: one netCDF file, one group a trained (or control) network."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel.experiments.claims import LEARNT
from ramodel.netcdf import read_tree
from ramodel.theory import BLOCK_MODELS, FrobeniusModel, NuclearModel

__all__ = ["SIMULATIONS", "MeasuredNetwork", "kinds", "load_measurements", "networks"]

Measurements = xr.DataTree
Floats = NDArray[np.float64]

SIMULATIONS = "simulations"
"""Group with the optimiser's points; every other group is a network."""

_KIND_ORDER = ("linear", "factored", "gelu", "relu")
_IDENTITY = ("kind", "arm", "depth", "seed")


class MeasuredNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """One group of a run: a network, how it came about, and what was measured on it.

    Parameters
    ----------
    name
        Name of the group.
    kind
        Block kind, such as "linear".
    arm
        "trained", "sgd", or a control: "untrained", "no-skip".
    depth, seed
        Number of blocks; seed of the cell.
    data
        The measurements.
    """

    name: str
    kind: str
    arm: str
    depth: int
    seed: int
    data: xr.Dataset

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return int(self.data.attrs["classes"] if "classes" in self.data.attrs else self.data.sizes["class"])

    @property
    def has_learnt(self) -> bool:
        """Whether it fits its training set: deep networks without skips mostly do not train."""
        return not self.scalar("train_accuracy") < LEARNT

    def has(self, *variables: str) -> bool:
        """Tell whether all of `variables` were measured."""
        return all(variable in self.data for variable in variables)

    def array(self, variable: str, *dimensions: str) -> Floats:
        """Return a variable as a float64 array with its axes in the order of `dimensions`.

        Raises
        ------
        ValueError
            If it was not measured or has other dimensions.
        """
        if variable not in self.data:
            raise ValueError(f"{self.name} has no variable {variable!r}; it was not measured for this network.")
        values = self.data[variable]
        if set(values.dims) != set(dimensions):
            raise ValueError(f"{variable} of {self.name} has dimensions {values.dims}; they must be {dimensions}.")
        return np.asarray(values.transpose(*dimensions).values, dtype=np.float64)

    def scalar(self, variable: str) -> float:
        """Return a scalar variable; NaN if it was not measured."""
        return float(self.data[variable]) if variable in self.data else float("nan")

    def model(self, *, depth: float | None = None) -> FrobeniusModel | NuclearModel | None:
        """Return the provable model that this network is an instance of, or it at another depth; None if nonlinear."""
        if self.kind not in BLOCK_MODELS:
            return None
        attrs = self.data.attrs
        embedding = float(attrs.get("embedding_decay") or "nan")
        return BLOCK_MODELS[self.kind](
            depth=self.depth if depth is None else depth,
            jacobian_decay=float(attrs["jacobian_decay"]),
            head_decay=float(attrs["head_decay"]),
            embedding_decay=embedding if np.isfinite(embedding) else None,
        )


def load_measurements(path: str | os.PathLike[str]) -> Measurements:
    """Read all measurements of a run into memory.

    Parameters
    ----------
    path
        Folder of the run, or its netCDF file.

    Raises
    ------
    FileNotFoundError
        If there is no such path, or the folder holds no netCDF file.
    ValueError
        If the folder holds several netCDF files, or the file is damaged, not netCDF, or not written by ramodel.

    Examples
    --------
    >>> load_measurements("no/such/run")
    Traceback (most recent call last):
    ...
    FileNotFoundError: no/such/run does not exist; give the folder of a finished run (`ramodel reproduce --out FOLDER`).
    """
    file = _measurements_file(Path(path).expanduser())
    try:
        loaded = read_tree(file)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{file} cannot be read as netCDF ({error}); it is damaged or of another format: "
            "run `ramodel reproduce` again."
        ) from error
    if not networks(loaded):
        raise ValueError(
            f"{file} holds no network measured by ramodel (groups: {_listed(loaded.children)}); "
            "give the folder of a finished run."
        )
    return loaded


def networks(
    measurements: Measurements, *, kind: str | None = None, arm: str | None = None, depth: int | None = None
) -> list[MeasuredNetwork]:
    """Return the networks of a run, by kind, arm, depth and seed; only those asked for.

    Groups that lack the attributes of a network (kind, arm, depth, seed) are passed over.

    Examples
    --------
    >>> tree = xr.DataTree.from_dict({"/a": xr.Dataset(attrs={"kind": "relu", "arm": "sgd", "depth": 4, "seed": 0})})
    >>> [(net.kind, net.depth) for net in networks(tree, arm="sgd")]
    [('relu', 4)]
    """
    found = [
        _network(name, node.to_dataset())
        for name, node in measurements.children.items()
        if all(key in node.attrs for key in _IDENTITY)
    ]
    wanted = [
        net for net in found if kind in (None, net.kind) and arm in (None, net.arm) and depth in (None, net.depth)
    ]
    return sorted(wanted, key=lambda net: (_kind_rank(net.kind), net.arm, net.depth, net.seed))


def kinds(measurements: Measurements) -> list[str]:
    """Return the block kinds of a run: linear, factored, gelu, relu, then others by name."""
    return sorted({net.kind for net in networks(measurements)}, key=_kind_rank)


def _network(name: str, data: xr.Dataset) -> MeasuredNetwork:
    attrs: dict[str, Any] = data.attrs
    return MeasuredNetwork(
        name=name,
        kind=str(attrs["kind"]),
        arm=str(attrs["arm"]),
        depth=int(attrs["depth"]),
        seed=int(attrs["seed"]),
        data=data,
    )


def _kind_rank(kind: str) -> tuple[int, str]:
    return (_KIND_ORDER.index(kind) if kind in _KIND_ORDER else len(_KIND_ORDER), kind)


def _measurements_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; give the folder of a finished run (`ramodel reproduce --out FOLDER`)."
        )
    if (path / "measurements.nc").is_file():
        return path / "measurements.nc"
    files = sorted(path.glob("*.nc"))
    if not files:
        raise FileNotFoundError(f"{path} holds no netCDF file; give the folder of a finished run.")
    if len(files) > 1:
        raise ValueError(
            f"{path} holds several netCDF files ({_listed(file.name for file in files)}); name one of them."
        )
    return files[0]


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names)) or "none"
