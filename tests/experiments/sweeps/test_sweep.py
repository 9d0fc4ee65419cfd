"""Sweeps run once and to the end: continued, failing, damaged, out of time, out of disk, out of step."""

import errno
import os

import msgspec
import pytest
import xarray as xr

from ramodel.experiments.sweeps import Failure, SweepFolder, cells, run, sweep, sweep_cells
from ramodel.experiments.sweeps.run import run_sweep_cell
from tests.experiments.sweeps.conftest import TINY, settings

ALL = sorted(cell.name for cell in cells(TINY))


def quiet(out, config=TINY, **options):
    return sweep(config, out, jobs=1, device="cpu", progress=False, **options)


def test_every_cell_is_stored_with_where_it_comes_from(tmp_path):
    config = settings(
        axes={}, arms=TINY.arms[:1], measure=msgspec.structs.replace(TINY.measure, during=("line_shape",))
    )
    done = quiet(tmp_path, config, name="mine")
    assert (done.finished, done.failures, done.left, done.exit_code) == (("linear-seed0", "linear-seed1"), {}, (), 0)
    there, found, failures = sweep_cells(tmp_path)
    assert (there, failures) == (config, {})
    cell = found["linear-seed1"]
    assert {name: cell.attrs[name] for name in ("sweep", "law", "arm", "control", "seed")} == {
        "sweep": "mine",
        "law": "depth",
        "arm": "linear",
        "control": 0,
        "seed": 1,
    }
    for name in ("axes", "network", "data", "training", "measure", "versions"):
        assert msgspec.json.decode(cell.attrs[name]) is not None
    assert cell["line_shape_during"].dims == ("look",)
    assert cell["iteration"].values[[0, -1]].tolist() == [0, int(cell["iterations"])]
    again = run_sweep_cell(cells(config)[1], config).drop_vars("seconds")
    xr.testing.assert_identical(cell.drop_vars("seconds").drop_attrs(deep=False), again.drop_attrs(deep=False))
    assert sorted(path.name for path in (tmp_path / "cells").iterdir()) == ["linear-seed0.nc", "linear-seed1.nc"]


def test_a_second_run_computes_what_is_missing(tmp_path, counted):
    assert quiet(tmp_path).finished == tuple(cell.name for cell in cells(TINY))
    assert sorted(counted) == ALL
    (tmp_path / "cells" / "linear-depth02-seed1.nc").unlink()
    quiet(tmp_path)
    assert counted[len(ALL) :] == ["linear-depth02-seed1"]


def test_the_longest_cells_come_first(tmp_path, counted):
    quiet(tmp_path)
    assert [name.split("-depth")[1][:2] for name in counted] == ["03"] * 4 + ["02"] * 4


def test_a_failure_is_kept_and_the_others_go_on(tmp_path, counted, monkeypatch):
    fake = run.run_sweep_cell

    def fails(cell, config, **options):
        if cell.name == "linear-depth03-seed0":
            raise FloatingPointError("the objective is nan\nat iteration 3")
        return fake(cell, config, **options)

    monkeypatch.setattr(run, "run_sweep_cell", fails)
    done = quiet(tmp_path)
    assert done.failures == {"linear-depth03-seed0": "FloatingPointError: the objective is nan\nat iteration 3"}
    assert (len(done.finished), done.exit_code) == (7, 1)
    failure = SweepFolder.open(tmp_path).failure("linear-depth03-seed0")
    assert "raise FloatingPointError" in failure.traceback
    monkeypatch.setattr(run, "run_sweep_cell", fake)
    assert quiet(tmp_path).exit_code == 1
    assert len(counted) == 7
    done = quiet(tmp_path, retry_failed=True)
    assert (done.failures, done.exit_code, counted[7:]) == ({}, 0, ["linear-depth03-seed0"])
    (tmp_path / "cells" / "linear-depth02-seed0.nc").unlink()
    (tmp_path / "cells" / "linear-depth02-seed0.failed.json").write_text("{")
    assert quiet(tmp_path).failures == {"linear-depth02-seed0": "its record of failure is damaged"}


def test_a_corrupt_cell_is_put_aside_and_computed_again(tmp_path, counted, capsys):
    quiet(tmp_path)
    file = tmp_path / "cells" / ALL[0]
    file.with_suffix(".nc").write_bytes(b"half")
    done = sweep(TINY, tmp_path, jobs=1, device="cpu")
    assert done.corrupt == (ALL[0],)
    assert counted[len(ALL) :] == [ALL[0]]
    assert file.with_suffix(".corrupt").read_bytes() == b"half"
    assert f"{ALL[0]}.nc is damaged; it is kept as {ALL[0]}.corrupt and computed again.\n" in capsys.readouterr().err
    assert set(sweep_cells(tmp_path)[1]) == set(ALL)


def test_a_result_of_other_settings_is_no_result(tmp_path, counted):
    quiet(tmp_path)
    store = tmp_path / "cells"
    (store / f"{ALL[0]}.nc").write_bytes((store / f"{ALL[1]}.nc").read_bytes())
    assert quiet(tmp_path).corrupt == (ALL[0],)


def test_a_full_disk_is_one_sentence_and_keeps_what_is_there(tmp_path, counted, monkeypatch):
    def write(path, dataset, groups=None):
        if len(counted) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        whole(path, dataset, groups)

    import ramodel.experiments.store as store

    whole = store.write_measurements
    monkeypatch.setattr(store, "write_measurements", write)
    with pytest.raises(OSError, match=r"^the disk is full \(.*\); 2 finished cells are kept. Free some space, then"):
        quiet(tmp_path)
    monkeypatch.setattr(store, "write_measurements", whole)
    assert len(sweep_cells(tmp_path)[1]) == 2
    quiet(tmp_path)
    assert counted[3:] == [*counted[2:3], *counted[4:]]


def test_a_disk_that_is_full_for_a_training(tmp_path, counted, monkeypatch):
    def full(cell, config, **options):
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "checkpoint.json")
        raise ValueError("could not be saved") from error

    monkeypatch.setattr(run, "run_sweep_cell", full)
    with pytest.raises(OSError, match=r"the disk is full \(checkpoint.json\); 0 finished cells"):
        quiet(tmp_path)
    assert sweep_cells(tmp_path)[1:] == ({}, {})


def test_another_sweep_is_refused_by_the_keys_that_differ(tmp_path, counted):
    quiet(tmp_path)
    training = msgspec.structs.replace(TINY.training, iterations=21)
    with pytest.raises(ValueError, match=r"another sweep \(training.iterations: 20, not 21; seeds: 2, not 1\)"):
        quiet(tmp_path, settings(training=training, seeds=1))
    (tmp_path / "sweep.toml").write_text("law = ")
    with pytest.raises(ValueError, match=r"is damaged: its sweep.toml cannot be read"):
        quiet(tmp_path)


def test_two_processes_do_not_run_one_sweep(tmp_path, counted):
    folder = SweepFolder.begin(tmp_path, "a", TINY)
    assert not folder.is_held
    with folder.held():
        assert folder.is_held
        with pytest.raises(ValueError, match="another process runs this sweep"):
            quiet(tmp_path)
    quiet(tmp_path)


def test_time_is_up_and_the_training_continues_to_the_same_numbers(tmp_path):
    slow = msgspec.structs.replace(TINY.training, optimiser="sgd", iterations=1500, checkpoint_every=400)
    config = settings(training=slow, axes={}, arms=TINY.arms[:1])
    whole = quiet(tmp_path / "whole", config)
    parts = quiet(tmp_path / "parts", config, stop_after=0.15)
    assert (parts.exit_code, len(parts.left), len(parts.finished)) == (0, 2, 0)
    part = tmp_path / "parts" / "cells" / "linear-seed0.part"
    assert (part / "checkpoint.json").exists()
    assert not (part / "running").exists()
    assert quiet(tmp_path / "parts", config).finished == whole.finished
    _, one, _ = sweep_cells(tmp_path / "whole")
    _, other, _ = sweep_cells(tmp_path / "parts")
    for name in one:
        xr.testing.assert_identical(one[name].drop_vars("seconds"), other[name].drop_vars("seconds"))
    assert not part.exists()


def test_a_damaged_checkpoint_begins_anew(tmp_path, counted, capsys):
    part = SweepFolder.begin(tmp_path, "a", TINY).part(ALL[0])
    part.mkdir()
    (part / "checkpoint.json").write_text("")
    sweep(TINY, tmp_path, jobs=1, device="cpu")
    assert f"{ALL[0]}: its checkpoint is damaged" in capsys.readouterr().err
    assert sorted(counted) == ALL


def test_batches_give_the_numbers_of_single_trainings(tmp_path):
    sgd = msgspec.structs.replace(TINY.training, optimiser="sgd")
    config = settings(training=sgd, axes={}, arms=TINY.arms[:1])
    quiet(tmp_path / "batch", config, batched=True)
    quiet(tmp_path / "alone", config)
    _, one, _ = sweep_cells(tmp_path / "batch")
    _, other, _ = sweep_cells(tmp_path / "alone")
    assert [cell.attrs["batch"] for cell in one.values()] == [2, 2]
    for name in one:
        xr.testing.assert_allclose(one[name]["objective"], other[name]["objective"])
        xr.testing.assert_allclose(one[name]["singular_value"], other[name]["singular_value"])


def test_a_batch_stops_in_time_and_continues(tmp_path):
    slow = msgspec.structs.replace(TINY.training, optimiser="sgd", iterations=300, checkpoint_every=50)
    config = settings(training=slow, axes={}, arms=TINY.arms[:1])
    parts = quiet(tmp_path, config, batched=True, stop_after=0.1)
    assert (len(parts.left), parts.failures) == (2, {})
    assert (tmp_path / "cells" / "linear-seed0.part" / "checkpoint.json").exists()
    done = quiet(tmp_path, config, batched=True)
    quiet(tmp_path / "whole", config, batched=True)
    _, one, _ = sweep_cells(tmp_path)
    _, other, _ = sweep_cells(tmp_path / "whole")
    assert len(done.finished) == 2
    for name in one:
        xr.testing.assert_allclose(one[name]["singular_value"], other[name]["singular_value"])


def test_a_batch_that_cannot_be_is_computed_one_by_one(tmp_path, counted, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("no memory")

    monkeypatch.setattr(run, "run_sweep_batch", refuse)
    sgd = msgspec.structs.replace(TINY.training, optimiser="sgd")
    assert len(quiet(tmp_path, settings(training=sgd), batched=True).finished) == len(ALL)
    assert {cell.attrs["alone"] for cell in sweep_cells(tmp_path)[1].values()} == {"RuntimeError: no memory"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"jobs": 0}, ValueError, "jobs is 0; it must be at least 1"),
        ({"stop_after": 0.0}, ValueError, "stop_after is 0.0; it must be greater than zero"),
        ({"backend": "spark"}, ValueError, "backend is 'spark'; it must be one of"),
        ({"backend": "dask"}, ValueError, "address is missing; backend 'dask' needs that of a scheduler"),
        ({"device": "abacus"}, ValueError, "device is 'abacus'; torch cannot use it"),
    ],
)
def test_bad_input(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        sweep(TINY, tmp_path, **{"progress": False, "device": "cpu", **options})


def test_failures_without_traceback_are_read():
    assert msgspec.json.decode(b'{"cell": "a", "error": "b"}', type=Failure) == Failure("b")
