import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.theory import FrobeniusModel, KineticModel, NuclearModel
from ramodel.theory.optimum.closed import least_convex, shrink
from ramodel.theory.optimum.penalty import SpectralPenalty
from tests.reference import optimum as reference
from tests.strategies import powers_of_ten, seeds
from tests.tolerances import MINIMISER, REDUCED

KINDS = [FrobeniusModel, NuclearModel, KineticModel]


@settings(max_examples=25)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 40),
    powers_of_ten(-3, 1),
    powers_of_ten(-3, 1),
    st.none() | powers_of_ten(-3, 1),
    powers_of_ten(-2, 2),
    powers_of_ten(-1, 2),
)
def test_nothing_lower_on_a_fine_grid(kind, depth, jacobian_decay, head_decay, embedding_decay, curvature, y):
    model = kind(depth, jacobian_decay, head_decay, embedding_decay)
    m = float(shrink(np.array([y]), curvature, model)[0])
    value = 0.5 * curvature * (m - y) ** 2 + 0.5 * float(model.cost(m))
    assert value <= reference.lowest_scalar(y, curvature, model.cost) * (1 + MINIMISER)


@pytest.mark.parametrize("depth", [2, 3, 8, 40])
def test_curvature_is_least_where_the_docstring_says(depth):
    model = FrobeniusModel(depth, 0.02, 0.01)
    turn = least_convex(model)
    m = turn * np.array([0.5, 0.9, 0.99, 1.0, 1.01, 1.1, 2.0])
    _, _, curvature = SpectralPenalty.of([model]).scalars(m[np.newaxis])
    assert (np.diff(curvature[0, :4]) < 0).all()
    assert (np.diff(curvature[0, 3:]) > 0).all()


def test_nuclear_below_the_threshold_is_ridge_regression():
    m = shrink(np.array([0.5, 0.1]), 2.0, NuclearModel(8, 1.0, 0.5))
    np.testing.assert_allclose(m, np.array([0.5, 0.1]) * 2.0 / 2.5, rtol=REDUCED)


def test_kinetic_with_embedding_is_a_soft_threshold():
    model = KineticModel(4, 0.2, 0.3, 0.1)
    slope = float(model.cost(1.0)) / 2
    m = shrink(np.array([3.0, 0.01, 0.0]), 2.0, model)
    np.testing.assert_allclose(m, [3.0 - slope / 2.0, 0.0, 0.0], rtol=REDUCED)


@given(seeds)
@settings(max_examples=10)
def test_order_is_kept(seed):
    y = np.sort(np.random.default_rng(seed).exponential(2.0, 12))
    for model in (FrobeniusModel(16, 0.05, 0.1), NuclearModel(16, 0.05, 0.1, 0.1)):
        assert (np.diff(shrink(y, 0.3, model)) >= 0).all()
