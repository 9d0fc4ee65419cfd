"""Transformers: coupling of blocks across depth and tokens, trained against untrained, and along training."""

from collections.abc import Mapping, Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import Series, deepest, measured_cells, series
from ramodel.report.laws.marks import layer_ticks, reading_dots, theory_key, wrapped
from ramodel.report.laws.time_course import draw_along_training
from ramodel.report.panels import say_in_panel
from ramodel.report.style import WIDTH_INCHES

__all__ = ["draw_transformer"]

_READINGS = ("coupling", "line_shape", "norm_growth", "test_accuracy")
_DURING = ("coupling", "line_shape", "norm_growth")
_MAPS = 3


def draw_transformer(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw the coupling of every pair of blocks, the readings of every arm, and how they come about in training."""
    found = series(measured_cells(cells), config)
    height = 0.6 + 0.27 * max(len(found), 2)
    figure = Figure(figsize=(WIDTH_INCHES, 4.3 + height))
    rows = figure.add_gridspec(3, 1, height_ratios=(1.9, height, 1.6))
    _couplings(figure, rows[0], found)
    middle = rows[1].subgridspec(1, len(_READINGS))
    for column, name in enumerate(_READINGS):
        axes = figure.add_subplot(middle[column])
        reading_dots(axes, found, config, name)
        if column:
            axes.set_yticks(axes.get_yticks(), [""] * len(found))
    below = rows[2].subgridspec(1, len(_DURING))
    for column, name in enumerate(_DURING):
        draw_along_training(figure.add_subplot(below[column]), found, config, name, named=column == len(_DURING) - 1)
    theory_key(figure)
    return figure


def _couplings(figure: Figure, place: SubplotSpec, found: Sequence[Series]) -> None:
    chosen = [(one, cell) for one in found if (cell := deepest(one.cells, "coupling_error")) is not None][:_MAPS]
    grid = place.subgridspec(1, max(len(chosen), 1))
    if not chosen:
        say_in_panel(figure.add_subplot(grid[0]), "coupling between blocks was not measured")
        return
    panels: list[Axes] = []
    for column, (one, cell) in enumerate(chosen):
        axes = figure.add_subplot(grid[column])
        coupling = cell.array("coupling_error", "layer", "other_layer")
        image = axes.imshow(coupling, vmin=0.0, vmax=1.2, origin="lower", aspect="equal", cmap="viridis_r")
        axes.grid(visible=False)
        axes.set_title(wrapped(one.label, 22), color="#333333" if one.control else one.colour)
        layer_ticks(axes, cell.depth)
        axes.set_xlabel("block $m$")
        panels.append(axes)
    panels[0].set_ylabel("block $l$")
    figure.colorbar(image, ax=panels, shrink=0.85, pad=0.01, label="coupling error $m_K$ of $J_l$, $J_m$\n(0: aligned)")
