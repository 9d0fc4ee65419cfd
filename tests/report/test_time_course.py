"""The figure of S12 shows the numbers it was given."""

import numpy as np

from ramodel.experiments.demonstrations.s12_time_course import demonstrate
from ramodel.report.time_course import draw_time_course


def test_points_and_lines_are_the_numbers():
    dataset = demonstrate(quick=True, progress=False)
    *courses, invariant = draw_time_course(dataset).axes
    for axes, name in zip(courses, ("asymmetry", "residual", "imbalance"), strict=True):
        points, control, predicted, _ = axes.lines
        np.testing.assert_array_equal(points.get_ydata(), dataset[name].values[0])
        np.testing.assert_array_equal(control.get_ydata(), dataset[f"{name}_without_decay"])
        x, y = predicted.get_data()
        assert y[-1] == dataset[name].values[-1, -1]
        np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(x), -dataset.rate.values[-1])
    np.testing.assert_array_equal(invariant.lines[0].get_ydata(), dataset.invariant_error)
