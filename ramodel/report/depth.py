"""RA4 across networks: the top singular value against the depth, and the local exponent."""

import math
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.experiments.readings import top_singular_value
from ramodel.metrics import depth_exponent
from ramodel.report.formatting import measured
from ramodel.report.measurements import MeasuredNetwork, Measurements, kinds, networks
from ramodel.report.panels import (
    Floats,
    depth_axis,
    geometric_mean,
    grid,
    legend_below,
    log_axis,
    mean_and_reach,
    name_column,
    say_in_panel,
)
from ramodel.report.style import CONTROL_COLOUR, THEORY_COLOUR, kind_colour, kind_marker
from ramodel.theory import BLOCK_MODELS

__all__ = ["draw_depth"]

_CONTROL_MARKERS = {"untrained": "x", "no-skip": "+"}
_CURVE_POINTS = 40


def draw_depth(measurements: Measurements) -> Figure:
    """Draw s_1 against L for each kind with the theory at the nets' own m, above the local exponent d ln s_1/d ln L."""
    shown = kinds(measurements)
    figure, panels = grid(shown, (1.9, 1.3), sharex="col", sharey="row")
    for column, kind in enumerate(shown):
        top, bottom = panels[:, column]
        trained = [net for net in networks(measurements, kind=kind, arm="trained") if _top(net) > 0]
        controls = {
            "untrained": networks(measurements, kind=kind, arm="untrained"),
            "no-skip": [net for net in networks(measurements, kind=kind, arm="no-skip") if net.has_learnt],
        }
        _values(top, kind, trained, controls)
        if len({net.depth for net in trained}) < 2:
            say_in_panel(bottom, "an exponent needs\nnetworks of two depths")
        else:
            _exponents(bottom, kind, trained)
        depth_axis(top, [net.depth for nets in (trained, *controls.values()) for net in nets])
        log_axis(top.yaxis)
        panels[-1, column].set_xlabel("depth $L$")
    panels[0, 0].set_ylabel("top singular value $s_1$")
    panels[1, 0].set_ylabel(r"$\Delta\ln s_1\,/\,\Delta\ln L$")
    legend_below(figure, figure.axes, columns=3)
    return figure


def _values(axes: Axes, kind: str, trained: list[MeasuredNetwork], controls: dict[str, list[MeasuredNetwork]]) -> None:
    axes.set_title(_slope(trained))
    name_column(axes, kind)
    axes.set_xscale("log", base=2)
    for arm, found in controls.items():
        _points(axes, found, CONTROL_COLOUR, _CONTROL_MARKERS[arm], arm.replace("-", " "))
    if not trained:
        return
    _points(axes, trained, kind_colour(kind), kind_marker(kind), "trained")
    depths = np.array(sorted({net.depth for net in trained}), dtype=float)
    if kind in BLOCK_MODELS:
        own = [geometric_mean(_predicted(net) for net in trained if net.depth == depth)[0] for depth in depths]
        axes.plot(depths, own, color=THEORY_COLOUR, label="S18: from each net's own $m_1$")
        curve = _curve(trained, depths)
        if curve is not None:
            axes.plot(
                curve[0], curve[1], color=THEORY_COLOUR, linewidth=0.8, linestyle="--", label="S18: at the mean $m_1$"
            )
    middle = float(np.exp(np.log(depths).mean()))
    height, _ = geometric_mean(_top(net) for net in trained)
    axes.plot(depths, height * middle / depths, color=THEORY_COLOUR, linewidth=0.6, linestyle=":", label="RA4: $1/L$")


def _exponents(axes: Axes, kind: str, trained: list[MeasuredNetwork]) -> None:
    """Draw slopes between neighbouring depths, seed by seed, and the exponent of the theory at the mean m."""
    depths = sorted({net.depth for net in trained})
    for low, high in pairwise(depths):
        pairs = [
            math.log(_top(deep) / _top(shallow)) / math.log(high / low)
            for shallow in trained
            for deep in trained
            if shallow.depth == low and deep.depth == high and shallow.seed == deep.seed
        ]
        mean, reach = mean_and_reach(pairs)
        axes.errorbar(
            math.sqrt(low * high), mean, reach, fmt=kind_marker(kind), color=kind_colour(kind), elinewidth=0.7
        )
    curve = _curve(trained, np.array(depths, dtype=float))
    if curve is not None:
        axes.plot(curve[0], curve[2], color=THEORY_COLOUR, linewidth=0.8, linestyle="--")
    axes.axhline(-1.0, color=THEORY_COLOUR, linewidth=0.6, linestyle=":")


def _curve(trained: list[MeasuredNetwork], depths: Floats) -> tuple[Floats, Floats, Floats] | None:
    """Return depths, s_1 and local exponent of the theory at the geometric mean of the nets' m_1; None without one."""
    m, _ = geometric_mean(
        net.array("end_to_end_singular_value", "rank")[0] for net in trained if net.has("end_to_end_singular_value")
    )
    if not math.isfinite(m):
        return None
    line = np.geomspace(depths.min(), depths.max(), _CURVE_POINTS)
    models = [trained[0].model(depth=depth) for depth in line]
    values = [(float(model.jacobian_singular_value(m)), float(model.depth_exponent(m))) for model in models if model]
    s, exponent = np.array(values).T
    return line, s, exponent


def _points(axes: Axes, found: list[MeasuredNetwork], colour: str, marker: str, label: str) -> None:
    depths = sorted({net.depth for net in found})
    if not depths:
        return
    rows = [geometric_mean(_top(net) for net in found if net.depth == depth) for depth in depths]
    mean, factor = np.array(rows).T
    reach = np.stack([mean - mean / factor, mean * factor - mean])
    axes.errorbar(depths, mean, reach, fmt=marker, color=colour, label=label, elinewidth=0.7)


def _slope(trained: list[MeasuredNetwork]) -> str:
    if not trained:
        return "no trained network"
    depths = sorted({net.depth for net in trained})
    if len(depths) < 3:
        return f"one depth only, $L = {depths[0]}$" if len(depths) == 1 else "two depths only"
    fit = depth_exponent(np.array([net.depth for net in trained]), np.array([_top(net) for net in trained]))
    return f"slope {measured(float(fit.slope), (float(fit.interval[0]), float(fit.interval[1])), decimals=2)}"


def _top(network: MeasuredNetwork) -> float:
    return top_singular_value(network.data) if network.has("singular_value") else math.nan


def _predicted(network: MeasuredNetwork) -> float:
    if not network.has("balanced_singular_value"):
        return math.nan
    return float(network.array("balanced_singular_value", "rank")[0])
