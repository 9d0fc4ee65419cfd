"""The store: whole files or none, damage is noticed, failures are remembered until they are mended."""

import numpy as np
import pytest
import xarray as xr

from ramodel.experiments.store import CellStore, write_atomically, write_measurements


@pytest.fixture
def dataset():
    return xr.Dataset({"s": ("layer", np.arange(3.0)), "scalar": 2.0}, attrs={"kind": "relu", "depth": 3})


def test_round_trip(tmp_path, dataset):
    store = CellStore(tmp_path / "cells")
    store.write("a", dataset)
    xr.testing.assert_identical(store.read("a"), dataset)
    assert [path.name for path in store.folder.iterdir()] == ["a.nc"]


def test_missing_and_damaged_cells_read_as_none(tmp_path, dataset):
    store = CellStore(tmp_path)
    assert store.read("a") is None
    store.write("a", dataset)
    path = tmp_path / "a.nc"
    path.write_bytes(path.read_bytes()[:100])
    assert store.read("a") is None
    path.write_bytes(b"")
    assert store.read("a") is None


def test_a_result_ends_a_failure(tmp_path, dataset):
    store = CellStore(tmp_path)
    assert store.failure("a") is None
    store.write_failure("a", "ValueError: no")
    assert store.failure("a") == "ValueError: no"
    store.write("a", dataset)
    assert store.failure("a") is None


def test_damaged_record_of_failure(tmp_path):
    (tmp_path / "a.failed.json").write_text("{")
    assert CellStore(tmp_path).failure("a") == "its record of failure is damaged"


def test_nothing_half_written(tmp_path, dataset, monkeypatch):
    store = CellStore(tmp_path)
    store.write("a", dataset)

    def fail(path, *_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ramodel.experiments.store.write_tree", fail)
    with pytest.raises(OSError, match="No space left"):
        store.write("a", dataset * 2)
    monkeypatch.undo()
    xr.testing.assert_identical(store.read("a"), dataset)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nc"]


def test_write_atomically_replaces(tmp_path):
    path = tmp_path / "x.json"
    write_atomically(path, "old")
    write_atomically(path, b"new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_tree_has_a_group_per_cell(tmp_path, dataset):
    path = tmp_path / "measurements.nc"
    write_measurements(path, xr.Dataset(attrs={"seed": "0"}), {"relu-trained-L03-seed0": dataset})
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert tree.attrs["seed"] == "0"
        xr.testing.assert_identical(tree["relu-trained-L03-seed0"].to_dataset().load(), dataset)
    assert list(tmp_path.iterdir()) == [path]
