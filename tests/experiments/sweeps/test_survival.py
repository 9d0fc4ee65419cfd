"""Sweeps that are killed: by SIGKILL in mid-run, by the death of a worker here and on a cluster."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import joblib
import msgspec
import pytest
import xarray as xr

from ramodel.experiments.sweeps import Arm, SweepConfig, cells, sweep, sweep_cells, sweep_status
from ramodel.experiments.sweeps.toml import to_toml
from ramodel.experiments.sweeps.work import carry_out, jobs_of, work_off
from tests.experiments.sweeps.conftest import TINY, settings

ROOT = Path(__file__).parents[3]
SECONDS_TO_START = 120


def slow(iterations: int, seeds: int) -> SweepConfig:
    """Cells that train long enough to be caught at it."""
    training = msgspec.structs.replace(TINY.training, optimiser="sgd", iterations=iterations, checkpoint_every=100)
    return settings(training=training, axes={}, arms=(Arm(name="a"),), seeds=seeds)


def wait_until(condition, seconds=SECONDS_TO_START):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_kill_loses_nothing_but_what_came_after_the_checkpoint(tmp_path):
    config, run = slow(1200, 2), tmp_path / "run"
    (tmp_path / "slow.toml").write_text(to_toml(config))
    command = [sys.executable, "-m", "ramodel", "sweep", tmp_path / "slow.toml", "--out", run, "--jobs", "1"]
    process = subprocess.Popen(
        [*map(str, command), "--device", "cpu"], cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
    )
    first, second = (cell.name for cell in cells(config))

    def caught():
        if not (run / "cells" / f"{first}.nc").exists():
            return False
        return any(cell.iteration > 0 for cell in sweep_status(run).begun)

    wait_until(caught)
    status = sweep_status(run)
    assert (status.running, status.begun[0].name, status.begun[0].running) == (True, second, True)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (interrupted,) = sweep_status(run).begun
    assert (interrupted.name, interrupted.running) == (second, False)
    assert 0 < interrupted.iteration < 1200

    assert sweep(config, run, jobs=1, device="cpu", progress=False).finished == (first, second)
    sweep(config, tmp_path / "whole", jobs=1, device="cpu", progress=False)
    _, one, _ = sweep_cells(run)
    _, other, _ = sweep_cells(tmp_path / "whole")
    for name in one:
        drop = {"sweep": None}
        xr.testing.assert_identical(
            one[name].drop_vars("seconds").assign_attrs(drop), other[name].drop_vars("seconds").assign_attrs(drop)
        )


def test_a_worker_that_dies_takes_only_its_own_cell(tmp_path, monkeypatch):
    """The second cell kills its process, also when it is tried again alone."""
    doomed = cells(slow(1, 3))[1].name
    jobs = jobs_of(
        cells(slow(1, 3)),
        batched=False,
        config=slow(1, 3),
        store=tmp_path,
        data_folder=None,
        device="cpu",
        deadline=None,
    )

    def delayed(function):
        assert function is carry_out
        return lambda job: joblib_delayed(die_or_carry_out)(job, doomed)

    joblib_delayed = joblib.delayed
    monkeypatch.setattr(joblib, "delayed", delayed)
    outcomes = {one.name: one for found in work_off(jobs, workers=2, backend="local", address=None) for one in found}
    assert set(outcomes) == {job.cells[0].name for job in jobs}
    assert "killed twice" in outcomes[doomed].failure.error
    assert all(outcome.result is not None for name, outcome in outcomes.items() if name != doomed)


def die_or_carry_out(job, doomed):
    if job.cells[0].name == doomed:
        mark = job.store / f"{doomed}.part" / "running"
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return carry_out(job)


@pytest.mark.slow
def test_a_cluster_loses_a_worker_and_ends_complete(tmp_path):
    distributed = pytest.importorskip("distributed")
    config = slow(600, 3)
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options, silence_logs=50) as cluster, distributed.Client(cluster) as client:
        workers = client.run(os.getpid).values()
        killer = Killer(tmp_path / "cells")
        killer.start()
        done = sweep(config, tmp_path, backend="dask", address=cluster.scheduler_address, progress=False)
        killer.join()
    assert killer.killed in workers
    assert (len(done.finished), done.failures, done.left) == (3, {}, ())


class Killer(Thread):
    """Kills the process of the first cell that is found running."""

    def __init__(self, store):
        super().__init__()
        self.store, self.killed = store, 0

    def run(self):
        wait_until(lambda: any(mark.read_text() for mark in self.store.glob("*.part/running")))
        self.killed = next(int(mark.read_text()) for mark in self.store.glob("*.part/running"))
        os.kill(self.killed, signal.SIGKILL)


def test_a_cluster_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr("ramodel.experiments.sweeps.work._SECONDS_TO_CONNECT", 0.2)
    with pytest.raises(ValueError, match=r"address is 'tcp://127.0.0.1:9'; no Dask scheduler answers there"):
        sweep(slow(1, 1), tmp_path, backend="dask", address="tcp://127.0.0.1:9", progress=False)


def test_no_dask(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install ramodel\[cluster\]"):
        sweep(slow(1, 1), tmp_path, backend="dask", address="tcp://127.0.0.1:9", progress=False)
