"""The phase diagram shows the numbers it was given."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s10_phase import demonstrate
from ramodel.report.phase import draw_phase


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


def test_colours_lines_and_points_are_the_numbers(dataset):
    four, hundred = draw_phase(dataset).axes
    np.testing.assert_array_equal(four.collections[0].get_array(), dataset.effective_rank.sel(classes=4))
    lines = {line.get_label(): line for line in four.lines}
    pairs = lines["pairs as good as the simplex (first order)"]
    np.testing.assert_array_equal(pairs.get_ydata(), dataset.threshold_depth.sel(classes=4))
    assert "simplex turns into a saddle" not in lines  # there is none for four classes
    checks = lines["unreduced optimiser: the same"]
    np.testing.assert_array_equal(checks.get_xydata(), np.stack([dataset.check_decay, dataset.check_depth], axis=1))
    saddle = {line.get_label(): line for line in hundred.lines}["simplex turns into a saddle"]
    np.testing.assert_array_equal(saddle.get_ydata(), dataset.stability_depth.sel(classes=100))
    assert {text.get_text() for text in four.texts} == {"2", "3"}
    assert four.get_xlabel()
    assert four.get_ylabel() == "depth $L$"


@pytest.mark.parametrize(("factor", "name"), [(1.01, "a worse one"), (0.99, "a lower one")])
def test_a_check_that_found_another_optimum_is_marked(dataset, factor, name):
    other = dataset.assign(check_unreduced=dataset.check_unreduced * factor)
    labels = [line.get_label() for line in draw_phase(other).axes[0].lines]
    assert f"unreduced optimiser: {name}" in labels


def test_numbers_stand_in_their_regions(dataset):
    axes = draw_phase(dataset).axes[0]
    for text in axes.texts:
        decay, depth = text.get_position()
        rank = dataset.effective_rank.sel(classes=4, decay=decay, depth=depth, method="nearest")
        assert int(text.get_text()) == int(rank)
