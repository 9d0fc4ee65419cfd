"""S12 demonstrated: alignment with decay and only with it, the invariant within the tolerance."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s12_time_course import demonstrate


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


@pytest.mark.parametrize("name", ["asymmetry", "residual", "imbalance"])
def test_decay_alone_aligns(dataset, name):
    course, control = dataset[name].values[0], dataset[f"{name}_without_decay"].values
    assert course[-1] < 0.2 * course.max()
    assert control[-1] > 0.9 * control.max()
    assert course[0] == control[0]


def test_rates_are_below_that_of_the_decay(dataset):
    assert 0.0 < dataset.rate.item() < 1.0
    assert dataset.measured_rate.item() == pytest.approx(dataset.rate.item(), rel=0.3)  # at a quarter of the full time


def test_invariant_is_conserved_to_the_tolerance(dataset):
    assert np.all(dataset.invariant_error.values < dataset.tolerance.values)
