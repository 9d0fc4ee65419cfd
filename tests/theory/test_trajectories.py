"""S5 and S11 against plain loops and 50 digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.theory import FrobeniusModel, deep_step_cv, equal_step_profile, step_cv, trajectory
from ramodel.theory.trajectories import langevin_ratio
from tests.reference import theory as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, seeds
from tests.tolerances import DENSE_FLOAT64, EPS, ROUNDING


@given(orthogonal_matrices(5), seeds, st.integers(1, 12), st.integers(0, 5))
def test_trajectory_walks_through_the_blocks(frame, seed, depth, rank):
    rng = np.random.default_rng(seed)
    x, V, s = rng.normal(size=(3, 5)), frame[:, :rank], rng.uniform(-2.5, 1.0, rank)
    states = trajectory(x, V, s, depth)
    assert states.shape == (depth + 1, 3, 5)
    for n in range(3):
        walked = reference.trajectory(x[n], (V * s) @ V.T, depth)
        scale = np.abs(walked).max() * (2.5 / min(1.0, *np.abs(1 + s), 1.0)) ** 2
        np.testing.assert_allclose(states[:, n], walked, atol=DENSE_FLOAT64 * scale)


def test_trajectory_does_not_add_up_the_rounding_of_thin_blocks():
    """1 + s rounded, to the power of 10^5, would be off by 1e-11."""
    depth, s = 10**5, 1.0 / 3e6
    with mpmath.workdps(50):
        last = float((1 + mpmath.mpf(s)) ** depth)
    assert trajectory([1.0], [[1.0]], [s], depth)[-1, 0] == pytest.approx(last, rel=ROUNDING)


def test_trajectory_of_one_input_of_many_and_of_none():
    V, s = np.eye(3)[:, :2], [0.5, 0.1]
    one = trajectory([1.0, 2.0, 3.0], V, s, 4)
    assert one.shape == (5, 3)
    np.testing.assert_array_equal(trajectory(np.tile([1.0, 2.0, 3.0], (2, 6, 1)), V, s, 4)[:, 1, 5], one)
    assert trajectory(np.empty((0, 3)), V, s, 4).shape == (5, 0, 3)


def test_line_if_and_only_if_the_eigenvalues_met_are_equal():
    """S5: rank of the centred states is 1 on a line."""
    x, V = np.array([1.0, 2.0, 0.5]), np.eye(3)
    for s, line in ([0.3, 0.3, 0.3], True), ([0.3, 0.2, 0.3], False), ([0.3, 0.0, 0.0], True):
        states = trajectory(x, V, s, 6)
        assert (np.linalg.matrix_rank(states - states[0], tol=1e-9) == 1) == line


@pytest.mark.parametrize("depth", [1, 2, 3, 10, 50])
@pytest.mark.parametrize("s", [1e-300, 1e-17, 1e-8, 1e-3, 0.1, 1.0, 30.0, 1e6])
def test_step_cv_at_every_gain(s, depth):
    exact = reference.step_cv(s, depth) if s > 1e-100 else s * np.sqrt((depth**2 - 1) / 12)
    assert step_cv(s, depth) == pytest.approx(float(exact), rel=2 * ROUNDING)


@given(powers_of_ten(-8, 2), st.integers(2, 60))
def test_step_cv_is_accurate(s, depth):
    assert step_cv(s, depth) == pytest.approx(float(reference.step_cv(s, depth)), rel=2 * ROUNDING)


def test_step_cv_of_huge_gain_and_depth():
    """All the length is in the last step: CV^2 = L s / (2 + s) - 1; no overflow at ln gain 7e8."""
    assert step_cv(1e300, 10**6) == pytest.approx(np.sqrt(10**6 - 1), rel=ROUNDING)
    assert step_cv(1.0, 10**6) == pytest.approx(np.sqrt(10**6 / 3 - 1), rel=ROUNDING)


@given(powers_of_ten(-3, 2), st.floats(1.0, 1e4))
def test_step_cv_increases_with_depth_below_its_limit(log_gain, depth):
    shallow, deep = (step_cv(np.expm1(log_gain / length), length) for length in (depth, 1.5 * depth))
    limit = deep_step_cv(log_gain)
    assert shallow < deep * (1 + ROUNDING)
    assert deep < limit * (1 + ROUNDING)
    assert limit < log_gain / np.sqrt(12.0)


@pytest.mark.parametrize("log_gain", [1e-6, 0.1, 1.0, 3.9, 4.1, 30.0])
def test_deep_step_cv_against_quadrature(log_gain):
    assert deep_step_cv(log_gain) == pytest.approx(float(reference.deep_step_cv(log_gain)), rel=ROUNDING)


def test_langevin_ratio_has_no_seam_and_the_right_ends():
    assert langevin_ratio(np.array(0.0)) == pytest.approx(1 / 3, rel=EPS)
    left, right = langevin_ratio(np.array([np.nextafter(2.0, 0.0), 2.0]))
    assert left == pytest.approx(right, rel=ROUNDING)
    assert langevin_ratio(np.array(1e300)) == pytest.approx(1e-300, rel=ROUNDING)


@given(st.floats(-0.9, 5.0), st.integers(1, 30))
def test_equal_steps_if_and_only_if_the_recursion_holds(first, depth):
    if any(abs(1 + layer * first) < 1e-3 for layer in range(depth)):
        return
    profile = equal_step_profile(first, depth)
    h = np.cumprod(np.concatenate([[1.0], 1.0 + profile]))
    np.testing.assert_allclose(np.diff(h), first, rtol=DENSE_FLOAT64, atol=ROUNDING * np.abs(h).max())
    if abs(first) > 1e-3:
        np.testing.assert_allclose(
            1 / profile, 1 / profile[0] + np.arange(depth), rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64
        )


def test_equal_step_profile_shape():
    assert equal_step_profile(np.ones((2, 3)), 4).shape == (4, 2, 3)
    np.testing.assert_array_equal(equal_step_profile(0.0, 3), np.zeros(3))


def test_scalars_in_scalars_out():
    assert isinstance(step_cv(0.1, 4), np.float64)
    assert isinstance(deep_step_cv(0.1), np.float64)
    assert step_cv([0.1], 4).shape == (1,)


def test_models_pass_their_depth():
    model = FrobeniusModel(6, 0.01, 0.01)
    assert model.step_cv(0.2) == step_cv(0.2, 6)
    states = model.trajectory([1.0, 0.0], np.eye(2), [0.5, 0.1])
    np.testing.assert_array_equal(states, trajectory([1.0, 0.0], np.eye(2), [0.5, 0.1], 6))
    with pytest.raises(TypeError, match="whole"):
        FrobeniusModel(6.5, 0.01, 0.01).trajectory([1.0, 0.0], np.eye(2), [0.5, 0.1])


@pytest.mark.parametrize(
    ("inputs", "vectors", "s", "match"),
    [
        (1.0, [[1.0]], [0.1], "^inputs is the number"),
        ([np.nan, 1.0], np.eye(2), [0.1, 0.1], r"^inputs\[0\]"),
        ([1.0, 1.0], np.eye(3), [0.1] * 3, "^vectors has shape"),
        ([1.0, 1.0], np.eye(2), [0.1], "^s has shape"),
        ([1.0, 1.0], 2 * np.eye(2), [0.1, 0.1], "orthonormal"),
        ([1.0, 1.0], np.eye(2), [0.1, np.inf], r"^s\[1\]"),
    ],
)
def test_bad_trajectories_are_refused(inputs, vectors, s, match):
    with pytest.raises(ValueError, match=match):
        trajectory(inputs, vectors, s, 3)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="depth is 0"):
        trajectory([1.0], [[1.0]], [0.1], 0)
    with pytest.raises(OverflowError, match="largest float64"):
        trajectory([1.0], [[1.0]], [1e10], 100)
    for bad, match in (-0.1, "^s is"), (np.nan, "^s is"), ([0.1, np.inf], r"^s\[1\]"):
        with pytest.raises(ValueError, match=match):
            step_cv(bad, 4)
    with pytest.raises(ValueError, match=r"^depth is 0\.5"):
        step_cv(0.1, 0.5)
    with pytest.raises(TypeError, match=r"^depth"):
        step_cv(0.1, "four")
    with pytest.raises(ValueError, match=r"^log_gain"):
        deep_step_cv(-1.0)
    with pytest.raises(ValueError, match=r"^first has an entry"):
        equal_step_profile([1.0, -0.5], 4)
    with pytest.raises(ValueError, match=r"^first is nan"):
        equal_step_profile(np.nan, 4)
    with pytest.raises(TypeError, match=r"^depth"):
        equal_step_profile(1.0, 2.5)
