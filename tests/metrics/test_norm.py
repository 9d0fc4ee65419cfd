"""S9: ratios of norms from layer to layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import gradient_norm_ratio, state_norm_ratio
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
