"""The figure of S13 shows the numbers it was given."""

import numpy as np

from ramodel.experiments.demonstrations.s13_stochastic_depth import demonstrate
from ramodel.report.stochastic_depth import draw_stochastic_depth


def test_points_and_lines_are_the_numbers():
    dataset = demonstrate(quick=True, progress=False)
    mean, variance, optimum = draw_stochastic_depth(dataset).axes
    lines = {line.get_label(): line.get_ydata() for line in mean.lines}
    np.testing.assert_array_equal(lines["S13: closed form, plain"], dataset["mean"].values[0])
    np.testing.assert_array_equal(lines["all $2^L$ patterns, rescaled"], dataset.mean_enumerated.values[1])
    drawn = variance.containers[1].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, dataset.variance_drawn.values[1] / dataset.mean_drawn.values[1] ** 2)
    np.testing.assert_array_equal(optimum.lines[0].get_ydata(), dataset.optimum.values[0])
    np.testing.assert_array_equal(optimum.containers[1].lines[0].get_ydata(), dataset.found.values[1].mean(axis=1))
