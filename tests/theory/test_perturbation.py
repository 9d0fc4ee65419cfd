"""S14: error bars hold for random perturbations, and would not with the wrong gap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.theory import (
    isolated,
    mixed_gap,
    singular_value_interval,
    spread,
    subspace_angle_bound,
    vector_angle_bound,
)
from tests.strategies import seeds
from tests.tolerances import DENSE_FLOAT64


@st.composite
def perturbations(draw):
    """J and J + E of width 2..6, gaps of all sizes; the perturbation often just turns the frames."""
    width, rng = draw(st.integers(2, 6)), np.random.default_rng(draw(seeds))
    jacobian = rng.normal(size=(width, width)) * rng.lognormal(size=width)
    size = draw(st.floats(1e-3, 1.0)) * np.linalg.norm(jacobian, 2)
    if draw(st.booleans()):
        turn, _ = np.linalg.qr(np.eye(width) + size * rng.normal(size=(width, width)))
        return jacobian, turn @ jacobian * rng.uniform(0.9, 1.1)
    return jacobian, jacobian + size * rng.normal(size=(width, width)) / width


def sine(first, second):
    """Of the largest angle between the spaces of the rows."""
    return np.linalg.norm(second - second @ first.T @ first, 2)


@given(perturbations())
def test_weyl_wedin_and_davis_kahan_hold(pair):
    jacobian, measured = pair
    error = np.linalg.norm(measured - jacobian, 2)
    (U, s, V), (X, t, Y) = np.linalg.svd(jacobian), np.linalg.svd(measured)
    lower, upper = singular_value_interval(t, error)
    assert np.all((s >= lower - DENSE_FLOAT64) & (s <= upper + DENSE_FLOAT64))
    for count in range(1, len(s) + 1):
        bound = subspace_angle_bound(error, mixed_gap(s, t, count, width=len(s))) + DENSE_FLOAT64
        assert sine(U.T[:count], X.T[:count]) <= bound
        assert sine(V[:count], Y[:count]) <= bound
    bounds = vector_angle_bound(t, error)
    assert np.array_equal(isolated(t, error), bounds < 1.0)
    for k, bound in enumerate(bounds):
        cosine = abs(U[:, k] @ X[:, k] + V[k] @ Y[k]) / 2.0
        assert np.sqrt(max(1.0 - cosine**2, 0.0)) <= bound + 1e-7  # the root takes half of the digits


def test_with_the_gap_of_one_matrix_the_constant_is_not_one():
    """J = diag(2, 1), turned most by an error of norm 0.3: sin(2 theta) = 0.6, so sin(theta) = 0.316."""
    error = 0.3 * np.array([[-0.6, 0.8], [0.8, 0.6]])
    jacobian = np.diag([2.0, 1.0])
    _, t, Y = np.linalg.svd(jacobian + error)
    turned = sine(np.eye(2)[:1], Y[:1])
    assert turned == pytest.approx(np.sin(0.5 * np.arcsin(0.6)))
    assert np.linalg.norm(error, 2) == pytest.approx(0.3)
    assert turned > subspace_angle_bound(0.3, 2.0 - 1.0)  # the wrong gap
    assert turned <= subspace_angle_bound(0.3, mixed_gap([2.0, 1.0], t, 1))
    # Had diag(2, 1) been measured, the same angle: its own gap would not do, less the error it does.
    assert turned <= vector_angle_bound([2.0, 1.0], 0.3)[0] == pytest.approx(0.3 / 0.7)


def test_single_vectors_mean_nothing_inside_a_cluster():
    values = [3.0, 2.0, 1.99, 0.5, 0.0]
    np.testing.assert_array_equal(isolated(values, 0.05), [True, False, False, True])
    np.testing.assert_array_equal(isolated(values, 0.001), [True, True, True, True])
    np.testing.assert_array_equal(isolated([values, values], [0.05, 2.0])[1], np.zeros(4, bool))


def test_many_spectra_at_once():
    t = np.array([[2.0, 1.0, 0.0], [3.0, 0.5, 0.1]])
    lower, upper = singular_value_interval(t, [0.5, 0.2])
    np.testing.assert_allclose(upper - t, [[0.5] * 3, [0.2] * 3])
    np.testing.assert_allclose(lower[0], [1.5, 0.5, 0.0])
    assert mixed_gap(t, t, 1).tolist() == [1.0, 2.5]
    assert mixed_gap(t, t, 3, width=3).tolist() == [0.0, 0.1]


def test_singular_values_that_are_left_out_are_not_zero():
    """Of 2.0, 1.9, ... the top one alone has no known gap."""
    for count, width in ((1, None), (1, 2)):
        with pytest.raises(ValueError, match=r"^count is 1, but reference has 1 singular values and the gap needs the"):
            mixed_gap([2.0], [2.0], count, width=width)
    assert mixed_gap([2.0, 1.9], [2.0, 1.9], 1) == pytest.approx(0.1)
    assert mixed_gap([2.0], [2.0], 1, width=1) == 2.0
    with pytest.raises(ValueError, match=r"^width is 1; it must be at least 2"):
        mixed_gap([2.0, 1.9], [2.0, 1.9], 2, width=1)


def test_what_leaves_float64_is_refused():
    with pytest.raises(OverflowError, match="the upper end of the interval exceeds"):
        singular_value_interval([1e308], 1e308)
    with pytest.raises(OverflowError, match="the distance to the mean Jacobian exceeds"):
        spread([[[1.7e308]], [[1.7e308]]])


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"^error_norm has shape \(3,\), which does not fit shape \(2,\) of gap"):
        subspace_angle_bound([0.1, 0.2, 0.3], [0.1, 0.2])
    for function in (singular_value_interval, vector_angle_bound, isolated):
        with pytest.raises(
            ValueError, match=r"^error_norm has shape \(3,\).*\(2,\) of singular_values without its last"
        ):
            function([[2.0, 1.0], [2.0, 1.0]], [0.1, 0.2, 0.3])
    with pytest.raises(
        ValueError, match=r"^measured has shape \(3, 2\), which does not fit shape \(2, 2\) of reference"
    ):
        mixed_gap([[2.0, 1.0]] * 2, [[2.0, 1.0]] * 3, 1)


def test_spread_is_the_distance_to_the_mean_block():
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(5, 2, 4, 4))
    errors -= errors.mean(axis=0)
    jacobians = errors + rng.normal(size=(4, 4))
    np.testing.assert_allclose(spread(jacobians), np.linalg.norm(errors, 2, axis=(-2, -1)), rtol=DENSE_FLOAT64)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"^singular_values increases along the last axis"):
        singular_value_interval([1.0, 2.0], 0.1)
    with pytest.raises(ValueError, match=r"^singular_values is the number 1"):
        singular_value_interval(1.0, 0.1)
    with pytest.raises(ValueError, match=r"^error_norm is -0\.1"):
        singular_value_interval([1.0], -0.1)
    with pytest.raises(ValueError, match=r"^measured has 1 singular values and reference 2"):
        mixed_gap([1.0, 0.5], [1.0], 1)
    with pytest.raises(ValueError, match=r"^count is 3; it must be at most 2"):
        mixed_gap([1.0, 0.5], [1.0, 0.5], 3)
    with pytest.raises(ValueError, match=r"^gap is nan"):
        subspace_angle_bound(0.1, np.nan)
    for function in (vector_angle_bound, isolated):
        with pytest.raises(ValueError, match=r"^singular_values has one entry"):
            function([1.0], 0.1)
    with pytest.raises(ValueError, match=r"^jacobians has shape \(2, 2\)"):
        spread(np.eye(2))
    with pytest.raises(TypeError, match=r"^jacobians has entries"):
        spread("blocks")
