"""Every figure: what it shows is what was measured, and it copes with runs that lack something."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from ramodel.report import FIGURES, draw
from ramodel.report.measurements import networks
from ramodel.report.style import CONTROL_COLOUR, kind_colour
from tests.report.synthetic import measurements

KINDS = ("linear", "factored", "gelu", "relu")
PAIR = ("linear", "relu")


@pytest.fixture(scope="module")
def canvases(run: xr.DataTree) -> dict[str, Figure]:
    return {name: figure.draw(run) for name, figure in FIGURES.items()}


def bars(axes: Axes, label: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """x, middle, bars [2, x] and colour of the error bars of that label."""
    found = next(c for c in axes.containers if isinstance(c, ErrorbarContainer) and c.get_label() == label)
    line, _, (sticks,) = found.lines
    ends = np.array(sticks.get_segments())[:, :, 1].T
    return np.asarray(line.get_xdata()), np.asarray(line.get_ydata()), ends, to_hex(line.get_color())


def line(axes: Axes, label: str) -> tuple[np.ndarray, np.ndarray]:
    found = next(one for one in axes.lines if one.get_label() == label)
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def shown(run: xr.DataTree, kind: str, arm: str = "trained", depth: int = 16) -> xr.Dataset:
    return networks(run, kind=kind, arm=arm, depth=depth)[0].data


@pytest.mark.parametrize(("name", "panels"), [
    ("ra1_trajectories", 12), ("ra2_alignment", 8 + 1), ("ra3_spectrum", 4), ("ra4_depth", 8), ("ra4_layers", 8),
    ("s02_balance", 6), ("s19_work_energy", 3),
])  # fmt: skip
def test_every_panel_is_there_and_labelled(canvases: dict[str, Figure], name: str, panels: int) -> None:
    canvas = canvases[name]
    assert len(canvas.axes) == panels
    assert FIGURES[name].title in canvas.get_suptitle()
    bottom = [axes for axes in canvas.axes if axes.get_subplotspec() and axes.get_subplotspec().is_last_row()]
    assert all(axes.get_xlabel() or axes.get_ylabel() for axes in bottom)
    assert canvas.legends or name == "ra2_alignment"


def test_trajectories_are_the_measured_ones(run: xr.DataTree, canvases: dict[str, Figure]) -> None:
    panels = np.reshape(canvases["ra1_trajectories"].axes, (3, 4))
    for column, kind in enumerate(KINDS):
        for row, arm, colour in ((0, "trained", kind_colour(kind)), (1, "untrained", CONTROL_COLOUR)):
            path = shown(run, kind, arm)["trajectory"].values
            drawn = panels[row, column].lines[: path.shape[1]]
            for index, one in enumerate(drawn):
                np.testing.assert_array_equal(np.stack(one.get_data(), axis=1), path[:, index])
                assert to_hex(one.get_color()).lower() == colour.lower()


def test_steps_are_relative_and_grow_as_s5_says(run: xr.DataTree, canvases: dict[str, Figure]) -> None:
    panels = np.reshape(canvases["ra1_trajectories"].axes, (3, 4))[2]
    for axes, kind in zip(panels, KINDS, strict=True):
        steps = shown(run, kind)["step_length"].values
        x, y, ends, colour = bars(axes, "trained")
        np.testing.assert_array_equal(x, np.arange(1, 17))
        relative = steps / steps.mean(axis=0)
        np.testing.assert_allclose(y, np.median(relative, axis=1))
        np.testing.assert_allclose(ends, np.quantile(relative, [0.25, 0.75], axis=1))
        assert colour == kind_colour(kind).lower()
        assert bars(axes, "untrained")[3] == CONTROL_COLOUR
    s = shown(run, "linear")["predicted_singular_value"].values[0]
    _, growth = line(panels[0], "S5, fastest direction")
    np.testing.assert_allclose(growth[1:] / growth[:-1], 1 + s)
    assert np.isclose(growth.mean(), 1.0)


def test_alignment_shows_trained_above_no_skip(run: xr.DataTree, canvases: dict[str, Figure]) -> None:
    canvas = canvases["ra2_alignment"]
    panels = np.reshape(canvas.axes[:8], (2, 4))
    for row, arm in enumerate(("trained", "no-skip")):
        grid = shown(run, "gelu", arm)["alignment_grid"].values
        image = np.asarray(panels[row, 2].images[0].get_array())
        ranks = 6
        np.testing.assert_array_equal(image[:ranks, -ranks:], grid[0, -1, :ranks, :ranks])
        np.testing.assert_array_equal(image[-ranks:, :ranks], grid[-1, 0, :ranks, :ranks])
        affinity = shown(run, "gelu", arm)["subspace_affinity"].values[~np.eye(16, dtype=bool)].mean()
        assert f"subspace affinity {affinity:.2f}" in panels[row, 2].get_title()
    assert "no skip" in panels[1, 0].get_title()
    assert "s_1" in canvas.axes[8].get_ylabel()


def test_spectrum_shows_classes_prediction_and_control(run: xr.DataTree, canvases: dict[str, Figure]) -> None:
    for axes, kind in zip(canvases["ra3_spectrum"].axes, KINDS, strict=True):
        values = shown(run, kind)["singular_value"].values
        x, y, _, colour = bars(axes, "trained")
        relative = (values / values[..., :1]).mean(axis=(0, 1))
        np.testing.assert_allclose(y, relative[x - 1])
        assert (relative[np.setdiff1d(np.arange(8), x - 1)] < 1e-6).all()
        assert colour == kind_colour(kind).lower()
        assert bars(axes, "untrained")[3] == CONTROL_COLOUR
        assert line(axes, "RA3: rank at most $C$")[0][0] == 6.5
    s = shown(run, "factored")["predicted_singular_value"].values
    np.testing.assert_allclose(
        line(canvases["ra3_spectrum"].axes[1], "S1, S6: from the head alone")[1][:5], s[:5] / s[0]
    )


def test_depth_law_is_drawn_through_the_measured_points(run: xr.DataTree, canvases: dict[str, Figure]) -> None:
    panels = np.reshape(canvases["ra4_depth"].axes, (2, 4))
    for axes, kind in zip(panels[0], KINDS, strict=True):
        x, y, _, _ = bars(axes, "trained")
        expected = []
        for depth in (4, 8, 16):
            nets = networks(run, kind=kind, arm="trained", depth=depth)
            tops = [np.median(net.data["singular_value"].values[..., 0]) for net in nets]
            expected.append(np.sqrt(tops[0] * tops[1]))
        np.testing.assert_array_equal(x, [4, 8, 16])
        np.testing.assert_allclose(y, expected)
        labels = {container.get_label() for container in axes.containers}
        assert "untrained" in labels
        assert ("no skip" in labels) == (kind in ("linear", "factored")), "only controls that have learnt are shown"
        assert "slope" in axes.get_title()
    for axes in panels[0, :2]:
        np.testing.assert_allclose(line(axes, "S18: from each net's own $m_1$")[1], bars(axes, "trained")[1], rtol=1e-9)
    assert not any("S18" in str(one.get_label()) for one in panels[0, 2].lines)


def test_layers_have_both_references(run: xr.DataTree, canvases: dict[str, Figure]) -> None:
    panels = np.reshape(canvases["ra4_layers"].axes, (2, 4))
    for axes, arm in ((panels[0, 3], "trained"), (panels[1, 3], "untrained")):
        inverse = 1 / shown(run, "relu", arm)["singular_value"].values[..., 0]
        _, y, _, _ = bars(axes, "trained" if arm == "trained" else "control")
        np.testing.assert_allclose(y, np.median(inverse, axis=1))
        x, rising = line(axes, "slope 1 (RA4, S7)")
        np.testing.assert_allclose(np.diff(rising) / np.diff(x), 1.0)
        assert np.ptp(line(axes, "slope 0 (S1, S6)")[1]) == 0.0


def test_balance_puts_all_sources_on_the_closed_forms(canvases: dict[str, Figure]) -> None:
    panels = np.reshape(canvases["s02_balance"].axes, (2, 3))
    head, nets, optimiser = panels[0]
    labels = {str(one.get_label()) for one in head.lines}
    assert {"linear net, L-BFGS", "linear net, SGD", "factored net, L-BFGS", "Frobenius problem, optimiser"} <= labels
    x, s = line(head, "Frobenius model: closed form")
    np.testing.assert_allclose(x**2, s * (1 + s), rtol=1e-9)
    x, s = line(head, "nuclear model: closed form")
    np.testing.assert_allclose(x**2, 1 + s, rtol=1e-9)
    for axes, power in ((nets, 1.0), (optimiser, 0.5)):
        curves = [one for one in axes.lines if one.get_label() == "Frobenius model: closed form"]
        assert len(curves) == 3
        for curve, depth in zip(curves, (4, 8, 16), strict=True):
            m, s = curve.get_data()
            np.testing.assert_allclose(m, (s * (1 + s)) ** power * (1 + s) ** depth, rtol=1e-9)
    departures = [one for one in panels[1, 2].lines if np.size(one.get_ydata())]
    assert max(np.max(one.get_ydata()) for one in departures) < 1e-10


def test_energy_panel_has_identity_and_all_blocks(run: xr.DataTree, canvases: dict[str, Figure]) -> None:
    top, bottom, euler = canvases["s19_work_energy"].axes
    x, y = line(top, "S19: energy = work")
    np.testing.assert_array_equal(x, y)
    blocks = sum(one.get_xdata().size for one in top.lines if to_hex(one.get_color()) == kind_colour("relu").lower())
    assert blocks == 2 * (4 + 8 + 16)
    assert any(to_hex(one.get_color()) == CONTROL_COLOUR for one in top.lines)
    assert any("relu (gradient 0.010)" in str(one.get_label()) for one in top.lines)
    net = shown(run, "relu", depth=4)
    assert any(
        one.get_ydata().size == 4 and np.allclose(one.get_ydata(), abs(net["block_work"] / net["block_energy"] - 1))
        for one in bottom.lines
    )
    assert "gelu: not homogeneous" in euler.get_title()


def spoilt() -> xr.DataTree:
    """A run with numbers missing inside: NaN, zero and infinite ones."""
    tree = measurements(PAIR, depths=(4, 8), seeds=1)
    for name in tree.children:
        data: Any = tree[name].to_dataset().copy(deep=True)
        if name == "simulations":
            data["jacobian"][0] = np.nan
        else:
            data["singular_value"][0] = np.nan
            data["singular_value"][1, 0] = 0.0
            data["step_length"][:, 0] = 0.0
            data["gap"][:] = np.inf
            data["block_work"][0] = np.nan
            data["euler_work"][-1] = np.nan
            data["stationarity"] = np.nan
        tree[name] = xr.DataTree(data)
    return tree


def bare() -> xr.DataTree:
    """Networks of which nothing is known but their settings."""
    tree = measurements(PAIR, depths=(4,), seeds=1, simulations=False)
    return xr.DataTree.from_dict({f"/{name}": xr.Dataset(attrs=tree[name].attrs) for name in tree.children})


LACKING = {
    "trained only": lambda: measurements(PAIR, arms=("trained",), depths=(4, 8), seeds=1),
    "untrained only": lambda: measurements(PAIR, arms=("untrained",), depths=(4, 8)),
    "one depth": lambda: measurements(PAIR, depths=(4,), seeds=1),
    "one layer": lambda: measurements(PAIR, depths=(1,), seeds=1),
    "two classes": lambda: measurements(PAIR, depths=(2,), seeds=1, classes=2),
    "one kind": lambda: measurements(("relu",), depths=(4,), simulations=False),
    "new kind": lambda: measurements(("conv_bn",), depths=(4, 8), simulations=False),
    "spoilt": spoilt,
    "bare": bare,
}


@pytest.mark.parametrize("lack", LACKING)
def test_figures_cope_with_what_a_run_lacks(lack: str) -> None:
    tree = LACKING[lack]()
    for figure in FIGURES.values():
        canvas = figure.draw(tree)
        assert canvas.axes, figure.name
    canvas.draw_without_rendering()


def test_one_depth_is_said_in_the_panel() -> None:
    canvas = FIGURES["ra4_depth"].draw(measurements(kinds=("linear",), depths=(4,), seeds=1))
    assert "one depth only" in canvas.axes[0].get_title()
    assert "networks of two depths" in canvas.axes[1].texts[0].get_text()


def test_missing_control_is_said_in_the_panel() -> None:
    canvas = FIGURES["ra2_alignment"].draw(measurements(kinds=("relu",), depths=(4,), arms=("trained",), seeds=1))
    assert canvas.axes[1].texts[0].get_text() == "no control"


def test_control_that_did_not_train_is_said_in_the_panel(canvases: dict[str, Figure]) -> None:
    assert "accuracy only 0.10" in canvases["ra2_alignment"].axes[6].get_title()


def test_files_are_whole_and_the_same_each_time(tmp_path: Path) -> None:
    tree = measurements(kinds=("linear",), depths=(2,), seeds=1, simulations=False)
    first, second = tmp_path / "first", tmp_path / "deep" / "second"
    paths = draw(["ra3_spectrum"], tree, first)
    assert [path.name for path in paths] == ["ra3_spectrum.png", "ra3_spectrum.svg"]
    draw(["ra3_spectrum"], tree, second)
    for path in paths:
        assert path.read_bytes() == (second / path.name).read_bytes()
        assert path.stat().st_size > 5000
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert b"<dc:date>" not in paths[1].read_bytes()
    assert sorted(path.name for path in first.iterdir()) == ["ra3_spectrum.png", "ra3_spectrum.svg"]


def test_bad_names_and_folders_are_refused(tmp_path: Path, run: xr.DataTree) -> None:
    with pytest.raises(ValueError, match="figure is 'ra1'; it must be one of 'ra1_trajectories'"):
        draw(["ra1"], run, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="must be a folder, not a file"):
        draw(["ra3_spectrum"], run, tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_captions_and_statements_are_complete() -> None:
    from ramodel.statements import statement

    for name, figure in FIGURES.items():
        assert figure.name == name
        assert len(figure.caption) > 100
        for id in figure.statement.split(", "):
            statement(id)
