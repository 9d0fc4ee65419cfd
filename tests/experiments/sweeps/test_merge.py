"""Packed files and joined folders hold what went in, and name what does not fit."""

import msgspec
import numpy as np
import pytest
import xarray as xr

from ramodel.experiments.sweeps import Failure, SweepFolder, cells, merge_sweeps, read_sweep, sweep, sweep_status
from tests.experiments.sweeps.conftest import TINY, settings

ALL = sorted(cell.name for cell in cells(TINY))


@pytest.fixture
def whole(tmp_path, counted):
    """A finished sweep of which one cell failed."""
    folder = tmp_path / "whole"
    sweep(TINY, folder, jobs=1, device="cpu", progress=False, name="mine")
    place = SweepFolder.open(folder)
    (folder / "cells" / f"{ALL[-1]}.nc").unlink()
    place.fail(ALL[-1], Failure("ValueError: no", "Traceback"))
    return folder


@pytest.fixture
def half(tmp_path, whole):
    """Its second half, in another folder."""
    folder = SweepFolder.begin(tmp_path / "half", "mine", TINY)
    for name in ALL[4:-1]:
        folder.finish(name, read_sweep(whole).cells[name])
    return folder.path


def same(one, other):
    assert list(one) == list(other)
    for name in one:
        assert one[name].attrs == other[name].attrs
        xr.testing.assert_allclose(one[name], other[name], rtol=1e-6)
        assert set(one[name].coords) == set(other[name].coords)
        for variable in one[name].variables:
            assert one[name][variable].attrs == other[name][variable].attrs


def test_pack_and_unpack(tmp_path, whole):
    packed, again = tmp_path / "mine.nc", tmp_path / "again"
    found = merge_sweeps(packed, [whole])
    assert (found.name, found.cells, found.failures, found.missing, found.conflicts) == ("mine", 7, 1, 0, {})
    content, there = read_sweep(packed), read_sweep(whole)
    assert (content.name, content.config, content.failures) == (
        "mine",
        TINY,
        {ALL[-1]: Failure("ValueError: no", "Traceback")},
    )
    same(content.cells, there.cells)
    cell = content.cells[ALL[0]]
    assert (cell["s"].dtype, cell["work"].dtype) == (np.float32, np.float64)
    merge_sweeps(again, [packed])
    same(read_sweep(again).cells, there.cells)
    assert read_sweep(again).failures == content.failures
    assert sweep_status(packed).arms == sweep_status(whole).arms


def test_numbers_beyond_single_precision_stay_double(tmp_path, whole):
    folder = SweepFolder.open(whole)
    cell = read_sweep(whole).cells[ALL[0]]
    folder.finish(ALL[0], cell.assign(s=cell["s"] * 1e60))
    merge_sweeps(tmp_path / "mine.nc", [whole])
    assert float(read_sweep(tmp_path / "mine.nc").cells[ALL[0]]["s"].max()) > 1e58


def test_parts_are_joined_and_the_rest_is_computed(tmp_path, whole, half, counted):
    packed = tmp_path / "half.nc"
    assert merge_sweeps(packed, [half]).missing == 5
    target = tmp_path / "joined"
    assert merge_sweeps(target, [packed]).cells == 3
    found = merge_sweeps(target, [whole, half])
    assert (found.cells, found.failures, found.missing, found.conflicts) == (7, 1, 0, {})
    assert not sweep_status(half).complete
    counted.clear()
    sweep(TINY, half, jobs=1, device="cpu", progress=False)
    assert sorted(counted) == [*ALL[:4], ALL[-1]]
    done = merge_sweeps(target, [half])
    assert (done.cells, done.failures) == (8, 0)


def test_conflicts_are_named_and_the_first_is_kept(tmp_path, whole, half):
    cell = read_sweep(half).cells[ALL[4]]
    SweepFolder.open(half).finish(ALL[4], cell.assign(s=cell["s"] * 1.001, seconds=99.0))
    found = merge_sweeps(tmp_path / "joined.nc", [whole, half])
    assert found.conflicts == {ALL[4]: (str(whole), str(half))}
    kept = read_sweep(tmp_path / "joined.nc").cells[ALL[4]]
    np.testing.assert_allclose(kept["s"], read_sweep(whole).cells[ALL[4]]["s"], rtol=1e-6)


def test_other_sweeps_and_damaged_files_are_refused(tmp_path, whole):
    other = SweepFolder.begin(tmp_path / "other", "mine", settings(seeds=1)).path
    with pytest.raises(ValueError, match=r"is of another sweep than .*whole \(seeds: 2, not 1\)"):
        merge_sweeps(tmp_path / "joined", [whole, other])
    with pytest.raises(ValueError, match="sources is empty"):
        merge_sweeps(tmp_path / "joined", [])
    with pytest.raises(FileNotFoundError, match=r"nothing. is no sweep; it must be the folder of one"):
        merge_sweeps(tmp_path / "joined", [tmp_path / "nothing"])
    merge_sweeps(tmp_path / "mine.nc", [whole])
    data = (tmp_path / "mine.nc").read_bytes()
    for damage in (data[: len(data) // 2], b"", (whole / "cells" / f"{ALL[0]}.nc").read_bytes()):
        (tmp_path / "mine.nc").write_bytes(damage)
        with pytest.raises(ValueError, match="is not a packed sweep, or damaged"):
            read_sweep(tmp_path / "mine.nc")


def test_status_counts_every_state(tmp_path, whole):
    folder = SweepFolder.open(whole)
    (whole / "cells" / f"{ALL[0]}.nc").unlink()
    folder.part(ALL[0]).mkdir()
    (folder.part(ALL[0]) / "checkpoint.json").write_bytes(
        msgspec.json.encode({"history": [{"iteration": 0}, {"iteration": 15}]})
    )
    found = sweep_status(whole)
    linear, control = found.arms
    assert (linear.cells, linear.done, linear.interrupted, linear.failed, linear.waiting) == (4, 3, 1, 0, 0)
    assert (control.done, control.failed) == (3, 1)
    assert (found.complete, found.running) == (False, False)
    assert [(cell.name, cell.iteration, cell.iterations) for cell in found.begun] == [(ALL[0], 15, 20)]
    folder.running_mark(ALL[0]).touch()
    assert not sweep_status(whole).begun[0].running
    with folder.held():
        found = sweep_status(whole)
        assert (found.running, found.begun[0].running) == (True, True)
