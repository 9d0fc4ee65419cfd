"""The figure of S9 shows the numbers it was given."""

import numpy as np

from ramodel.experiments.demonstrations.s09_norm_ratio import demonstrate
from ramodel.report.norm_ratio import draw_norm_ratio


def test_points_and_lines_are_the_numbers():
    dataset = demonstrate(quick=True, progress=False)
    left, right = draw_norm_ratio(dataset).axes
    medians = [container.lines[0].get_ydata() for container in left.containers]
    for model, drawn in zip(("frobenius", "nuclear", "plain"), medians, strict=False):
        np.testing.assert_array_equal(drawn, dataset.ratio.sel(model=model, quantile="median"))
    np.testing.assert_array_equal(medians[3], dataset.without_skip.sel(quantile="median"))
    lines = {line.get_label(): line for line in right.lines}
    label = next(label for label in lines if r"\ln(2L)/L" in label)
    assert f"c={dataset.attrs['constant']:.2f}" in label
    np.testing.assert_array_equal(lines[label].get_ydata(), dataset.curve.sel(law="logarithmic"))
    points = dataset.ratio.sel(model="frobenius", quantile="greatest") - 1.0
    np.testing.assert_array_equal(lines["Frobenius model"].get_ydata(), points)
    assert all(panel.get_xlabel() == "depth $L$" and panel.get_ylabel() for panel in (left, right))
