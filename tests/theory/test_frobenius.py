"""S1-S4 and S18 against 50 digits, brute-force minimisation and finite differences."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.theory import FrobeniusModel
from tests.reference import theory as reference
from tests.strategies import powers_of_ten, residual_models
from tests.tolerances import CLOSED_FORM, EPS, LAST_DIGITS, MINIMISER, MINIMISER_POINT, ROUNDING

TINY = np.finfo(np.float64).tiny
MODEL = FrobeniusModel(8, 0.02, 0.01)
BOTH = pytest.mark.parametrize("embedding_decay", [None, 0.03], ids=["head", "head and embedding"])


def decays(model):
    return model.depth, model.jacobian_decay, model.head_decay, model.embedding_decay


def relative_error(value, exact):
    return float(abs(mpmath.mpf(float(value)) / exact - 1))


@st.composite
def singular_values(draw):
    """(model, m): anywhere in 1e-150..1e150, or where s changes its regime."""
    model = draw(residual_models(FrobeniusModel))
    return model, draw(powers_of_ten(-150, 150) | powers_of_ten(-3, 9).map(lambda u: u * model.unit))


@given(singular_values())
def test_s_is_right_to_the_last_digits_and_bracketed(case):
    model, m = case
    exact = reference.frobenius_s(m, *decays(model))
    s = model.jacobian_singular_value(m)
    if exact < TINY:
        assert s <= 2 * TINY
        return
    assert relative_error(s, exact) < LAST_DIGITS < CLOSED_FORM
    lower, upper = model.bounds(m)
    assert float(lower) <= exact <= float(upper)
    assert lower <= s <= upper


@pytest.mark.parametrize("depth", [1e-6, 0.3, 1, 6.9536, 1e6, 1e12])
@pytest.mark.parametrize("m", [1e-150, 1e-9, 1.0, 1e9, 1e150, 1e199])
@BOTH
def test_s_at_the_ends_of_the_domain(depth, m, embedding_decay):
    model = FrobeniusModel(depth, 1.0, 1.0, embedding_decay)
    assert relative_error(model.jacobian_singular_value(m), reference.frobenius_s(m, *decays(model))) < LAST_DIGITS


@pytest.mark.parametrize(
    ("classes", "depth", "decay", "s"), [(4, 8, 0.01, 0.432415977882), (10, 4, 0.001, 0.916255138232)]
)
def test_s_of_the_table_in_s10(classes, depth, decay, s):
    """The leading s of S10's table solves its own balance, to the digits printed there."""
    model = FrobeniusModel(depth, decay, decay)
    m = model.end_to_end_singular_value(s)
    assert model.jacobian_singular_value(m) == pytest.approx(s, rel=LAST_DIGITS)
    if (classes, depth) == (4, 8):
        assert model.jacobian_singular_value(13.94885) == pytest.approx(s, rel=3e-7)  # seven digits of m


@given(singular_values())
def test_s_increases_with_m(case):
    model, m = case
    s = model.jacobian_singular_value(m * np.array([1.0, 1.0 + 1e-9, 1.001, 2.0]))
    assert (np.diff(s) >= -2 * EPS * s[1:]).all()
    if s[0] > TINY:
        assert s[0] < s[2] < s[3]


@given(residual_models(FrobeniusModel, depths=powers_of_ten(0, 3)), powers_of_ten(-8, 0.3))
def test_m_of_s_inverts_s_of_m(model, s):
    try:
        m = model.end_to_end_singular_value(s)
        back = model.jacobian_singular_value(m)
    except OverflowError:
        return
    condition = (0.5 * model.ends + (model.depth + model.ends) * s) / (1 + s)
    with mpmath.workdps(50):
        exact = (mpmath.mpf(s) * (1 + mpmath.mpf(s))) ** (mpmath.mpf(model.ends) / 2)
        exact *= (1 + mpmath.mpf(s)) ** mpmath.mpf(model.depth) * mpmath.mpf(model.unit)
    assert relative_error(m, exact) < ROUNDING * max(condition, 1.0)
    assert back == pytest.approx(s, rel=ROUNDING * 2)


@pytest.mark.parametrize("m", [1e-3, 0.8, 4.0, 300.0])
@BOTH
def test_no_factorisation_costs_less(m, embedding_decay):
    """S3: over all layers apart, the least decay is c_L(m), at equal s and the w of the theory."""
    model = FrobeniusModel(5, 0.02, 0.01, embedding_decay)
    cost, s, w = reference.least_cost("frobenius", m, *decays(model))
    assert model.cost(m) == pytest.approx(cost, rel=MINIMISER)
    np.testing.assert_allclose(s, model.layer_profile(m), rtol=MINIMISER_POINT, atol=0.01 * MINIMISER_POINT)
    assert model.head_singular_value(m) == pytest.approx(w, rel=MINIMISER_POINT)


@given(residual_models(FrobeniusModel, depths=powers_of_ten(0, 4)), powers_of_ten(-4, 6))
def test_cost_head_and_embedding_share_the_decay(model, u):
    """lam_W w^2 (+ lam_E e^2) + L lam_J s^2 is the cost, and w (e) (1 + s)^L is m."""
    m = u * model.unit
    s, w = model.jacobian_singular_value(m), model.head_singular_value(m)
    energy, ends = model.head_decay * w**2, w
    if model.embedding_decay is not None:
        e = model.embedding_singular_value(m)
        energy, ends = energy + model.embedding_decay * e**2, w * e
    assert model.cost(m) == pytest.approx(energy + model.depth * model.jacobian_decay * s**2, rel=ROUNDING)
    assert np.log(ends) + model.log_gain(m) == pytest.approx(np.log(m), rel=ROUNDING, abs=ROUNDING)
    assert model.from_head(w) == pytest.approx(s, rel=ROUNDING)


@pytest.mark.parametrize("m", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("depth", [0.7, 8, 1000])
@BOTH
def test_slopes_are_derivatives(m, depth, embedding_decay):
    model = FrobeniusModel(depth, 0.02, 0.01, embedding_decay)
    rest = decays(model)[1:]
    exponent = reference.slope(lambda length: reference.frobenius_s(m, length, *rest), depth)
    assert model.depth_exponent(m) == pytest.approx(float(exponent), rel=CLOSED_FORM)

    def cost(x):
        s = reference.frobenius_s(x, depth, *rest)
        return mpmath.mpf(model.jacobian_decay) * (model.ends * s + (mpmath.mpf(depth) + model.ends) * s**2)

    with mpmath.workdps(50):
        slope = reference.slope(cost, m) * cost(mpmath.mpf(m))
    assert model.cost_slope(m) == pytest.approx(float(slope), rel=CLOSED_FORM)


def test_exponent_tends_to_minus_one_from_above_and_can_be_steeper():
    shallow, deep = (FrobeniusModel(depth, 1.0, 1.0).depth_exponent(1.0) for depth in (10, 10**6))
    assert -1.0 < deep < shallow < 0.0
    model = FrobeniusModel(8, 1.0, 1.0)
    for m in (10.0, 100.0, 1000.0):
        s = model.jacobian_singular_value(m)
        steeper = 2 * 8 * ((1 + s) * np.log1p(s) - s) > 1 + 2 * s
        assert (model.depth_exponent(m) < -1.0) == steeper


@BOTH
def test_deep_cost_is_the_limit_of_cost(embedding_decay):
    departures = []
    for depth in (1e3, 1e5, 1e7):
        model = FrobeniusModel(depth, 0.02, 0.01, embedding_decay)
        departure = abs(model.deep_cost(5.0) / model.cost(5.0) - 1.0)
        assert departure < 2 * model.jacobian_singular_value(5.0)
        departures.append(departure)
    assert departures == sorted(departures, reverse=True)


def test_bounds_are_as_tight_as_s4_says():
    for depth in (8, 64, 1000):
        lower, upper = FrobeniusModel(depth, 1.0, 1.0).bounds(np.logspace(-6, 2, 200))
        assert (upper / lower - 1.0 < 0.017).all()


@BOTH
def test_zero_gives_zero(embedding_decay):
    model = FrobeniusModel(8, 0.02, 0.01, embedding_decay)
    for method in ("jacobian_singular_value", "end_to_end_singular_value", "head_singular_value", "from_head", "cost"):
        assert getattr(model, method)(0.0) == 0.0
    assert model.bounds(0.0) == (0.0, 0.0)
    assert model.depth_exponent(0.0) == 0.0
    assert model.deep_cost(0.0) == 0.0
    mixed = model.jacobian_singular_value([0.0, 1e150, 0.0, 1.0])  # zeros beside the largest values
    assert (mixed == model.jacobian_singular_value([0.0, 1e150])[[0, 1, 0, 0]])[:3].all()
    assert mixed[3] > 0.0


@pytest.mark.parametrize(
    "method",
    ["jacobian_singular_value", "head_singular_value", "cost", "deep_cost", "bounds", "depth_exponent"],
)
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, [1.0, -1e-300], [[1.0], [np.nan]]])
def test_bad_m_is_named(method, bad):
    with pytest.raises(ValueError, match=r"^m"):
        getattr(MODEL, method)(bad)


@pytest.mark.parametrize(("method", "name"), [("end_to_end_singular_value", "s"), ("from_head", "w")])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_s_and_w_are_named(method, name, bad):
    with pytest.raises(ValueError, match=rf"^{name} is"):
        getattr(MODEL, method)(bad)
    with pytest.raises(TypeError, match=rf"^{name} has"):
        getattr(MODEL, method)("one")


def test_overflow_is_said():
    with pytest.raises(OverflowError, match=r"^m exceeds"):
        FrobeniusModel(10**6, 1.0, 1.0).end_to_end_singular_value([1e-9, 1.0])
    with pytest.raises(OverflowError, match=r"m / unit reaches inf"):
        FrobeniusModel(8, 1e-20, 1.0).jacobian_singular_value(1e300)
    with pytest.raises(OverflowError, match=r"sqrt\(rho\)"):
        FrobeniusModel(8, 1e-6, 1.0).from_head(1e306)
    with pytest.raises(OverflowError, match=r"the cost"):
        FrobeniusModel(0.1, 1.0, 1.0).cost(1e200)
    with pytest.raises(OverflowError, match=r"slope"):
        FrobeniusModel(1e-3, 1.0, 1.0).cost_slope(1e200)
