import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from ramodel.report.measurements import kinds, load_measurements, networks
from ramodel.theory import FrobeniusModel, NuclearModel
from tests.report.synthetic import measurements


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    tree = measurements(kinds=("linear", "relu"), depths=(2,), seeds=1)
    name = "linear-trained-L02-seed0"
    tree[name] = xr.DataTree(tree[name].to_dataset().assign(converged=True, class_name=("class", list("abcdef"))))
    tree.to_netcdf(path / "measurements.nc", engine="h5netcdf")
    return path


def test_a_folder_and_its_file_are_the_same_run(folder: Path) -> None:
    xr.testing.assert_identical(load_measurements(folder), load_measurements(folder / "measurements.nc"))
    assert load_measurements(folder).attrs["seed"] == "0"


def test_missing_path_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist; give the folder of a finished run"):
        load_measurements(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no netCDF file"):
        load_measurements(tmp_path)


def test_measurements_are_found_beside_other_files(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "measurements.nc").write_bytes((folder / "measurements.nc").read_bytes())
    (tmp_path / "spectra.nc").touch()
    xr.testing.assert_identical(load_measurements(tmp_path), load_measurements(folder))


def test_several_files_must_be_told_apart(tmp_path: Path) -> None:
    for name in ("a.nc", "b.nc"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"several netCDF files \(a.nc, b.nc\); name one"):
        load_measurements(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n" + bytes(64)])
def test_damaged_file_is_said_to_be_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "measurements.nc").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be read as netCDF .* run `ramodel reproduce` again"):
        load_measurements(tmp_path)


def test_truncated_file_is_said_to_be_damaged(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "measurements.nc").read_bytes()
    (tmp_path / "measurements.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cannot be read as netCDF"):
        load_measurements(tmp_path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["group/values"] = np.ones(3)
    with pytest.raises(ValueError, match="no named dimensions"):
        load_measurements(tmp_path / "plain.h5")
    xr.Dataset({"x": ("t", [1.0])}).to_netcdf(tmp_path / "weather.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match=r"holds no network measured by ramodel \(groups: none\)"):
        load_measurements(tmp_path / "weather.nc")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; run as another user")
def test_unreadable_file_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "measurements.nc"
    path.write_bytes((folder / "measurements.nc").read_bytes())
    path.chmod(0)
    with pytest.raises(ValueError, match="cannot be read"):
        load_measurements(path)


def test_networks_are_selected_and_sorted(run: xr.DataTree) -> None:
    assert kinds(run) == ["linear", "factored", "gelu", "relu"]
    trained = networks(run, kind="relu", arm="trained")
    assert [(net.depth, net.seed) for net in trained] == [(4, 0), (4, 1), (8, 0), (8, 1), (16, 0), (16, 1)]
    assert {net.kind for net in networks(run, arm="sgd")} == {"linear"}
    assert networks(run, depth=5) == []


def test_unknown_kinds_come_last() -> None:
    attrs = {"arm": "trained", "depth": 1, "seed": 0}
    groups = {f"/{kind}": xr.Dataset(attrs=attrs | {"kind": kind}) for kind in ("conv", "attention", "relu")}
    assert kinds(xr.DataTree.from_dict(groups)) == ["relu", "attention", "conv"]


def test_arrays_come_in_the_order_asked_for(run: xr.DataTree) -> None:
    net = networks(run, kind="linear", arm="trained", depth=4)[0]
    straight = net.array("singular_value", "layer", "input", "rank")
    np.testing.assert_array_equal(net.array("singular_value", "rank", "layer", "input"), np.moveaxis(straight, 2, 0))
    with pytest.raises(ValueError, match="has dimensions"):
        net.array("singular_value", "layer", "rank")
    with pytest.raises(ValueError, match="has no variable 'colour'"):
        net.array("colour", "layer")
    assert np.isnan(net.scalar("colour"))


def test_models_follow_the_kind(run: xr.DataTree) -> None:
    linear, factored, relu = (
        networks(run, kind=kind, arm="trained", depth=4)[0] for kind in ("linear", "factored", "relu")
    )
    assert linear.model() == FrobeniusModel(4, 0.01, 0.01, 0.01)
    assert factored.model(depth=5.5) == NuclearModel(5.5, 0.01, 0.01, 0.01)
    assert relu.model() is None
    linear.data.attrs["embedding_decay"] = np.nan
    try:
        assert linear.model() == FrobeniusModel(4, 0.01, 0.01)
    finally:
        linear.data.attrs["embedding_decay"] = 0.01
