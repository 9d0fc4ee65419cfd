"""S9: ratios of gradient norms, and the laws they follow over depth."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.panels import depth_axis, legend_below, log_axis
from ramodel.report.style import CONTROL_COLOUR, THEORY_COLOUR, WIDTH_INCHES, kind_colour, kind_marker

__all__ = ["draw_norm_ratio"]

_LOOKS: dict[str, dict[str, Any]] = {
    "frobenius": {"color": kind_colour("linear"), "marker": kind_marker("linear"), "label": "Frobenius model"},
    "nuclear": {"color": kind_colour("factored"), "marker": kind_marker("factored"), "label": "nuclear model"},
    "plain": {"color": CONTROL_COLOUR, "marker": "v", "label": "control: plain net at its own optimum"},
}
_NO_SKIP = {"color": CONTROL_COLOUR, "marker": "x", "label": "control: Frobenius blocks, skips removed"}
_DASHES = {"frobenius": "-", "nuclear": "-."}
_SHIFTS = {"frobenius": 0.97, "nuclear": 1.06, "plain": 1.15}
"""Factors that keep bars of the same depth apart."""


def draw_norm_ratio(dataset: xr.Dataset) -> Figure:
    """Draw the ratios of all samples between their bounds, and beside it the greatest ratio minus 1 with both laws."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.1))
    left, right = figure.subplots(1, 2)
    _ratios(left, dataset)
    _laws(right, dataset)
    for axes in (left, right):
        depth_axis(axes, dataset["depth"].values)
        axes.set_xlabel("depth $L$")
    legend_below(figure, (left, right), columns=3)
    return figure


def _ratios(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("all samples and blocks, between their bounds")
    depths = dataset["depth"].values
    axes.set_xscale("log", base=2)
    for model, look in _LOOKS.items():
        bounds = dataset["bound"].sel(model=model).values
        colour, dashes = (CONTROL_COLOUR, "-") if model == "plain" else (THEORY_COLOUR, _DASHES[model])
        label = r"theory: $1+s_{\min}$ and $1+s_1$" if model == "frobenius" else None
        axes.plot(depths, bounds, color=colour, linestyle=dashes, linewidth=0.7, label=label)
        _bars(axes, depths * _SHIFTS[model], dataset["ratio"].sel(model=model).values, look)
    _bars(axes, depths, dataset["without_skip"].values, _NO_SKIP)
    axes.axhline(1.0, color=THEORY_COLOUR, linewidth=0.6, linestyle=":")
    axes.set_ylabel(r"$\|g_{l-1}\|\,/\,\|g_l\|$: least, median, greatest")
    axes.set_ylim(bottom=0.0)


def _bars(axes: Axes, x: Any, quantiles: Any, look: dict[str, Any]) -> None:
    low, middle, high = quantiles.T
    axes.errorbar(x, middle, np.stack([middle - low, high - middle]), linestyle="none", elinewidth=0.7, **look)


def _laws(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title(r"greatest ratio $-\,1$ and its laws over depth")
    line = dataset["curve_depth"].values
    curve = {str(law): dataset["curve"].sel(law=law).values for law in dataset["law"].values}
    for side in ("lower", "upper"):
        label = "S9, S4: bracket with Lambert's $W_0$" if side == "lower" else None
        axes.plot(line, curve[f"frobenius {side}"], color=THEORY_COLOUR, linewidth=0.7, label=label)
    constant = float(dataset.attrs["constant"])
    axes.plot(
        line, curve["logarithmic"], color=THEORY_COLOUR, linestyle="--",
        label=rf"$c\,\ln(2L)/L$ (form of Zaeemzadeh et al.), least $c={constant:.2f}$",
    )  # fmt: skip
    axes.plot(line, curve["nuclear"], color=THEORY_COLOUR, linestyle="-.", linewidth=0.8, label="S6: nuclear, $O(1/L)$")
    axes.plot(line, curve["plain"], color=CONTROL_COLOUR, linestyle="-", linewidth=0.8)
    for model, look in _LOOKS.items():
        greatest = dataset["ratio"].sel(model=model, quantile="greatest").values - 1.0
        axes.plot(dataset["depth"].values, greatest, linestyle="none", markerfacecolor="none", **look)
    axes.set_xscale("log", base=2)
    log_axis(axes.yaxis)
    axes.set_ylabel(r"$\delta_L = \max\,\|g_{l-1}\|\,/\,\|g_l\| - 1$")
