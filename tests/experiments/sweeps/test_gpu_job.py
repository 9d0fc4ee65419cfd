"""The job of a bare machine, on this one: a sweep continued from its packed file, and what is lacking named."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import msgspec

from ramodel.experiments.sweeps import Failure, SweepFolder, cells, merge_sweeps, run_sweep_cell, sweep_cells
from ramodel.experiments.sweeps.toml import to_toml
from tests.experiments.sweeps.conftest import TINY, settings

SCRIPT = Path(__file__).parents[3] / "scripts" / "gpu_job.sh"
PLAN = SCRIPT.with_name("gpu_plan.py")


def job(tmp_path, *words, **variables):
    environment = os.environ | {
        "RAMODEL_PYTHON": sys.executable,
        "RAMODEL_DEVICE": "cpu",
        "RAMODEL_JOBS": "1",
        "RAMODEL_BUDGET": "600",
        "RAMODEL_CONFIGS": str(tmp_path / "configs"),
        "RAMODEL_RESULTS": str(tmp_path / "results"),
        "RAMODEL_WORK": str(tmp_path / "work"),
        **variables,
    }
    return subprocess.run(["bash", SCRIPT, *words], env=environment, capture_output=True, text=True, check=False)


def test_partial_sweeps_are_continued(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "results").mkdir()
    config = settings(axes={}, arms=TINY.arms[:1])
    (tmp_path / "configs" / "partial.toml").write_text(to_toml(config))
    folder = SweepFolder.begin(tmp_path / "there", "partial", config)
    folder.finish("linear-seed0", run_sweep_cell(cells(config)[0], config).assign(seconds=123.0))
    merge_sweeps(tmp_path / "results" / "partial.nc", [folder.path])
    found = job(tmp_path, str(tmp_path / "out"))
    assert found.returncode == 0, found.stderr
    _, there, failures = sweep_cells(tmp_path / "out" / "partial.nc")
    assert (list(there), failures) == (["linear-seed0", "linear-seed1"], {})
    assert float(there["linear-seed0"]["seconds"]) == 123.0
    assert float(there["linear-seed1"]["seconds"]) != 123.0


def test_what_is_lacking_is_named(tmp_path):
    bare = tmp_path / "bare"  # a Python without packages
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    found = job(tmp_path, str(tmp_path / "out"), RAMODEL_PYTHON=str(bare))
    assert found.returncode == 2
    assert "gpu_job: this Python lacks" in found.stderr
    assert "msgspec" in found.stderr
    assert "pip download" in found.stderr


def test_usage(tmp_path):
    found = job(tmp_path, "--help")
    assert (found.returncode, "scripts/gpu_job.sh OUT" in found.stdout) == (0, True)
    assert job(tmp_path).returncode == 2


def test_plan(tmp_path, monkeypatch, capsys):
    """Complete sweeps are left out; those without their data come last, and are done again when they failed for it."""
    mnist = settings(data=msgspec.structs.replace(TINY.data, dataset="mnist"))
    for name, config in {"a": mnist, "b": TINY, "c": TINY, "d": mnist}.items():
        (tmp_path / f"{name}.toml").write_text(to_toml(config))
        folder = SweepFolder.begin(tmp_path / name, name, config)
        error = "FileNotFoundError: no mnist" if name == "a" else "FloatingPointError: nan"
        for cell in folder.cells:
            folder.fail(cell, Failure(error))
        if name != "b":
            merge_sweeps(tmp_path / f"{name}.nc", [folder.path])
    (tmp_path / "e.toml").write_text(to_toml(TINY))
    monkeypatch.delenv("RAMODEL_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["gpu_plan.py", str(tmp_path), str(tmp_path)])
    main = runpy.run_path(str(PLAN))["main"]
    assert main() == 0
    found = capsys.readouterr()
    assert found.out.split() == ["b", "e", "a"]
    assert found.err == "gpu_job: a needs mnist in RAMODEL_DATA; it goes last.\n"
    (tmp_path / "mnist").mkdir()
    monkeypatch.setenv("RAMODEL_DATA", str(tmp_path))
    main()
    assert capsys.readouterr() == ("a\nb\ne\n", "")
