"""The sentence of the paper, word by word: RA1 to RA4 in every architecture and data set, with skips and without."""

from collections.abc import Mapping, Sequence

import xarray as xr
from matplotlib.figure import Figure

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import MeasuredCell, Series, measured_cells, series
from ramodel.report.laws.marks import reading_dots, theory_key
from ramodel.report.panels import say_in_panel
from ramodel.report.style import WIDTH_INCHES

__all__ = ["draw_paper"]

_PROPERTIES = {
    "line_shape": "RA1: on a line",
    "step_variation": "RA1: equispaced",
    "subspace_affinity": "RA2: aligned",
    "energy_outside": "RA3: rank $C$",
    "inverse_slope": "RA4: $1/s_l$, slope",
    "test_accuracy": "test accuracy",
}
_ARCHITECTURE = ("family", "stem")


def draw_paper(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw a panel for each property, a row for each architecture on each data set, its controls in grey."""
    known = measured_cells(cells)
    found = series(known, config)
    groups = list(dict.fromkeys(_group(one.cells[0]) for one in found))
    found.sort(key=lambda one: (groups.index(_group(one.cells[0])), one.control))
    height = 0.75 + 0.235 * max(len(found), 2)
    figure = Figure(figsize=(WIDTH_INCHES, height + 0.55))
    if not found:
        say_in_panel(figure.subplots(), "no network was measured")
        return figure
    panels = figure.subplots(1, len(_PROPERTIES), squeeze=False)[0]
    for column, (axes, (name, title)) in enumerate(zip(panels, _PROPERTIES.items(), strict=True)):
        reading_dots(axes, found, config, name)
        axes.set_title(title)
        if column:
            axes.set_yticks(axes.get_yticks(), [""] * len(found))
        for row in _parting(found):
            axes.axhline(row - 0.5, color="#cccccc", linewidth=0.6)
    theory_key(figure)
    return figure


def _group(cell: MeasuredCell) -> tuple[str, str]:
    architecture = " ".join(str(cell.network.get(field, "")) for field in _ARCHITECTURE)
    return architecture, str(cell.setting("data.dataset"))


def _parting(found: Sequence[Series]) -> list[int]:
    """Return the rows where another architecture or data set begins."""
    return [row for row in range(1, len(found)) if _group(found[row].cells[0]) != _group(found[row - 1].cells[0])]
