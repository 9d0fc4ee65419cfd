"""Our netCDF is everybody's netCDF: xarray reads what we write and we read what xarray writes, to the bit."""

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ramodel.netcdf import read_tree, write_tree


@pytest.fixture
def tree():
    network = xr.Dataset(
        {
            "s": (("layer", "rank"), np.array([[0.5, np.nan], [np.inf, -0.0]]), {"long_name": "singular value"}),
            "grid": (("layer", "other"), np.ones((2, 3), np.float32)),
            "count": ("layer", np.array([1, 2])),
            "scalar": 2.5,
            "converged": ("layer", [True, False]),
        },
        coords={
            "layer": [1, 2],
            "class_name": ("class", ["zero", "eins", "zwölf"]),
            "input_class": ("rank", [3, 4]),
        },
        attrs={"kind": "relu", "depth": 2, "decay": 0.01, "note": ""},
    )
    return xr.DataTree.from_dict(
        {"/": xr.Dataset(attrs={"seed": "0"}), "a": network, "b": network * 2, "c": xr.Dataset()}
    )


def groups(tree):
    return {name: child.to_dataset() for name, child in tree.children.items()}


def test_xarray_reads_what_we_write(tree, tmp_path):
    write_tree(tmp_path / "m.nc", tree.to_dataset(), groups(tree))
    with xr.open_datatree(tmp_path / "m.nc", engine="h5netcdf") as found:
        xr.testing.assert_identical(found.load(), tree)


def test_we_read_what_xarray_writes(tree, tmp_path):
    tree.to_netcdf(tmp_path / "m.nc", engine="h5netcdf")
    xr.testing.assert_identical(read_tree(tmp_path / "m.nc"), tree)


def test_we_read_what_we_write(tree, tmp_path):
    write_tree(tmp_path / "m.nc", tree.to_dataset(), groups(tree))
    xr.testing.assert_identical(read_tree(tmp_path / "m.nc"), tree)


@given(values=arrays.arrays(np.float64, st.tuples(st.integers(0, 3), st.integers(1, 3))))
def test_every_float_survives(values, tmp_path_factory):
    path = tmp_path_factory.mktemp("netcdf") / "m.nc"
    dataset = xr.Dataset({"x": (("row", "column"), values)})
    write_tree(path, dataset)
    found = read_tree(path).to_dataset()
    xr.testing.assert_identical(found, dataset)
    assert np.array_equal(np.signbit(found["x"]), np.signbit(values)) or np.isnan(values).any()


def test_arrays_are_compressed(tmp_path):
    write_tree(tmp_path / "m.nc", xr.Dataset({"x": ("i", np.zeros(100_000))}))
    assert (tmp_path / "m.nc").stat().st_size < 50_000


def test_arbitrary_objects_are_refused(tmp_path):
    with pytest.raises(TypeError):
        write_tree(tmp_path / "m.nc", xr.Dataset({"x": ("i", np.array([object()], dtype=object))}))


def test_a_file_without_named_dimensions_is_refused(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["x"] = np.ones(3)
    with pytest.raises(ValueError, match="'x' has no named dimensions"):
        read_tree(tmp_path / "m.h5")


def test_a_damaged_file_is_refused(tree, tmp_path):
    path = tmp_path / "m.nc"
    write_tree(path, tree.to_dataset(), groups(tree))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(OSError, match=r"truncated|open file"):
        read_tree(path)
