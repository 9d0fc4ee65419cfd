"""Interventions: does more alignment make a better network?"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import Series, measured_cells, series
from ramodel.report.laws.marks import interval_of, reading_dots, reading_label, theory_key
from ramodel.report.panels import say_in_panel
from ramodel.report.style import WIDTH_INCHES

__all__ = ["draw_interventions"]

_READINGS = ("subspace_affinity", "coupling", "test_accuracy")


def draw_interventions(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw alignment, coupling and accuracy of every arm, and accuracy against alignment, network by network."""
    found = series(measured_cells(cells), config)
    height = 0.7 + 0.27 * max(len(found), 2)
    figure = Figure(figsize=(WIDTH_INCHES, height + 2.75))
    rows = figure.add_gridspec(2, 1, height_ratios=(height, 2.1))
    above = rows[0].subgridspec(1, len(_READINGS))
    for column, name in enumerate(_READINGS):
        axes = figure.add_subplot(above[column])
        reading_dots(axes, found, config, name)
        if column:
            axes.set_yticks(axes.get_yticks(), [""] * len(found))
    below = rows[1].subgridspec(1, 2, width_ratios=(1.4, 1))
    _against(figure.add_subplot(below[0]), found, "subspace_affinity", named=True)
    _against(figure.add_subplot(below[1]), found, "coupling", named=False)
    theory_key(figure, control=any(one.control for one in found))
    return figure


def _against(axes: Axes, found: Sequence[Series], name: str, *, named: bool) -> None:
    """Draw test accuracy against a reading: seeds faint, the mean of each arm with 95 % intervals both ways."""
    drawn = False
    for one in found:
        x = np.array([cell.reading(name) for cell in one.cells])
        y = np.array([cell.scalar("test_accuracy") for cell in one.cells])
        kept = np.isfinite(x) & np.isfinite(y)
        if not kept.any():
            continue
        axes.plot(x[kept], y[kept], ".", color=one.colour, alpha=0.5, markersize=3, markeredgewidth=0)
        (cx, lx, hx), (cy, ly, hy) = interval_of(list(x[kept])), interval_of(list(y[kept]))
        axes.errorbar(
            cx, cy, xerr=[[cx - lx], [hx - cx]], yerr=[[cy - ly], [hy - cy]], fmt=one.marker, color=one.colour,
            markersize=5, elinewidth=0.6, capsize=0, label=one.label,
        )  # fmt: skip
        drawn = True
    if not drawn:
        say_in_panel(axes, f"{reading_label(name)}\nwas not measured")
        return
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(reading_label(name))
    axes.set_ylabel("test accuracy")
    if named:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
