"""Stochastic depth: randomly dropped blocks penalise large singular values, the more the fewer are kept."""

from collections.abc import Mapping

import msgspec
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import MeasuredCell, Series, measured_cells
from ramodel.report.laws.marks import (
    accepted,
    along_axis,
    canvas,
    claims_of,
    reading_label,
    shade_band,
    theory_key,
    wrapped,
)
from ramodel.report.panels import say_in_panel
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR
from ramodel.theory import gain_variance

__all__ = ["draw_stochastic_depth_law"]

_KEPT = "network.keep_probability"
_READINGS = ("top_singular_value", "step_variation", "subspace_affinity", "test_accuracy")


def draw_stochastic_depth_law(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw the readings against the probability to keep a block, and the penalty of S13 that each network would pay."""
    found = [
        msgspec.structs.replace(cell, axes=cell.axes | {_KEPT: float(cell.setting(_KEPT) or 1.0)})
        for cell in measured_cells(cells)
    ]
    figure, panels = canvas((1.75, 1.6), 3)
    groups = [
        Series(label=label, control=control, colour=colour, marker=marker, cells=chosen)
        for label, control, colour, marker in (
            ("trained", False, OKABE_ITO["blue"], "o"),
            ("control", True, CONTROL_COLOUR, "x"),
        )
        if (chosen := tuple(cell for cell in found if cell.control is control))
    ]
    for axes, name in zip(list(panels.flat)[:4], _READINGS, strict=True):
        _reading(axes, groups, config, name)
    _spread(panels[1, 1], groups)
    _penalty(panels[1, 2], groups)
    theory_key(
        figure, ("-", "what $q = 1$ gives"), ("--", "S13: penalty at the blocks of $q = 1$"),
        control=any(one.control for one in groups),
    )  # fmt: skip
    return figure


def _reading(axes: Axes, groups: list[Series], config: SweepConfig, name: str) -> None:
    if along_axis(axes, groups, _KEPT, lambda cell: cell.reading(name), logarithmic=False, named=len(groups) > 1):
        whole = [cell.reading(name) for one in groups if not one.control for cell in one.cells if _kept(cell) == 1.0]
        whole = [value for value in whole if np.isfinite(value)]
        if whole:
            axes.axhline(float(np.mean(whole)), color=THEORY_COLOUR, linewidth=0.9)
            for claim in claims_of(config, name, "difference"):
                least, most = accepted(claim, float(np.mean(whole)))
                shade_band(
                    axes,
                    [msgspec.structs.replace(claim, summary="mean", at_least=least, at_most=most)],
                )
    axes.set_title(wrapped(reading_label(name), 32))


def _spread(axes: Axes, groups: list[Series]) -> None:
    """Draw max s_l / min s_l - 1 over layers: a penalty that is least for equal blocks makes them equal."""
    along_axis(axes, groups, _KEPT, _layer_spread, logarithmic=False, named=False)
    axes.set_title("spread of $s_l$ over layers:\nstandard deviation / mean")


def _penalty(axes: Axes, groups: list[Series]) -> None:
    """Draw the relative variance of the gain at the measured s_1, and at that of q = 1."""
    trained = [one for one in groups if not one.control]
    full = [cell.typical_top() for one in trained for cell in one.cells if _kept(cell) == 1.0]
    drawn = along_axis(axes, trained, _KEPT, _relative_variance, logarithmic=False, named=False)
    axes.set_title("penalty of S13: relative variance\nof the gain of dropped blocks")
    if not drawn:
        say_in_panel(axes, "not measured")
    elif full and np.isfinite(full).all():
        cell = trained[0].cells[0]
        kept = np.linspace(min(_kept(one) for one in trained[0].cells), 1.0, 40)
        curve = [_variance(float(np.mean(full)), cell, q) for q in kept]
        axes.plot(kept, curve, color=THEORY_COLOUR, linestyle="--", linewidth=0.9)


def _relative_variance(cell: MeasuredCell) -> float:
    return _variance(cell.typical_top(), cell, _kept(cell)) if cell.has("singular_value") else np.nan


def _variance(s: float, cell: MeasuredCell, q: float) -> float:
    rescaled = bool(cell.network.get("rescale_kept", False))
    mean = (1.0 + (s if rescaled else q * s)) ** cell.depth
    return float(gain_variance(s, cell.depth, q, rescaled=rescaled)) / mean**2


def _layer_spread(cell: MeasuredCell) -> float:
    top = cell.layer_tops()
    return float(np.std(top) / np.mean(top))


def _kept(cell: MeasuredCell) -> float:
    return float(cell.setting(_KEPT))
