"""Norm preservation: how much a block changes the norm of gradients, against the bounds of S9."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import MeasuredCell, Series, measured_cells, series
from ramodel.report.laws.marks import BAND_COLOUR, reading_dots, theory_key, wrapped
from ramodel.report.panels import log_axis, say_in_panel
from ramodel.report.style import THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_norms"]

_COLUMNS = 5


def draw_norms(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw the gradient norm ratio of every block, and how far the worst is from 1, and the accuracy."""
    found = series(measured_cells(cells), config)
    shown = found[:_COLUMNS]
    decided = 0.6 + 0.27 * max(len(found), 2)
    figure = Figure(figsize=(WIDTH_INCHES, 2.35 + decided))
    rows = figure.add_gridspec(2, 1, height_ratios=(1.75, decided))
    above = rows[0].subgridspec(1, max(len(shown), 1))
    first = None
    for column in range(max(len(shown), 1)):
        axes = figure.add_subplot(above[column], sharey=first)
        if not shown:
            say_in_panel(axes, "no network was measured")
            continue
        drawn = _ratios(axes, shown[column])
        if drawn and first is None:
            axes.set_ylabel(r"gradient norm ratio" "\n" r"$\|g_{l-1}\| / \|g_l\|$")
            first = axes
        elif drawn:
            axes.tick_params(labelleft=False)
    below = rows[1].subgridspec(1, 2)
    left, right = figure.add_subplot(below[0]), figure.add_subplot(below[1])
    reading_dots(left, found, config, "gradient_norm_spread")
    reading_dots(right, found, config, "test_accuracy")
    right.set_yticks(right.get_yticks(), [""] * len(found))
    theory_key(figure, ("-", r"S9: $1$ to $1 + s_1$ (shaded), from the measured $s_1$ of each block"))
    return figure


def _ratios(axes: Axes, one: Series) -> bool:
    axes.set_title(wrapped(one.label, 18), color="#333333" if one.control else one.colour)
    cells = [cell for cell in one.cells if cell.has("gradient_norm_ratio")]
    if not cells:
        say_in_panel(axes, "gradient norms\nwere not measured")
        return False
    depth = max(cell.depth for cell in cells)
    alike = [cell for cell in cells if cell.depth == depth]
    ratios = np.array([cell.array("gradient_norm_ratio", "layer") for cell in alike])
    layers = np.arange(1, depth + 1)
    axes.plot(layers, ratios.T, color=one.colour, linewidth=0.5, alpha=0.6)
    axes.plot(layers, np.exp(np.log(ratios).mean(axis=0)), color=one.colour, marker=one.marker, markersize=3)
    upper = _upper(alike)
    if upper is not None:
        axes.fill_between(layers, np.ones(depth), upper, color=BAND_COLOUR, alpha=0.28, linewidth=0, zorder=0.5)
        axes.plot(layers, upper, color=THEORY_COLOUR, linewidth=0.7)
    axes.axhline(1.0, color=THEORY_COLOUR, linewidth=0.7)
    log_axis(axes.yaxis)
    axes.set_xlabel("layer $l$")
    return True


def _upper(cells: Sequence[MeasuredCell]) -> np.ndarray | None:
    """Return 1 + s_1 of every block, the largest over inputs and seeds."""
    tops = [cell.top() for cell in cells if cell.has("singular_value")]
    return 1.0 + np.max(np.nan_to_num(np.concatenate(tops, axis=1)), axis=1) if tops else None
