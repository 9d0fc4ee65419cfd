"""One setting is varied, readings follow: width, and any axis without a figure of its own."""

from collections.abc import Mapping

import xarray as xr
from matplotlib.figure import Figure

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.laws.cells import axis_named, measured_cells, series
from ramodel.report.laws.counterfactual import draw_counterfactual, shown_readings
from ramodel.report.laws.marks import canvas, reading_along_axis, theory_key

__all__ = ["draw_along_axis"]


def draw_along_axis(cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
    """Draw the claimed readings and the test accuracy along the axis of the sweep; as dots where it has none."""
    known = measured_cells(cells)
    axis = axis_named(known, "width") or axis_named(known)
    if axis is None:
        return draw_counterfactual(cells, config)
    found = series(known, config, axis)
    names = shown_readings(config)
    names = [*names[:5], "top_singular_value"] if "top_singular_value" not in names else names
    figure, panels = canvas((1.55, 1.55), 3)
    for index, (axes, name) in enumerate(zip(panels.flat, names, strict=False)):
        reading_along_axis(axes, found, config, axis, name, named=index % 3 == 2)
    for axes in list(panels.flat)[len(names) :]:
        axes.set_axis_off()
    theory_key(figure)
    return figure
