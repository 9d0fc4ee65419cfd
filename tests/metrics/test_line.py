"""RA1: equality with the reference, closed-form trajectories, invariances, degenerate trajectories."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import (
    geodesic_ratio,
    line_deviation_error,
    line_shape_ratio,
    principal_plane,
    step_cv,
    step_lengths,
)
from tests.reference import metrics as reference
from tests.strategies import orthogonal_matrices, seeds
from tests.tolerances import DENSE_FLOAT64

METRICS = [step_cv, line_shape_ratio, line_deviation_error, geodesic_ratio]


@st.composite
def trajectories(draw):
    """States [L + 1, N, d] of random walks, some with steps that stand still."""
    depth, samples, width = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(seeds))
    steps = rng.normal(size=(depth, samples, width)) * rng.lognormal(sigma=1.0, size=(depth, samples, 1))
    still = rng.random(depth) < draw(st.sampled_from([0.0, 0.4]))
    still[0] = False
    steps[still] = 0.0
    return np.concatenate([np.zeros((1, samples, width)), np.cumsum(steps, axis=0)])


@given(trajectories())
def test_equal_to_the_reference(states):
    for function in (*METRICS, step_lengths):
        expected = [getattr(reference, function.__name__)(states[:, n].tolist()) for n in range(states.shape[1])]
        measured = function(states)
        assert np.allclose(np.moveaxis(measured, -1, 0), expected, rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64), function


@given(trajectories(), st.data(), st.floats(-300.0, 300.0), seeds)
def test_invariant_under_rotation_translation_and_scale(states, data, exponent, seed):
    turn = data.draw(orthogonal_matrices(states.shape[-1]))
    shift = np.random.default_rng(seed).normal(size=states.shape[1:])
    for function in METRICS:
        expected = function(states)
        if expected.max() > 1e6:
            continue  # a ratio at infinity: steps that cancel
        assert np.allclose(function(states @ turn + shift), expected, rtol=1e-8, atol=1e-8), function
        assert np.allclose(function(states * 10.0**exponent), expected, rtol=1e-8, atol=1e-8), function


@given(trajectories(), seeds)
def test_order_of_steps_and_of_states(states, seed):
    rng = np.random.default_rng(seed)
    shuffled = np.cumsum(rng.permutation(np.diff(states, axis=0), axis=0), axis=0)
    shuffled = np.concatenate([np.zeros_like(states[:1]), shuffled])
    assert np.allclose(step_cv(shuffled), step_cv(states), rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)
    assert np.allclose(1 / line_shape_ratio(shuffled), 1 / line_shape_ratio(states), atol=DENSE_FLOAT64)
    assert np.allclose(line_deviation_error(rng.permutation(states)), line_deviation_error(states), atol=1e-8)


@given(trajectories())
def test_ranges(states):
    depth, width = states.shape[0] - 1, states.shape[-1]
    assert np.all(step_cv(states) <= np.sqrt(depth - 1) + DENSE_FLOAT64)
    assert np.all(line_shape_ratio(states) >= 1.0)
    path = step_lengths(states).sum(axis=0) / np.linalg.norm(states[-1] - states[0], axis=-1)
    expected = path**2 * (1 + step_cv(states) ** 2)
    near = expected < 1e12  # the path does not return to its start
    assert np.allclose(geodesic_ratio(states)[near], expected[near], rtol=1e-8)
    assert np.all(geodesic_ratio(states) >= 1.0)
    deviation = line_deviation_error(states)
    assert np.all((deviation >= 0.0) & (deviation <= np.sqrt(1 - 1 / min(depth, width)) + 1e-8))


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_equal_steps_on_a_line(depth):
    states = np.arange(depth + 1)[:, None, None] * np.array([[3.0, -4.0, 0.0], [0.1, 0.2, 0.3]])
    assert np.allclose(step_lengths(states)[:, 0], 5.0, rtol=DENSE_FLOAT64)
    assert np.allclose(step_cv(states), 0.0, atol=DENSE_FLOAT64)
    assert np.allclose(line_shape_ratio(states), 1.0, rtol=DENSE_FLOAT64)
    assert np.allclose(geodesic_ratio(states), 1.0, rtol=DENSE_FLOAT64)
    assert np.allclose(line_deviation_error(states), 0.0, atol=DENSE_FLOAT64)


def test_geometric_steps_have_the_closed_form_of_s5():
    depth, gain = 8, 0.3
    states = (1 + gain) ** np.arange(depth + 1)[:, None] * np.array([[1.0, 2.0]])
    total = depth * np.log1p(gain)
    expected = np.sqrt(depth * np.tanh(total / (2 * depth)) / np.tanh(total / 2) - 1)
    assert step_cv(states) == pytest.approx(expected, rel=DENSE_FLOAT64)
    assert line_deviation_error(states) == pytest.approx(0.0, abs=DENSE_FLOAT64)


def test_line_that_turns_back_is_on_a_line_but_not_line_shaped():
    states = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    assert line_deviation_error(states) == 0.0
    assert line_shape_ratio(states) == pytest.approx(3.0)
    assert line_shape_ratio(states[:3]) == np.inf
    assert geodesic_ratio(states) == pytest.approx(3.0)
    assert geodesic_ratio([[0.0], [1.0], [0.0]]) == np.inf


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_no_step_has_documented_values(offset):
    still = np.full((4, 2, 3), 1.0) * offset
    rounding = still * (1 + np.finfo(float).eps * np.arange(4) % 2)[:, None, None]
    for states in (still, rounding):
        assert np.array_equal(step_lengths(states), np.zeros((3, 2)))
        assert np.array_equal(step_cv(states), np.zeros(2))
        assert np.array_equal(line_shape_ratio(states), np.ones(2))
        assert np.array_equal(geodesic_ratio(states), np.ones(2))
        assert np.array_equal(line_deviation_error(states), np.zeros(2))


@given(trajectories(), st.data())
def test_principal_plane_is_the_best_plane(states, data):
    plane = principal_plane(states)
    width = states.shape[-1]
    rows = states.reshape(-1, width)
    assert np.allclose(plane.centre, rows.mean(axis=0), atol=DENSE_FLOAT64)
    variance = np.linalg.eigvalsh(np.cov(rows.T, bias=True).reshape(width, width))[::-1]
    share = plane.variance_share
    assert np.allclose(share[: min(2, width)], variance[:2] / variance.sum(), atol=1e-8)
    flat = plane.coordinates.reshape(-1, 2)
    assert np.allclose(flat.var(axis=0), share * variance.sum(), rtol=1e-8, atol=1e-8 * variance.sum())
    assert np.allclose(flat, (rows - plane.centre) @ plane.axes.T, rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)
    turned = principal_plane(states @ data.draw(orthogonal_matrices(width)) + 1.0)
    assert np.allclose(turned.variance_share, share, atol=1e-8)


def test_principal_plane_signs_and_degenerate_widths():
    states = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -5.0], [1.0, 0.0, -10.0]])
    plane = principal_plane(states)
    assert np.all(plane.axes[np.arange(2), np.abs(plane.axes).argmax(axis=1)] > 0.0)
    narrow = principal_plane(np.array([[1.0], [4.0]]))
    assert np.allclose(narrow.coordinates, [[-1.5, 0.0], [1.5, 0.0]])
    assert np.array_equal(principal_plane(np.ones((3, 4))).variance_share, [0.0, 0.0])


@pytest.mark.parametrize("function", [*METRICS, step_lengths, principal_plane])
@pytest.mark.parametrize(
    ("states", "error", "rule"),
    [
        (np.ones((1, 3)), ValueError, "at least one later state"),
        (np.ones(3), ValueError, "axes must be"),
        (np.ones((3, 0)), ValueError, "empty"),
        ([[1.0, np.nan], [0.0, 0.0]], ValueError, r"\[0, 1\] is not finite"),
        ([[1.0, 2.0], [0.0, np.inf]], ValueError, r"\[1, 1\] is not finite"),
        ([["a"], ["b"]], TypeError, "real numbers"),
        ([[1.0], [1.0, 2.0]], ValueError, "rectangular"),
        (np.ones((2, 2)) * 1j, TypeError, "real numbers"),
    ],
)
def test_bad_states_are_refused(function, states, error, rule):
    with pytest.raises(error, match=f"^states.*{rule}"):
        function(states)
