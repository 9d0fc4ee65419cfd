"""S13: stochastic depth, closed forms against patterns, draws and a minimiser."""

from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.panels import legend_below, log_axis
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_stochastic_depth"]

_LOOKS: dict[str, dict[str, Any]] = {
    "plain": {"color": OKABE_ITO["blue"], "marker": "o"},
    "rescaled": {"color": OKABE_ITO["vermillion"], "marker": "s"},
}
_DASHES = {"plain": "-", "rescaled": "-."}
_MOMENTS = {"mean": "mean of the gain", "variance": "its variance / mean$^2$: the penalty"}


def draw_stochastic_depth(dataset: xr.Dataset) -> Figure:
    """Draw mean and relative variance of the gain against s, and s at the optimum against the probability to keep."""
    figure = Figure(figsize=(WIDTH_INCHES, 2.9))
    panels = figure.subplots(1, 3)
    for axes, moment in zip(panels, _MOMENTS, strict=False):
        _moment(axes, dataset, moment)
    _optimum(panels[2], dataset)
    legend_below(figure, panels, columns=3)
    return figure


def _moment(axes: Axes, dataset: xr.Dataset, moment: str) -> None:
    axes.set_title(f"{_MOMENTS[moment]}\n$L={dataset.attrs['depth']}$, $q={dataset.attrs['keep_of_moments']:g}$")
    line, s = dataset["line"].values, dataset["s"].values
    for convention, look in _LOOKS.items():
        part = dataset.sel(convention=convention)
        unit, unit_enumerated, unit_drawn = (
            part[f"mean{road}"].values ** 2 if moment == "variance" else 1.0 for road in ("", "_enumerated", "_drawn")
        )
        axes.plot(
            line, part[moment].values / unit, color=THEORY_COLOUR, linestyle=_DASHES[convention], linewidth=0.8,
            label=f"S13: closed form, {convention}",
        )  # fmt: skip
        if moment == "variance":
            axes.plot(
                line, part["small_noise"].values / unit, color=THEORY_COLOUR, linestyle=":", linewidth=0.8,
                label="equivalent decay (small noise)",
            )  # fmt: skip
        axes.plot(
            s, part[f"{moment}_enumerated"].values / unit_enumerated, linestyle="none", color=look["color"],
            marker="+", markersize=7, label=f"all $2^L$ patterns, {convention}",
        )  # fmt: skip
        drawn, reach = (part[f"{moment}_{name}"].values / unit_drawn for name in ("drawn", "error"))
        axes.errorbar(
            s, drawn, 2.0 * reach, linestyle="none", markerfacecolor="none", elinewidth=0.7,
            label=f"Monte Carlo, {convention}", **look,
        )  # fmt: skip
    log_axis(axes.xaxis)
    log_axis(axes.yaxis)
    axes.set_xlabel("singular value $s$")


def _optimum(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title(f"optimum: noise shrinks the blocks\n$y={dataset.attrs['target']:g}$")
    keeps = dataset["keep"].values
    for convention, look in _LOOKS.items():
        part = dataset.sel(convention=convention)
        axes.plot(part["keep_line"], part["optimum"], color=THEORY_COLOUR, linestyle=_DASHES[convention], linewidth=0.8)
        found = part["found"].values
        middle = found.mean(axis=1)
        reach = [middle - found.min(axis=1), found.max(axis=1) - middle]
        axes.errorbar(
            keeps, middle, reach, linestyle="none", elinewidth=0.7, label=f"minimiser, all $s_l$ free, {convention}",
            **look,
        )  # fmt: skip
    axes.axhline(
        float(dataset["optimum"].values[0, -1]), color=CONTROL_COLOUR, linewidth=0.8,
        label="control: all blocks kept (S2)",
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlabel("probability $q$ to keep a block")
    axes.set_ylabel("singular values $s_l$")
