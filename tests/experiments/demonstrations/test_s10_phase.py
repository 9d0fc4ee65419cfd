"""S10 demonstrated: the phase diagram is that of the reduced problem, and the unreduced optimiser agrees."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s10_phase import demonstrate
from ramodel.theory.configurations import stability_depth, threshold_depth
from tests.tolerances import REDUCED


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


def test_unreduced_optimiser_finds_the_same(dataset):
    np.testing.assert_allclose(dataset.check_unreduced, dataset.check_reduced, rtol=REDUCED)
    np.testing.assert_array_equal(dataset.check_unreduced_rank, dataset.check_reduced_rank)


def test_ranks_fall_with_depth_and_never_exceed_the_simplex(dataset):
    ranks = dataset.effective_rank.sel(classes=4)
    assert (ranks.diff("depth") <= 0).all()
    assert ranks.values.min() == 2
    assert ranks.values.max() == 3
    assert (dataset.value.sel(classes=4) <= dataset.simplex_value.sel(classes=4) * (1 + REDUCED)).all()


def test_boundaries_are_those_of_theory(dataset):
    decay = float(dataset.curve_decay[0])
    for classes in (4, 100):
        found = dataset.sel(classes=classes).isel(curve_decay=0)
        assert found.threshold_depth == threshold_depth(classes, decay, decay).depth
    assert found.stability_depth == stability_depth(100, decay, decay, deepest=64.0)
    assert dataset.stability_depth.sel(classes=4).isnull().all()
    assert dataset.effective_rank.sel(classes=100).isnull().all()
