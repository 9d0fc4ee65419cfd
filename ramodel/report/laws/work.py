"""Work and energy of all families (S19), and which linear stand-in of a block obeys the linear theory."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import MeasuredCell, Series, measured_cells, series
from ramodel.report.laws.marks import interval_of, wrapped
from ramodel.report.panels import log_axis, say_in_panel
from ramodel.report.style import THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_work"]

_LAW_NAMES = {"frobenius": "S1", "nuclear": "S6"}


def draw_work(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw work against energy of every block, the departure against the gradient norm, Euler's identity, stand-ins."""
    found = series(measured_cells(cells), config)
    figure = Figure(figsize=(WIDTH_INCHES, 5.6))
    grid = figure.add_gridspec(2, 2)
    _identity(figure.add_subplot(grid[0, 0]), found)
    _departure(figure.add_subplot(grid[0, 1]), found)
    _euler(figure.add_subplot(grid[1, 0]), found)
    _stand_ins(figure.add_subplot(grid[1, 1]), found)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, [wrapped(label, 24) for label in labels], loc="outside lower center", ncols=4)
    return figure


def _blocks(cell: MeasuredCell) -> tuple[np.ndarray, np.ndarray]:
    energy, work = cell.array("block_energy", "layer"), cell.array("block_work", "layer")
    kept = np.isfinite(energy) & np.isfinite(work) & (energy > 0)
    return energy[kept], work[kept]


def _identity(axes: Axes, found: Sequence[Series]) -> None:
    seen: list[float] = []
    for one in sorted(found, key=lambda one: not one.control):
        pairs = [_blocks(cell) for cell in one.cells if cell.has("block_energy", "block_work")]
        if not pairs:
            continue
        energy, work = (np.concatenate(values) for values in zip(*pairs, strict=True))
        seen += list(energy)
        axes.plot(
            energy[work > 0], work[work > 0], linestyle="none", marker=one.marker, color=one.colour, markersize=3.2,
            markerfacecolor="none", label=one.label, zorder=1.8 if one.control else 2.2,
        )  # fmt: skip
    if not seen:
        say_in_panel(axes, "work and energy were not measured")
        return
    ends = np.array([min(seen) / 1.5, max(seen) * 1.5])
    axes.plot(ends, ends, color=THEORY_COLOUR, linewidth=0.9, zorder=1.5, label="S19: energy = work")
    log_axis(axes.xaxis)
    log_axis(axes.yaxis)
    axes.set_title("every block: work = energy")
    axes.set_xlabel(r"energy $\lambda_J \|B_l\|_F^2$")
    axes.set_ylabel(r"work $-\langle g_l, f_l(h_{l-1})\rangle$")


def _departure(axes: Axes, found: Sequence[Series]) -> None:
    """Draw how far each network is from S19 against how far it is from stationary."""
    drawn = False
    for one in found:
        for cell in one.cells:
            if not cell.has("block_energy", "block_work"):
                continue
            energy, work = _blocks(cell)
            stationarity = cell.scalar("stationarity")
            if not energy.size or not stationarity > 0:
                continue
            departure = np.median(np.abs(work / energy - 1.0))
            axes.plot(
                stationarity, max(float(departure), 1e-16), marker=one.marker, color=one.colour, markersize=4,
                markerfacecolor="none",
            )  # fmt: skip
            drawn = True
    if not drawn:
        say_in_panel(axes, "no gradient norm was measured")
        return
    log_axis(axes.xaxis)
    log_axis(axes.yaxis)
    axes.set_title("departure of each network, against its gradient")
    axes.set_xlabel("relative gradient norm reached")
    axes.set_ylabel("|work / energy $-$ 1|")


def _euler(axes: Axes, found: Sequence[Series]) -> None:
    drawn = False
    for one in found:
        if one.control:
            continue
        for cell in one.cells:
            if cell.has("euler_work", "head_energy") and cell.scalar("head_energy") > 0:
                ratio = cell.array("euler_work", "state") / cell.scalar("head_energy")
                axes.plot(
                    np.linspace(0, 1, ratio.size), ratio, marker=one.marker, color=one.colour, markersize=3,
                    linewidth=0.7, markerfacecolor="none",
                )  # fmt: skip
                drawn = True
    if not drawn:
        say_in_panel(axes, "work along the states was not measured")
        return
    axes.axhline(1.0, color=THEORY_COLOUR, linewidth=0.9)
    axes.set_title("Euler: constant where blocks are 1-homogeneous")
    axes.set_xlabel("relative layer $l / L$")
    axes.set_ylabel(r"$-\langle g_l, h_l\rangle\,/\,\lambda_W \|W\|_F^2$")


def _stand_ins(axes: Axes, found: Sequence[Series]) -> None:
    """Draw the departure from the linear law of each stand-in: the law that fits it better, by arm."""
    shown = [one for one in found if not one.control and any(cell.has("stand_in_error") for cell in one.cells)]
    if not shown:
        say_in_panel(axes, "linear stand-ins were not measured")
        return
    names = list(
        dict.fromkeys(
            str(name)
            for one in shown
            for cell in one.cells
            if "stand_in_error" in cell.data and "stand_in" in cell.data.coords
            for name in cell.data["stand_in"].values
        )
    )
    for offset, one in enumerate(shown):
        for row, name in enumerate(names):
            values, law = _best_law(one, name)
            centre, low, high = interval_of(values)
            if not np.isfinite(centre):
                continue
            place = row + 0.6 * ((offset + 0.5) / len(shown) - 0.5)
            axes.errorbar(
                centre, place, xerr=[[centre - low], [high - centre]], fmt=one.marker, color=one.colour, markersize=3.5,
                elinewidth=0.8, capsize=1.5,
            )  # fmt: skip
            axes.annotate(
                law, (high, place), xytext=(3, 0), textcoords="offset points", fontsize=5, color=one.colour,
                va="center", annotation_clip=True,
            )  # fmt: skip
    axes.set_yticks(range(len(names)), [wrapped(name.replace("_", " "), 16) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0.0, color=THEORY_COLOUR, linewidth=0.9)
    axes.set_xlim(left=-0.03 * axes.get_xlim()[1])
    axes.set_title("which stand-in obeys the linear law (S1, S6)?")
    axes.set_xlabel("departure from the law of the head (0: obeys)")


def _best_law(one: Series, stand_in: str) -> tuple[list[float], str]:
    """Return the median departure over layers of each network for the law that is met best, and its name."""
    rows: dict[str, list[float]] = {}
    for cell in one.cells:
        if not cell.has("stand_in_error") or stand_in not in [str(name) for name in cell.data["stand_in"].values]:
            continue
        errors = cell.data["stand_in_error"].sel(stand_in=stand_in)
        laws = [str(law) for law in errors["law"].values] if "law" in errors.dims else [""]
        for law in laws:
            part = errors.sel(law=law) if law else errors
            rows.setdefault(law, []).append(float(part.median()))
    rows = {law: values for law, values in rows.items() if np.isfinite(values).any()}
    if not rows:
        return [], ""
    law = min(rows, key=lambda name: float(np.nanmean(rows[name])))
    return rows[law], _LAW_NAMES.get(law, law)
