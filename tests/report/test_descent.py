"""The figure of S15 shows the numbers it was given."""

import numpy as np

from ramodel.experiments.demonstrations.s15_path import demonstrate
from ramodel.report.descent import draw_descent


def test_points_and_lines_are_the_numbers():
    dataset = demonstrate(quick=True, progress=False)
    path, *arms = draw_descent(dataset).axes
    formula, evaluated = path.lines
    np.testing.assert_array_equal(formula.get_ydata(), dataset.change)
    np.testing.assert_array_equal(evaluated.get_ydata(), dataset.evaluated)
    for spare, axes in enumerate(arms):
        least = dataset.least.sel(spare=spare).values
        drawn = np.array([line.get_ydata() for line in axes.lines if len(line.get_xdata()) == least.shape[0]])
        np.testing.assert_array_equal(np.sort(drawn[:, -1]), np.sort(least[-1]))
        assert f"{(least[-1] < 0).sum()} of {least.shape[1]} starts end off the branch" in axes.get_title()
        assert axes.get_xlabel() == "step of gradient descent"
