"""S6 and S18 against 50 digits, brute-force minimisation and finite differences."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.theory import NuclearModel
from tests.reference import theory as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, residual_models
from tests.tolerances import CLOSED_FORM, DENSE_FLOAT64, LAST_DIGITS, MINIMISER, MINIMISER_POINT, ROUNDING

MODEL = NuclearModel(8, 0.02, 0.01)
BOTH = pytest.mark.parametrize("embedding_decay", [None, 0.03], ids=["head", "head and embedding"])


def decays(model):
    return model.depth, model.jacobian_decay, model.head_decay, model.embedding_decay


def relative_error(value, exact):
    return float(abs(mpmath.mpf(float(value)) / exact - 1)) if exact else float(value)


@st.composite
def singular_values(draw):
    """(model, m): anywhere in 1e-150..1e150, or close above and below the threshold."""
    model = draw(residual_models(NuclearModel))
    near = st.builds(lambda sign, gap: 1.0 + sign * gap, st.sampled_from([-1, 1]), powers_of_ten(-16, -1))
    return model, draw(powers_of_ten(-150, 150) | near.map(lambda u: u * model.unit))


@given(singular_values())
def test_s_is_right_to_the_last_digits_even_near_the_threshold(case):
    model, m = case
    assert relative_error(model.jacobian_singular_value(m), reference.nuclear_s(m, *decays(model))) < LAST_DIGITS


@given(residual_models(NuclearModel), powers_of_ten(-16, 3))
def test_prediction_from_the_head_is_right_near_the_threshold(model, gap):
    w = np.sqrt(model.decay_ratio) * (1.0 + gap)
    with mpmath.workdps(100):
        exact = mpmath.mpf(float(w)) ** 2 * mpmath.mpf(model.head_decay) / mpmath.mpf(model.jacobian_decay) - 1
    assert relative_error(model.from_head(w), max(exact, mpmath.mpf(0))) < ROUNDING


@given(residual_models(NuclearModel, depths=powers_of_ten(0, 3)), powers_of_ten(-8, 0.3))
def test_s_of_m_inverts_m_of_s(model, s):
    try:
        m = model.end_to_end_singular_value(s)
    except OverflowError:
        return
    total = model.depth + 0.5 * model.ends
    assert model.jacobian_singular_value(m) == pytest.approx(s, rel=ROUNDING * (1 + (1 + s) / (total * s)))


@pytest.mark.parametrize("m", [1e-3, 0.8, 4.0, 300.0])
@BOTH
def test_no_factorisation_costs_less(m, embedding_decay):
    """Over all layers apart, the least decay is c_L(m), with the w of the theory, on both sides of the threshold."""
    model = NuclearModel(5, 0.02, 0.01, embedding_decay)
    cost, s, w = reference.least_cost("nuclear", m, *decays(model))
    assert model.cost(m) == pytest.approx(cost, rel=MINIMISER)
    np.testing.assert_allclose(s, model.layer_profile(m), rtol=MINIMISER_POINT, atol=0.01 * MINIMISER_POINT)
    assert model.head_singular_value(m) == pytest.approx(w, rel=MINIMISER_POINT)


@given(residual_models(NuclearModel, depths=powers_of_ten(0, 4)), powers_of_ten(-4, 6))
def test_cost_head_and_embedding_share_the_decay(model, u):
    """lam_W w^2 (+ lam_E e^2) + 2 L lam_J s is the cost, and w (e) (1 + s)^L is m."""
    m = u * model.unit
    s, w = model.jacobian_singular_value(m), model.head_singular_value(m)
    energy, ends = model.head_decay * w**2, w
    if model.embedding_decay is not None:
        e = model.embedding_singular_value(m)
        energy, ends = energy + model.embedding_decay * e**2, w * e
    assert model.cost(m) == pytest.approx(energy + 2 * model.depth * model.jacobian_decay * s, rel=ROUNDING)
    assert np.log(ends) + model.log_gain(m) == pytest.approx(np.log(m), rel=ROUNDING, abs=ROUNDING)
    if s > 0.0:
        assert model.from_head(w) == pytest.approx(s, rel=ROUNDING * (1 + 1 / s))


@pytest.mark.parametrize("u", [1.5, 40.0, 1e6])
@pytest.mark.parametrize("depth", [0.7, 8, 1000])
@BOTH
def test_slopes_are_derivatives(u, depth, embedding_decay):
    model = NuclearModel(depth, 0.02, 0.01, embedding_decay)
    m, rest = u * model.unit, decays(model)[1:]
    exponent = reference.slope(lambda length: reference.nuclear_s(m, length, *rest), depth)
    assert model.depth_exponent(m) == pytest.approx(float(exponent), rel=CLOSED_FORM)
    cost = [model.cost(x) for x in (m * np.exp(-1e-5), m * np.exp(1e-5))]
    assert model.cost_slope(m) == pytest.approx((cost[1] - cost[0]) / 2e-5, rel=MINIMISER)


@BOTH
def test_threshold_separates_zero_from_growth(embedding_decay):
    model = NuclearModel(8, 0.02, 0.01, embedding_decay)
    below, above = model.threshold * (1 - 1e-15), model.threshold * (1 + 1e-15)
    assert model.jacobian_singular_value(below) == 0.0 < model.jacobian_singular_value(above) < 1e-15
    assert model.cost(below) == pytest.approx(model.cost(above), rel=LAST_DIGITS)
    assert model.head_singular_value(below) == pytest.approx(model.head_singular_value(above), rel=LAST_DIGITS)
    assert model.cost(model.threshold) == pytest.approx(model.ends * model.jacobian_decay, rel=LAST_DIGITS)


def test_ridge_below_the_threshold():
    m = 0.5 * MODEL.threshold
    assert MODEL.head_singular_value(m) == pytest.approx(m, rel=LAST_DIGITS)
    assert MODEL.cost(m) == pytest.approx(MODEL.head_decay * m**2, rel=LAST_DIGITS)
    assert np.isnan(MODEL.depth_exponent(m))
    assert MODEL.bounds(m) == (0.0, 0.0)
    assert MODEL.cost(0.0) == MODEL.head_singular_value(0.0) == 0.0


def test_a_plain_net_of_twice_the_depth_up_to_a_constant():
    """S6's duality: c_L(m) = (lowest decay of a plain net with 2L inner layers) - 2L lam_J, by AM-GM."""
    m = np.array([2.0, 50.0, 1e4])
    layers = 2 * MODEL.depth + 1
    log_product = np.log(MODEL.head_decay) + 2 * MODEL.depth * np.log(MODEL.jacobian_decay) + 2 * np.log(m)
    plain = layers * np.exp(log_product / layers)
    np.testing.assert_allclose(MODEL.cost(m), plain - 2 * MODEL.depth * MODEL.jacobian_decay, rtol=MINIMISER)


@pytest.mark.parametrize(
    "method", ["jacobian_singular_value", "head_singular_value", "cost", "bounds", "depth_exponent"]
)
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, [1.0, -1e-300]])
def test_bad_m_is_named(method, bad):
    with pytest.raises(ValueError, match=r"^m"):
        getattr(MODEL, method)(bad)


@pytest.mark.parametrize(("method", "name"), [("end_to_end_singular_value", "s"), ("from_head", "w")])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_s_and_w_are_named(method, name, bad):
    with pytest.raises(ValueError, match=rf"^{name} is"):
        getattr(MODEL, method)(bad)


def test_overflow_is_said():
    with pytest.raises(OverflowError, match=r"^m exceeds"):
        NuclearModel(10**6, 1.0, 1.0).end_to_end_singular_value(1.0)
    with pytest.raises(OverflowError, match=r"m / unit"):
        NuclearModel(8, 1e-20, 1.0).jacobian_singular_value(1e300)
    with pytest.raises(OverflowError, match=r"w\^2 / rho"):
        MODEL.from_head(1e200)
    with pytest.raises(OverflowError, match=r"the cost"):
        NuclearModel(1e-3, 1e200, 1.0).cost(1e220)
    with pytest.raises(OverflowError, match=r"^s exceeds"):
        NuclearModel(1e-3, 1.0, 1.0).jacobian_singular_value(1e200)


@given(orthogonal_matrices(4), orthogonal_matrices(3))
def test_factors_of_equal_energy_are_balanced(frame, turn):
    """From J = V diag(s) V^T: B = V sqrt(s) R^T, A' = R sqrt(s) V^T for any rotation R of the hidden units."""
    s = np.array([2.0, 0.7, 0.1])
    outer = (frame[:, :3] * np.sqrt(s)) @ turn.T
    inner = outer.T
    assert MODEL.factor_balance_error([inner, 2 * inner], [outer, 2 * outer]) < DENSE_FLOAT64
    assert MODEL.factor_balance_error([inner, inner], [outer, 1.1 * outer]) == pytest.approx(0.21, rel=DENSE_FLOAT64)
    eigenvalues, vectors = np.linalg.eigh(outer @ inner)  # B B^T = (J J^T)^(1/2) says the same
    np.testing.assert_allclose((vectors * np.abs(eigenvalues)) @ vectors.T, outer @ outer.T, atol=DENSE_FLOAT64)


def test_factors_of_nothing_are_balanced():
    assert MODEL.factor_balance_error(np.zeros((2, 3, 4)), np.zeros((2, 4, 3))) == 0.0
    assert MODEL.factor_balance_error(np.zeros((1, 1, 1)), np.ones((1, 1, 1))) == np.inf


def test_bad_factors_are_named():
    with pytest.raises(ValueError, match=r"^outer has shape \(2, 3, 4\)"):
        MODEL.factor_balance_error(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"^inner\[0, 0, 0\] is nan"):
        MODEL.factor_balance_error([[[np.nan]]], [[[1.0]]])
