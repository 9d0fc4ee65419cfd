"""S15: the descent path, and gradient descent with and without a spare direction."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.panels import legend_below
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES, kind_colour

__all__ = ["draw_descent"]

_OFF = OKABE_ITO["vermillion"]


def draw_descent(dataset: xr.Dataset) -> Figure:
    """Draw F along the path, and the smallest eigenvalue of I + J_l against the steps of gradient descent."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.1))
    path, none, spare = figure.subplots(1, 3, width_ratios=(1.0, 1.15, 1.15))
    spare.sharey(none)
    _path(path, dataset)
    _descent(none, dataset.sel(spare=0), "$d = C$: no spare direction")
    _descent(spare, dataset.sel(spare=1), "$d = C + 1$")
    spare.tick_params(labelleft=False)
    none.set_ylabel(r"smallest eigenvalue of $I + J_l$")
    legend_below(figure, (path, none, spare), columns=4)
    return figure


def _path(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("path from a point off the branch")
    axes.plot(
        dataset["curve_theta"],
        dataset["change"],
        color=THEORY_COLOUR,
        linewidth=0.8,
        label=r"$-\lambda_J s\,(1-\cos\theta)$",
    )
    axes.plot(
        dataset["theta"],
        dataset["evaluated"],
        "o",
        color=kind_colour("linear"),
        markerfacecolor="none",
        label="$F$ evaluated",
    )
    axes.set_xticks([0.0, 1.5707963, 3.1415927], ["0", r"$\pi/2$", r"$\pi$"])
    axes.set_xlabel(r"angle $\theta$")
    axes.set_ylabel(r"$F(\theta) - F(0)$")


def _descent(axes: Axes, arm: xr.Dataset, name: str) -> None:
    """Draw every start, by where it ends."""
    least = arm["least"].values
    off = least[-1] < 0.0
    axes.set_title(f"{name}\n{off.sum()} of {off.size} starts end off the branch")
    for ends_off, colour, label in ((False, kind_colour("linear"), "ends on the branch"), (True, _OFF, "ends off it")):
        for k, start in enumerate(least[:, off == ends_off].T):
            axes.plot(arm["step"], start, color=colour, linewidth=0.7, alpha=0.8, label=label if k == 0 else None)
    axes.axhline(0.0, color=CONTROL_COLOUR, linewidth=0.6, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlabel("step of gradient descent")
