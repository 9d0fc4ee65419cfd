"""S6 demonstrated: the optimiser's ranks and singular values are those of the closed form; free blocks keep theirs."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s06_threshold import demonstrate
from tests.tolerances import OPTIMISER


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


def test_ranks_are_the_steps(dataset):
    steps = (dataset.decay.values[:, None] < dataset.threshold.values).sum(axis=1)
    np.testing.assert_array_equal(dataset.nonzero.sel(model="nuclear"), steps)
    assert len(set(steps)) == dataset.sizes["decay"]  # the ranks do change
    assert (dataset.nonzero.sel(model="frobenius") == dataset.sizes["direction"]).all()


def test_singular_values_lie_on_the_curves(dataset):
    """The ends of the sweep are on both grids."""
    for end in (0, -1):
        found, curve = dataset.found.isel(decay=end), dataset.curve.isel(curve_decay=end)
        np.testing.assert_allclose(found, curve, atol=OPTIMISER)
    assert (dataset.curve.sel(model="nuclear").diff("curve_decay") <= 0.0).all()
