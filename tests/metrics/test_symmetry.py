"""RA2: departure from normality against the reference, known matrices, invariances."""

import numpy as np
import pytest
from hypothesis import given

from ramodel.metrics import asymmetry_error, normality_error
from tests.reference import metrics as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, seeds
from tests.tolerances import DENSE_FLOAT64


@given(seeds, orthogonal_matrices(4), powers_of_ten(-150, 150))
def test_normality_equal_to_the_reference_and_invariant(seed, turn, scale):
    jacobians = np.random.default_rng(seed).normal(size=(3, 4, 4))
    error = normality_error(jacobians)
    assert error == pytest.approx([reference.normality_error(jacobian) for jacobian in jacobians], rel=DENSE_FLOAT64)
    np.testing.assert_allclose(normality_error(scale * turn.T @ jacobians @ turn), error, atol=DENSE_FLOAT64)
    assert np.all(error <= np.sqrt(2.0) + DENSE_FLOAT64)


@given(orthogonal_matrices(4))
def test_rotations_are_normal_without_being_symmetric(turn):
    assert normality_error(turn) == pytest.approx(0.0, abs=DENSE_FLOAT64)
    assert normality_error(turn @ np.diag([3.0, 1.0, -1.0, 0.0]) @ turn.T) == pytest.approx(0.0, abs=DENSE_FLOAT64)
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert asymmetry_error(quarter) == pytest.approx(2.0)


def test_nilpotent_is_as_far_from_normal_as_can_be():
    assert normality_error([[0.0, 5.0], [0.0, 0.0]]) == pytest.approx(np.sqrt(2.0))
    assert normality_error(np.zeros((3, 3))) == 0.0


def test_bad_jacobians_are_refused():
    with pytest.raises(ValueError, match=r"^jacobians.*of equal length"):
        normality_error(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^jacobians\[0, 1\] is not finite"):
        normality_error([[0.0, np.inf], [0.0, 0.0]])
