"""The job of a bare machine, on this one: a sweep continued from its packed file, and what is lacking named."""

import os
import subprocess
import sys
from pathlib import Path

from ramodel.experiments.sweeps import SweepFolder, cells, merge_sweeps, run_sweep_cell, sweep_cells
from ramodel.experiments.sweeps.toml import to_toml
from tests.experiments.sweeps.conftest import TINY, settings

SCRIPT = Path(__file__).parents[3] / "scripts" / "gpu_job.sh"


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
