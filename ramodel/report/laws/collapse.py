"""Neural Collapse along depth, with Residual Alignment beside it."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import Series, measured_cells, series
from ramodel.report.laws.marks import canvas, label_ends, theory_key
from ramodel.report.panels import finite_mean, log_axis, say_in_panel

__all__ = ["COLLAPSE", "draw_collapse"]

COLLAPSE = {
    "variability_error": "NC1: variability within\nclasses / between them",
    "equinorm_error": "NC2: class means differ\nin norm",
    "equiangle_error": "NC2: class means differ\nin angle",
    "nearest_centre_score": "NC4: nearest class mean\nis the label",
}
"""Measured at every state, by the names of `ramodel.metrics`, and how they are called."""


def draw_collapse(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw the metrics of Neural Collapse at every state, and below the alignment, step and size of every block."""
    found = series(measured_cells(cells), config)
    figure, panels = canvas((1.6, 1.6), 4)
    for axes, (name, title) in zip(panels[0], COLLAPSE.items(), strict=True):
        _along_states(axes, found, name)
        axes.set_title(title)
    _along_layers(panels[1, 0], found, "subspace_affinity", "RA2: affinity of top-$C$\nsubspaces with other blocks")
    _along_layers(panels[1, 1], found, "asymmetry_error", "RA2: asymmetry of $J_l$")
    _along_layers(panels[1, 2], found, "energy_outside_error", "RA3: energy outside\nthe top $C$")
    _along_layers(panels[1, 3], found, "singular_value", "RA4: top singular value")
    for row in panels:
        _name_series(row[-1], found)
    theory_key(figure, band=False)
    return figure


def _along_states(axes: Axes, found: Sequence[Series], name: str) -> None:
    """Draw a variable of states against the share of blocks passed, each network thin, the median thick."""
    drawn = False
    for one in found:
        rows = [cell.array(name, "state") for cell in one.cells if cell.has(name)]
        drawn = _curves(axes, one, rows, start=0.0) or drawn
    _finish(axes, drawn, "state, $l / L$", bounded=name.endswith("_score"))


def _along_layers(axes: Axes, found: Sequence[Series], name: str, title: str) -> None:
    drawn = False
    for one in found:
        rows = []
        for cell in one.cells:
            if not cell.has(name):
                continue
            if name == "singular_value":
                rows.append(cell.layer_tops())
            elif name == "subspace_affinity":
                grid = cell.array(name, "layer", "other_layer")
                grid[np.eye(grid.shape[0], dtype=bool)] = np.nan
                rows.append(finite_mean(grid, axis=1))
            else:
                rows.append(cell.array(name, "layer"))
        drawn = _curves(axes, one, rows, start=None) or drawn
    axes.set_title(title)
    _finish(axes, drawn, "block, $l / L$", bounded=name == "subspace_affinity")


def _curves(axes: Axes, one: Series, rows: Sequence[np.ndarray], start: float | None) -> bool:
    rows = [row for row in rows if np.isfinite(row).any()]
    if not rows:
        return False
    count = max(row.size for row in rows)
    rows = [row for row in rows if row.size == count]
    x = np.linspace(0.0, 1.0, count) if start is not None else np.arange(1, count + 1) / count
    dashes = "--" if one.control else "-"
    axes.plot(x, np.transpose(rows), color=one.colour, linewidth=0.5, alpha=0.6, linestyle=dashes)
    axes.plot(x, np.median(rows, axis=0), color=one.colour, marker=one.marker, markersize=3, linestyle=dashes)
    return True


def _finish(axes: Axes, drawn: bool, label: str, *, bounded: bool) -> None:
    if not drawn:
        say_in_panel(axes, "not measured")
        return
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    values = values[np.isfinite(values)]
    if bounded:
        axes.set_ylim(-0.03, 1.03)
    elif values.min() > 0 and values.max() / values.min() > 30:
        axes.set_yscale("log")
        log_axis(axes.yaxis)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(label)


def _name_series(axes: Axes, found: Sequence[Series]) -> None:
    thick = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
    ends = [(line, one) for line in thick for one in found if line.get_marker() == one.marker]
    names = [
        (float(np.asarray(line.get_ydata())[-1]), one.label, "#555555" if one.control else one.colour)
        for line, one in ends
    ]
    if len(names) > 1:
        label_ends(axes, names)
