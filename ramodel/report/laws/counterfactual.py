"""Skips, labels, training: what is left of Residual Alignment when one of them is taken away."""

from collections.abc import Mapping, Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import MeasuredCell, Series, deepest, measured_cells, series
from ramodel.report.laws.marks import layer_ticks, reading_dots, theory_key, wrapped
from ramodel.report.panels import say_in_panel
from ramodel.report.style import WIDTH_INCHES

__all__ = ["draw_counterfactual"]

_READINGS = ("line_shape", "subspace_affinity", "energy_outside", "inverse_slope")
_OUTCOME = "test_accuracy"
_PANELS = 6
_MAPS = 5
_TITLE_LETTERS = 104
"""Letters of all titles of maps together."""


def draw_counterfactual(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw the readings that are claimed and the test accuracy, a row for each arm; below, subspaces between layers."""
    found = series(measured_cells(cells), config)
    height = 0.55 + 0.27 * max(len(found), 2)
    figure = Figure(figsize=(WIDTH_INCHES, height + 2.1))
    rows = figure.add_gridspec(2, 1, height_ratios=(height, 1.45))
    names = shown_readings(config)
    top = rows[0].subgridspec(1, len(names))
    first: Axes | None = None
    for column, name in enumerate(names):
        axes = figure.add_subplot(top[column])
        reading_dots(axes, found, config, name)
        if first is not None:
            axes.set_yticks(axes.get_yticks(), [""] * len(found))
        first = first or axes
    shown = [(one, cell) for one in found if (cell := deepest(one.cells, "subspace_affinity")) is not None]
    _maps(figure, rows[1], shown[:_MAPS])
    theory_key(figure, control=any(one.control for one in found))
    return figure


def shown_readings(config: SweepConfig, default: Sequence[str] = _READINGS, outcome: str = _OUTCOME) -> list[str]:
    """Return the readings that a figure shows: those claimed, then the usual ones, the test accuracy at the end."""
    claimed = [claim.reading for claim in config.claims if claim.summary in ("mean", "worst", "difference")]
    names = [name for name in dict.fromkeys([*claimed, *default]) if name != outcome]
    return [*names[: _PANELS - 1], outcome]


def _maps(figure: Figure, place: SubplotSpec, shown: Sequence[tuple[Series, MeasuredCell]]) -> None:
    if not shown:
        say_in_panel(figure.add_subplot(place), "affinity of subspaces between layers was not measured")
        return
    margin = max(0.5 * (_MAPS - 1 - len(shown)), 1e-3)
    grid = place.subgridspec(1, len(shown) + 2, width_ratios=(margin, *[1.0] * len(shown), margin))
    panels = [figure.add_subplot(grid[column + 1]) for column in range(len(shown))]
    for axes, (one, cell) in zip(panels, shown, strict=True):
        affinity = cell.array("subspace_affinity", "layer", "other_layer")
        image = axes.imshow(affinity, vmin=0.0, vmax=1.0, aspect="equal", origin="lower")
        axes.grid(visible=False)
        depth = "" if f"depth {cell.depth}" in one.label else f", $L = {cell.depth}$"
        name = wrapped(one.label + depth, _TITLE_LETTERS // max(len(shown), _MAPS - 1))
        axes.set_title(name, color="#333333" if one.control else one.colour)
        layer_ticks(axes, cell.depth)
        axes.set_xlabel("layer $m$")
    panels[0].set_ylabel("layer $l$")
    figure.colorbar(image, ax=panels, shrink=0.8, pad=0.01, label="affinity")
