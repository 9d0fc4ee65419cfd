import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.theory import FrobeniusModel, KineticModel, NuclearModel
from ramodel.theory.optimum.penalty import SpectralPenalty
from tests.reference import optimum as reference
from tests.strategies import powers_of_ten, residual_models, seeds
from tests.tolerances import FINITE_DIFFERENCE, OPTIMISER, REDUCED

MODELS = [
    FrobeniusModel(5, 0.02, 0.01),
    FrobeniusModel(2.5, 0.3, 1.0),
    NuclearModel(3, 2.0, 1.0),
    KineticModel(4, 0.5, 0.2),
]
EMBEDDED = [FrobeniusModel(5, 0.02, 0.01, 0.03), NuclearModel(3, 0.02, 0.01, 0.03), KineticModel(3, 0.02, 0.01, 0.03)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 3)])
def test_value_and_derivatives(model, shape):
    rng = np.random.default_rng(0)
    penalty = SpectralPenalty.of([model] * 2)
    matrices, change, step = rng.standard_normal((2, *shape)), rng.standard_normal((2, *shape)), 1e-5
    value, gradient, kept = penalty.evaluate(matrices)
    np.testing.assert_allclose(value, [reference.spectral_penalty(m, model.cost) for m in matrices], rtol=REDUCED)
    (above, slope_above, _), (below, slope_below, _) = (penalty.evaluate(matrices + e * change) for e in (step, -step))
    np.testing.assert_allclose((above - below) / (2 * step), (gradient * change).sum((1, 2)), atol=FINITE_DIFFERENCE)
    product = penalty.hessian_product(kept, change)
    np.testing.assert_allclose((slope_above - slope_below) / (2 * step), product, atol=FINITE_DIFFERENCE)


@pytest.mark.parametrize("model", MODELS)
def test_derivatives_at_zero_equal_and_nearly_equal_singular_values(model):
    """Where differences are divided by differences: finite, and those of a matrix nearby."""
    change = np.random.default_rng(0).standard_normal((1, 3, 4))
    for m in ([0.0, 0.0, 0.0], [2.0, 2.0, 0.0], [2.0, 2.0 * (1 + 5e-16), 1e-300], [2.0, 2.0 * (1 + 2e-5), 1.0]):
        matrix = np.zeros((1, 3, 4))
        matrix[0, range(3), range(3)] = m
        penalty = SpectralPenalty.of([model])
        _, gradient, kept = penalty.evaluate(matrix)
        product = penalty.hessian_product(kept, change)
        _, above, _ = penalty.evaluate(matrix + 1e-6 * change)
        np.testing.assert_allclose((above - gradient) / 1e-6, product, atol=1e3 * FINITE_DIFFERENCE)


@pytest.mark.parametrize("model", EMBEDDED)
def test_balanced_halves_cost_what_the_whole_does(model):
    """S18: sigma = sqrt(m) in either half; the kink of the whole is gone."""
    m = np.array([[0.0, 1e-3, 0.5, 2.0, 30.0]])
    value, _, _ = SpectralPenalty.of([model]).scalars(np.sqrt(m))
    np.testing.assert_allclose(2.0 * value, 0.5 * model.cost(m), rtol=REDUCED)


@settings(max_examples=30)
@given(
    st.sampled_from([FrobeniusModel, NuclearModel]).flatmap(
        lambda kind: residual_models(kind, depths=st.integers(1, 50))
    ),
    powers_of_ten(-3, 3),
    seeds,
)
def test_scalars_are_half_the_cost_and_its_slope(model, size, seed):
    m = model.unit * size * np.random.default_rng(seed).uniform(0.1, 1.0, (1, 4))
    value, stiffness, _ = SpectralPenalty.of([model]).scalars(m if model.ends == 1 else np.sqrt(m))
    np.testing.assert_allclose(model.ends * value, 0.5 * model.cost(m), rtol=OPTIMISER)
    # phi'(m) = d c / d ln m / 2m; with an embedding the halves' stiffness is phi' itself.
    slope = stiffness * m if model.ends == 1 else stiffness
    np.testing.assert_allclose(slope, 0.5 * model.cost_slope(m) / m, rtol=OPTIMISER)


def test_each_matrix_has_its_own_model():
    models = [FrobeniusModel(2, 0.1, 0.2), FrobeniusModel(30.5, 0.02, 0.01)]
    matrices = np.random.default_rng(0).standard_normal((2, 3, 3))
    value, gradient, _ = SpectralPenalty.of(models).evaluate(matrices)
    for row, model in enumerate(models):
        alone, slope, _ = SpectralPenalty.of([model]).evaluate(matrices[[row]])
        assert value[row] == pytest.approx(alone[0], rel=REDUCED)
        np.testing.assert_allclose(gradient[row], slope[0], rtol=REDUCED)
    kept = SpectralPenalty.of(models).rows(np.array([1]))
    assert kept.evaluate(matrices[[1]])[0][0] == pytest.approx(value[1], rel=REDUCED)
