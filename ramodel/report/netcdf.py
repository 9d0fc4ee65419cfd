"""Reading all groups of a netCDF file at once.

`xarray.open_datatree` asks HDF5 for the name of every dimension of every variable, and HDF5 searches the whole file
for each answer: a minute for a run of eighty networks. Here dimensions are told by their addresses instead, which takes
a second, and xarray decodes what was read.
"""

import os
from typing import Any

import h5py
import numpy as np
import xarray as xr

__all__ = ["read_tree"]

_HIDDEN = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties"}
_BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"


def read_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a netCDF-4 file and its first level of groups into memory.

    Equal to ``xarray.open_datatree(path, engine="h5netcdf").load()`` for files whose groups have their own dimensions
    and no groups inside.

    Raises
    ------
    OSError
        If the file is damaged or not HDF5.
    ValueError
        If a dimension has no name, so that it was not written as netCDF.
    """
    with h5py.File(path, "r") as file:
        groups = {name: _dataset(entry) for name, entry in file.items() if isinstance(entry, h5py.Group)}
        return xr.DataTree.from_dict({"/": _dataset(file), **groups})


def _dataset(group: h5py.Group) -> xr.Dataset:
    arrays = {name: entry for name, entry in group.items() if isinstance(entry, h5py.Dataset)}
    dimensions = {_address(entry.id): name for name, entry in arrays.items() if entry.is_scale}
    variables = {
        name: xr.Variable(_dimensions(name, entry, dimensions), _values(entry), _attributes(entry))
        for name, entry in arrays.items()
        if not bytes(entry.attrs.get("NAME", b"")).startswith(_BARE_DIMENSION)
    }
    return xr.decode_cf(xr.Dataset(variables, attrs=_attributes(group)))


def _dimensions(name: str, array: h5py.Dataset, dimensions: dict[Any, str]) -> tuple[str, ...]:
    if array.is_scale:
        return (name,)
    if array.ndim == 0:
        return ()
    if "DIMENSION_LIST" not in array.attrs:
        raise ValueError(f"variable {name!r} has no named dimensions")
    scales = (h5py.h5r.dereference(references[0], array.id) for references in array.attrs["DIMENSION_LIST"])
    return tuple(dimensions[_address(scale)] for scale in scales)


def _address(identifier: Any) -> Any:
    """Return where an object lies in its file: the same for every way to it."""
    return h5py.h5o.get_info(identifier).addr


def _values(array: h5py.Dataset) -> Any:
    return array.asstr()[()] if h5py.check_string_dtype(array.dtype) else array[()]


def _attributes(entry: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    found = {name: entry.attrs[name] for name in entry.attrs if name not in _HIDDEN}
    return {
        name: value[0] if isinstance(value, np.ndarray) and value.shape == (1,) else value
        for name, value in found.items()
    }
