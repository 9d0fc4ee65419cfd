"""The main job at toy size: it writes what it promises, repeats itself, continues after a kill, keeps failures."""

import json
import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest
import xarray as xr

from ramodel.experiments import Plan, reproduce
from ramodel.experiments.reproduction import FULL, QUICK
from ramodel.experiments.store import CellStore
from ramodel.netcdf import read_tree

TOY = Plan(
    test_size=40,
    depths=(1, 2, 3),
    width=12,
    train_size=60,
    seeds=1,
    iterations=60,
    nonlinear_train_size=60,
    nonlinear_seeds=1,
    nonlinear_iterations=30,
    no_skip_depths=(2,),
    sgd_depths=(2,),
    sgd_epochs=5,
    tolerance=1e-5,
    inputs=10,
)


def scientific(path):
    """The verdicts of a run."""
    return json.loads((path / "verdicts.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return reproduce(tmp_path_factory.mktemp("run"), plan=TOY, jobs=2, progress=False)


def test_every_cell_is_measured(run):
    assert run.failures == {}
    stored = read_tree(run.folder / "measurements.nc")
    xr.testing.assert_identical(stored, run.measurements)
    assert set(stored.children) == {cell.name for cell in TOY.cells} | {"simulations"}
    cell = stored["relu-trained-L03-seed0"]
    assert cell.attrs["kind"] == "relu"
    assert cell["singular_value"].dims == ("layer", "input", "rank")
    assert cell["singular_value"].shape == (3, 10, 12)
    assert json.loads(stored.attrs["versions"])["torch"]
    assert msgspec.json.decode(stored.attrs["plan"], type=Plan) == TOY


def test_verdicts_are_written(run):
    found = scientific(run.folder)
    assert len(found["comparisons"]) == len(run.comparisons)
    assert {row["verdict"] for row in found["comparisons"]} <= {
        "holds",
        "does not hold",
        "control agrees",
        "not decided",
    }
    assert found["exit_code"] == run.exit_code
    assert [row["depth"] for row in found["depths"] if row["kind"] == "linear"] == [1, 2, 3]


def test_optimiser_confirms_both_laws(run):
    rows = [row for row in run.comparisons if row.subject == "simulated"]
    assert [row.statement for row in rows] == ["S2", "S6"]
    assert {row.verdict for row in rows} == {"holds"}


def test_runs_again_to_the_same_numbers(run, tmp_path):
    again = reproduce(tmp_path, plan=TOY, jobs=1, progress=False)
    assert scientific(again.folder) == scientific(run.folder)


def test_a_damaged_cell_is_made_anew(run):
    before = scientific(run.folder)
    damaged = run.folder / "cells" / "gelu-trained-L02-seed0.nc"
    damaged.write_bytes(damaged.read_bytes()[:200])
    reproduce(run.folder, plan=TOY, jobs=1, progress=False)
    assert CellStore(run.folder / "cells").read("gelu-trained-L02-seed0") is not None
    assert scientific(run.folder) == before


def test_another_plan_is_refused(run):
    with pytest.raises(ValueError, match=r"holds a run of another plan \(differing in depths, seed\)"):
        reproduce(run.folder, plan=msgspec.structs.replace(TOY, depths=(1,), seed=3), progress=False)


def test_a_run_of_another_version_is_refused(run, tmp_path):
    (tmp_path / "plan.json").write_text((run.folder / "plan.json").read_text().replace('"ramodel": "', '"ramodel": "9'))
    with pytest.raises(ValueError, match=r"another plan \(differing in ramodel\)"):
        reproduce(tmp_path, plan=TOY, progress=False)


def test_leavings_of_a_killed_process_are_removed(run):
    left = run.folder / "cells" / ".gelu-trained-L02-seed0.nc.1-abc.part"
    left.write_text("half")
    reproduce(run.folder, plan=TOY, progress=False)
    assert not left.exists()


def test_a_damaged_plan_is_refused(tmp_path):
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(ValueError, match=r"plan\.json is damaged"):
        reproduce(tmp_path, plan=TOY, progress=False)


def test_failed_cells_are_kept_and_tell(tmp_path):
    plan = msgspec.structs.replace(TOY, depths=(1,), no_skip_depths=(), sgd_depths=(), dataset="no such data")
    result = reproduce(tmp_path, plan=plan, jobs=1, progress=False)
    assert set(result.failures) == {cell.name for cell in plan.cells}
    assert "no such data" in result.failures["linear-trained-L01-seed0"]
    assert result.exit_code == 1
    assert scientific(tmp_path)["failures"] == result.failures


@pytest.mark.parametrize("name", ["out", "jobs"])
def test_bad_arguments(name, tmp_path):
    (tmp_path / "file").touch()
    arguments = {"out": tmp_path, "jobs": 1} | {"out": {"out": tmp_path / "file"}, "jobs": {"jobs": 0}}[name]
    with pytest.raises((ValueError, NotADirectoryError), match=rf"^{name} is "):
        reproduce(**arguments, plan=TOY, progress=False)


def test_killed_and_started_again_it_continues(run, tmp_path):
    """kill -9 in mid-run loses at most the running cells; the second run ends with the same numbers."""
    code = (
        "import msgspec, sys\n"
        "from ramodel.experiments import Plan, reproduce\n"
        "reproduce(sys.argv[1], plan=msgspec.json.decode(sys.argv[2], type=Plan), jobs=1, progress=False)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), msgspec.json.encode(TOY).decode()]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, start_new_session=True)
    cells = tmp_path / "cells"
    deadline = time.monotonic() + 120
    while len(list(cells.glob("*.nc"))) < 5 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in cells.glob("*.nc")}
    assert 5 <= len(kept) < len(TOY.cells) + 1
    assert not (tmp_path / "verdicts.json").exists()

    reproduce(tmp_path, plan=TOY, jobs=1, progress=False)
    assert scientific(tmp_path) == scientific(run.folder)
    assert {name: (cells / name).stat().st_mtime_ns for name in kept} == kept


@pytest.mark.parametrize("plan", [FULL, QUICK])
def test_plans_have_what_the_claims_need(plan):
    cells = plan.cells
    assert len({cell.name for cell in cells}) == len(cells)
    assert len(plan.depths) >= 3, "an exponent needs three depths"
    assert plan.width > 10, "S15: every local minimum is on the positive branch only with d > C"
    assert {cell.arm for cell in cells} == {"trained", "sgd", "untrained", "no-skip"}
