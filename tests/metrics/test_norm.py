"""S9: ratios of norms from layer to layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import gradient_norm_ratio, norm_growth, norm_growth_cv, state_norm_ratio
from tests.strategies import orthogonal_matrices, seeds
from tests.tolerances import DENSE_FLOAT64


@given(seeds, st.integers(2, 5), orthogonal_matrices(4), st.floats(-250.0, 250.0))
def test_ratios_are_those_of_the_norms_and_invariant(seed, layers, turn, exponent):
    vectors = np.random.default_rng(seed).normal(size=(layers, 3, 4))
    backward, forward = gradient_norm_ratio(vectors), state_norm_ratio(vectors)
    assert backward.shape == forward.shape == (layers - 1, 3)
    for layer in range(layers - 1):
        for n in range(3):
            first, second = np.linalg.norm(vectors[layer, n]), np.linalg.norm(vectors[layer + 1, n])
            assert backward[layer, n] == pytest.approx(first / second, rel=DENSE_FLOAT64)
            assert forward[layer, n] == pytest.approx(second / first, rel=DENSE_FLOAT64)
    moved = vectors @ turn * 10.0**exponent
    np.testing.assert_allclose(gradient_norm_ratio(moved), backward, rtol=DENSE_FLOAT64)
    np.testing.assert_allclose(state_norm_ratio(moved), forward, rtol=DENSE_FLOAT64)


def test_zero_vectors_have_documented_values():
    vectors = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    assert gradient_norm_ratio(vectors).tolist() == [1.0, 0.0]
    assert state_norm_ratio(vectors).tolist() == [1.0, np.inf]


@pytest.mark.parametrize(("function", "name"), [(gradient_norm_ratio, "gradients"), (state_norm_ratio, "states")])
def test_bad_vectors_are_refused(function, name):
    with pytest.raises(ValueError, match=rf"^{name} has shape \(1, 2\); a ratio needs at least two layers"):
        function([[1.0, 2.0]])
    with pytest.raises(ValueError, match=rf"^{name}\[1, 0\] is not finite"):
        function([[1.0], [np.nan]])
    with pytest.raises(TypeError, match=rf"^{name} is of type NoneType"):
        function(None)


@given(seeds, st.integers(2, 6), orthogonal_matrices(4), st.floats(-250.0, 250.0))
def test_growth_is_that_of_the_logarithms_and_invariant(seed, layers, turn, exponent):
    states = np.random.default_rng(seed).normal(size=(layers, 3, 4))
    increments = np.diff(np.log(np.linalg.norm(states, axis=-1)), axis=0)
    moved = states @ turn * 10.0**exponent
    for given_states in (states, moved):
        assert np.allclose(norm_growth(given_states), increments.mean(axis=0), atol=DENSE_FLOAT64)
        expected = increments.std(axis=0) / np.abs(increments.mean(axis=0))
        assert np.allclose(norm_growth_cv(given_states), expected, rtol=1e-6, atol=1e-8)


def test_exponential_growth_is_even():
    states = 1.3 ** np.arange(6)[:, None] * np.array([3.0, 4.0])
    assert norm_growth(states) == pytest.approx(np.log(1.3))
    assert norm_growth_cv(states) == pytest.approx(0.0, abs=DENSE_FLOAT64)
    assert norm_growth_cv([[1.0], [-1.0], [1.0]]) == 0.0
    assert norm_growth_cv([[1.0], [2.0], [1.0]]) == np.inf


@pytest.mark.parametrize("function", [norm_growth, norm_growth_cv])
def test_states_without_length_are_refused(function):
    with pytest.raises(ValueError, match=r"^states holds a state of norm 0"):
        function([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match=r"^states has shape \(1, 2\)"):
        function([[1.0, 0.0]])
