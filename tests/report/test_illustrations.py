"""Illustrations: computed once, kept beside the pictures, made anew where they are damaged or of another size."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from ramodel.report import ILLUSTRATIONS, Illustration, illustrate, illustrations, illustrations_markdown

ROOT = Path(__file__).parents[2]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Put one illustration in place of all; return what its computation was asked for."""
    made: list[bool] = []

    def compute(*, quick: bool, progress: bool) -> xr.Dataset:
        made.append(quick)
        return xr.Dataset({"height": ("place", np.arange(3.0))}, attrs={"seed": 0})

    def draw(dataset: xr.Dataset) -> Figure:
        canvas = Figure()
        canvas.subplots().plot(dataset["height"].values)
        return canvas

    one = Illustration(name="one", statement="S2", title="t", caption="c", compute=compute, function=draw)
    monkeypatch.setattr(illustrations, "ILLUSTRATIONS", {"one": one})
    return made


def test_numbers_are_computed_once_for_each_size(calls: list[bool], tmp_path: Path) -> None:
    for quick in (True, True, False, False):
        paths = illustrate(["one"], tmp_path, quick=quick, progress=False)
    assert calls == [True, False]
    assert paths == [tmp_path / "one.png", tmp_path / "one.svg"]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["one.nc", "one.png", "one.svg"]


def test_damaged_numbers_are_made_anew(calls: list[bool], tmp_path: Path) -> None:
    illustrate([], tmp_path, progress=False)
    (tmp_path / "data" / "one.nc").write_bytes(b"not a file of numbers")
    illustrate([], tmp_path, progress=False)
    assert len(calls) == 2


def test_numbers_of_another_version_are_made_anew(
    calls: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    illustrate([], tmp_path, progress=False)
    monkeypatch.setattr(illustrations, "version", lambda name: "99.0")
    illustrate([], tmp_path, progress=False)
    assert len(calls) == 2


def test_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"figure is 's06_treshold'; .*did you mean 's06_threshold'"):
        illustrate(["s06_treshold"], tmp_path)
    with pytest.raises(NotADirectoryError):
        illustrate(["s06_threshold"], __file__)


def test_committed_captions_are_the_current_ones() -> None:
    committed = ROOT / "results" / "theory"
    assert (committed / "README.md").read_text() == illustrations_markdown()
    for name in ILLUSTRATIONS:
        assert (committed / f"{name}.png").is_file()
