"""Both readings of RA4: the top singular value across networks of different depth, and from layer to layer."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.experiments.confrontation.predictions import law_of
from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.metrics import depth_exponent
from ramodel.report.formatting import measured
from ramodel.report.laws.cells import MeasuredCell, Series, axis_named, measured_cells, series
from ramodel.report.laws.marks import claims_of, interval_of, label_ends, shade_band, theory_key, wrapped
from ramodel.report.panels import depth_axis, geometric_mean, log_axis, say_in_panel
from ramodel.report.style import THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_depth_law"]

_LAWS = {"frobenius": "--", "nuclear": "-"}
_FLAT = 0.2
"""Rise of 1/s_l within a network, in units of L, up to which its depth is not written at its end."""


def draw_depth_law(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw s_1 against L with the laws of S4 and S6, the fitted exponents, and 1/s_l within networks."""
    known = measured_cells(cells)
    axis = axis_named(known, "depth")
    found = series(known, config, axis)
    figure = Figure(figsize=(WIDTH_INCHES, 4.9))
    grid = figure.add_gridspec(2, 2, width_ratios=(1.35, 1), height_ratios=(1, 1))
    left = figure.add_subplot(grid[:, 0])
    if axis is None:
        say_in_panel(left, "an exponent needs networks of two depths")
    else:
        _across(left, found, axis)
    _exponents(figure.add_subplot(grid[0, 1]), found, config)
    _within(figure.add_subplot(grid[1, 1]), [one for one in found if not one.control])
    theory_key(
        figure, ("-", "S6, from the gain of the class means"), ("--", "S4, the same for one matrix"),
        (":", r"$c/(2L + 1)$; within networks: slope 1"),
    )  # fmt: skip
    return figure


def _across(axes: Axes, found: Sequence[Series], axis: str) -> None:
    ends: list[tuple[float, str, str]] = []
    depths: list[float] = []
    heights: list[float] = []
    for one in found:
        rows = [
            (value, *_positive_interval([cell.reading("top_singular_value") for cell in cells]))
            for value, cells in one.along(axis)
        ]
        rows = [row for row in rows if np.isfinite(row[1])]
        if not rows:
            continue
        x, centre, low, high = np.array(rows).T
        axes.errorbar(
            x, centre, [centre - low, high - centre], fmt=one.marker, color=one.colour,
            linestyle="--" if one.control else "none", linewidth=0.7, elinewidth=0.8,
        )  # fmt: skip
        depths += list(x)
        ends.append((centre[-1], one.label, "#555555" if one.control else one.colour))
        if not one.control:
            heights.append(float(np.exp(np.mean(np.log(centre * (2 * x + 1))))))
            law = law_of(one.cells[0].data)
            curve = [(value, _gain_predicted(cells, law)) for value, cells in one.along(axis)]
            curve = [point for point in curve if np.isfinite(point[1])]
            if len(curve) > 1:
                axes.plot(*np.array(curve).T, color=THEORY_COLOUR, linestyle=_LAWS[law], linewidth=0.9)
    if not depths:
        say_in_panel(axes, "no top singular value was measured")
        return
    axes.set_xscale("log", base=2)
    depth_axis(axes, [int(depth) for depth in depths])
    line = np.geomspace(min(depths), max(depths), 40)
    if heights:
        axes.plot(line, np.median(heights) / (2 * line + 1), color=THEORY_COLOUR, linewidth=0.9, linestyle=":")
    log_axis(axes.yaxis)
    axes.set_title("across networks")
    axes.set_xlabel("depth $L$")
    axes.set_ylabel("top singular value $s_1$ (median over layers and inputs)")
    label_ends(axes, ends)


def _positive_interval(values: Sequence[float]) -> np.ndarray:
    """Return the geometric mean of the positive values and its interval over seeds."""
    return np.exp(interval_of([math.log(value) for value in values if value > 0]))


def _gain_predicted(cells: Sequence[MeasuredCell], law: str) -> float:
    """Return s_1 from the gain of the class means, the geometric mean over networks; NaN where it was not measured."""
    known = [cell.data["gain_predicted"] for cell in cells if cell.has("gain_predicted")]
    values = [part.sel(law=law) for part in known if "law" in part.coords and law in part["law"].values]
    return geometric_mean(float(value.isel(rank=0)) for value in values)[0]


def _exponents(axes: Axes, found: Sequence[Series], config: SweepConfig) -> None:
    names: list[str] = []
    for one in found:
        points = [(cell.depth, cell.reading("top_singular_value")) for cell in one.cells]
        points = [point for point in points if point[0] > 0 and np.isfinite(point[1]) and point[1] > 0]
        if len({depth for depth, _ in points}) < 3:
            continue
        fit = depth_exponent(*np.array(points, dtype=float).T)
        slope, (low, high) = float(fit.slope), map(float, fit.interval)
        axes.errorbar(
            slope, len(names), xerr=[[slope - low], [high - slope]], fmt=one.marker, color=one.colour,
            markersize=4.5, elinewidth=1.0, capsize=2.0,
        )  # fmt: skip
        names.append(f"{wrapped(one.label, 20)}\n{measured(slope, (low, high), decimals=2)}")
    if not names:
        say_in_panel(axes, "an exponent needs networks of three depths")
        return
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.axvline(-1.0, color=THEORY_COLOUR, linewidth=0.9, linestyle=":")
    shade_band(axes, claims_of(config, "top_singular_value", "exponent"), "x")
    axes.set_title("exponent of $s_1$ in $L$ [95 %]; RA4: $-1$")


def _within(axes: Axes, found: Sequence[Series]) -> None:
    """Draw 1/s_l less its mean over layers, in units of L, against l/L: a diagonal for slope 1."""
    ends: list[tuple[float, str, str]] = []
    drawn = False
    for one in found:
        for depth in sorted({cell.depth for cell in one.cells}):
            alike = [cell for cell in one.cells if cell.depth == depth and cell.has("singular_value")]
            if not alike or depth < 2:
                continue
            inverse = np.mean([1.0 / cell.layer_tops() for cell in alike], axis=0)
            layers = np.arange(1, depth + 1) / depth
            height = (inverse - inverse.mean()) / depth
            axes.plot(layers, height, color=one.colour, marker=one.marker, markersize=2, linewidth=0.7, alpha=0.8)
            drawn = True
            if np.ptp(height) > _FLAT:
                ends.append((float(height[-1]), f"$L = {depth}$", one.colour))
    if not drawn:
        say_in_panel(axes, "no Jacobians were measured")
        return
    axes.plot([0, 1], [-0.5, 0.5], color=THEORY_COLOUR, linestyle=":", linewidth=0.9)
    axes.set_xlim(0.0, 1.02)
    axes.set_title("within networks; RA4: slope 1")
    axes.set_xlabel("relative layer $l / L$")
    axes.set_ylabel(r"($1 / s_l$ less its mean) / $L$")
    label_ends(axes, ends)
