"""`ramodel reproduce` and `ramodel figures`, on a run that needs no training (the runs are tested in experiments)."""

import os

import pytest
import xarray as xr

from ramodel import experiments, report
from ramodel.checks import writable_folder
from ramodel.comparison import Comparison
from ramodel.netcdf import write_tree
from ramodel.report import FIGURES, ILLUSTRATIONS, PORTRAITS
from tests.report.measured import spectra
from tests.report.synthetic import measurements

ROWS = (
    Comparison(
        statement="S1",
        claim="blocks symmetric",
        subject="linear",
        kind="exact",
        numeric=1e-6,
        theory=0.0,
        tolerance=1e-4,
    ),
    Comparison(
        statement="RA2",
        claim="affinity of subspaces",
        subject="relu",
        kind="empirical",
        numeric=0.2,
        band=(0.6, None),
        control=0.1,
        control_name="no skip",
    ),
)

FAILURES: dict[str, str] = {}


@pytest.fixture(scope="module")
def tree():
    """Return the measurements of a small run."""
    return measurements(kinds=("linear", "factored"), depths=(4, 8), seeds=1, arms=("trained", "untrained", "no-skip"))


@pytest.fixture
def reproduced(monkeypatch, tree):
    """Put a run made of closed forms in place of the real one, and return the list of its calls."""
    calls = []

    def reproduce(out, *, plan=experiments.FULL, jobs=None, data_folder=None, progress=True):
        calls.append({"plan": plan, "jobs": jobs, "data_folder": data_folder})
        folder = writable_folder("out", out)
        groups = {name: child.to_dataset() for name, child in tree.children.items()}
        write_tree(folder / "measurements.nc", tree.to_dataset(), groups)
        return experiments.Reproduction(
            folder=folder, plan=plan, measurements=tree, comparisons=ROWS, rows=(), failures=FAILURES, seconds=12.0
        )

    monkeypatch.setattr(experiments, "reproduce", reproduce)
    return calls


def test_reproduce_prints_verdicts_and_writes_the_run(ramodel, reproduced, tmp_path):
    outcome = ramodel("reproduce", "--quick", "--seed", "3", "--jobs", "1", "--out", str(tmp_path / "run"))
    assert (outcome.code, outcome.err) == (0, "")
    assert reproduced[0]["plan"].seed == 3
    assert reproduced[0]["plan"].depths == experiments.QUICK.depths
    assert reproduced[0]["jobs"] == 1
    assert "blocks symmetric" in outcome.out
    assert "does not hold" in outcome.out
    assert outcome.out.endswith(f" s; everything is in {tmp_path / 'run'}\n")
    drawn = {path.name for path in (tmp_path / "run" / "figures").iterdir()}
    assert drawn == {name + ending for name in FIGURES for ending in (".png", ".svg")}
    text = (tmp_path / "run" / "README.md").read_text()
    assert f"ramodel reproduce --quick --seed 3 --out {tmp_path / 'run'}" in text
    assert "figures/ra4_depth" in text


def test_reproduce_json_and_failures(ramodel, reproduced, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "draw", lambda names, tree, folder, *, jobs: [])
    monkeypatch.setitem(FAILURES, "relu-trained-L32-seed0", "MemoryError: too much")
    outcome = ramodel("reproduce", "--json", "--out", str(tmp_path))
    assert outcome.code == 1
    assert outcome.err == "ramodel reproduce: relu-trained-L32-seed0 failed: MemoryError: too much\n"
    found = outcome.json()
    assert list(found) == ["folder", "comparisons", "failures", "seconds"]
    assert [row["verdict"] for row in found["comparisons"]] == ["holds", "does not hold"]
    assert reproduced[0]["plan"] == experiments.FULL


def test_a_run_of_which_every_cell_failed_is_reported(ramodel, tmp_path, monkeypatch):
    def nothing(out, *, plan, jobs, data_folder):
        folder = writable_folder("out", out)
        return experiments.Reproduction(
            folder=folder,
            plan=plan,
            measurements=xr.DataTree(),
            comparisons=ROWS,
            rows=(),
            failures=FAILURES,
            seconds=1.0,
        )

    monkeypatch.setattr(experiments, "reproduce", nothing)
    monkeypatch.setitem(FAILURES, "relu-trained-L32-seed0", "MemoryError: too much")
    outcome = ramodel("reproduce", "--out", str(tmp_path))
    assert outcome.code == 1
    assert outcome.err == "ramodel reproduce: relu-trained-L32-seed0 failed: MemoryError: too much\n"
    assert "blocks symmetric" in outcome.out
    assert "MemoryError: too much" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seed", str(2**63)], f"--seed is {2**63}; it must be at most {2**62 - 1}."),
        (["--seed", "-1"], "--seed is -1; it must be at least 0."),
        (["--jobs", "0"], "--jobs is 0; it must be at least 1."),
        (["--quik"], "--quik is not an option; did you mean --quick?"),
    ],
)
def test_reproduce_bad_input(ramodel, tmp_path, options, sentence):
    outcome = ramodel("reproduce", *options, "--out", str(tmp_path / "run"))
    assert outcome == (2, "", f"ramodel reproduce: {sentence}\n")


def test_reproduce_needs_a_folder_it_can_write_to(ramodel, tmp_path):
    assert ramodel("reproduce").err == (
        "ramodel reproduce: --out is missing; for example `ramodel reproduce --quick --out runs/first`.\n"
    )
    (tmp_path / "file").write_text("")
    outcome = ramodel("reproduce", "--out", str(tmp_path / "file" / "run"))
    assert outcome.code == 2
    assert outcome.err.startswith(f"ramodel reproduce: --out is '{tmp_path / 'file' / 'run'}'; it must be a folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; run as an ordinary user")
def test_reproduce_into_a_folder_of_someone_else(ramodel, tmp_path):
    tmp_path.chmod(0o500)
    assert ramodel("reproduce", "--out", str(tmp_path / "run")).code == 2


def test_figures_from_a_run(ramodel, tmp_path):
    run, out = tmp_path / "run", tmp_path / "pictures"
    run.mkdir()
    small = measurements(kinds=("linear",), depths=(4,), seeds=1, arms=("trained", "untrained"), simulations=False)
    small.to_netcdf(run / "measurements.nc", engine="h5netcdf")
    expected = [str(out / f"{name}.{ending}") for name in ("ra4_layers", "ra3_spectrum") for ending in ("png", "svg")]
    outcome = ramodel("figures", "ra4_layers", "ra3_spectrum", "--from", str(run), "--out", str(out))
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == expected
    assert {str(path) for path in out.iterdir()} == set(expected)
    file = str(run / "measurements.nc")
    assert ramodel("figures", "ra4_layers", "--from", file, "--out", str(out), "--json").json() == expected[:2]


def test_figures_makes_a_run_once_where_there_is_none(ramodel, reproduced, tmp_path):
    outcome = ramodel("figures", "ra4_layers", "--out", str(tmp_path))
    assert outcome.code == 0
    assert outcome.err.startswith("ramodel figures: no measurements in ")
    assert reproduced[0]["plan"] == experiments.QUICK
    assert (tmp_path / "run" / "measurements.nc").is_file()
    assert ramodel("figures", "ra4_layers", "--out", str(tmp_path)).err == ""
    assert len(reproduced) == 1


def test_every_figure_is_named_in_the_help(ramodel):
    text = " ".join(ramodel("figures", "--help").out.split())
    assert f"Of a run: {', '.join(FIGURES)}." in text
    assert f"Illustrations: {', '.join(ILLUSTRATIONS)}." in text
    assert f"Of a file that `ramodel measure` wrote (--spectra): {', '.join(PORTRAITS)};" in text


def test_figures_of_a_measured_network(ramodel, tmp_path):
    spectra().save(tmp_path / "spectra.nc")
    file, out = str(tmp_path / "spectra.nc"), tmp_path / "pictures"
    outcome = ramodel("figures", "--spectra", file, "--untrained", file, "--out", str(out))
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [str(out / f"{name}.{end}") for name in PORTRAITS for end in ("png", "svg")]


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (["ra5_depth"], "figure is 'ra5_depth'; it must be one of 'ra1_trajectories', "),
        (["--from", "no/such/run"], "no/such/run does not exist; "),
        (["spectra_layers"], "spectra_layers shows a measured network; give the file: --spectra spectra.nc."),
        (["--untrained", "b.nc"], "--untrained is the control of --spectra; give both."),
        (["--spectra", "no.nc"], "--spectra is 'no.nc'; it must be a file that exists."),
        (["ra4_depth", "--spectra", "no.nc"], "--spectra is 'no.nc', but ra4_depth does not show a measured network;"),
        (["--form", "runs"], "--form is not an option; did you mean --from?"),
    ],
)
def test_figures_bad_input(ramodel, tmp_path, options, start):
    outcome = ramodel("figures", *options, "--out", str(tmp_path / "pictures"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ramodel figures: {start}")
    assert outcome.err.count("\n") == 1


def test_figures_refuses_a_damaged_file(ramodel, tmp_path):
    (tmp_path / "measurements.nc").write_bytes(b"not netCDF")
    outcome = ramodel("figures", "--from", str(tmp_path), "--out", str(tmp_path / "pictures"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ramodel figures: {tmp_path / 'measurements.nc'} cannot be read")
