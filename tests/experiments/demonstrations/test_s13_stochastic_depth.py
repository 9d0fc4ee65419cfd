"""S13 demonstrated: four roads to one number."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s13_stochastic_depth import demonstrate
from tests.tolerances import DENSE_FLOAT64, MINIMISER_POINT


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


@pytest.mark.parametrize("moment", ["mean", "variance"])
def test_patterns_and_draws_agree_with_the_closed_form(dataset, moment):
    ends = dataset[moment].values[:, [0, -1]]  # where the line has the first and the last s
    np.testing.assert_allclose(dataset[f"{moment}_enumerated"].values[:, [0, -1]], ends, rtol=DENSE_FLOAT64)
    departure = np.abs(dataset[f"{moment}_drawn"] - dataset[f"{moment}_enumerated"])
    assert np.all(departure < 5.0 * dataset[f"{moment}_error"])


def test_a_minimiser_of_all_layers_apart_finds_equal_blocks_at_the_optimum(dataset):
    expected = dataset.optimum.interp(keep_line=dataset.keep.values[[0, -1]])
    for convention in range(2):
        for end in (0, -1):
            found = dataset.found.values[convention, end]
            np.testing.assert_allclose(found, expected.values[convention, end], rtol=MINIMISER_POINT)
