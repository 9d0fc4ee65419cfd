import numpy as np
import pytest

from ramodel.theory import FrobeniusModel, KineticModel, NuclearModel, PlainModel
from ramodel.theory.optimum import CrossEntropyLoss, SquaredLoss, minimise_spectral
from ramodel.theory.optimum.newton import descend
from ramodel.theory.optimum.objective import HalvesObjective, MapObjective
from ramodel.theory.optimum.penalty import SpectralPenalty
from tests.reference import optimum as reference
from tests.tolerances import FINITE_DIFFERENCE, OPTIMISER, PRINTED, REDUCED

LOSS = CrossEntropyLoss(None, np.arange(4), 4)
STARTS = 5.0 * np.random.default_rng(0).standard_normal((12, 4, 4))


def test_every_row_is_stationary_and_its_value_that_of_its_map():
    model = FrobeniusModel(8, 0.01, 0.01)
    descent = minimise_spectral(LOSS, model, STARTS)
    assert (descent.gradient_norms <= 1e-10).all()
    assert descent.values.min() == pytest.approx(0.022978259292, rel=PRINTED)
    loss = LOSS.evaluate(descent.maps)[0]
    costs = [reference.spectral_penalty(m, model.cost) for m in descent.maps]
    np.testing.assert_allclose(descent.values, loss + costs, rtol=REDUCED)


@pytest.mark.parametrize("embedding_decay", [None, 0.02])
def test_many_models_at_once_are_each_by_itself(embedding_decay):
    models = [FrobeniusModel(L, lam, 0.01, embedding_decay) for L in (1.5, 4, 30.25) for lam in (0.003, 0.02)]
    together = minimise_spectral(LOSS, models, STARTS[:6])
    for row, model in enumerate(models):
        alone = minimise_spectral(LOSS, model, STARTS[row : row + 1])
        assert together.values[row] == pytest.approx(alone.values[0], rel=REDUCED)


@pytest.mark.parametrize("model", [FrobeniusModel(5, 0.02, 0.01, 0.03), NuclearModel(3, 0.02, 0.01, 0.03)])
def test_halves_are_never_cheaper_than_their_product(model):
    """S3's inequalities: unbalanced halves cost more than the map, balanced ones as much."""
    rng = np.random.default_rng(0)
    objective = HalvesObjective(SquaredLoss(np.eye(3), np.zeros((3, 4))), SpectralPenalty.of([model]), 3)
    for _ in range(50):
        point = rng.standard_normal((1, 21)) * 10 ** rng.uniform(-1, 1)
        whole = objective.points(objective.maps(point))
        assert objective.evaluate(whole).value[0] <= objective.evaluate(point).value[0] * (1 + REDUCED)
        np.testing.assert_allclose(objective.maps(whole), objective.maps(point), atol=OPTIMISER)


@pytest.mark.parametrize("embedding_decay", [None, 0.03])
def test_gradient_and_hessian_of_the_objective(embedding_decay):
    models = [FrobeniusModel(5, 0.02, 0.01, embedding_decay)] * 2
    penalty = SpectralPenalty.of(models)
    objective = MapObjective(LOSS, penalty) if embedding_decay is None else HalvesObjective(LOSS, penalty, 3)
    size = 16 if embedding_decay is None else 24
    rng, step = np.random.default_rng(0), 1e-5
    points, change = rng.standard_normal((2, size)), rng.standard_normal((2, size))
    at, above, below = (objective.evaluate(points + e * change) for e in (0.0, step, -step))
    slope = (above.value - below.value) / (2 * step)
    np.testing.assert_allclose(slope, (at.gradient * change).sum(1), atol=FINITE_DIFFERENCE)
    product = objective.hessian_product(at.kept, change)
    np.testing.assert_allclose((above.gradient - below.gradient) / (2 * step), product, atol=FINITE_DIFFERENCE)


def test_saddles_are_left():
    """C = 10, lam = 0.1, L = 8: the simplex is a saddle (S10), and descent from near it ends below."""
    loss, model = CrossEntropyLoss(None, np.arange(10), 10), FrobeniusModel(8, 0.1, 0.1)
    simplex = np.eye(10) - 0.1
    on_it = minimise_spectral(loss, model, 7.0 * simplex[np.newaxis])
    near = minimise_spectral(loss, model, on_it.maps + 1e-6 * np.random.default_rng(0).standard_normal((1, 10, 10)))
    assert near.values[0] < on_it.values[0] * (1 - OPTIMISER)


def test_rank_is_limited_by_the_width():
    model = NuclearModel(4, 0.01, 0.01, 0.01)
    narrow, wide = (minimise_spectral(LOSS, model, STARTS, width=width) for width in (1, None))
    assert np.linalg.matrix_rank(narrow.maps, tol=OPTIMISER).max() == 1
    assert narrow.values.min() > wide.values.min()


def test_iterations_and_callback():
    seen = []
    descent = minimise_spectral(
        LOSS, FrobeniusModel(4, 0.01, 0.01), STARTS, max_iterations=3, callback=lambda *state: seen.append(state)
    )
    assert len(seen) == 3
    assert descent.gradient_norms.max() > 1e-10
    values = np.array([state[0].sum() for state in seen])
    assert (np.diff(values) <= 0).all()


def test_descent_ends_where_rounding_does():
    objective = MapObjective(LOSS, SpectralPenalty.of([FrobeniusModel(4, 0.01, 0.01)]))
    descent = descend(objective, STARTS[:1].reshape(1, -1), tolerance=1e-300)
    assert descent.gradient_norm[0] < 1e-12


def test_bad_arguments_are_named():
    model = FrobeniusModel(4, 0.01, 0.01)
    with pytest.raises(TypeError, match="loss is 'x'"):
        minimise_spectral("x", model, STARTS)
    with pytest.raises(ValueError, match=r"starts has shape \(12, 4, 3\)"):
        minimise_spectral(LOSS, model, STARTS[:, :, :3])
    with pytest.raises(ValueError, match="model has 2 entries and starts 12"):
        minimise_spectral(LOSS, [model] * 2, STARTS)
    with pytest.raises(ValueError, match="mixes classes"):
        minimise_spectral(LOSS, [model, KineticModel(4, 0.01, 0.01)], STARTS[:2])
    with pytest.raises(TypeError, match="PlainModel"):
        minimise_spectral(LOSS, PlainModel(4, 0.01, 0.01), STARTS)
    with pytest.raises(ValueError, match="tolerance is -1"):
        minimise_spectral(LOSS, model, STARTS, tolerance=-1)
