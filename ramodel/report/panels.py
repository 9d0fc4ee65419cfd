"""What the figures share: a grid with a column for each block kind, the networks shown in it, the common marks."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.container import Container, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, ScalarFormatter
from numpy.typing import NDArray

from ramodel.experiments.confront import mean_interval
from ramodel.report.measurements import MeasuredNetwork, Measurements, networks
from ramodel.report.style import CONTROL_COLOUR, WIDTH_INCHES

__all__ = [
    "depth_axis",
    "describe",
    "error_bars",
    "finite_mean",
    "geometric_mean",
    "grid",
    "legend_below",
    "log_axis",
    "matrix_of_matrices",
    "mean_and_reach",
    "name_column",
    "say_in_panel",
    "trained_and_control",
]

Floats = NDArray[np.float64]
Shared = Literal["none", "row", "col", "all"]

_SHOWN_DEPTH = 16
"""Deepest network shown layer by layer: beyond it the marks of single layers run into each other."""


def grid(
    columns: Sequence[str], row_heights: Sequence[float], *, sharex: Shared = "none", sharey: Shared = "none"
) -> tuple[Figure, NDArray[np.object_]]:
    """Return a figure with a column for each name in `columns` and rows of these heights in inches."""
    figure = Figure(figsize=(WIDTH_INCHES * max(len(columns), 2) / 4 + 0.4, sum(row_heights) + 0.45))
    axes = figure.subplots(
        len(row_heights), len(columns), squeeze=False, height_ratios=row_heights, sharex=sharex, sharey=sharey
    )
    return figure, axes


def trained_and_control(
    measurements: Measurements, kind: str, controls: Sequence[str]
) -> tuple[MeasuredNetwork | None, MeasuredNetwork | None]:
    """Return the trained network of a kind that is shown layer by layer, and its control; None where there is none.

    The control is of the first arm in `controls` that was run, and one that has learnt where there is one. Of the
    depths up to 16 at which both exist, the deepest is shown.
    """
    trained = networks(measurements, kind=kind, arm="trained")
    arms = [networks(measurements, kind=kind, arm=arm) for arm in controls]
    control = next((found for found in arms if found), [])
    control = [net for net in control if net.has_learnt] or control
    shared = {net.depth for net in trained} & {net.depth for net in control}
    choice = shared or {net.depth for net in trained} or {net.depth for net in control}
    if not choice:
        return None, None
    depth = max((depth for depth in choice if depth <= _SHOWN_DEPTH), default=min(choice))
    return _first(trained, depth), _first(control, depth)


def name_column(axes: Axes, kind: str) -> None:
    """Write the block kind in bold above what the panel says of itself."""
    said = axes.get_title()
    bold = kind.replace("_", r"\_").replace(" ", r"\ ")
    axes.set_title(f"$\\bf{{{bold}}}$" + (f"\n{said}" if said else ""))


def log_axis(axis: Axis) -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2, 5 where it spans less than two decades."""
    (axis.axes.set_xscale if isinstance(axis, XAxis) else axis.axes.set_yscale)("log")
    low, high = sorted(axis.get_view_interval())
    axis.set_minor_formatter(NullFormatter())
    if low >= 1e-4 and high <= 1e5 and high / low < 100:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def depth_axis(axes: Axes, depths: Iterable[int]) -> None:
    """Mark the depths that were measured, and no others, on the axis below."""
    axes.set_xticks(sorted(set(depths)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()


def describe(network: MeasuredNetwork) -> str:
    """Return what a panel shows: "trained, L = 8", with the training accuracy of a network that learnt little."""
    accuracy = network.scalar("train_accuracy")
    poor = network.arm != "untrained" and accuracy < 0.9
    return f"{network.arm.replace('-', ' ')}, $L = {network.depth}$" + (
        f"\n(accuracy only {accuracy:.2f})" if poor else ""
    )


def mean_and_reach(values: Iterable[float]) -> tuple[float, float]:
    """Return the mean of the finite `values` and half of its 95 % interval; NaN, 0 where there is none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return math.nan, 0.0
    interval = mean_interval(finite)
    return float(np.mean(finite)), (interval[1] - interval[0]) / 2 if interval is not None else 0.0


def geometric_mean(values: Iterable[float]) -> tuple[float, float]:
    """Return the geometric mean of the finite positive `values` and the factor to its 95 % limits; NaN, 1 if none."""
    mean, reach = mean_and_reach(math.log(value) for value in values if math.isfinite(value) and value > 0)
    return math.exp(mean), math.exp(reach)


def finite_mean(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Return the mean of the finite `values` along `axis`; NaN where there is none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=axis)
    total = np.where(finite, values, 0.0).sum(axis=axis)
    mean: Floats = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return mean


def matrix_of_matrices(axes: Axes, blocks: Floats, names: Sequence[str]) -> AxesImage:
    """Show `blocks` [l, m, i, j], entries from 0 to 1, as a matrix (l, m) of matrices (i, j), parted by white lines."""
    count, ranks = blocks.shape[0], blocks.shape[-1]
    picture = blocks.transpose(0, 2, 1, 3).reshape(count * ranks, count * ranks)
    image = axes.imshow(picture, vmin=0.0, vmax=1.0, aspect="equal")
    centres = np.arange(count) * ranks + (ranks - 1) / 2
    axes.set_xticks(centres, names)
    axes.set_yticks(centres, names)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    for edge in np.arange(1, count) * ranks - 0.5:
        axes.axhline(edge, color="white", linewidth=0.8)
        axes.axvline(edge, color="white", linewidth=0.8)
    return image


def error_bars(axes: Axes, x: Floats, values: Floats, *, colour: str, marker: str, label: str) -> None:
    """Draw the median of `values` [x, sample] with bars over the middle half of the samples; NaN are left out."""
    kept = np.isfinite(values).any(axis=1)
    if not kept.any():
        return
    low, middle, high = np.nanquantile(values[kept], [0.25, 0.5, 0.75], axis=1)
    reach = np.stack([middle - low, high - middle])
    axes.errorbar(x[kept], middle, reach, fmt=marker, color=colour, label=label, markersize=3, elinewidth=0.7)


def legend_below(figure: Figure, panels: Iterable[Axes], *, columns: int = 6) -> None:
    """Put one legend below the figure, with an entry for every label used in `panels`."""
    entries: dict[str, Artist | Container] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        order = sorted(
            entries, key=lambda label: (label != "trained", not isinstance(entries[label], ErrorbarContainer))
        )
        handles: list[Any] = [entries[label] for label in order]
        figure.legend(handles, order, loc="outside lower center", ncols=columns)


def say_in_panel(axes: Axes, text: str) -> None:
    """Say in the middle of an otherwise empty panel why it shows nothing."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=CONTROL_COLOUR, wrap=True)


def _first(found: Sequence[MeasuredNetwork], depth: int) -> MeasuredNetwork | None:
    return next((net for net in found if net.depth == depth), None)
