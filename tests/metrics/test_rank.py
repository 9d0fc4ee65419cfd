"""RA3: equality with the reference, exact ranks, invariances, tails and zero Jacobians."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import (
    cumulative_effective_rank,
    effective_rank,
    energy_outside_error,
    gap,
    numerical_rank,
    stable_rank,
)
from tests.reference import metrics as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, seeds
from tests.tolerances import DENSE_FLOAT64


@st.composite
def jacobian_and_classes(draw):
    width = draw(st.integers(2, 7))
    return np.random.default_rng(draw(seeds)).normal(size=(3, width, width)), draw(st.integers(1, width - 1))


@given(jacobian_and_classes())
def test_equal_to_the_reference(drawn):
    jacobians, classes = drawn
    values = np.linalg.svd(jacobians, compute_uv=False)
    assert np.allclose(stable_rank(values), [reference.stable_rank(j) for j in jacobians], rtol=DENSE_FLOAT64)
    outside = [reference.energy_outside_error(j, classes) for j in jacobians]
    assert np.allclose(energy_outside_error(values, classes), outside, rtol=1e-8)
    assert np.allclose(gap(values, classes), values[:, classes - 1] / values[:, classes])


@given(jacobian_and_classes(), st.floats(-200.0, 100.0))
def test_tail_energy_stands_for_the_values_left_out_at_any_scale(drawn, exponent):
    jacobians, classes = drawn
    values = np.linalg.svd(jacobians, compute_uv=False)
    scale = 10.0 ** (exponent / 2)
    top, tail = values[:, :classes] * scale, np.sum((values[:, classes:] * scale) ** 2, axis=1)
    assert np.allclose(stable_rank(top, tail_energy=tail), stable_rank(values), rtol=1e-8)
    measured = energy_outside_error(top, classes, tail_energy=tail)
    assert np.allclose(measured, energy_outside_error(values, classes), rtol=1e-8)


@given(jacobian_and_classes())
def test_ranges(drawn):
    jacobians, classes = drawn
    values = np.linalg.svd(jacobians, compute_uv=False)
    width = values.shape[1]
    assert np.all((stable_rank(values) >= 1.0) & (stable_rank(values) <= width + DENSE_FLOAT64))
    outside = energy_outside_error(values, classes)
    assert np.all((outside >= 0.0) & (outside <= 1 - classes / width + DENSE_FLOAT64))
    assert np.all(gap(values, classes) >= 1.0)


def test_rank_of_exactly_c():
    values = [2.0, 2.0, 2.0, 0.0]
    assert stable_rank(values) == pytest.approx(3.0)
    assert energy_outside_error(values, 3) == 0.0
    assert energy_outside_error(values, 2) == pytest.approx(1 / 3)
    assert gap(values, 3) == np.inf


def test_zero_jacobians_have_documented_values():
    assert np.array_equal(stable_rank(np.zeros((2, 3))), [0.0, 0.0])
    assert np.array_equal(energy_outside_error(np.zeros((2, 3)), 1), [0.0, 0.0])
    assert np.array_equal(gap(np.zeros((2, 3)), 1), [1.0, 1.0])
    assert gap([1.0, 0.0, 0.0], 2) == 1.0  # of rank 1: no gap after the second


@pytest.mark.parametrize("function", [stable_rank, lambda s: energy_outside_error(s, 1), lambda s: gap(s, 1)])
@pytest.mark.parametrize(
    ("values", "error", "rule"),
    [
        ([1.0, -0.5], ValueError, "non-negative"),
        ([1.0, 2.0], ValueError, "decrease"),
        ([np.nan, 0.0], ValueError, r"\[0\] is not finite"),
        ([], ValueError, "empty"),
        (1.0, ValueError, "axes must be"),
        ("top", TypeError, "real numbers"),
    ],
)
def test_bad_singular_values_are_refused(function, values, error, rule):
    with pytest.raises(error, match=f"^singular_values.*{rule}"):
        function(values)


def test_bad_classes_and_tails_are_refused():
    with pytest.raises(ValueError, match=r"^classes is 3; it must be at most 2\. Measure with a larger rank"):
        energy_outside_error([2.0, 1.0], 3)
    with pytest.raises(ValueError, match=r"^classes is 2; it must be at most 1"):
        gap([2.0, 1.0], 2)
    with pytest.raises(ValueError, match=r"^tail_energy has shape \(2,\)"):
        stable_rank([2.0, 1.0], tail_energy=np.ones(2))
    with pytest.raises(ValueError, match=r"^tail_energy is -1"):
        stable_rank([2.0, 1.0], tail_energy=-1.0)
    with pytest.raises(ValueError, match=r"^tail_energy must not be negative, and zero where"):
        stable_rank([[0.0, 0.0]], tail_energy=np.ones(1))


@given(jacobian_and_classes(), powers_of_ten(-150, 150))
def test_effective_and_numerical_rank_equal_to_the_reference_at_any_scale(drawn, scale):
    jacobians, classes = drawn
    values = np.linalg.svd(jacobians, compute_uv=False)
    expected = [reference.effective_rank(row.tolist()) for row in values]
    assert np.allclose(effective_rank(scale * values), expected, rtol=1e-8)
    assert np.all((effective_rank(values) >= 1.0) & (effective_rank(values) <= values.shape[1] + DENSE_FLOAT64))
    floor = float(np.mean(values[0, classes - 1 : classes + 1]) / values[0, 0])
    assert numerical_rank(scale * values, floor=floor)[0] == classes


def test_equal_values_have_their_number_as_rank():
    for values, rank in ([3.0, 3.0, 3.0, 0.0], 3), ([1.0, 0.0], 1), ([0.0, 0.0], 0):
        assert effective_rank(values) == pytest.approx(rank)
        assert numerical_rank(values) == rank
    assert numerical_rank([1.0, 1e-3, 9e-4]) == 1
    with pytest.raises(ValueError, match=r"^floor is -1"):
        numerical_rank([1.0], floor=-1)


@given(seeds, st.booleans(), orthogonal_matrices(4))
def test_rank_of_products_equal_to_the_reference_and_invariant(seed, skip, turn):
    jacobians = 0.5 * np.random.default_rng(seed).normal(size=(5, 2, 4, 4))
    ranks = cumulative_effective_rank(jacobians, skip=skip)
    for n in range(2):
        assert np.allclose(ranks[:, n], reference.cumulative_effective_rank(jacobians[:, n], skip), rtol=1e-6)
    assert np.allclose(cumulative_effective_rank(turn.T @ jacobians @ turn, skip=skip), ranks, rtol=1e-6)


def test_products_of_many_blocks_neither_overflow_nor_vanish():
    blocks = np.broadcast_to(1e30 * np.diag([1.0, 1.0, 0.0]), (40, 3, 3))
    assert cumulative_effective_rank(blocks, skip=False) == pytest.approx(np.full(40, 2.0))
    assert cumulative_effective_rank(1e-60 * blocks, skip=False) == pytest.approx(np.full(40, 2.0))
    assert cumulative_effective_rank(np.zeros((2, 3, 3)), skip=False).tolist() == [0.0, 0.0]
    assert cumulative_effective_rank(np.zeros((2, 3, 3))) == pytest.approx([3.0, 3.0])
    with pytest.raises(ValueError, match=r"^jacobians.*of equal length"):
        cumulative_effective_rank(np.ones((2, 3, 4)))
