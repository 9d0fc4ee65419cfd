"""S7: what blocks do from layer to layer within one network."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.panels import legend_below
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES, kind_colour, kind_marker

__all__ = ["draw_layer_profile"]

_LOOKS: dict[str, dict[str, Any]] = {
    "kinetic": {"color": OKABE_ITO["green"], "marker": "^", "label": "optimiser, kinetic"},
    "frobenius": {"color": kind_colour("linear"), "marker": kind_marker("linear"), "label": "optimiser, Frobenius"},
    "nuclear": {"color": kind_colour("factored"), "marker": kind_marker("factored"), "label": "optimiser, nuclear"},
}
_THEORY = {"kinetic": "-", "frobenius": "--", "nuclear": "-."}
_ROADS: dict[str, dict[str, Any]] = {
    "eigenvalue": {"color": OKABE_ITO["green"], "marker": "^"},
    "singular_value": {"color": CONTROL_COLOUR, "marker": "x", "label": "control: singular values, kinetic"},
}
_LEAST = 0.05
"""Share of the largest predicted eigenvalue below which another is not drawn."""


def draw_layer_profile(dataset: xr.Dataset) -> Figure:
    """Draw 1/s over layers for three models, its slope for eigenvalues and singular values, and the step lengths."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.1))
    panels = figure.subplots(1, 3)
    _inverses(panels[0], dataset)
    _slopes(panels[1], dataset.sel(model="kinetic"))
    _steps(panels[2], dataset)
    for axes in panels:
        axes.set_xlabel("block $l$")
    legend_below(figure, panels, columns=3)
    return figure


def _used(part: xr.Dataset) -> Any:
    predicted = part["predicted"].values
    return predicted[0] > _LEAST * predicted[0].max()


def _inverses(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("kinetic: lines of slope 1\nothers: constant")
    layers = dataset["layer"].values
    for model, look in _LOOKS.items():
        part = dataset.sel(model=model)
        used = _used(part)
        theory = {"kinetic": "S7", "frobenius": "S1, S2", "nuclear": "S6"}[model]
        lines = axes.plot(layers, 1.0 / part["predicted"].values[:, used], color=THEORY_COLOUR, linewidth=0.8,
                          linestyle=_THEORY[model])  # fmt: skip
        lines[0].set_label(f"{theory}: {model.replace('frob', 'Frob')} model")
        points = axes.plot(layers, 1.0 / part["eigenvalue"].values[:, used], linestyle="none",
                           **{name: value for name, value in look.items() if name != "label"})  # fmt: skip
        points[0].set_label(look["label"])
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("1 / eigenvalue of $J_l$")


def _slopes(axes: Axes, kinetic: xr.Dataset) -> None:
    axes.set_title("kinetic, inputs far from white:\nslope 1 is for eigenvalues")
    used = _used(kinetic)
    between = kinetic["layer"].values[:-1] + 0.5
    axes.axhline(1.0, color=THEORY_COLOUR, linewidth=0.8)
    for name, look in _ROADS.items():
        slopes = np.diff(1.0 / kinetic[name].values[:, used], axis=0)
        middle, low, high = np.median(slopes, axis=1), slopes.min(axis=1), slopes.max(axis=1)
        axes.errorbar(between, middle, [middle - low, high - middle], linestyle="none", elinewidth=0.7, **look)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("$1/s_{l+1} - 1/s_l$")


def _steps(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("steps of the inputs:\nequal or growing")
    layers = dataset["layer"].values
    for index, (model, look) in enumerate(_LOOKS.items()):
        part = dataset.sel(model=model)
        axes.plot(layers, np.median(part["predicted_step"].values, axis=1), color=THEORY_COLOUR, linewidth=0.8,
                  linestyle=_THEORY[model])  # fmt: skip
        low, middle, high = np.quantile(part["step"].values, [0.25, 0.5, 0.75], axis=1)
        axes.errorbar(layers + 0.12 * (index - 1), middle, [middle - low, high - middle], linestyle="none",
                      elinewidth=0.7, **look)  # fmt: skip
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel(r"$\|h_l - h_{l-1}\|$ / mean over $l$")
