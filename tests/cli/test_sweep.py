"""`ramodel sweep`: what it says and its exit codes."""

import pytest

from ramodel.experiments.sweeps import run
from ramodel.experiments.sweeps.toml import to_toml
from tests.experiments.sweeps.conftest import TINY, counted

__all__ = ["counted"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(to_toml(TINY))
    return str(path)


def test_run_status_and_merge(ramodel, tmp_path, file, counted):
    out, packed = str(tmp_path / "run"), str(tmp_path / "tiny.nc")
    outcome = ramodel("sweep", file, "--out", out, "--jobs", "1", "--seeds", "1", "--set", "measure.inputs=5")
    assert (outcome.code, len(counted)) == (0, 4)
    assert outcome.out.startswith(f"4 of 4 cells in {out}, ")
    assert outcome.err.splitlines()[-1].startswith("4/4 no-skips-depth02-seed0: ")
    text = (tmp_path / "run" / "sweep.toml").read_text()
    assert text.startswith("# ramodel sweep tiny, measure.inputs = 5, seeds = 1\nlaw = ")
    status = ramodel("sweep", "--status", out)
    assert status.out.startswith("sweep tiny: 4 of 4 cells, complete\n")
    assert ramodel("sweep", "--merge", packed, out).out.endswith(": 4 cells, 0 failed\n")
    found = ramodel("sweep", "--status", packed, "--json").json()
    assert (found["complete"], [arm["done"] for arm in found["arms"]]) == (True, [2, 2])
    joined = ramodel("sweep", "--merge", str(tmp_path / "joined"), packed, out, "--json")
    assert (joined.code, joined.json()["cells"], joined.json()["missing"]) == (0, 4, 0)
    assert ramodel("sweep", file, "--out", out).err == (
        f"ramodel sweep: --out is '{out}'; it holds another sweep (measure.inputs: 5, not 4; seeds: 1, not 2). "
        "Use another folder.\n"
    )


def test_json_and_failures(ramodel, tmp_path, file, monkeypatch):
    def fails(cell, config, **options):
        raise FloatingPointError("nan\nhere")

    monkeypatch.setattr(run, "run_sweep_cell", fails)
    outcome = ramodel("sweep", file, "--out", str(tmp_path / "run"), "--jobs", "1", "--json")
    assert outcome.code == 1
    found = outcome.json()
    assert (found["finished"], len(found["failures"]), found["left"]) == ([], 8, [])
    assert "ramodel sweep: linear-depth02-seed0 and 7 more failed: FloatingPointError: nan\n" in outcome.err
    assert "failed: FloatingPointError: nan" in ramodel("sweep", "--status", str(tmp_path / "run")).out


def test_time_is_up(ramodel, tmp_path, file, counted):
    outcome = ramodel("sweep", file, "--out", str(tmp_path / "run"), "--jobs", "1", "--stop-after", "0.000001s")
    assert (outcome.code, counted) == (0, [])
    assert outcome.out.endswith("Time is up with 8 cells to go. The same command continues.\n")


def test_conflicts(ramodel, tmp_path, file, counted, monkeypatch):
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    ramodel("sweep", file, "--out", one, "--jobs", "1")
    fake = run.run_sweep_cell

    def doubled(cell, config, **options):
        found = fake(cell, config, **options)
        return found.assign(work=found["work"] * 2)

    monkeypatch.setattr(run, "run_sweep_cell", doubled)
    ramodel("sweep", file, "--out", other, "--jobs", "1")
    outcome = ramodel("sweep", "--merge", str(tmp_path / "both.nc"), one, other)
    assert outcome.code == 1
    assert f"linear-depth02-seed0 differs in {other}; that of {one} is kept." in outcome.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "the file of a sweep is missing; for example `ramodel sweep configs/cpu/depth.toml --out runs/depth`."),
        (["FILE"], "--out is missing; for example `ramodel sweep configs/cpu/depth.toml --out runs/depth`."),
        (["a", "b", "--out", "OUT"], "'b' is one word too many; for example"),
        (["FILE", "--out", "OUT", "--set", "seeds"], "--set has 'seeds'; it must be NAME=VALUE"),
        (["FILE", "--out", "OUT", "--set", "sedes=3"], "key 'sedes' of a sweep is unknown; did you mean 'seeds'?"),
        (["FILE", "--out", "OUT", "--stop-after", "soon"], "--stop-after is 'soon'; it must be a length of time"),
        (["FILE", "--out", "OUT", "--backend", "dask"], "--address is missing; backend 'dask' needs"),
        (["FILE", "--out", "OUT", "--jobs", "0"], "--jobs is 0; it must be at least 1."),
        (["--merge", "x.nc"], "nothing to merge; for example `ramodel sweep --merge runs/depth.nc runs/depth`."),
        (["--status", "nowhere"], "'nowhere' is no sweep; it must be the folder of one, which holds sweep.toml"),
        (["--merge", "x.nc", "nowhere"], "'nowhere' is no sweep"),
        (["--status", "a", "--merge", "x.nc"], "--status stands alone; for example"),
        (["--merge", "x.nc", "a", "--out", "OUT"], "--out is given beside --merge"),
        (["FILE", "--out", "OUT", "--address", "tcp://a:1"], "--address is 'tcp://a:1', which backend 'local' does"),
        (["FILE", "--out", "OUT", "--data", "/no"], "--data is '/no'; it must be a folder that exists."),
    ],
)
def test_bad_input(ramodel, tmp_path, file, options, sentence):
    words = [{"FILE": file, "OUT": str(tmp_path / "run")}.get(word, word) for word in options]
    outcome = ramodel("sweep", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence in outcome.err
    assert outcome.err.startswith("ramodel sweep: ")
