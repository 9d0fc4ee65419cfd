"""S8 against 50 digits, brute-force minimisation over all layers, its own invariances, and the optimiser."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from ramodel.theory import PlainModel, expected_squared_cosine, haar_rotations, rotate_gauge
from tests.reference import theory as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, residual_models, seeds
from tests.tolerances import CLOSED_FORM, DENSE_FLOAT64, LAST_DIGITS, MINIMISER, MINIMISER_POINT, OPTIMISER, ROUNDING

MODEL = PlainModel(8, 0.02, 0.01)
BOTH = pytest.mark.parametrize("embedding_decay", [None, 0.03], ids=["head", "head and embedding"])


def exact_s(model, m, depth=None):
    """(m / unit)^(1/(L + k)) at 50 digits."""
    with mpmath.workdps(50):
        lam_j, lam_w = mpmath.mpf(model.jacobian_decay), mpmath.mpf(model.head_decay)
        lam_e = None if model.embedding_decay is None else mpmath.mpf(model.embedding_decay)
        unit = mpmath.sqrt(lam_j / lam_w) if lam_e is None else lam_j / mpmath.sqrt(lam_w * lam_e)
        return (mpmath.mpf(m) / unit) ** (
            1 / (mpmath.mpf(model.depth if depth is None else depth) + (1 if lam_e is None else 2))
        )


@given(residual_models(PlainModel), powers_of_ten(-150, 150))
def test_s_is_right_to_the_last_digits(model, m):
    exact = float(exact_s(model, m))
    assert model.jacobian_singular_value(m) == pytest.approx(exact, rel=LAST_DIGITS * (1 + abs(np.log(exact))))


@given(residual_models(PlainModel, depths=powers_of_ten(0, 3)), powers_of_ten(-0.1, 0.1))
def test_s_of_m_inverts_m_of_s_and_the_head_tells_s(model, s):
    try:
        m = model.end_to_end_singular_value(s)
    except OverflowError:
        return
    if m > 1e-300:
        assert model.jacobian_singular_value(m) == pytest.approx(s, rel=ROUNDING)
        assert model.from_head(model.head_singular_value(m)) == pytest.approx(s, rel=ROUNDING)


@pytest.mark.parametrize("m", [1e-2, 1.0, 30.0])
@BOTH
def test_no_factorisation_costs_less(m, embedding_decay):
    model = PlainModel(5, 0.02, 0.01, embedding_decay)
    cost, s, w = reference.least_plain(m, 5, 0.02, 0.01, embedding_decay)
    assert model.cost(m) == pytest.approx(cost, rel=MINIMISER)
    np.testing.assert_allclose(s, model.layer_profile(m), rtol=MINIMISER_POINT)
    assert model.head_singular_value(m) == pytest.approx(w, rel=MINIMISER_POINT)


@given(residual_models(PlainModel, depths=powers_of_ten(0, 4)), powers_of_ten(-4, 6))
def test_all_matrices_share_the_decay(model, u):
    m = u * model.unit
    share = model.cost(m) / (model.depth + model.ends)
    assert model.head_decay * model.head_singular_value(m) ** 2 == pytest.approx(share, rel=4 * ROUNDING)
    assert model.cost_slope(m) == pytest.approx(2 * share, rel=4 * ROUNDING)
    ends = model.head_singular_value(m)
    if model.embedding_decay is not None:
        assert model.embedding_decay * model.embedding_singular_value(m) ** 2 == pytest.approx(share, rel=4 * ROUNDING)
        ends *= model.embedding_singular_value(m)
    assert np.log(ends) + model.log_gain(m) == pytest.approx(np.log(m), rel=8 * ROUNDING, abs=8 * ROUNDING)


@pytest.mark.parametrize("m", [0.01, 5.0])
@pytest.mark.parametrize("depth", [0.7, 8, 1000])
@BOTH
def test_exponent_is_a_derivative_and_not_minus_one(m, depth, embedding_decay):
    model = PlainModel(depth, 0.02, 0.01, embedding_decay)
    exponent = reference.slope(lambda length: exact_s(model, m, length), depth)
    assert model.depth_exponent(m) == pytest.approx(float(exponent), rel=10 * CLOSED_FORM)
    assert abs(model.depth_exponent(m)) < 0.01 or depth < 1000
    assert PlainModel(10**9, 0.02, 0.01).jacobian_singular_value(m) == pytest.approx(1.0, abs=1e-8)


def test_zero_and_what_a_plain_net_does_not_have():
    assert MODEL.jacobian_singular_value(0.0) == MODEL.cost(0.0) == MODEL.head_singular_value(0.0) == 0.0
    assert MODEL.log_gain(0.0) == -np.inf
    assert np.isnan(MODEL.depth_exponent(0.0))
    assert np.isnan(MODEL.step_cv([0.5, 1.5])).all()
    assert MODEL.bounds(2.0) == (MODEL.jacobian_singular_value(2.0),) * 2
    with pytest.raises(ValueError, match=r"no predicted_jacobian.*use from_head"):
        MODEL.predicted_jacobian(np.eye(2))
    with pytest.raises(ValueError, match=r"no trajectory of its own"):
        MODEL.trajectory([1.0], [[1.0]], [0.5])


@st.composite
def plain_nets(draw, depth=3, width=4, classes=2):
    """A balanced plain net by construction, in a random gauge: layers, head, embedding, model."""
    model = PlainModel(depth, 0.02, 0.01, 0.03)
    m = np.array([3.0, 0.4])
    frame, start, end = draw(orthogonal_matrices(width)), draw(orthogonal_matrices(5)), draw(orthogonal_matrices(2))
    layer = (frame[:, :2] * model.jacobian_singular_value(m)) @ frame[:, :2].T
    head = (end * model.head_singular_value(m)) @ frame[:, :2].T
    embedding = (frame[:, :2] * model.embedding_singular_value(m)) @ start[:2]
    layers, head = rotate_gauge([layer] * depth, head, haar_rotations(depth, width, draw(seeds)))
    return model, layers, head, embedding


@given(plain_nets())
def test_balance_is_that_of_neighbours(net):
    model, layers, head, embedding = net
    assert model.balance_error(layers, head, embedding) < DENSE_FLOAT64
    for spoilt in (0, 1, 2):
        scaled = layers.copy()
        scaled[spoilt] *= 1.1
        assert model.balance_error(scaled, head, embedding) > 0.05
    turned = layers.copy()
    turned[1] = turned[1] @ haar_rotations(1, 4, 0)[0]
    assert model.balance_error(turned, head, embedding) > 0.05
    assert model.balance_error(layers, head, 1.1 * embedding) == pytest.approx(0.21, rel=DENSE_FLOAT64)


@given(seeds)
def test_rotations_keep_map_and_norms(seed):
    rng = np.random.default_rng(seed)
    layers, head = rng.normal(size=(3, 4, 4)), rng.normal(size=(2, 4))
    turned, turned_head = rotate_gauge(layers, head, haar_rotations(3, 4, seed))
    product = head @ layers[2] @ layers[1] @ layers[0]
    np.testing.assert_allclose(turned_head @ turned[2] @ turned[1] @ turned[0], product, atol=DENSE_FLOAT64)
    np.testing.assert_allclose(
        np.linalg.svd(turned, compute_uv=False), np.linalg.svd(layers, compute_uv=False), atol=DENSE_FLOAT64
    )


def test_haar_rotations_are_haar():
    """Orthogonal, the same for the same seed; squared cosines follow Beta(1/2, (d-1)/2), of mean 1/d."""
    turns = haar_rotations(2000, 5, seed=3)
    np.testing.assert_array_equal(turns, haar_rotations(2000, 5, seed=3))
    np.testing.assert_allclose(
        turns @ turns.swapaxes(1, 2), np.broadcast_to(np.eye(5), turns.shape), atol=DENSE_FLOAT64
    )
    cosines = turns[:, 2, 2] ** 2
    assert kstest(cosines, "beta", args=(0.5, 2.0)).pvalue > 1e-3
    assert abs(cosines.mean() - expected_squared_cosine(5)) < 4 * cosines.std() / np.sqrt(2000)
    assert abs(turns[:, 2, 2].mean()) < 4 * np.sqrt(expected_squared_cosine(5) / 2000)  # both signs alike
    assert -0.1 < np.linalg.det(turns).mean() < 0.1


@pytest.mark.parametrize("loss", ["squared", "cross-entropy", "logistic"])
@BOTH
def test_optimiser_finds_balance_and_singular_values(loss, embedding_decay):
    from ramodel.simulate import minimise, random_problem

    problem = random_problem(
        model="plain",
        classes=2 if loss == "logistic" else 3,
        width=5,
        depth=4,
        samples=20,
        loss=loss,
        jacobian_decay=0.02,
        head_decay=0.01,
        embedding_decay=embedding_decay,
        seed=1,
    )
    optimum = minimise(problem)
    assert optimum.converged
    assert optimum.certificate.positive_branch is None
    model = PlainModel(4, 0.02, 0.01, embedding_decay)
    m = np.linalg.svd(optimum.end_to_end, compute_uv=False)
    m = m[m > 1e-6 * m[0]]
    assert len(m) > 0
    found = np.linalg.svd(optimum.jacobians, compute_uv=False)
    np.testing.assert_allclose(found[:, : len(m)], model.layer_profile(m), rtol=OPTIMISER)
    np.testing.assert_allclose(found[:, len(m) :], 0.0, atol=OPTIMISER)
    assert model.balance_error(optimum.jacobians, optimum.head, optimum.embedding) < OPTIMISER
    asymmetry = np.linalg.norm(optimum.jacobians - optimum.jacobians.swapaxes(1, 2)) / np.linalg.norm(optimum.jacobians)
    assert asymmetry > 0.1  # and nothing else: S1's symmetry is absent


@pytest.mark.parametrize(
    "method", ["jacobian_singular_value", "head_singular_value", "cost", "bounds", "depth_exponent"]
)
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_m_is_named(method, bad):
    with pytest.raises(ValueError, match=r"^m is"):
        getattr(MODEL, method)(bad)


@pytest.mark.parametrize(("method", "name"), [("end_to_end_singular_value", "s"), ("from_head", "w"), ("step_cv", "s")])
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_s_and_w_are_named(method, name, bad):
    with pytest.raises(ValueError, match=rf"^{name} is"):
        getattr(MODEL, method)(bad)


def test_overflow_is_said():
    with pytest.raises(OverflowError, match=r"^m exceeds"):
        PlainModel(10**6, 1.0, 1.0).end_to_end_singular_value(2.0)
    with pytest.raises(OverflowError, match=r"^m / unit"):
        PlainModel(8, 1e-20, 1.0).jacobian_singular_value(1e300)
    with pytest.raises(OverflowError, match=r"^w / sqrt"):
        PlainModel(8, 1e-20, 1.0).from_head(1e300)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((np.ones((2, 3, 4)), np.ones((1, 3)), np.ones((2, 3, 3))), r"^layers has shape \(2, 3, 4\)"),
        ((np.ones((2, 3, 3)), np.ones((1, 4)), np.ones((2, 3, 3))), r"^head has shape \(1, 4\)"),
        ((np.ones((2, 3, 3)), np.ones((1, 3)), np.ones((1, 3, 3))), r"^rotations has shape \(1, 3, 3\)"),
        ((np.ones((1, 2, 2)), np.ones((1, 2)), [np.ones((2, 2))]), r"^rotations depart from Q Q\^T = I by 2\.0e\+00"),
        (([[[np.nan]]], [[1.0]], [[[1.0]]]), r"^layers\[0, 0, 0\] is nan"),
    ],
)
def test_bad_rotations_are_named(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        rotate_gauge(*arguments)


def test_bad_counts_are_named():
    with pytest.raises(ValueError, match=r"^count is 0"):
        haar_rotations(0, 3, seed=0)
    with pytest.raises(TypeError, match=r"^width is 2\.5"):
        haar_rotations(1, 2.5, seed=0)
    with pytest.raises(ValueError, match=r"^seed is -1"):
        haar_rotations(1, 2, seed=-1)
    with pytest.raises(ValueError, match=r"^width is 0"):
        expected_squared_cosine(0)
    assert expected_squared_cosine(4) == pytest.approx(0.25, rel=CLOSED_FORM)
