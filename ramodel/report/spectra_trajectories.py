"""RA1 of a measured network: the trajectories of the inputs through each stage, and the lengths of their steps."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ramodel.metrics import principal_plane, step_lengths
from ramodel.report.panels import Floats, error_bars, legend_below, say_in_panel
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES
from ramodel.spectra import Spectra
from ramodel.spectra.properties.kept import kept, ordered

__all__ = ["draw_paths"]

_SHOWN_INPUTS = 60
"""Trajectories drawn; more run into each other."""


def draw_paths(spectra: Spectra, control: Spectra | None) -> Figure:
    """Draw states in the plane of their first two principal axes, stage by stage, and the lengths of the steps."""
    measured = [spectra] if control is None else [spectra, control]
    names = list(spectra.stages)
    side = max(1.8, min(2.6, (WIDTH_INCHES - 0.4) / len(names)))
    heights = [side] * len(measured) + [1.5]
    figure = Figure(figsize=(max(side * len(names) + 0.4, 4.5), sum(heights) + 0.7))
    panels = figure.subplots(len(heights), len(names), squeeze=False, height_ratios=heights)
    for column, name in enumerate(names):
        for row, one in enumerate(measured):
            colour = OKABE_ITO["blue"] if one is spectra else CONTROL_COLOUR
            _plane(panels[row, column], one.stages[name], colour)
        panels[0, column].set_title(name)
        for drawn, colour, marker, label in (
            (control, CONTROL_COLOUR, "x", "untrained"),
            (spectra, OKABE_ITO["blue"], "o", "trained" if control is not None else "measured"),
        ):
            if drawn is not None:
                _steps(panels[-1, column], drawn.stages[name], colour, marker, label)
        _finish_steps(panels[-1, column], len(measured[0].stages[name].blocks))
    for row in range(len(measured)):
        said = "" if control is None else ("trained\n", "untrained\n")[row]
        panels[row, 0].set_ylabel(f"{said}second principal axis")
    next((axes for axes in panels[-1] if axes.axison), panels[-1, 0]).set_ylabel("step / mean step")
    legend_below(figure, panels[-1])
    return figure


def _plane(axes: Axes, stage: Spectra, colour: str) -> None:
    states = kept(stage, "states")
    if states is None:
        say_in_panel(axes, "states were not kept")
        return
    shown = stage.isel(input=slice(0, _SHOWN_INPUTS))
    path = _in_plane(ordered(shown.states))
    colours = _class_colours(shown, path.shape[1], colour)
    for item, own in enumerate(colours):
        axes.plot(path[:, item, 0], path[:, item, 1], color=own, linewidth=0.6, marker="o", markersize=1.6)
        axes.plot(*path[0, item], "o", color="white", markeredgecolor=own, markersize=2.4)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("first principal axis")
    axes.margins(0.1)


def _in_plane(states: Floats) -> Floats:
    """Return states [state, input, (token,) coordinate] in their principal plane, [state, trajectory, 2]."""
    rows = states.reshape(len(states), -1, states.shape[-1])
    plane: Floats = principal_plane(rows).coordinates
    return plane


def _class_colours(stage: Spectra, trajectories: int, colour: str) -> list[str]:
    """Return a colour for each trajectory: that of its class where there are labels and few classes, else one."""
    if "label" not in stage.dataset.coords or colour == CONTROL_COLOUR:
        return [colour] * trajectories
    labels: NDArray[np.int64] = stage.dataset["label"].values
    palette = list(OKABE_ITO.values())
    numbers = np.unique(labels, return_inverse=True)[1]
    if numbers.max() >= len(palette):
        palette = [f"C{index}" for index in range(10)]
    repeated = np.repeat(numbers, trajectories // len(labels))
    return [palette[number % len(palette)] for number in repeated]


def _finish_steps(axes: Axes, depth: int) -> None:
    if depth == 1:
        axes.clear()
        say_in_panel(axes, "a single step")
        return
    axes.axhline(1.0, color=THEORY_COLOUR, linewidth=0.6, linestyle=":", label="RA1: equal steps")
    axes.set_xlabel("step $l$")
    axes.set_xlim(0.5, depth + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    axes.set_ylim(0.0, 1.1 * axes.dataLim.y1)


def _steps(axes: Axes, stage: Spectra, colour: str, marker: str, label: str) -> None:
    if kept(stage, "states") is None:
        return
    lengths = np.asarray(step_lengths(ordered(stage.states)))
    lengths = lengths.reshape(len(lengths), -1)
    mean = lengths.mean(axis=0)
    relative = np.divide(lengths, mean, out=np.full_like(lengths, np.nan), where=mean > 0)
    error_bars(axes, np.arange(1.0, len(lengths) + 1), relative, colour=colour, marker=marker, label=label)
