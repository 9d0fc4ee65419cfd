"""RA4 within one network: 1/s_l against the layer l."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.metrics import inverse_line
from ramodel.report.formatting import measured
from ramodel.report.measurements import MeasuredNetwork, Measurements, kinds
from ramodel.report.panels import (
    Floats,
    describe,
    error_bars,
    grid,
    legend_below,
    name_column,
    say_in_panel,
    trained_and_control,
)
from ramodel.report.style import CONTROL_COLOUR, THEORY_COLOUR, kind_colour, kind_marker

__all__ = ["draw_layers"]


def draw_layers(measurements: Measurements) -> Figure:
    """Draw 1/s_1 of every layer of a trained network of each kind, and below it of its untrained control."""
    shown = kinds(measurements)
    figure, panels = grid(shown, (1.6, 1.6))
    for column, kind in enumerate(shown):
        trained, control = trained_and_control(measurements, kind, ("untrained", "no-skip"))
        top, bottom = panels[:, column]
        _panel(top, trained, kind_colour(kind), kind_marker(kind), "trained", "no trained network")
        _panel(bottom, control, CONTROL_COLOUR, "x", "control", "no control")
        name_column(top, kind)
        panels[-1, column].set_xlabel("layer $l$")
    for axes in panels[:, 0]:
        axes.set_ylabel("$1 / s_l$")
    legend_below(figure, figure.axes)
    return figure


def _panel(axes: Axes, network: MeasuredNetwork | None, colour: str, marker: str, label: str, nothing: str) -> None:
    if network is None or not network.has("singular_value"):
        say_in_panel(axes, nothing)
        return
    top = network.array("singular_value", "layer", "input", "rank")[..., 0]
    inverse = np.divide(1.0, top, out=np.full_like(top, np.nan), where=top > 0)
    if not np.isfinite(inverse).any():
        say_in_panel(axes, f"{describe(network)}\nall Jacobians are zero")
        return
    layers = np.arange(1.0, network.depth + 1)
    error_bars(axes, layers, inverse, colour=colour, marker=marker, label=label)
    centre, height = layers.mean(), float(np.nanmedian(inverse))
    rising = height + (layers - centre)
    axes.plot(
        layers[rising > 0],
        rising[rising > 0],
        color=THEORY_COLOUR,
        linestyle="--",
        linewidth=0.9,
        label="slope 1 (RA4, S7)",
    )
    axes.plot(layers, np.full_like(layers, height), color=THEORY_COLOUR, linewidth=0.9, label="slope 0 (S1, S6)")
    axes.set_title(describe(network) + _slope(top))


def _slope(top: Floats) -> str:
    """Return a line with the slope of 1 / median over inputs; none where a layer has no finite, positive one."""
    finite = [row[np.isfinite(row)] for row in top]
    if len(finite) < 3 or not all(row.size and np.median(row) > 0 for row in finite):
        return ""
    fit = inverse_line(np.array([np.median(row) for row in finite]))
    return f"\nslope {measured(float(fit.slope), (float(fit.interval[0]), float(fit.interval[1])), decimals=2)}"
