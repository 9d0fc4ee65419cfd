"""S1 with decays by layer: against 50 digits, brute-force minimisation and the model with equal decays."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from ramodel.theory import FrobeniusModel, LayerDecayModel
from tests.strategies import powers_of_ten
from tests.tolerances import DENSE_FLOAT64, EPS, MINIMISER, MINIMISER_POINT

ROUNDINGS = 40 * EPS


@st.composite
def models(draw):
    """Models of one to six blocks, with decays apart by up to a million, with and without embedding."""
    decays = draw(st.lists(powers_of_ten(-3, 3), min_size=1, max_size=6))
    return LayerDecayModel(decays, draw(powers_of_ten(-3, 3)), draw(st.none() | powers_of_ten(-3, 3)))


@given(models(), powers_of_ten(-100, 100))
def test_head_solves_the_equation_in_50_digits(model, m):
    w = float(model.head_singular_value(m))
    with mpmath.workdps(50):
        kappa = [mpmath.mpf(model.head_decay) * mpmath.mpf(w) ** 2 / mpmath.mpf(lam) for lam in model.jacobian_decay]
        product = mpmath.mpf(w)
        for k in kappa:
            product *= (1 + mpmath.sqrt(1 + 4 * k)) / 2
        if model.embedding_decay is not None:
            product *= w * mpmath.sqrt(mpmath.mpf(model.head_decay) / mpmath.mpf(model.embedding_decay))
        departure = abs(mpmath.log(product / mpmath.mpf(m)))
    assert departure < ROUNDINGS * (1.0 + abs(np.log(m))) * (model.depth + 2)


@given(models(), powers_of_ten(-2, 2))
def test_layers_follow_from_the_head(model, m):
    w, s = model.head_singular_value(m), model.layer_profile(m)
    np.testing.assert_allclose(
        model.jacobian_decay * s * (1.0 + s), np.full(model.depth, model.head_decay * w**2), rtol=ROUNDINGS
    )
    assert model.end_to_end_from_head(w) == pytest.approx(m, rel=DENSE_FLOAT64)


@given(st.integers(1, 50), powers_of_ten(-3, 3), st.none() | powers_of_ten(-2, 2), powers_of_ten(-5, 8))
def test_equal_decays_are_the_frobenius_model(depth, decay, embedding_decay, m):
    layered = LayerDecayModel(np.full(depth, decay), 0.3, embedding_decay)
    model = FrobeniusModel(depth, decay, 0.3, embedding_decay)
    np.testing.assert_allclose(layered.layer_profile(m), model.layer_profile(m), rtol=DENSE_FLOAT64)
    assert layered.cost(m) == pytest.approx(model.cost(m), rel=DENSE_FLOAT64)


@pytest.mark.parametrize("m", [0.01, 1.0, 40.0])
@pytest.mark.parametrize("embedding_decay", [None, 0.03])
def test_no_factorisation_costs_less(m, embedding_decay):
    """Over ln(1 + s_l), and the embedding, by a general minimiser."""
    model = LayerDecayModel([0.01, 0.05, 0.2], 0.02, embedding_decay)

    def cost(x):
        blocks = (model.jacobian_decay * np.expm1(x[:3]) ** 2).sum()
        if embedding_decay is None:
            return model.head_decay * (m * np.exp(-x[:3].sum())) ** 2 + blocks
        edge = np.exp(x[3])
        return model.head_decay * (m * np.exp(-x[:3].sum()) / edge) ** 2 + embedding_decay * edge**2 + blocks

    best = minimize(cost, np.zeros(3 if embedding_decay is None else 4), method="BFGS", options={"gtol": 1e-12})
    assert model.cost(m) == pytest.approx(best.fun, rel=MINIMISER)
    np.testing.assert_allclose(
        np.expm1(best.x[:3]), model.layer_profile(m), rtol=MINIMISER_POINT, atol=0.01 * MINIMISER_POINT
    )


def test_predicted_jacobians_are_balanced_and_zero_is_zero():
    model = LayerDecayModel([0.01, 0.05], 0.02)
    head = np.random.default_rng(0).standard_normal((2, 4))
    jacobians = model.predicted_jacobians(head)
    assert model.balance_error(jacobians, head) < DENSE_FLOAT64
    assert model.balance_error(jacobians[::-1], head) > 0.1
    assert (model.layer_profile([0.0, 1.0])[:, 0] == 0.0).all()
    assert model.cost(0.0) == model.head_singular_value(0.0) == 0.0


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="jacobian_decay has the entry 0"):
        LayerDecayModel([0.1, 0.0], 0.1)
    with pytest.raises(ValueError, match=r"jacobian_decay has shape \(\)"):
        LayerDecayModel(0.1, 0.1)
    with pytest.raises(ValueError, match="head_decay is 0"):
        LayerDecayModel([0.1], 0.0)
    with pytest.raises(ValueError, match="embedding_decay is -1"):
        LayerDecayModel([0.1], 0.1, -1)
    model = LayerDecayModel([0.1], 0.1)
    for method in ("head_singular_value", "layer_profile", "cost", "layers_from_head", "end_to_end_from_head"):
        with pytest.raises(ValueError, match="is -1"):
            getattr(model, method)(-1.0)
    with pytest.raises(OverflowError, match="m exceeds"):
        model.end_to_end_from_head(1e200)
    with pytest.raises(ValueError, match=r"jacobians has shape \(2, 1, 1\)"):
        model.balance_error(np.zeros((2, 1, 1)), [[1.0]])
    with pytest.raises(ValueError, match=r"head has shape \(1,\)"):
        model.predicted_jacobians([1.0])
