"""S7 against 50 digits, brute-force minimisation over all layers, gradients of the plain sums, and the optimiser."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.theory import KineticModel, equal_step_jacobians
from tests.reference import theory as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, residual_models, seeds
from tests.tolerances import (
    CLOSED_FORM,
    DENSE_FLOAT64,
    FINITE_DIFFERENCE,
    LAST_DIGITS,
    MINIMISER,
    MINIMISER_POINT,
    OPTIMISER,
    ROUNDING,
)

MODEL = KineticModel(8, 0.02, 0.01)
BOTH = pytest.mark.parametrize("embedding_decay", [None, 0.03], ids=["head", "head and embedding"])


def decays(model):
    return model.depth, model.jacobian_decay, model.head_decay


@st.composite
def heads_and_moments(draw, classes=2, width=4):
    """Head [C, d] and second moment [d, d] of inputs far from white, of full rank or of rank d - 1."""
    rng = np.random.default_rng(draw(seeds))
    turn = draw(orthogonal_matrices(width))
    sizes = np.geomspace(1.0, 0.05, width) * rng.uniform(0.5, 2.0)
    if draw(st.booleans()):
        sizes[-1] = 0.0
    moment = (turn * sizes) @ turn.T
    return rng.normal(size=(classes, width)) @ moment, (moment + moment.T) / 2


@given(residual_models(KineticModel, embedding=False), powers_of_ten(-100, 100))
def test_displacement_is_right_to_the_last_digits(model, u):
    m = float(u * model.unit)
    exact = reference.kinetic_t(m, *decays(model))
    assert float(abs(mpmath.mpf(float(model.displacement(m))) / exact - 1)) < LAST_DIGITS
    assert model.jacobian_singular_value(m) == pytest.approx(float(exact / mpmath.mpf(model.depth)), rel=LAST_DIGITS)
    lower, upper = model.bounds(m)
    assert lower <= float(exact / mpmath.mpf(model.depth)) * (1 + ROUNDING)
    assert float(exact / mpmath.mpf(model.depth)) <= upper * (1 + ROUNDING)


@given(residual_models(KineticModel, embedding=False), powers_of_ten(-8, 8))
def test_s_of_m_inverts_m_of_s_and_the_head_tells_s(model, t):
    s = t / model.depth
    m = model.end_to_end_singular_value(s)
    assert model.jacobian_singular_value(m) == pytest.approx(s, rel=2 * ROUNDING)
    assert model.from_head(model.head_singular_value(m)) == pytest.approx(s, rel=2 * ROUNDING)


@pytest.mark.parametrize("m", [1e-2, 1.0, 30.0])
@BOTH
def test_no_layers_cost_less(m, embedding_decay):
    """Over all states of one direction apart, the least cost is c_L(m), with equal steps."""
    model = KineticModel(5, 0.02, 0.01, embedding_decay)
    cost, s, w, e = reference.least_transport(m, *decays(model), embedding_decay)
    assert model.cost(m) == pytest.approx(cost, rel=MINIMISER)
    np.testing.assert_allclose(s, model.layer_profile(m), rtol=MINIMISER_POINT, atol=0.01 * MINIMISER_POINT)
    assert model.head_singular_value(m) == pytest.approx(w, rel=MINIMISER_POINT)
    if embedding_decay is not None:
        assert model.embedding_singular_value(m) == pytest.approx(e, rel=MINIMISER_POINT)


@given(residual_models(KineticModel, depths=powers_of_ten(0, 4)), powers_of_ten(-4, 6))
def test_shares_of_the_cost(model, u):
    """lam_W w^2 (+ lam_E e^2) + (lam_J/L) (t e)^2 is the cost, w (1 + t) (e) is m; S16: blocks to head as t to 1+t."""
    m = u * model.unit
    t, w = model.displacement(m), model.head_singular_value(m)
    e = 1.0 if model.embedding_decay is None else model.embedding_singular_value(m)
    head = model.head_decay * w**2
    blocks = model.jacobian_decay / model.depth * (t * e) ** 2
    embedding = 0.0 if model.embedding_decay is None else model.embedding_decay * e**2
    assert model.cost(m) == pytest.approx(head + blocks + embedding, rel=4 * ROUNDING)
    assert w * (1 + t) * e == pytest.approx(m, rel=4 * ROUNDING)
    assert blocks * (1 + t) == pytest.approx(head * t, rel=4 * ROUNDING)
    assert model.log_gain(m) == pytest.approx(np.log1p(t), rel=ROUNDING)
    assert model.cost_slope(m) == pytest.approx(2 * head, rel=4 * ROUNDING)


@pytest.mark.parametrize("u", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("depth", [0.7, 8, 1000])
def test_slopes_are_derivatives(u, depth):
    model = KineticModel(depth, 0.02, 0.01)
    m = u * model.unit
    exponent = reference.slope(lambda length: reference.kinetic_t(m, length, 0.02, 0.01) / length, depth)
    assert model.depth_exponent(m) == pytest.approx(float(exponent), rel=CLOSED_FORM)


def test_exponent_tends_to_three_quarters():
    assert KineticModel(10**9, 0.02, 0.01).depth_exponent(1e3) == pytest.approx(-0.75, abs=1e-3)


@given(residual_models(KineticModel, depths=st.integers(1, 40)), powers_of_ten(-3, 3))
def test_inverse_singular_values_are_a_line_of_slope_one(model, u):
    profile = model.layer_profile(u * model.unit)
    inverse = 1.0 / profile
    np.testing.assert_allclose(np.diff(inverse), 1.0, atol=ROUNDING * inverse.max())
    assert np.prod(1.0 + profile) == pytest.approx(1.0 + model.displacement(u * model.unit), rel=40 * ROUNDING)


def test_with_an_embedding_only_zero_is_different():
    model = KineticModel(4, 0.02, 0.01, 0.03)
    np.testing.assert_allclose(model.jacobian_singular_value([0.0, 1e-300, 5.0]), [0.0, 1.5, 1.5], rtol=LAST_DIGITS)
    np.testing.assert_allclose(model.from_head([0.0, 1e-9, 2.0]), [0.0, 1.5, 1.5], rtol=LAST_DIGITS)
    assert model.depth_exponent(2.0) == 0.0
    assert np.isnan(model.depth_exponent(0.0))
    assert model.bounds(2.0) == (model.jacobian_singular_value(2.0),) * 2
    assert model.head_singular_value(model.unit) ** 2 == pytest.approx(model.decay_ratio / 4, rel=ROUNDING)
    with pytest.raises(ValueError, match=r"^embedding_decay is set; .* s does not tell m"):
        model.end_to_end_singular_value(1.0)


@given(orthogonal_matrices(4), st.integers(1, 12))
def test_trajectories_go_in_equal_steps(frame, depth):
    model = KineticModel(depth, 0.02, 0.01)
    m = np.array([5.0, 0.3])
    vectors, s = frame[:, :2], model.jacobian_singular_value(m)
    x = np.random.default_rng(0).normal(size=(3, 4))
    states = model.trajectory(x, vectors, s)
    blocks = np.einsum("ik,lk,jk->lij", vectors, model.layer_profile(m), vectors)
    for row, path in zip(x, np.swapaxes(states, 0, 1), strict=True):
        expected = [row]
        for block in blocks:
            expected.append(expected[-1] + block @ expected[-1])
        np.testing.assert_allclose(path, expected, atol=DENSE_FLOAT64)
    steps = np.linalg.norm(np.diff(states, axis=0), axis=2)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), rtol=DENSE_FLOAT64)
    assert (model.step_cv(s) == 0.0).all()


@given(heads_and_moments(), st.integers(1, 4))
def test_prediction_is_a_critical_point_for_any_inputs(case, depth):
    """Where the head is stationary, loss and transport cost pull every block apart with the same strength."""
    head, moment = case
    model = KineticModel(depth, 0.02, 0.01)
    blocks = model.predicted_jacobians(head, moment)
    product = reference.collapsed(blocks)
    np.testing.assert_allclose(product, model.product_from_head(head, moment), atol=DENSE_FLOAT64)
    # lam_W W = -G X^T P^T, so that G X^T = -lam_W W P^{-T}.
    pull = -model.head_decay * head @ np.linalg.inv(product).T
    transport = reference.kinetic_gradients(blocks, head, moment, model.jacobian_decay)
    for layer, gradient in enumerate(transport):
        after, before = head @ reference.collapsed(blocks[layer + 1 :]), reference.collapsed(blocks[:layer])
        np.testing.assert_allclose(gradient, -after.T @ pull @ before.T, atol=FINITE_DIFFERENCE)


@given(heads_and_moments(), st.integers(2, 9))
def test_head_is_balanced_with_the_product(case, depth):
    head, moment = case
    model = KineticModel(depth, 0.02, 0.01)
    product = model.product_from_head(head, moment)
    step = product - np.eye(len(product))
    gram = model.decay_ratio / depth * step @ product @ moment
    np.testing.assert_allclose(gram, head.T @ head, atol=DENSE_FLOAT64)
    weighted = product @ moment
    np.testing.assert_allclose(weighted, weighted.T, atol=DENSE_FLOAT64)
    profile = model.eigenvalue_profile(head, moment)
    blocks = model.predicted_jacobians(head, moment)
    for block, values in zip(blocks, profile, strict=True):
        found = np.sort(np.linalg.eigvals(block).real)[::-1]
        np.testing.assert_allclose(found[: len(values)], values, atol=DENSE_FLOAT64)
    np.testing.assert_allclose(model.predicted_jacobian(head, moment), blocks[0], atol=DENSE_FLOAT64)
    np.testing.assert_allclose(equal_step_jacobians(product, depth), blocks, atol=DENSE_FLOAT64)
    assert model.balance_error(blocks, head, second_moment=moment) < DENSE_FLOAT64
    assert model.balance_error(blocks * np.linspace(1.0, 1.1, depth)[:, None, None], head, None, moment) == (
        pytest.approx(0.1, rel=DENSE_FLOAT64)
    )


def test_white_inputs_are_the_default():
    head = np.random.default_rng(0).normal(size=(2, 4))
    for method in (MODEL.product_from_head, MODEL.eigenvalue_profile, MODEL.predicted_jacobians):
        np.testing.assert_allclose(method(head), method(head, np.eye(4)), atol=DENSE_FLOAT64)
    scaled = replace(MODEL, jacobian_decay=0.25 * MODEL.jacobian_decay)  # mean x x^T = c I: c lam_J
    np.testing.assert_allclose(
        scaled.product_from_head(head), MODEL.product_from_head(head, 0.25 * np.eye(4)), atol=DENSE_FLOAT64
    )


def test_singular_values_are_no_line_for_other_inputs():
    """The control: the same blocks, off by more than a fifth."""
    head = np.array([[0.6, 0.1, 0.3], [0.0, 0.2, -0.1]])
    blocks = MODEL.predicted_jacobians(head, np.diag([4.0, 1.0, 0.04]))
    slopes = np.diff(1.0 / np.linalg.svd(blocks, compute_uv=False)[:, :2], axis=0)
    assert np.abs(slopes - 1.0).max() > 0.2


def test_embedding_is_balanced_with_the_blocks():
    model = KineticModel(3, 0.02, 0.01, 0.03)
    head = np.random.default_rng(1).normal(size=(2, 4))
    blocks = model.predicted_jacobians(head)
    _, w, vh = np.linalg.svd(head, full_matrices=False)
    embedding = vh.T * w * np.sqrt(0.01 / 0.03 / (1.0 + 3 * 0.03 / 0.02))
    assert model.balance_error(blocks, head, embedding) < DENSE_FLOAT64
    assert model.balance_error(blocks, head) < DENSE_FLOAT64
    assert model.balance_error(blocks, head, 1.1 * embedding) > 0.05
    assert model.balance_error(1.1 * blocks, head, embedding) > 0.05


@pytest.mark.parametrize("loss", ["squared", "cross-entropy", "logistic"])
@pytest.mark.parametrize("white", [True, False])
def test_optimiser_finds_slope_one(loss, white):
    from ramodel.simulate import minimise, random_problem

    problem = random_problem(
        model="kinetic",
        classes=2 if loss == "logistic" else 3,
        width=5,
        depth=4,
        samples=20,
        loss=loss,
        jacobian_decay=0.02,
        head_decay=0.01,
        seed=1,
    )
    scaled = replace(problem, inputs=problem.inputs * np.geomspace(1.0, 0.3, 5))
    problem = problem.whitened() if white else scaled
    optimum = minimise(problem, starts=2)
    assert optimum.converged
    assert optimum.certificate.positive_branch
    model = KineticModel(4, 0.02, 0.01)
    predicted = model.eigenvalue_profile(optimum.head, problem.second_moment)
    rank = np.count_nonzero(predicted[0] > 1e-3 * predicted[0, 0])
    found = np.sort(np.linalg.eigvals(optimum.jacobians).real, axis=1)[:, ::-1][:, :rank]
    np.testing.assert_allclose(np.diff(1.0 / found, axis=0), 1.0, atol=OPTIMISER)
    np.testing.assert_allclose(found, predicted[:, :rank], rtol=OPTIMISER)
    assert model.balance_error(optimum.jacobians, optimum.head, None, problem.second_moment) < OPTIMISER
    if white:
        m = np.linalg.svd(optimum.end_to_end, compute_uv=False)[:rank]
        np.testing.assert_allclose(found, model.layer_profile(m), rtol=OPTIMISER)
    states = [problem.inputs]
    for jacobian in optimum.jacobians:
        states.append(states[-1] + states[-1] @ jacobian.T)
    steps = np.diff(states, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=OPTIMISER * np.abs(steps).max())


@pytest.mark.parametrize("method", ["displacement", "jacobian_singular_value", "head_singular_value", "cost", "bounds"])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
@BOTH
def test_bad_m_is_named(method, bad, embedding_decay):
    with pytest.raises(ValueError, match=r"^m is"):
        getattr(replace(MODEL, embedding_decay=embedding_decay), method)(bad)


@pytest.mark.parametrize(("method", "name"), [("end_to_end_singular_value", "s"), ("from_head", "w"), ("step_cv", "s")])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_s_and_w_are_named(method, name, bad):
    with pytest.raises(ValueError, match=rf"^{name} is"):
        getattr(MODEL, method)(bad)


@pytest.mark.parametrize(
    ("moment", "sentence"),
    [
        (np.eye(3), r"^second_moment has shape \(3, 3\)"),
        ([[1.0, 0.5], [0.0, 1.0]], r"^second_moment departs from its transpose by 5\.0e-01"),
        ([[1.0, 0.0], [0.0, -1.0]], r"^second_moment has the eigenvalue -1\.0e\+00"),
        ([[1.0, 0.0], [0.0, np.nan]], r"^second_moment\[1, 1\] is nan"),
    ],
)
def test_bad_second_moments_are_named(moment, sentence):
    head, blocks = np.ones((1, 2)), np.zeros((8, 2, 2))
    for call in (MODEL.product_from_head, MODEL.eigenvalue_profile, MODEL.predicted_jacobians):
        with pytest.raises(ValueError, match=sentence):
            call(head, moment)
    with pytest.raises(ValueError, match=sentence):
        MODEL.balance_error(blocks, head, None, moment)


def test_decays_that_leave_float64_are_refused():
    with pytest.raises(ValueError, match=r"subnormal|greater than zero"):
        KineticModel(1e12, 1e-300, 1.0)
    with pytest.raises(OverflowError, match=r"m / unit"):
        MODEL.displacement(1e300)
