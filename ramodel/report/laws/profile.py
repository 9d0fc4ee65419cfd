"""Which penalty acts: 1/s_l is constant where blocks pay for their weights, a line where they pay for moving."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import Series, measured_cells, series
from ramodel.report.laws.marks import reading_dots, theory_key, wrapped
from ramodel.report.panels import error_bars, say_in_panel
from ramodel.report.style import THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_profiles"]

_COLUMNS = 6
_ALIKE = 4.0
"""Ratio of the greatest to the least 1/s_l up to which all profiles have one scale."""


def draw_profiles(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw 1/s_l against l for each arm with both references, and the slopes and step variations that decide."""
    found = series(measured_cells(cells), config)
    shown = found[:_COLUMNS]
    decided = 0.6 + 0.27 * max(len(found), 2)
    figure = Figure(figsize=(WIDTH_INCHES, 2.35 + decided))
    rows = figure.add_gridspec(2, 1, height_ratios=(1.75, decided))
    above = rows[0].subgridspec(1, max(len(shown), 1))
    panels: list[Axes] = []
    for column in range(max(len(shown), 1)):
        axes = figure.add_subplot(above[column])
        if not shown:
            say_in_panel(axes, "no network was measured")
            continue
        _profile(axes, shown[column])
        panels.append(axes)
    _alike(panels)
    below = rows[1].subgridspec(1, 3)
    left = figure.add_subplot(below[0])
    middle, right = figure.add_subplot(below[1]), figure.add_subplot(below[2])
    reading_dots(left, found, config, "inverse_slope")
    reading_dots(middle, found, config, "inverse_slope_eigen")
    reading_dots(right, found, config, "step_variation")
    for axes, title in (
        (left, "slope of $1/s_l$ against $l$"),
        (middle, "the same, eigenvalues\nof the mean Jacobian"),
        (right, "step lengths: CV"),
    ):
        axes.set_title(title)
        if axes is not left:
            axes.set_yticks(axes.get_yticks(), [""] * len(found))
        if axes is not right and axes.get_xscale() == "linear" and axes.has_data():
            for slope, dashes in ((1.0, "--"), (0.0, "-")):
                axes.axvline(slope, color=THEORY_COLOUR, linestyle=dashes, linewidth=0.7, zorder=0.8)
    theory_key(
        figure, ("--", "slope 1: transport cost (S7), RA4"), ("-", "slope 0: decay of weights (S1, S6)")
    )  # fmt: skip
    return figure


def _alike(panels: Sequence[Axes]) -> None:
    """Give all profiles one scale, so that slopes can be compared by eye, unless the least would be squeezed flat."""
    drawn = [axes for axes in panels if axes.has_data()]
    if not drawn:
        return
    drawn[0].set_ylabel("$1 / s_l$")
    tops = [axes.get_ylim()[1] for axes in drawn]
    if max(tops) < _ALIKE * min(tops):
        for axes in drawn:
            axes.set_ylim(0.0, max(tops))
            axes.tick_params(labelleft=axes is drawn[0])


def _profile(axes: Axes, one: Series) -> None:
    """Draw median and middle half of inputs and seeds, and a line of either slope through the middle."""
    axes.set_title(wrapped(one.label, 16), color="#333333" if one.control else one.colour)
    axes.set_xlabel("layer $l$")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    cells = [cell for cell in one.cells if np.isfinite(cell.top()).any()]
    depths = {cell.depth for cell in cells}
    if not cells:
        say_in_panel(axes, "no Jacobians were\nmeasured, or all are 0")
        return
    depth = max(depths)
    inverse = np.concatenate([1.0 / cell.top() for cell in cells if cell.depth == depth], axis=1)
    layers = np.arange(1.0, depth + 1)
    error_bars(axes, layers, inverse, colour=one.colour, marker=one.marker, label=one.label)
    height = float(np.nanmedian(inverse))
    rising = height + layers - layers.mean()
    quartiles = np.nanquantile(inverse[np.isfinite(inverse).any(axis=1)], [0.25, 0.75], axis=1)
    limits = float(quartiles.min()), float(quartiles.max())
    axes.plot(layers, rising, color=THEORY_COLOUR, linestyle="--", linewidth=0.9)
    axes.plot(layers, np.full_like(layers, height), color=THEORY_COLOUR, linewidth=0.9)
    reach = max(limits[1] - limits[0], float(np.ptp(rising)))
    axes.set_ylim(max(0.0, min(limits[0], rising[0]) - 0.1 * reach), max(limits[1], rising[-1]) + 0.1 * reach)
