"""netCDF-4 files whose groups are datasets, written and read straight through h5py.

xarray's own engine takes half a minute for the thousands of small variables of a run: in writing it attends to each
from Python several times over, and in reading it asks HDF5 for the name of every dimension of every variable, for which
HDF5 searches the whole file. Here both take about a second. What is written is plain netCDF-4, with named dimensions,
which `xarray.open_datatree` and every netCDF tool read.
"""

import os
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import xarray as xr

__all__ = ["TreeWriter", "open_tree", "read_groups", "read_tree", "write_tree"]

_HIDDEN = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties"}
_BARE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"

_PIECE = 2**24
"""Bytes above which an array of floating-point numbers is written row after row."""

_SMALL = 2**11
"""Bytes up to which an array is stored as it is: the index of a compressed one takes more than compressing saves."""


def write_tree(path: str | os.PathLike[str], root: xr.Dataset, groups: Mapping[str, xr.Dataset] | None = None) -> None:
    """Write `root` and named `groups` below it, each with its own dimensions; arrays are compressed.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        If a variable holds what netCDF cannot, such as arbitrary objects.

    Examples
    --------
    >>> import tempfile
    >>> net = xr.Dataset({"s": ("layer", [0.5, 0.25])}, {"layer": [1, 2]}, {"kind": "relu"})
    >>> with tempfile.NamedTemporaryFile(suffix=".nc") as file:
    ...     write_tree(file.name, xr.Dataset(), {"net": net})
    ...     read_tree(file.name)["net"].to_dataset().identical(net)
    True
    """
    with TreeWriter(path) as writer:
        writer.add("/", root)
        for name, dataset in (groups or {}).items():
            writer.add(name, dataset)


class TreeWriter:
    """A netCDF-4 file that is written group by group, and large variables piece by piece.

    Parameters
    ----------
    path
        Begun anew.
    compress
        Whether arrays are compressed. It costs seven times the time and saves a twelfth where the digits of
        floating-point numbers are all different.

    Examples
    --------
    >>> import tempfile
    >>> nothing_yet = xr.Dataset({"v": (("block", "i"), np.broadcast_to(np.nan, (2, 3)))}, {"block": ["a", "b"]})
    >>> with tempfile.NamedTemporaryFile(suffix=".nc") as file:
    ...     with TreeWriter(file.name) as writer:
    ...         writer.reserve("net", nothing_yet)["v"][1] = [1.0, 2.0, 3.0]
    ...     open_tree(file.name)["net"]["v"].sel(block="b").values
    array([1., 2., 3.])
    """

    def __init__(self, path: str | os.PathLike[str], *, compress: bool = True) -> None:
        self._compress = compress
        self._file = h5py.File(path, "w", track_order=True)

    def __enter__(self) -> "TreeWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, name: str, dataset: xr.Dataset) -> None:
        """Write `dataset` as group `name` ("/": the root); without compression large arrays pass through by rows."""
        _write_group(self._group(name), dataset, frozenset(), self._compress)

    def reserve(self, name: str, dataset: xr.Dataset) -> dict[str, Any]:
        """Write `dataset` as group `name` except for its data variables, and return those, to be written by slices.

        Their values are never looked at, so that `dataset` may hold one number broadcast to the shape. An entry that
        is never written means nothing. Only floating-point variables can be reserved.
        """
        group = self._group(name)
        reserved = frozenset(map(str, dataset.data_vars))
        _write_group(group, dataset, reserved, self._compress)
        return {variable: group[variable] for variable in reserved}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _group(self, name: str) -> h5py.Group:
        return self._file if name == "/" else self._file.create_group(name, track_order=True)


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
    return xr.DataTree.from_dict(read_groups(path))


def read_groups(path: str | os.PathLike[str]) -> dict[str, xr.Dataset]:
    """Read the root ("/") and the first level of groups into memory, by name.

    Unlike in `read_tree`, groups may share names of dimensions with the root and differ in their lengths. Raises as it
    does.
    """
    with h5py.File(path, "r") as file:
        groups = {name: _dataset(entry) for name, entry in file.items() if isinstance(entry, h5py.Group)}
        return {"/": _dataset(file), **groups}


def open_tree(path: str | os.PathLike[str]) -> dict[str, xr.Dataset]:
    """Open a file as `read_groups` does, but read an array when it is used, and only the part of it that is.

    The file stays open as long as a dataset of it is in use.

    Raises
    ------
    OSError
        If the file is damaged or not HDF5.
    """
    groups = xr.open_groups(path, engine="h5netcdf", cache=False)
    return {name.lstrip("/") or "/": dataset for name, dataset in groups.items()}


def _write_group(group: h5py.Group, dataset: xr.Dataset, reserved: frozenset[str], compress: bool) -> None:
    encoded, attributes = xr.conventions.encode_dataset_coordinates(dataset)
    for name, value in attributes.items():
        group.attrs[name] = value
    for number, (name, size) in enumerate(dataset.sizes.items()):
        if name not in encoded:
            bare = group.create_dataset(str(name), (size,), ">f4")
            bare.make_scale(f"{_BARE_DIMENSION.decode()}.{size:10}")
            bare.attrs["_Netcdf4Dimid"] = np.int32(number)
    for name in sorted(encoded, key=lambda one: one not in dataset.sizes):  # dimensions first: others attach to them
        variable = encoded[name]
        if name in reserved:
            stored = group.create_dataset(str(name), variable.shape, variable.dtype, fill_time="never")
        elif variable.nbytes > _PIECE and variable.dtype.kind == "f" and not compress:
            stored = group.create_dataset(str(name), variable.shape, variable.dtype)
            for row in range(variable.shape[0]):
                stored[row] = variable[row].values
        else:
            variable = xr.conventions.encode_cf_variable(variable, name=name)
            values = np.asarray(variable.values)
            kind = h5py.string_dtype() if values.dtype.kind in "OU" else values.dtype
            packing = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
            stored = group.create_dataset(
                str(name),
                data=values.astype(kind),
                dtype=kind,
                **(packing if compress and values.nbytes > _SMALL else {}),
            )
        _describe(group, str(name), stored, variable, dataset)


def _describe(group: h5py.Group, name: str, stored: h5py.Dataset, variable: xr.Variable, dataset: xr.Dataset) -> None:
    """Give a stored array its attributes and its named dimensions."""
    for attribute, value in variable.attrs.items():
        stored.attrs[attribute] = value
    if name in dataset.sizes:
        stored.make_scale(name)
        stored.attrs["_Netcdf4Dimid"] = np.int32(list(dataset.sizes).index(name))
    else:
        for axis, dimension in enumerate(variable.dims):
            stored.dims[axis].attach_scale(group[str(dimension)])


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
