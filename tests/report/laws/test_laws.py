"""Every law has a figure; it shows what was measured, and copes with what a sweep lacks."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from ramodel.experiments.confrontation.readings import READINGS
from ramodel.experiments.confrontation.scatter import Scatter
from ramodel.experiments.sweeps.config import Arm, Claim, SweepConfig
from ramodel.experiments.sweeps.laws import LAWS
from ramodel.report.laws import LAW_FIGURES
from ramodel.report.laws.cells import axis_named, measured_cells, series
from ramodel.report.laws.marks import accepted, interval_of, wrapped
from ramodel.report.laws.scatter import draw_scatters
from ramodel.report.style import CONTROL_COLOUR
from ramodel.statements import STATEMENTS
from tests.report.laws.synthetic import config, sweep

PANELS = {
    "skips": 6 + 4 + 1, "classes": 4 + 3, "stochastic-depth": 6, "shuffled-labels": 5 + 2 + 1, "untrained": 5 + 4 + 1,
    "time-course": 6, "depth": 3, "width": 6, "weight-decay": 4, "which-penalty": 6 + 3, "norm-preservation": 4 + 2,
    "neural-collapse": 8, "interventions": 5, "paper": 6, "work-energy": 4,
    "transformer": len(config("transformer").arms) + 1 + 4 + 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def canvases() -> dict[str, Figure]:
    return {law: figure.draw(sweep(law), config(law)) for law, figure in LAW_FIGURES.items()}


def bars(axes: Axes) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Colour, x and y of every set of points with error bars."""
    return [
        (to_hex(found.lines[0].get_color()), *(np.asarray(part, dtype=float) for part in found.lines[0].get_data()))
        for found in axes.containers
        if isinstance(found, ErrorbarContainer)
    ]


def titled(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if title in axes.get_title().replace("\n", " "))


def test_every_law_has_a_figure_that_says_what_it_shows() -> None:
    assert set(LAW_FIGURES) == set(LAWS)
    for name, figure in LAW_FIGURES.items():
        assert figure.name == name
        assert figure.statements == LAWS[name].statements
        assert set(figure.statements) <= set(STATEMENTS)
        assert len(figure.caption) > 100


@pytest.mark.parametrize("law", PANELS)
def test_every_panel_is_there(canvases: dict[str, Figure], law: str) -> None:
    canvas = canvases[law]
    assert len(canvas.axes) == PANELS[law]
    assert LAW_FIGURES[law].title in canvas.get_suptitle()
    assert all("not measured" not in text.get_text() for axes in canvas.axes for text in axes.texts), "all was measured"
    assert all(axes.get_xlabel() or axes.get_title() or axes.get_ylabel() for axes in canvas.axes)


def test_rows_are_means_over_seeds_with_controls_in_grey(canvases: dict[str, Figure]) -> None:
    canvas = canvases["skips"]
    found = series(measured_cells(sweep("skips")), config("skips"))
    names = [wrapped(one.label) for one in found]
    assert [label.get_text() for label in canvas.axes[0].get_yticklabels()] == names
    axes = titled(canvas, "line-shape ratio")
    for one, (colour, x, y) in zip(found, bars(axes), strict=True):
        expected = np.mean([READINGS["line_shape"].function(cell.data) for cell in one.cells])
        np.testing.assert_allclose(x, [expected])
        assert (colour == CONTROL_COLOUR) is one.control
        assert y[0] == found.index(one)


def test_band_is_shaded_in_the_rows_that_the_claim_speaks_of(canvases: dict[str, Figure]) -> None:
    axes = titled(canvases["which-penalty"], "slope of $1/s_l$ against $l$")
    arms = [arm.name for arm in config("which-penalty").arms]
    claims = [claim for claim in config("which-penalty").claims if claim.reading == "inverse_slope"]
    boxes = [
        found.get_paths()[0].get_extents() for found in axes.collections if type(found).__name__.startswith("Fill")
    ]
    drawn = {(round((box.y0 + box.y1) / 2), round(box.x0, 6), round(box.x1, 6)) for box in boxes}
    assert drawn == {(arms.index(arm), claim.at_least, claim.at_most) for claim in claims for arm in claim.arms}


def test_differences_count_from_the_arm_compared_with(canvases: dict[str, Figure]) -> None:
    axes = canvases["interventions"].axes[0]
    cells = [cell for cell in measured_cells(sweep("interventions")) if cell.arm == "plain"]
    reference = np.mean([cell.reading("subspace_affinity") for cell in cells])
    boxes = [
        found.get_paths()[0].get_extents() for found in axes.collections if type(found).__name__.startswith("Fill")
    ]
    assert len(boxes) == 4
    np.testing.assert_allclose([box.x0 for box in boxes], reference)


def test_depth_has_points_theory_and_exponents(canvases: dict[str, Figure]) -> None:
    across, exponents, within = canvases["depth"].axes
    one_matrix = [cell for cell in measured_cells(sweep("depth")) if cell.arm == "one matrix"]
    _, depths, top = bars(across)[0]
    np.testing.assert_array_equal(depths, [4, 8, 16, 32, 64])
    for depth, value in zip(depths, top, strict=True):
        readings = [cell.reading("top_singular_value") for cell in one_matrix if cell.depth == depth]
        np.testing.assert_allclose(value, np.exp(np.mean(np.log(readings))))
    theory = next(line for line in across.lines if line.get_linestyle() == "--" and len(line.get_xdata()) == 5)
    gain = [cell.data["gain_predicted"].sel(law="frobenius").values[0] for cell in one_matrix if cell.depth == 4]
    np.testing.assert_allclose(theory.get_ydata()[0], np.exp(np.mean(np.log(gain))))
    reference = across.lines[-1]
    np.testing.assert_allclose(np.ptp(np.log(reference.get_ydata() * (2 * reference.get_xdata() + 1))), 0, atol=1e-9)
    assert len(bars(exponents)) == 4
    assert [text.get_text() for text in within.texts] == [f"$L = {depth}$" for depth in (4, 8, 16, 32, 64)]


def test_rate_of_s12_is_beside_the_asymmetry(canvases: dict[str, Figure]) -> None:
    axes = titled(canvases["time-course"], "asymmetry")
    curves = [line for line in axes.lines if len(line.get_xdata()) == 200]
    assert [curve.get_linestyle() for curve in curves] == ["--", "-"]
    x, y = curves[0].get_data()
    rates = np.diff(np.log(y)) / np.diff(x)
    np.testing.assert_allclose(rates, rates[0])
    assert curves[1].get_ydata()[0] < y[0], "inactive directions are slower"
    decay, step = 2e-2, 0.2
    assert -2 * decay * step < rates[0] < -0.001 * decay * step


def test_probability_kept_is_one_where_it_is_not_said(canvases: dict[str, Figure]) -> None:
    _, kept, _ = bars(canvases["stochastic-depth"].axes[0])[0]
    np.testing.assert_array_equal(kept, [0.5, 0.7, 0.9, 1.0])


def bare(cells: dict[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    return {name: xr.Dataset(attrs=cell.attrs) for name, cell in cells.items()}


def spoilt(cells: dict[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    return {name: cell.map(lambda variable: variable * np.nan, keep_attrs=True) for name, cell in cells.items()}


def controls_only(cells: dict[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    return {name: cell for name, cell in cells.items() if cell.attrs["control"]}


def one_cell(cells: dict[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    return dict([next(iter(cells.items()))])


def without_attributes(cells: dict[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    return {name: cell.assign_attrs(axes="{", network="[]", training="") for name, cell in one_cell(cells).items()}


FEW = ("skips", "time-course", "work-energy")
LACKING: dict[str, Callable[[dict[str, xr.Dataset]], dict[str, xr.Dataset]]] = {
    "no cells": lambda cells: {},
    "one cell": one_cell,
    "controls only": controls_only,
    "bare": bare,
    "spoilt": spoilt,
    "damaged attributes": without_attributes,
}


@pytest.mark.parametrize("lack", LACKING)
def test_figures_cope_with_what_a_sweep_lacks(lack: str) -> None:
    for law in LAW_FIGURES if lack == "bare" else FEW:
        canvas = LAW_FIGURES[law].draw(LACKING[lack](sweep(law)), config(law))
        assert canvas.axes, law
        if lack in ("no cells", "bare"):
            said = [text.get_text() for axes in canvas.axes for text in axes.texts]
            assert any(said), f"{law} does not say that it lacks something"


def test_figures_can_be_rendered_without_anything_measured() -> None:
    LAW_FIGURES["skips"].draw(bare(sweep("skips")), config("skips")).draw_without_rendering()


def test_series_are_split_by_the_axes_that_are_not_drawn() -> None:
    cells = {
        f"{arm}-{depth}-{seed}": xr.Dataset(
            attrs={
                "arm": arm, "control": int(arm == "off"), "seed": seed,
                "axes": msgspec.json.encode({"network.depth": depth}).decode(),
            }
        )
        for arm in ("off", "on") for depth in (16, 4) for seed in (1, 0)
    }  # fmt: skip
    settings = SweepConfig(law="width", title="", network={}, arms=(Arm(name="on"), Arm(name="off", control=True)))
    known = measured_cells(cells)
    labels = [one.label for one in series(known, settings)]
    assert labels == ["on, depth 4", "on, depth 16", "off, depth 4", "off, depth 16"]
    assert [one.label for one in series(known, settings, "network.depth")] == ["on", "off"]
    assert [cell.seed for cell in series(known, settings)[0].cells] == [0, 1]
    assert axis_named(known, "depth") == axis_named(known) == "network.depth"
    assert axis_named(known, "width") is None


def test_what_claims_accept() -> None:
    def claim(**changes: object) -> Claim:
        return msgspec.convert({"statement": "S9", "claim": "", "reading": "coupling"} | changes, Claim)

    assert accepted(claim(at_most=2.0)) == (-np.inf, 2.0)
    assert accepted(claim(at_least=0.0, summary="difference"), 0.5) == (0.5, np.inf)
    assert accepted(claim(kind="exact", theory=1.0, tolerance=0.5)) == (0.5, 1.5)
    assert accepted(claim(kind="upper_bound", theory=1.0, tolerance=0.5)) == (-np.inf, 1.5)
    assert accepted(claim(kind="lower_bound", theory=1.0)) == (1.0, np.inf)
    assert np.isnan(accepted(claim(kind="exact", theory="rank_predicted"))).all()


def test_interval_of_one_network_is_the_number_itself() -> None:
    assert interval_of([0.5, np.nan]) == (0.5, 0.5, 0.5)
    assert interval_of([0.5, 0.25]) == (0.375, 0.25, 0.5)
    centre, low, high = interval_of([0.25, 0.5, 0.75])
    assert low < 0.25 < centre < 0.75 < high
    assert np.isnan(interval_of([np.nan])).all()


def test_scatter_has_the_diagonal_and_its_three_numbers() -> None:
    found = Scatter(
        statement="S6", claim="s_k", subject="two matrices", label="s_k", predicted=(1.0, 2.0, float("nan")),
        measured=(1.1, 2.0, 3.0), networks=2, slope=1.02, r_squared=0.98, median_error=0.05, interval=(0.01, 0.09),
    )  # fmt: skip
    canvas = draw_scatters([found])
    axes = canvas.axes[0]
    points, diagonal = axes.lines
    np.testing.assert_array_equal(np.stack(points.get_data()), [[1.0, 2.0], [1.1, 2.0]])
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    said = axes.texts[0].get_text()
    assert all(part in said for part in ("slope 1.02", "$R^2$ 0.98", "median error 0.05 [0.01, 0.09]", "2 networks"))
