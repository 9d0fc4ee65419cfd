"""A sweep as one small file: cells of equal shape are stacked, so that a hundred of them take few variables.

Numbers with two axes or more are kept in single precision: what they are compared with is known to 1e-6 at best.
Scalars and vectors stay as they are, since differences of nearly equal ones are taken (work against energy).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel.experiments.store import write_measurements
from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.experiments.sweeps.toml import from_toml, to_toml
from ramodel.netcdf import read_groups

__all__ = ["Failure", "SweepContent", "read_packed", "write_packed"]

_GRID_AXES = 4
_FORMAT = "ramodel sweep 1"


class Failure(msgspec.Struct, frozen=True):
    """Why a cell could not be computed, and where in the code."""

    error: str
    traceback: str = ""


class SweepContent(NamedTuple):
    """Everything a sweep holds.

    `name` is that of its file; `cells` and `failures` go by the names of cells.
    """

    name: str
    config: SweepConfig
    cells: dict[str, xr.Dataset]
    failures: dict[str, Failure]


class _Records(msgspec.Struct, frozen=True):
    """What has no place in an array: failures, attributes of cells by name."""

    failures: dict[str, Failure]
    attributes: dict[str, dict[str, Any]]


def write_packed(path: Path, content: SweepContent) -> None:
    """Write a sweep as one compressed netCDF file, whole or not at all.

    Variables of four axes, the alignment grids of all pairs of layers, are left out: at depth 64 they are nine tenths
    of a cell, and no claim or figure of a law reads them.
    """
    layouts: dict[str, dict[str, xr.Dataset]] = {}
    for name, whole in content.cells.items():
        cell = whole.drop_vars([variable for variable in whole.data_vars if whole[variable].ndim >= _GRID_AXES])
        layouts.setdefault(_layout(cell), {})[name] = cell
    records = _Records(content.failures, {name: _plain(cell.attrs) for name, cell in content.cells.items()})
    text = np.frombuffer(msgspec.json.encode(records), dtype=np.uint8)
    root = xr.Dataset(
        {"records": ("byte", text, {"long_name": "UTF-8 JSON: failures, attributes of cells"})},
        attrs={"format": _FORMAT, "sweep": content.name, "config": to_toml(content.config)},
    )
    groups = {f"cells{number:02d}": _stacked(alike) for number, alike in enumerate(layouts.values())}
    write_measurements(path, root, groups)


def read_packed(path: Path) -> SweepContent:
    """Read what `write_packed` wrote.

    Raises
    ------
    ValueError
        If the file is damaged or no packed sweep.
    """
    try:
        groups = read_groups(path)
        root = groups.pop("/")
        if root.attrs.get("format") != _FORMAT:
            raise ValueError("it was not written by `ramodel sweep --merge`")
        records = msgspec.json.decode(root["records"].values.tobytes(), type=_Records)
        config = from_toml(root.attrs["config"])
        cells = {name: cell for group in groups.values() for name, cell in _unstacked(group, records).items()}
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a packed sweep, or damaged ({error}).") from error
    return SweepContent(str(root.attrs["sweep"]), config, dict(sorted(cells.items())), records.failures)


def _layout(cell: xr.Dataset) -> str:
    """Return what cells must share to be stacked: names, axes, types, and the values along axes."""
    variables = {
        name: (variable.dims, variable.shape, variable.dtype.kind, name in cell.coords, _plain(variable.attrs))
        for name, variable in cell.variables.items()
    }
    axes = {name: cell[name].values.tolist() for name in cell.sizes if name in cell.coords}
    return json.dumps([variables, axes], sort_keys=True)


def _stacked(cells: Mapping[str, xr.Dataset]) -> xr.Dataset:
    first = next(iter(cells.values()))
    found = xr.Dataset(coords={"cell": list(cells)})
    for name, variable in first.variables.items():
        if name in first.sizes:
            found[name] = variable
        else:
            values = np.stack([cell[name].values for cell in cells.values()])
            found[name] = xr.Variable(("cell", *variable.dims), _single_precision(values), variable.attrs)
    return found.assign_attrs(
        coordinates_of_cells=json.dumps([name for name in first.coords if name not in first.sizes])
    )


def _unstacked(group: xr.Dataset, records: _Records) -> dict[str, xr.Dataset]:
    coordinates = json.loads(group.attrs["coordinates_of_cells"])
    stacked = group.drop_attrs(deep=False).set_coords(coordinates)
    return {
        name: stacked.isel(cell=place).drop_vars("cell").assign_attrs(records.attributes[name])
        for place, name in enumerate(map(str, group["cell"].values))
    }


def _single_precision(values: NDArray[Any]) -> NDArray[Any]:
    """Return stacked values in single precision where each cell has two axes or more and none leaves its range."""
    if values.ndim < 3 or values.dtype != np.float64:
        return values
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
    return single if np.array_equal(np.isfinite(single), np.isfinite(values)) else values


def _plain(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return attributes with Python's numbers for NumPy's."""
    return {str(name): value.item() if isinstance(value, np.generic) else value for name, value in attributes.items()}
