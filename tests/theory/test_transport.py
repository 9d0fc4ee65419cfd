"""Blocks with equal steps, for any product of theirs."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ramodel.theory import equal_step_jacobians, equal_steps_exist
from tests.reference import theory as reference
from tests.strategies import seeds
from tests.tolerances import DENSE_FLOAT64


@given(seeds, st.integers(1, 9), st.booleans())
def test_blocks_make_the_product_in_equal_steps(seed, depth, singular):
    rng = np.random.default_rng(seed)
    whole = rng.normal(size=(4, 4)) / 2
    if singular:
        whole[:, 0] = whole[:, 1]
    t = np.linalg.eigvals(whole)
    assume(np.abs(depth + np.multiply.outer(np.arange(depth), t)).min() > 0.1)
    blocks = equal_step_jacobians(np.eye(4) + whole, depth)
    for layer in range(depth + 1):
        np.testing.assert_allclose(
            reference.collapsed(blocks[:layer]), np.eye(4) + layer / depth * whole, atol=DENSE_FLOAT64 * 100
        )
    if not singular and abs(np.linalg.det(whole)) > 0.01:
        for layer, block in enumerate(blocks):
            inverse = layer * np.eye(4) + depth * np.linalg.inv(whole)
            np.testing.assert_allclose(block @ inverse, np.eye(4), atol=DENSE_FLOAT64 * 1000)


@pytest.mark.parametrize("depth", [2, 5, 64])
def test_no_steps_through_zero(depth):
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(3, 3))
    for layer in range(1, depth):
        product = basis @ np.diag([2.0, 0.5, 1.0 - depth / layer]) @ np.linalg.inv(basis)
        assert not equal_steps_exist(product, depth)
        with pytest.raises(ValueError, match=rf"^product has an eigenvalue 1 - L/l with l < L = {depth}"):
            equal_step_jacobians(product, depth)
    assert equal_steps_exist(basis @ np.diag([2.0, 0.5, -0.37]) @ np.linalg.inv(basis), depth)
    assert equal_steps_exist(np.zeros((3, 3)), depth)  # P itself may be singular: no block follows


@pytest.mark.parametrize("function", [equal_step_jacobians, equal_steps_exist])
@pytest.mark.parametrize(
    ("product", "depth", "error", "sentence"),
    [
        ([[1.0, 2.0]], 2, ValueError, r"^product has shape \(1, 2\)"),
        ([1.0], 2, ValueError, r"^product has shape"),
        ([[np.inf]], 2, ValueError, r"^product\[0, 0\] is inf"),
        ([[1.0]], 2.5, TypeError, r"^depth is 2\.5"),
        ([[1.0]], 0, ValueError, r"^depth is 0"),
    ],
)
def test_bad_input_is_named(function, product, depth, error, sentence):
    with pytest.raises(error, match=sentence):
        function(product, depth)
