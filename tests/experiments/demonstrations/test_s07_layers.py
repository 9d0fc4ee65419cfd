"""S7 demonstrated: lines of slope 1 and equal steps with transport cost, constants and growing steps without."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s07_layers import demonstrate
from tests.tolerances import OPTIMISER


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


def test_optima_follow_the_closed_forms(dataset):
    assert (dataset.gradient_norm <= 1e-10).all()
    np.testing.assert_allclose(dataset.eigenvalue, dataset.predicted, atol=OPTIMISER)
    np.testing.assert_allclose(dataset.step, dataset.predicted_step, atol=OPTIMISER)


def test_kinetic_blocks_fall_and_others_are_equal(dataset):
    used = dataset.predicted.sel(model="kinetic")[0] > 0.05 * dataset.predicted.sel(model="kinetic").max()
    slopes = (1.0 / dataset.eigenvalue.sel(model="kinetic")[:, used.values]).diff("layer")
    np.testing.assert_allclose(slopes, 1.0, atol=OPTIMISER)
    np.testing.assert_allclose(dataset.step.sel(model="kinetic"), 1.0, atol=OPTIMISER)
    np.testing.assert_allclose(dataset.detour.sel(model="kinetic"), 0.0, atol=OPTIMISER)
    for model in ("frobenius", "nuclear"):
        np.testing.assert_allclose(dataset.eigenvalue.sel(model=model).diff("layer"), 0.0, atol=OPTIMISER)
        assert (dataset.step.sel(model=model)[-1] > 1.05).all()


def test_singular_values_are_the_control(dataset):
    slopes = (1.0 / dataset.singular_value.sel(model="kinetic")[:, 0]).diff("layer")
    assert np.abs(slopes - 1.0).max() > 0.05
    np.testing.assert_allclose(
        dataset.singular_value.sel(model="frobenius"), dataset.eigenvalue.sel(model="frobenius"), atol=OPTIMISER
    )
