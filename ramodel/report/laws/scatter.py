"""Predicted against measured, with nothing fitted: slope, R^2 and median relative error of each scatter."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ramodel.experiments.confrontation.scatter import Scatter
from ramodel.report.formatting import measured, number
from ramodel.report.laws.marks import canvas, wrapped
from ramodel.report.panels import log_axis, say_in_panel
from ramodel.report.style import OKABE_ITO, THEORY_COLOUR, style

__all__ = ["SCATTER_CAPTION", "draw_scatters"]

SCATTER_CAPTION = (
    "Predicted against measured numbers of all networks, layers and ranks, nothing fitted: theory is the diagonal. "
    "Slope through the origin, R^2 of the prediction itself (it may be negative), and median relative error with its "
    "95 % interval over networks."
)
_COLUMNS = 3
_COLOURS = tuple(OKABE_ITO[name] for name in ("blue", "vermillion", "green", "purple", "sky", "orange"))
_MOST_POINTS = 1500
"""Points drawn in a panel; of more, evenly spaced ones."""


def draw_scatters(scatters: Sequence[Scatter]) -> Figure:
    """Draw a panel for each scatter, with the diagonal and its three numbers."""
    columns = min(_COLUMNS, max(len(scatters), 2))
    with style():
        figure, panels = canvas((2.35,) * math.ceil(max(len(scatters), 1) / columns), columns)
        for place, axes in enumerate(panels.flat):
            if place < len(scatters):
                _panel(axes, scatters[place], _COLOURS[place % len(_COLOURS)])
            else:
                axes.set_axis_off()
        statements = dict.fromkeys(scatter.statement for scatter in scatters)
        figure.suptitle(f"{', '.join(statements)}: predicted against measured, nothing fitted")
    return figure


def _panel(axes: Axes, scatter: Scatter, colour: str) -> None:
    predicted, found = np.array(scatter.predicted), np.array(scatter.measured)
    kept = np.isfinite(predicted) & np.isfinite(found)
    predicted, found = predicted[kept], found[kept]
    if not predicted.size:
        say_in_panel(axes, "no finite numbers")
        return
    positive = (predicted > 0) & (found > 0)
    both = np.concatenate([predicted, found])
    logarithmic = bool(positive.all()) and both.max() / both.min() > 10
    chosen = np.unique(np.linspace(0, predicted.size - 1, min(predicted.size, _MOST_POINTS)).astype(int))
    axes.plot(
        predicted[chosen], found[chosen], linestyle="none", marker="o", markersize=2.5, markerfacecolor="none",
        markeredgewidth=0.6, color=colour, alpha=0.7,
    )  # fmt: skip
    ends = np.array([both.min(), both.max()])
    ends = ends * np.array([0.8, 1.25]) if logarithmic else ends + 0.05 * np.ptp(ends) * np.array([-1, 1])
    axes.plot(ends, ends, color=THEORY_COLOUR, linewidth=0.9, zorder=1.5)
    if logarithmic:
        log_axis(axes.xaxis)
        log_axis(axes.yaxis)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("predicted")
    axes.set_ylabel("measured")
    networks = "1 network" if scatter.networks == 1 else f"{scatter.networks} networks"
    said = (
        f"slope {number(scatter.slope)}, $R^2$ {number(scatter.r_squared)}, {networks}\n"
        f"median error {measured(scatter.median_error, scatter.interval)}"
    )
    axes.set_title(wrapped(f"{scatter.subject}", 34), pad=21)
    axes.annotate(
        said, (0.5, 1.0), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points", ha="center", fontsize=6,
        linespacing=1.4,
    )  # fmt: skip
