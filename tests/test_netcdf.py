"""Our netCDF is everybody's netCDF: xarray reads what we write and we read what xarray writes, to the bit."""

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ramodel.netcdf import TreeWriter, open_tree, read_groups, read_tree, write_tree


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


def test_without_compression_the_same_is_read(tree, tmp_path, monkeypatch):
    monkeypatch.setattr("ramodel.netcdf._PIECE", 8)  # floating-point arrays go row by row
    with TreeWriter(tmp_path / "m.nc", compress=False) as writer:
        for name, group in {"/": tree.to_dataset(), **groups(tree)}.items():
            writer.add(name, group)
    xr.testing.assert_identical(read_tree(tmp_path / "m.nc"), tree)
    with h5py.File(tmp_path / "m.nc") as file:
        assert file["a/s"].compression is None


def test_reserved_arrays_are_filled_by_slices(tmp_path):
    values = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    blank = xr.Dataset(
        {"x": (("row", "column"), np.broadcast_to(np.float32(0), (3, 4)), {"unit": "m"})}, {"row": [1, 2, 3]}
    )
    with TreeWriter(tmp_path / "m.nc") as writer:
        writer.add("/", xr.Dataset(attrs={"kind": "test"}))
        reserved = writer.reserve("net", blank)
        reserved["x"][:2] = values[:2]
        reserved["x"][2, 1:] = values[2, 1:]
        reserved["x"][2, 0] = values[2, 0]
    expected = blank.copy(data={"x": values})
    assert read_groups(tmp_path / "m.nc")["net"].identical(expected)
    found = open_tree(tmp_path / "m.nc")
    assert found["/"].attrs == {"kind": "test"}
    assert not found["net"]["x"].variable._in_memory
    assert found["net"].identical(expected)


def test_groups_may_differ_in_what_they_share(tmp_path):
    short, long = (xr.Dataset({"x": ("i", np.ones(n))}, {"i": np.arange(n)}) for n in (2, 3))
    write_tree(tmp_path / "m.nc", short, {"long": long})
    for found in (read_groups(tmp_path / "m.nc"), open_tree(tmp_path / "m.nc")):
        assert found["/"].identical(short)
        assert found["long"].identical(long)


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
