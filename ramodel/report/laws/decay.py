"""Weight decay: singular values and rank of the blocks, with the threshold of S6."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import MeasuredCell, Series, axis_named, measured_cells, series
from ramodel.report.laws.marks import along_axis, canvas, claims_of, reading_along_axis, theory_key
from ramodel.report.panels import say_in_panel
from ramodel.report.style import THEORY_COLOUR

__all__ = ["draw_weight_decay"]

_BANDS = ("rank_found", "subspace_affinity", "test_accuracy")
_FROM_HEAD = ("rank_error", "head_only_error", "head_scatter")


def draw_weight_decay(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw s_1, the rank that was found and predicted, and what came of it, against the decay."""
    known = measured_cells(cells)
    axis = axis_named(known, "jacobian_decay", "decay", "weight_decay") or axis_named(known)
    figure, panels = canvas((2.0, 1.6), 2)
    if axis is None:
        say_in_panel(panels[0, 0], "one decay only: nothing to compare")
        for axes in list(panels.flat)[1:]:
            axes.set_axis_off()
        return figure
    found = series(known, config, axis)
    _top(panels[0, 0], found, config, axis)
    _rank(panels[0, 1], found, config, axis)
    reading_along_axis(panels[1, 0], found, config, axis, "subspace_affinity", named=False)
    reading_along_axis(panels[1, 1], found, config, axis, "test_accuracy")
    theory_key(
        figure, ("-", "predicted from the head alone: $s_1$ (S1, S6), rank by the threshold of S6"),
        band=any(claims_of(config, name, "mean", "worst") for name in _BANDS),
        control=any(one.control for one in found),
    )  # fmt: skip
    return figure


def _top(axes: Axes, found: Sequence[Series], config: SweepConfig, axis: str) -> None:
    if along_axis(axes, found, axis, lambda cell: cell.reading("top_singular_value"), logarithmic=False, named=False):
        axes.set_ylim(bottom=0.0)
        for one in _predictable(found, config):
            rows = [(value, _predicted(cells)) for value, cells in one.along(axis)]
            rows = [row for row in rows if np.isfinite(row[1])]
            if rows:
                axes.plot(*np.array(rows).T, color=THEORY_COLOUR, linewidth=0.9, zorder=3)
    axes.set_title("top singular value of the blocks")
    axes.set_ylabel("$s_1$")


def _predictable(found: Sequence[Series], config: SweepConfig) -> list[Series]:
    """Return the arms of which a claim says that the head alone predicts them; all trained ones where none does."""
    named = {arm for claim in config.claims if claim.reading in _FROM_HEAD for arm in claim.arms}
    return [one for one in found if not one.control and (not named or one.cells[0].arm in named)]


def _predicted(cells: Sequence[MeasuredCell]) -> float:
    values = [
        float(cell.array("predicted_singular_value", "rank")[0])
        for cell in cells
        if cell.has("predicted_singular_value")
    ]
    return float(np.mean(values)) if values else np.nan


def _rank(axes: Axes, found: Sequence[Series], config: SweepConfig, axis: str) -> None:
    claims = claims_of(config, "rank_found", "mean", "worst")
    drawn = along_axis(
        axes, found, axis, lambda cell: cell.reading("rank_found"), logarithmic=False, bottom=0.0, whole=True,
        claims=claims,
    )  # fmt: skip
    if drawn:
        for one in _predictable(found, config):
            rows = [
                (value, float(np.nanmean(ranks)))
                for value, cells in one.along(axis)
                if np.isfinite(ranks := [cell.reading("rank_predicted") for cell in cells]).any()
            ]
            if rows:
                axes.plot(*np.array(rows).T, color=THEORY_COLOUR, linewidth=0.9, zorder=3)
    axes.set_title("rank of the blocks")
    axes.set_ylabel("numerical rank of $J_l$")
