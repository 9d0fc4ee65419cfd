"""RA3: singular values of the Residual Jacobians against their index, and what lies beyond the C-th."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ramodel.report.formatting import number
from ramodel.report.measurements import MeasuredNetwork, Measurements, kinds
from ramodel.report.panels import (
    describe,
    finite_mean,
    grid,
    legend_below,
    name_column,
    say_in_panel,
    trained_and_control,
)
from ramodel.report.style import CONTROL_COLOUR, THEORY_COLOUR, kind_colour, kind_marker

__all__ = ["draw_spectrum"]

_FLOOR = 1e-6
"""Least s_k / s_1 drawn: trained networks fall to rounding below it, and the axis would show nothing else."""


def draw_spectrum(measurements: Measurements) -> Figure:
    """Draw s_k / s_1 against k for a trained network of each kind, its untrained control and, for linear ones, S1."""
    shown = kinds(measurements)
    figure, panels = grid(shown, (2.1,), sharey="row")
    for axes, kind in zip(panels[0], shown, strict=True):
        trained, control = trained_and_control(measurements, kind, ("untrained", "no-skip"))
        _panel(axes, kind, trained, control)
    panels[0, 0].set_ylabel("$s_k / s_1$")
    legend_below(figure, panels[0])
    return figure


def _panel(axes: Axes, kind: str, trained: MeasuredNetwork | None, control: MeasuredNetwork | None) -> None:
    if control is not None and control.has("singular_value"):
        _spectrum(axes, control, CONTROL_COLOUR, "x", control.arm.replace("-", " "))
    network = trained if trained is not None else control
    if network is None or not network.has("singular_value"):
        say_in_panel(axes, "no singular values")
        name_column(axes, kind)
        return
    if trained is not None:
        _spectrum(axes, trained, kind_colour(kind), kind_marker(kind), "trained")
        _predicted(axes, trained)
    axes.axvline(
        network.classes + 0.5, color=THEORY_COLOUR, linewidth=0.7, linestyle="--", label="RA3: rank at most $C$"
    )
    axes.set_title(f"{describe(network)}{_beyond(network)}")
    name_column(axes, kind)
    axes.set_yscale("log")
    axes.set_ylim(_FLOOR * 0.6, 2.0)
    axes.set_xlabel("index $k$")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def _spectrum(axes: Axes, network: MeasuredNetwork, colour: str, marker: str, label: str) -> None:
    """Draw mean and middle half over layers and inputs; triangles on the floor stand for means below it."""
    whole = network.has("spectrum")
    values = network.array(
        *("spectrum", "layer", "input", "index") if whole else ("singular_value", "layer", "input", "rank")
    )
    values = values.reshape(-1, values.shape[-1])
    values = values[np.isfinite(values).all(axis=1) & (values[:, 0] > 0)]
    if values.size == 0:
        return
    relative = values / values[:, :1]
    index = np.arange(1, relative.shape[1] + 1)
    mean = relative.mean(axis=0)
    low, high = np.maximum(np.quantile(relative, [0.25, 0.75], axis=0), _FLOOR)
    seen = mean >= _FLOOR
    reach = np.maximum(np.stack([mean - low, high - mean])[:, seen], 0.0)
    axes.errorbar(index[seen], mean[seen], reach, fmt=marker, color=colour, label=label, elinewidth=0.7, markersize=2.5)
    axes.plot(
        index[~seen],
        np.full((~seen).sum(), _FLOOR),
        "v",
        markerfacecolor="none",
        markeredgecolor=colour,
        label=f"below $10^{{{np.log10(_FLOOR):.0f}}}$" if (~seen).any() else "_",
    )


def _predicted(axes: Axes, network: MeasuredNetwork) -> None:
    if not network.has("predicted_singular_value"):
        return
    s = network.array("predicted_singular_value", "rank")
    if not s[0] > 0:
        return
    relative = np.where(s / s[0] >= _FLOOR, s / s[0], np.nan)
    axes.plot(np.arange(1, s.size + 1), relative, color=THEORY_COLOUR, label="S1, S6: from the head alone")


def _beyond(network: MeasuredNetwork) -> str:
    """Return a line with the first singular value beyond the C-th, in units of the largest."""
    s = finite_mean(network.array("singular_value", "layer", "input", "rank"), axis=(0, 1))
    if s.size <= network.classes or not s[0] > 0.0:
        return ""
    share = s[network.classes] / s[0]
    return "\n$s_{C+1} / s_1 " + (f"= ${number(share)}" if share > np.finfo(float).eps else "< 10^{-15}$")
