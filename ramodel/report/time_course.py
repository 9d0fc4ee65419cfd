"""S12: alignment against training time, and the invariant of gradient flow."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.panels import legend_below
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_time_course"]

_SIZES = {
    "asymmetry": (r"asymmetry $\|J_l - J_l^T\|\,/\,\|J_l\|$", "blocks become symmetric (S1a)"),
    "residual": (r"residual $\|R_l\|$ of S1", "and balanced with their neighbours (S1b)"),
    "imbalance": (r"imbalance $\|D_l\|$, $l<L$", "the invariant fades with decay only"),
}
_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": OKABE_ITO["blue"], "marker": "o"},
    {"color": OKABE_ITO["vermillion"], "marker": "s", "markerfacecolor": "none"},
    {"color": OKABE_ITO["green"], "marker": "+"},
)


def draw_time_course(dataset: xr.Dataset) -> Figure:
    """Draw the root mean squares over layers against decay times time, and the invariant's error by tolerance."""
    figure = Figure(figsize=(WIDTH_INCHES, 4.9))
    panels = figure.subplots(2, 2)
    for axes, name in zip(panels.flat, _SIZES, strict=False):
        _course(axes, dataset, name)
    _invariant(panels[1, 1], dataset)
    legend_below(figure, panels.flat, columns=3)
    return figure


def _course(axes: Axes, dataset: xr.Dataset, name: str) -> None:
    label, title = _SIZES[name]
    axes.set_title(title)
    time = dataset["scaled_time"].values
    for index, decay in enumerate(dataset["decay"].values):
        look = _LOOKS[index % len(_LOOKS)]
        size = dataset[name].values[index]
        axes.plot(time, size, linestyle="none", label=rf"simulated, $\lambda_J={decay:g}$", **look)
    control = dataset[f"{name}_without_decay"].values
    axes.plot(time, control, color=CONTROL_COLOUR, marker="x", label="control: no decay, same times as the last")
    last, rate = dataset[name].values[-1], float(dataset["rate"].values[-1])
    late = np.linspace(0.15 * time[-1], time[-1], 50)
    measured = float(dataset["measured_rate"].values[-1])
    axes.plot(
        late, last[-1] * np.exp(-rate * (late - time[-1])), color=THEORY_COLOUR,
        label=rf"predicted slowest rate ${rate:.3f}\,\lambda_J$ (asymmetry: measured ${measured:.3f}$)",
    )  # fmt: skip
    early = time[time < 0.2 * time[-1]]
    axes.plot(
        early, last[0] * np.exp(-early), color=THEORY_COLOUR, linestyle=":", linewidth=0.8,
        label=r"for comparison: rate $\lambda_J$",
    )  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlabel(r"training time $\lambda_J t$")
    axes.set_ylabel(label)


def _invariant(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("conserved without decay, up to the solver")
    tolerance = dataset["tolerance"].values
    axes.plot(
        tolerance, dataset["invariant_error"].values, linestyle="none", marker="D", color=OKABE_ITO["purple"],
        label="error of $D_l$, no decay",
    )  # fmt: skip
    axes.plot(tolerance, tolerance, color=THEORY_COLOUR, linestyle="--", linewidth=0.8, label="error = tolerance")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("relative tolerance of DOP853")
    axes.set_ylabel(r"largest change of an entry of $D_l$")
