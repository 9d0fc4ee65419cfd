"""Every script in figures/ runs alone on a tiny run."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from ramodel.report import FIGURES, ILLUSTRATIONS, PORTRAITS
from tests.report.measured import spectra
from tests.report.synthetic import measurements

SCRIPTS = sorted((Path(__file__).parents[2] / "figures").glob("fig_*.py"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    measurements(kinds=("linear", "relu"), depths=(2, 3), seeds=1).to_netcdf(
        path / "measurements.nc", engine="h5netcdf"
    )
    spectra().save(path / "spectra.nc")
    return path


def test_there_is_a_script_for_every_figure() -> None:
    assert [script.stem.removeprefix("fig_") for script in SCRIPTS] == sorted([*FIGURES, *ILLUSTRATIONS, *PORTRAITS])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_draws_its_figure(script: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = script.stem.removeprefix("fig_")
    options = ["--quick"]
    if name in FIGURES:
        options = ["--from", str(folder)]
    elif name in PORTRAITS:
        options = ["--spectra", str(folder / "spectra.nc"), "--untrained", str(folder / "spectra.nc")]
    monkeypatch.setattr(sys, "argv", [str(script), *options, "--out", str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [f"{name}.png", f"{name}.svg"]


def test_script_without_a_run_says_so_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS[0]), "--from", "nowhere"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert (
        done.stderr == "nowhere does not exist; give the folder of a finished run (`ramodel reproduce --out FOLDER`).\n"
    )
    assert done.stdout == ""
