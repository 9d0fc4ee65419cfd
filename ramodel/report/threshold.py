"""S6: rank and singular values of the blocks against their decay."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.panels import legend_below, log_axis
from ramodel.report.style import THEORY_COLOUR, WIDTH_INCHES, kind_colour, kind_marker

__all__ = ["draw_threshold"]

_NAMES = {
    "nuclear": ("factored", "two factors (nuclear)", "-"),
    "frobenius": ("linear", "one matrix (Frobenius)", "--"),
}


def draw_threshold(dataset: xr.Dataset) -> Figure:
    """Draw the rank of J_l against the decay of the blocks, and beside it every singular value on its way to zero."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.2))
    left, right = figure.subplots(1, 2)
    _ranks(left, dataset)
    _singular_values(right, dataset)
    for axes in (left, right):
        axes.set_xlabel(r"decay of the blocks, $\lambda_J$")
        log_axis(axes.xaxis)
    legend_below(figure, (left, right), columns=3)
    return figure


def _look(kind: str) -> dict[str, Any]:
    return {"color": kind_colour(kind), "marker": kind_marker(kind), "linestyle": "none", "markerfacecolor": "none"}


def _ranks(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("rank of the blocks")
    line, thresholds = dataset["curve_decay"].values, dataset["threshold"].values
    laws = {
        "nuclear": (line[:, np.newaxis] < thresholds).sum(axis=1),
        "frobenius": np.full(line.size, thresholds.size),
    }
    for model, (kind, name, dashes) in _NAMES.items():
        axes.plot(line, laws[model], color=THEORY_COLOUR, linestyle=dashes, linewidth=0.8, drawstyle="steps-mid")
        found = dataset["nonzero"].sel(model=model).values
        axes.plot(dataset["decay"].values, found, **_look(kind), label=f"optimiser: {name}")
    axes.set_yticks(range(thresholds.size + 1))
    axes.set_ylim(-0.3, thresholds.size + 0.5)
    axes.set_ylabel("rank $J_l$")


def _singular_values(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("every singular value: cut off, or fading")
    for model, (kind, name, dashes) in _NAMES.items():
        curves = dataset["curve"].sel(model=model).values
        line = dataset["curve_decay"].values
        for k, curve in enumerate(np.where(curves > 0.0, curves, np.nan).T):
            label = f"closed form: {name}" if k == 0 else None
            axes.plot(line, curve, color=THEORY_COLOUR, linestyle=dashes, linewidth=0.8, label=label)
        found = np.where(
            dataset["nonzero"].sel(model=model).values[:, np.newaxis] > np.arange(curves.shape[1]),
            dataset["found"].sel(model=model).values,
            np.nan,
        )
        axes.plot(dataset["decay"].values, found, **_look(kind))
    for threshold in dataset["threshold"].values:
        axes.axvline(threshold, color=kind_colour("factored"), linewidth=0.5, linestyle=":")
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("singular values $s_k$")
