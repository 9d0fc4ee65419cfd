"""Portraits: what is drawn is what was measured."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from ramodel.metrics import resampled_inverse_line
from ramodel.report import PORTRAITS, portray
from ramodel.report.formatting import measured
from ramodel.spectra import Spectra
from tests.report.measured import spectra


@pytest.fixture(scope="module")
def trained() -> Spectra:
    return spectra(alignment=True)


@pytest.fixture(scope="module")
def untrained() -> Spectra:
    return spectra(seed=7, alignment=True)


@pytest.fixture(scope="module")
def drawn(trained: Spectra, untrained: Spectra) -> dict[str, Figure]:
    return {name: portrait.draw(trained, untrained) for name, portrait in PORTRAITS.items()}


def test_every_portrait_names_its_property(drawn: dict[str, Figure]) -> None:
    assert [portrait.statement for portrait in PORTRAITS.values()] == ["RA1", "RA2", "RA3", "RA4"]
    for name, canvas in drawn.items():
        assert " ".join(canvas.get_suptitle().split()) == f"{PORTRAITS[name].statement}: {PORTRAITS[name].title}"


def test_rungs_are_medians_of_the_singular_values(drawn: dict[str, Figure], trained: Spectra) -> None:
    axes = drawn["spectra_layers"].axes[0]
    heights = {round(float(segment[0, 1]), 12) for rungs in axes.collections for segment in rungs.get_segments()}
    medians = np.median(trained.singular_values.transpose("block", "rank", "input").values, axis=-1)
    assert {round(float(value), 12) for value in medians.flat} <= heights
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "wide.0",
        "wide.1",
        "wide.2",
        "narrow.0",
        "narrow.1",
    ]


def test_points_are_inverses_with_the_line_of_each_long_stage(drawn: dict[str, Figure], trained: Spectra) -> None:
    axes = drawn["spectra_scaling"].axes[0]
    largest = trained.singular_values.isel(rank=0).transpose("block", "input").values
    points = next(bars for bars in axes.containers if bars.get_label() == "trained")[0].get_ydata()
    assert np.allclose(points, np.median(1.0 / largest, axis=1))
    fit = resampled_inverse_line(largest[:3])
    slope = f"slope {measured(float(fit.slope), (float(fit.interval[0]), float(fit.interval[1])))}"
    assert [text.get_text() for text in axes.texts if "slope" in text.get_text()] == [slope]  # two blocks: no line


def test_grids_are_those_of_whole_jacobians(drawn: dict[str, Figure], trained: Spectra) -> None:
    stage = trained.stages["wide"]
    picture = np.asarray(drawn["spectra_alignment"].axes[0].images[0].get_array())
    grid = np.abs(stage.alignment_left_right.transpose("block", "other_block", "input", "rank", "other_rank").values)
    largest = stage.singular_values.isel(rank=0).transpose("block", "input").values
    assert picture.shape == (9, 9)
    assert np.allclose(picture[0:3, 3:6], (grid[0, 1] / largest[1][:, None, None]).mean(axis=0))
    assert picture[4, 4] <= picture[3, 3] == pytest.approx(1.0)


def test_grids_fall_back_on_top_parts() -> None:
    whole, top = spectra(alignment=True), spectra()
    for one in (whole, top):
        picture = np.asarray(PORTRAITS["spectra_alignment"].draw(one).axes[0].images[0].get_array())
        assert picture[0, 0] == pytest.approx(1.0)
    no_vectors = PORTRAITS["spectra_alignment"].draw(spectra(vectors="none"))
    assert no_vectors.axes[0].texts[0].get_text() == "no vectors were kept"


def test_paths_have_a_point_for_every_state(drawn: dict[str, Figure]) -> None:
    axes = drawn["spectra_trajectories"].axes[0]
    lengths = sorted({len(line.get_xdata()) for line in axes.lines})
    assert lengths == [1, 4]  # the open start, and h_0 .. h_3
    assert len({line.get_color() for line in axes.lines if len(line.get_xdata()) == 4}) == 3  # classes


def test_it_draws_without_control_and_labels(trained: Spectra, tmp_path: Path) -> None:
    paths = portray(trained, tmp_path / "new", progress=False, names=["spectra_layers"])
    assert [path.name for path in paths] == ["spectra_layers.png", "spectra_layers.svg"]
    assert all(path.stat().st_size > 5000 for path in paths)


def test_a_control_with_other_blocks_is_refused(trained: Spectra, tmp_path: Path) -> None:
    other = trained.sel(block=["wide.0", "wide.1"])
    with pytest.raises(ValueError, match=r"^untrained has the blocks wide\.0, wide\.1; it must have those of spectra"):
        portray(trained, tmp_path, untrained=other, progress=False)
    with pytest.raises(ValueError, match=r"^names is 'spectra_layer'; .*did you mean 'spectra_layers'"):
        portray(trained, tmp_path, names=["spectra_layer"], progress=False)


def test_narrow_figures_break_their_titles_and_single_steps_have_no_mean(trained: Spectra) -> None:
    canvas = PORTRAITS["spectra_trajectories"].draw(trained.sel(block=["wide.0"]))
    assert len(canvas.get_suptitle().splitlines()) == 2
    assert [text.get_text() for text in canvas.axes[-1].texts] == ["a single step"]
    both = PORTRAITS["spectra_trajectories"].draw(trained.sel(block=["wide.0", "narrow.0", "narrow.1"]))
    assert [axes.get_ylabel() for axes in both.axes[2:]] == ["", "step / mean step"]
    assert both.axes[3].get_ylim() == (0.0, pytest.approx(1.1 * both.axes[3].dataLim.y1))
