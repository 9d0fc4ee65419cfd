"""S8 demonstrated: rotations cost a plain net nothing and its alignment everything; a net with skips pays."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s08_orbit import demonstrate
from tests.tolerances import DENSE_FLOAT64, OPTIMISER


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


def test_the_objective_of_a_plain_net_is_constant(dataset):
    np.testing.assert_allclose(dataset.objective.sel(model="plain"), 1.0, rtol=DENSE_FLOAT64)
    assert float(dataset.haar_objective.sel(model="plain")) == 1.0


def test_a_net_with_skips_pays_for_rotations(dataset):
    values = dataset.objective.sel(model="frobenius")
    np.testing.assert_allclose(values[0], 1.0, rtol=DENSE_FLOAT64)
    assert (values[1:] > 1.5).all()
    expected = float(dataset.haar_objective.sel(model="frobenius"))
    assert float(values[-1].mean()) == pytest.approx(expected, rel=0.2)


def test_own_alignment_is_lost_and_neighbours_stay(dataset):
    np.testing.assert_allclose(dataset.neighbour, 1.0, atol=OPTIMISER)
    np.testing.assert_allclose(dataset.own[0], 1.0, atol=OPTIMISER)
    assert (dataset.own[-1] < 0.9).all()
    rotated = dataset.affinity.sel(picture="plain, rotated").values
    np.testing.assert_allclose(np.diag(rotated, 1), 1.0, atol=OPTIMISER)
    assert np.diag(rotated).mean() < 0.9
    for aligned in ("plain, symmetric gauge", "frobenius"):
        np.testing.assert_allclose(dataset.affinity.sel(picture=aligned), 1.0, atol=OPTIMISER)


def test_cosines_are_chance(dataset):
    cosines = dataset.squared_cosine
    reach = 4.0 * float(cosines.std()) / np.sqrt(cosines.size)
    assert float(cosines.mean()) == pytest.approx(1.0 / dataset.attrs["width"], abs=reach)
