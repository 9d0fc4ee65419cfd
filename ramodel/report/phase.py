"""S10: effective rank over depth and decay, with the boundaries of the simplex."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.ndimage import label as connected

from ramodel.report.panels import Floats, log_axis
from ramodel.report.style import OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_phase"]

_AGREES = 1e-7
"""Relative difference of objectives up to which the unreduced optimiser has found the same optimum."""

_SADDLE_COLOUR = "#f3d9c9"
_THRESHOLD = "pairs as good as the simplex (first order)"
_STABILITY = "simplex turns into a saddle"


def draw_phase(dataset: xr.Dataset) -> Figure:
    """Draw a panel for each number of classes: ranks as colours and numbers, boundaries as lines, checks as points."""
    counts = dataset["classes"].values
    figure = Figure(figsize=(max(4.2, WIDTH_INCHES * len(counts) / 4 + 0.3), 3.3 if len(counts) > 1 else 3.9))
    panels = figure.subplots(1, len(counts), squeeze=False, sharey=True)[0]
    for axes, count in zip(panels, counts, strict=True):
        group = dataset.sel(classes=count)
        if np.isfinite(group["effective_rank"].values).all():
            _ranks(axes, group)
            axes.set_title(f"$C = {count}$")
        else:
            _saddle(axes, group)
            axes.set_title(f"$C = {count}$: stability only")
        _boundary(axes, group, "threshold_depth", {"color": THEORY_COLOUR, "label": _THRESHOLD})
        saddle = {"color": OKABE_ITO["vermillion"], "linestyle": "--", "label": _STABILITY}
        _boundary(axes, group, "stability_depth", saddle)
        if "check" in dataset.sizes:
            _checks(axes, dataset, int(count))
        axes.set_xlim(*_edges(dataset["decay"].values)[[0, -1]])
        axes.set_ylim(*_edges(dataset["depth"].values)[[0, -1]])
        log_axis(axes.xaxis)
        log_axis(axes.yaxis)
        axes.set_xlabel(r"weight decay $\lambda_J = \lambda_W$")
        axes.grid(visible=False)
    panels[0].set_ylabel("depth $L$")
    _legend(figure, panels)
    return figure


def _boundary(axes: Axes, group: xr.Dataset, name: str, look: dict[str, Any]) -> None:
    """Draw a boundary where there is one."""
    if group[name].notnull().any():
        axes.plot(group["curve_decay"].values, group[name].values, **look)


def _ranks(axes: Axes, group: xr.Dataset) -> None:
    """Colour the cells by rank, light where the rank is full, and write the rank into every region."""
    ranks = group["effective_rank"].values.astype(int)
    full = int(group["classes"]) - 1
    marked = _marked_cells(group)
    shades = colormaps["Blues_r"](np.linspace(0.25, 0.97, full))
    edges = _edges(group["decay"].values), _edges(group["depth"].values)
    axes.pcolormesh(*edges, ranks, cmap=ListedColormap(shades), vmin=0.5, vmax=full + 0.5, rasterized=True)
    for rank in np.unique(ranks):
        regions, number = connected(ranks == rank)
        for region in range(1, number + 1):
            cells = np.argwhere(regions == region)
            free = [cell for cell in cells if tuple(cell) not in marked]
            cells = np.array(free) if free else cells
            row, column = cells[np.square(cells - cells.mean(axis=0)).sum(axis=1).argmin()]
            axes.text(
                group["decay"].values[column],
                group["depth"].values[row],
                str(rank),
                ha="center",
                va="center",
                fontsize=7.5 if len(cells) > 2 else 5.5,
                color="white" if rank <= full // 2 and shades[rank - 1][:3].mean() < 0.6 else "#222222",
            )


def _marked_cells(group: xr.Dataset) -> set[tuple[int, int]]:
    """Return the cells (row, column) in which a checked point lies."""
    if "check" not in group.sizes:
        return set()
    own = group.isel(check=np.flatnonzero(group["check_classes"].values == int(group["classes"])))
    rows = np.searchsorted(_edges(group["depth"].values), own["check_depth"].values) - 1
    columns = np.searchsorted(_edges(group["decay"].values), own["check_decay"].values) - 1
    return set(zip(rows.tolist(), columns.tolist(), strict=True))


def _saddle(axes: Axes, group: xr.Dataset) -> None:
    """Shade the depths at which the simplex is a saddle."""
    line, depth = group["curve_decay"].values, group["stability_depth"].values
    top = _edges(group["depth"].values)[-1]
    axes.fill_between(line, np.where(np.isfinite(depth), depth, top), top, color=_SADDLE_COLOUR, linewidth=0)
    axes.text(0.5, 0.6, "simplex is a\nstrict saddle", transform=axes.transAxes, ha="center", va="center")


def _checks(axes: Axes, dataset: xr.Dataset, count: int) -> None:
    """Mark the points at which the optimiser over all unreduced variables ran, by what it found."""
    checks = dataset.isel(check=np.flatnonzero(dataset["check_classes"].values == count))
    difference = checks["check_unreduced"].values / checks["check_reduced"].values - 1.0
    x, y = checks["check_decay"].values, checks["check_depth"].values
    verdicts = {
        "the same": (np.abs(difference) <= _AGREES, "o", "white", THEORY_COLOUR),
        "a worse one": (difference > _AGREES, "X", OKABE_ITO["orange"], THEORY_COLOUR),
        "a lower one": (difference < -_AGREES, "*", OKABE_ITO["vermillion"], THEORY_COLOUR),
    }
    for found, (where, marker, face, edge) in verdicts.items():
        if where.any():
            look: dict[str, Any] = {
                "linestyle": "none",
                "markerfacecolor": face,
                "markeredgecolor": edge,
                "markersize": 4,
            }
            axes.plot(x[where], y[where], marker, **look, label=f"unreduced optimiser: {found}")


def _edges(centres: Floats) -> Floats:
    """Return the edges of cells on a logarithmic axis."""
    logs = np.log(centres)
    if logs.size == 1:
        alone: Floats = np.exp(logs[0] + np.array([-0.5, 0.5]))
        return alone
    middle = (logs[1:] + logs[:-1]) / 2
    edges: Floats = np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))
    return edges


def _legend(figure: Figure, panels: np.ndarray) -> None:
    entries: dict[str, Any] = {
        "number: effective rank of the best configuration": Patch(color=colormaps["Blues_r"](0.5))
    }
    for axes in panels:
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(text, handle)
    columns = 2 if len(panels) > 1 else 1
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns)
