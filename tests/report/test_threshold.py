"""The figure of S6 shows the numbers it was given."""

import numpy as np

from ramodel.experiments.demonstrations.s06_threshold import demonstrate
from ramodel.report.threshold import draw_threshold


def test_points_and_lines_are_the_numbers():
    dataset = demonstrate(quick=True, progress=False)
    left, right = draw_threshold(dataset).axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    np.testing.assert_array_equal(drawn["optimiser: two factors (nuclear)"], dataset.nonzero.sel(model="nuclear"))
    np.testing.assert_array_equal(drawn["optimiser: one matrix (Frobenius)"], dataset.nonzero.sel(model="frobenius"))
    steps = left.lines[0].get_ydata()
    np.testing.assert_array_equal(steps, (dataset.curve.sel(model="nuclear") > 0.0).sum("direction"))
    first = {line.get_label(): line.get_ydata() for line in right.lines}
    curve = dataset.curve.sel(model="frobenius").isel(direction=0)
    np.testing.assert_array_equal(first["closed form: one matrix (Frobenius)"], curve)
    vertical = [line.get_xdata()[0] for line in right.lines if line.get_linestyle() == ":"]
    np.testing.assert_array_equal(vertical, dataset.threshold)
    assert all(panel.get_xlabel() and panel.get_ylabel() for panel in (left, right))
