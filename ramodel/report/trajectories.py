"""RA1: trajectories in the plane of their first two principal axes, and step lengths against the layer."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.measurements import MeasuredNetwork, Measurements, kinds
from ramodel.report.panels import (
    Floats,
    describe,
    error_bars,
    finite_mean,
    grid,
    legend_below,
    name_column,
    say_in_panel,
    trained_and_control,
)
from ramodel.report.style import CONTROL_COLOUR, THEORY_COLOUR, kind_colour, kind_marker
from ramodel.theory import trajectory

__all__ = ["draw_trajectories"]

_ACTIVE_SHARE = 0.01
"""Directions with s_k above this share of s_1 bound the growth of a step."""

_NAMED_SHARE = 0.25
"""Classes whose longest trajectory is shorter than this share of the longest of all are not named."""


def draw_trajectories(measurements: Measurements) -> Figure:
    """Draw trajectories of a trained network of each kind above its untrained control, and their step lengths."""
    shown = kinds(measurements)
    figure, panels = grid(shown, (1.55, 1.55, 1.45))
    for column, kind in enumerate(shown):
        trained, control = trained_and_control(measurements, kind, ("untrained", "no-skip"))
        top, middle, bottom = panels[:, column]
        _plane(top, trained, kind_colour(kind), "no trained network")
        _plane(middle, control, CONTROL_COLOUR, "no control")
        _steps(bottom, trained, control)
        name_column(top, kind)
    for row, label in ((0, "second principal axis"), (1, "second principal axis"), (2, "step / mean step")):
        panels[row, 0].set_ylabel(label)
    legend_below(figure, panels[2])
    return figure


def _plane(axes: Axes, network: MeasuredNetwork | None, colour: str, nothing: str) -> None:
    if network is None or not network.has("trajectory"):
        say_in_panel(axes, nothing)
        return
    path = network.array("trajectory", "state", "input", "axis")
    axes.plot(path[..., 0], path[..., 1], color=colour, linewidth=0.6, marker="o", markersize=1.6, markeredgewidth=0)
    axes.plot(
        path[0, :, 0], path[0, :, 1], "o", color="white", markeredgecolor=colour, markersize=2.2, linestyle="none"
    )
    if network.has("input_class"):
        _name_classes(axes, path, network.array("input_class", "input").astype(int))
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_title(describe(network))
    axes.set_xlabel("first principal axis")
    axes.margins(0.1)


def _name_classes(axes: Axes, path: Floats, labels: np.ndarray) -> None:
    """Write each class beyond the end of its longest trajectory; in the crowd of short ones it could not be read."""
    size = np.ptp(path, axis=(0, 1)).max()
    travelled = np.linalg.norm(path[-1] - path[0], axis=-1)
    for label in np.unique(labels):
        longest = np.flatnonzero(labels == label)[travelled[labels == label].argmax()]
        if travelled[longest] > _NAMED_SHARE * travelled.max():
            direction = (path[-1, longest] - path[0, longest]) / travelled[longest]
            x, y = path[-1, longest] + 0.05 * size * direction
            axes.text(x, y, str(label), fontsize=6, ha="center", va="center", zorder=4)


def _steps(axes: Axes, trained: MeasuredNetwork | None, control: MeasuredNetwork | None) -> None:
    for network in (control, trained):
        if network is None or not network.has("step_length"):
            continue
        steps = network.array("step_length", "layer", "input")
        mean = finite_mean(steps, axis=0)
        relative = np.divide(steps, mean, out=np.full_like(steps, np.nan), where=mean > 0)
        layers = np.arange(1.0, network.depth + 1)
        if network is control:
            error_bars(axes, layers, relative, colour=CONTROL_COLOUR, marker="x", label=network.arm.replace("-", " "))
        else:
            colour, marker = kind_colour(network.kind), kind_marker(network.kind)
            error_bars(axes, layers, relative, colour=colour, marker=marker, label="trained")
    axes.axhline(1.0, color=THEORY_COLOUR, linewidth=0.6, linestyle=":", label="RA1: equal steps")
    if trained is not None:
        _predicted_steps(axes, trained)
    axes.set_xlabel("layer $l$")
    axes.set_ylim(bottom=0.0)


def _predicted_steps(axes: Axes, network: MeasuredNetwork) -> None:
    """Draw S5's growth (1 + s_k)^l of the steps along the fastest and the slowest active direction."""
    if not network.has("predicted_singular_value"):
        return
    s = network.array("predicted_singular_value", "rank")
    s = s[np.isfinite(s) & (s > _ACTIVE_SHARE * np.nanmax(s))]
    if s.size == 0:
        return
    fastest, slowest = (_growing_steps(float(value), network.depth) for value in (s.max(), s.min()))
    layers = np.arange(1, network.depth + 1)
    axes.plot(layers, fastest, color=THEORY_COLOUR, label="S5, fastest direction")
    axes.fill_between(
        layers, fastest, slowest, color=THEORY_COLOUR, alpha=0.12, linewidth=0, label="S5, other directions"
    )


def _growing_steps(s: float, depth: int) -> Floats:
    """Return the steps along one direction with singular value s, in units of their mean (S5)."""
    steps = np.diff(trajectory([1.0], [[1.0]], [s], depth)[:, 0])
    relative: Floats = steps / steps.mean()
    return relative
