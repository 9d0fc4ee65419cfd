"""Along training: every property of Residual Alignment, with the rate at which weight decay aligns (S12)."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import MeasuredCell, Series, measured_cells, series
from ramodel.report.laws.marks import canvas, claims_of, label_ends, reading_label, shade_band, theory_key, wrapped
from ramodel.report.panels import log_axis, say_in_panel
from ramodel.report.style import THEORY_COLOUR
from ramodel.theory import alignment_rate

__all__ = ["draw_along_training", "draw_time_course_law"]

_MOST = 6
_FADING = "asymmetry"
"""The reading that S12 says fades exponentially."""


def draw_time_course_law(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw every reading taken during training against the iteration, and the rate of S12 beside the asymmetry."""
    found = series(measured_cells(cells), config)
    names = _names(found)
    if not names:
        figure, panels = canvas((2.0,), 1)
        say_in_panel(panels[0, 0], "nothing was measured along the training")
        return figure
    columns = min(len(names), 3)
    figure, panels = canvas((1.6,) * math.ceil(len(names) / columns), columns)
    for index, axes in enumerate(panels.flat):
        if index >= len(names):
            axes.set_axis_off()
            continue
        draw_along_training(axes, found, config, names[index], named=index % columns == columns - 1)
    theory_key(
        figure, ("--", "S12: slowest rate of active directions"), ("-", "of active and inactive ones"),
        band=bool(config.claims), control=any(one.control for one in found),
    )  # fmt: skip
    return figure


def draw_along_training(
    axes: Axes, found: Sequence[Series], config: SweepConfig, name: str, *, named: bool = True
) -> None:
    """Draw one reading along training: a thin line a network, a thick one the median of each series."""
    ends: list[tuple[float, str, str]] = []
    everything: list[float] = []
    for one in found:
        curves = [curve for cell in one.cells if (curve := _curve(cell, name)) is not None]
        for x, y in curves:
            axes.plot(x, y, color=one.colour, linewidth=0.5, alpha=0.6, linestyle="--" if one.control else "-")
            everything += [value for value in y if math.isfinite(value)]
        if curves:
            count = min(y.size for _, y in curves)
            middle = np.median([y[:count] for _, y in curves], axis=0)
            axes.plot(
                curves[0][0][:count], middle, color=one.colour, marker=one.marker, markersize=2.5, linewidth=1.2,
                linestyle="--" if one.control else "-",
            )  # fmt: skip
            ends.append((float(middle[-1]), one.label, "#555555" if one.control else one.colour))
    if not everything:
        say_in_panel(axes, "not measured")
        return
    fading = name == _FADING and min(everything) > 0
    if fading:  # an exponential is a straight line
        axes.xaxis.set_major_locator(MaxNLocator(3))
    else:
        axes.set_xscale("symlog", linthresh=_first_iteration(found, name), linscale=0.3)
    axes.set_xlim(left=0.0)
    axes.minorticks_off()
    if fading or (min(everything) > 0 and max(everything) / min(everything) > 30):
        axes.set_yscale("log")
        log_axis(axes.yaxis)
    limits = axes.get_ylim()
    if fading:
        _rate(axes, found)
        axes.set_ylim(*limits)
    shade_band(axes, claims_of(config, name, "mean", "worst"))
    axes.set_title(wrapped(reading_label(name), 32))
    axes.set_xlabel("iteration")
    if named and len(ends) > 1:
        label_ends(axes, ends)


def _rate(axes: Axes, found: Sequence[Series]) -> None:
    """Draw exp(-rate lam_J t) through the last look of each trained network that follows gradient flow."""
    for one in found:
        if one.control:
            continue
        for cell in one.cells[:1]:
            curve = _curve(cell, _FADING)
            for dashes, inactive in (("--", False), ("-", True)):
                rate = _predicted_rate(cell, inactive=inactive)
                if curve is None or not math.isfinite(rate) or not curve[1][-1] > 0:
                    continue
                x, y = curve
                line = np.linspace(0.0, x[-1], 200)
                falling = y[-1] * np.exp(rate * (x[-1] - line))
                axes.plot(line, falling, color=THEORY_COLOUR, linewidth=0.9, linestyle=dashes)


def _predicted_rate(cell: MeasuredCell, *, inactive: bool) -> float:
    """Return S12's slowest rate for each iteration of full-batch gradient descent; NaN where it does not apply.

    Pairs with an `inactive` direction, whose singular value is 0, are slower than pairs of active ones.
    """
    settings = cell.training
    decay, head = float(settings.get("jacobian_decay", 0.0)), float(settings.get("head_decay", 0.0))
    full_batch = settings.get("optimiser") == "sgd" and not settings.get("batch_size")
    if not (full_batch and decay > 0 and head > 0 and cell.has("singular_value") and cell.depth > 1):
        return math.nan
    s = np.median(cell.array("singular_value", "layer", "input", "rank"), axis=(0, 1))
    s = np.append(s[s > 1e-3 * s[0]], [0.0] if inactive else [])
    step = float(settings.get("learning_rate", math.nan)) / (1.0 - float(settings.get("momentum", 0.0)))
    try:
        return alignment_rate(s, cell.depth, decay / head) * decay * step
    except (ValueError, OverflowError):
        return math.nan


def _names(found: Sequence[Series]) -> list[str]:
    names = [
        str(name).removesuffix("_during")
        for one in found
        for cell in one.cells
        for name in cell.data.data_vars
        if str(name).endswith("_during")
    ]
    return list(dict.fromkeys(names))[:_MOST]


def _curve(cell: MeasuredCell, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    variable = f"{name}_during"
    if variable not in cell.data or "iteration" not in cell.data[variable].coords:
        return None
    values = cell.data[variable]
    order = np.argsort(values["iteration"].values)
    return values["iteration"].values[order].astype(float), values.values[order].astype(float)


def _first_iteration(found: Sequence[Series], name: str) -> float:
    curves = [curve for one in found for cell in one.cells if (curve := _curve(cell, name)) is not None]
    positive = [float(x[x > 0].min()) for x, _ in curves if (x > 0).any()]
    return min(positive, default=1.0)
