"""Number of classes: the spectrum of the blocks breaks off after the C-th singular value, whatever C is."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import Series, axis_named, measured_cells, series
from ramodel.report.laws.marks import along_axis, reading_along_axis, theory_key
from ramodel.report.panels import say_in_panel
from ramodel.report.style import THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_classes"]

_CLAIMED = ("energy_outside", "subspace_affinity")
_FLOOR = 1e-6
"""Least s_k / s_1 in a panel."""
_LEAST = 1e-30
_MOST = 5
"""Most numbers of classes that have a panel of their own."""


def draw_classes(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw s_k / s_1 against k for each number of classes, and below it rank and affinity against that number."""
    known = measured_cells(cells)
    axis = axis_named(known, "classes")
    found = series(known, config, axis)
    figure = Figure(figsize=(WIDTH_INCHES, 4.5))
    rows = figure.add_gridspec(2, 1, height_ratios=(1.9, 1.8))
    numbers = sorted({cell.classes for cell in known if cell.classes})[:_MOST]
    _spectra(figure, rows[0], found, numbers)
    below = rows[1].subgridspec(1, 3)
    left, *others = (figure.add_subplot(below[column]) for column in range(3))
    if axis is None:
        say_in_panel(left, "one number of classes only")
        for axes in others:
            axes.set_axis_off()
    else:
        _ranks(left, found, axis)
        for axes, name in zip(others, _CLAIMED, strict=True):
            reading_along_axis(axes, found, config, axis, name, named=axes is others[-1])
    theory_key(
        figure, ("-", "$C$ (RA3)"), (":", "$C - 1$ (S1); above: after the $C$-th"), ("--", "from the head alone")
    )
    return figure


def _spectra(figure: Figure, place: object, found: Sequence[Series], numbers: Sequence[int]) -> None:
    grid = place.subgridspec(1, max(len(numbers), 1))  # type: ignore[attr-defined]
    if not numbers:
        say_in_panel(figure.add_subplot(grid[0]), "no network was measured")
        return
    first: Axes | None = None
    for column, classes in enumerate(numbers):
        axes = figure.add_subplot(grid[column], sharey=first)
        drawn = False
        for one in found:
            here = [cell for cell in one.cells if cell.classes == classes and cell.has("singular_value")]
            shapes = [relative_spectrum(cell.array("singular_value", "layer", "input", "rank")) for cell in here]
            if not shapes:
                continue
            count = min(shape.size for shape in shapes)
            middle = np.median([shape[:count] for shape in shapes], axis=0)
            axes.plot(
                np.arange(1, count + 1), np.maximum(middle, _LEAST), marker=one.marker, color=one.colour,
                linewidth=0.7, linestyle="--" if one.control else "-", label=one.label,
            )  # fmt: skip
            drawn = True
            predicted = [cell for cell in here if cell.has("predicted_singular_value")]
            if predicted and not one.control:
                values = predicted[0].array("predicted_singular_value", "rank")[:count]
                if values[0] > 0:
                    shape = np.maximum(values / values[0], _LEAST)
                    axes.plot(np.arange(1, count + 1), shape, color=THEORY_COLOUR, linewidth=0.9, linestyle="--")
        if not drawn:
            say_in_panel(axes, "not measured")
            continue
        axes.axvline(classes + 0.5, color=THEORY_COLOUR, linewidth=0.9, linestyle=":")
        axes.set_yscale("log")
        axes.set_ylim(_FLOOR / 2, 2.0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.set_title(f"$C = {classes}$")
        axes.set_xlabel("index $k$")
        if first is None:
            axes.set_ylabel("singular value $s_k / s_1$")
            axes.legend(loc="lower left", handlelength=1.4)
        else:
            axes.tick_params(labelleft=False)
        first = first or axes


def relative_spectrum(values: np.ndarray) -> np.ndarray:
    """Return s_k / s_1 [rank], the median over layers and inputs; NaN where nothing was measured."""
    flat = values.reshape(-1, values.shape[-1])
    flat = flat[np.isfinite(flat).all(axis=1) & (flat[:, 0] > 0)]
    return np.median(flat / flat[:, :1], axis=0) if flat.size else np.full(values.shape[-1], np.nan)


def _ranks(axes: Axes, found: Sequence[Series], axis: str) -> None:
    if not along_axis(axes, found, axis, lambda cell: cell.reading("rank_found"), logarithmic=False, named=False):
        return
    ends = axes.get_xlim()
    line = np.linspace(*ends, 60)
    axes.plot(line, line, color=THEORY_COLOUR, linewidth=0.9, zorder=1.5)
    axes.plot(line, line - 1, color=THEORY_COLOUR, linewidth=0.9, linestyle=":", zorder=1.5)
    axes.set_xlim(*ends)
    axes.set_title("numerical rank")
    axes.set_ylabel("rank of $J_l$")
