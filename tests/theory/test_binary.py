"""S11: rank one on any branch, for one logit and for two classes, and lines for every input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import step_cv
from ramodel.simulate import minimise, random_problem
from ramodel.theory import (
    FrobeniusModel,
    construct_critical_point,
    equal_step_profile,
    rank_one_error,
    rank_one_profile,
    rank_one_trajectory,
)
from tests.tolerances import DENSE_FLOAT64, OPTIMISER


@given(st.integers(0, 1000))
def test_points_off_the_branch_have_rank_one_too(seed):
    rng = np.random.default_rng(seed)
    model, head = FrobeniusModel(4, 0.1, 0.2), rng.standard_normal((1, 3))
    point = construct_critical_point(model, head, rng.choice([-1, 1], (4, 1)))
    assert rank_one_error(point.jacobians, head) < DENSE_FLOAT64
    profile = rank_one_profile(point.jacobians, head)
    np.testing.assert_allclose(profile, point.eigenvalues[:, 0], rtol=DENSE_FLOAT64)
    kappa = np.square(head).sum() / model.decay_ratio
    np.testing.assert_allclose(profile * (1.0 + profile), np.full(4, kappa), rtol=DENSE_FLOAT64)
    inputs = rng.standard_normal((5, 3))
    states = [inputs]
    for block in point.jacobians:
        states.append(states[-1] + states[-1] @ block.T)
    found = rank_one_trajectory(inputs, head[0], profile)
    np.testing.assert_allclose(found, states, rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64 * np.abs(found).max())


@pytest.mark.parametrize(("loss", "rows"), [("logistic", 1), ("cross-entropy", 2)])
def test_what_the_optimiser_finds(loss, rows):
    problem = random_problem(model="frobenius", classes=2, width=4, depth=3, samples=11, loss=loss,
                             jacobian_decay=0.05, head_decay=0.02, seed=2)  # fmt: skip
    found = minimise(problem, progress=False)
    assert found.head.shape[0] == rows
    assert rank_one_error(found.jacobians, found.head) < OPTIMISER
    s = FrobeniusModel(3, 0.05, 0.02).from_head(np.linalg.norm(found.head))
    np.testing.assert_allclose(rank_one_profile(found.jacobians, found.head), s, rtol=OPTIMISER)
    if rows == 2:
        np.testing.assert_allclose(found.head.sum(axis=0), 0.0, atol=OPTIMISER)


@given(st.floats(-0.15, 5.0), st.floats(-0.1, 0.1))
def test_steps_are_equal_only_for_the_profile_of_s11(first, bend):
    profile = equal_step_profile(first, 6)
    states = rank_one_trajectory([1.0, 2.0], [0.0, 1.0], profile)
    np.testing.assert_allclose(np.diff(states[:, 1]), 2.0 * first, atol=DENSE_FLOAT64)
    bent = profile * (1.0 + bend * np.arange(6))
    if abs(first * bend) > 1e-3:
        assert step_cv(rank_one_trajectory([[1.0, 2.0]], [0.0, 1.0], bent)).max() > 1e-6


def test_three_classes_are_not_rank_one():
    point = construct_critical_point(FrobeniusModel(2, 0.1, 0.1), np.diag([2.0, 1.0, 0.5]))
    assert rank_one_error(point.jacobians, point.head) > 0.3


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="head is zero"):
        rank_one_profile(np.ones((2, 2, 2)), [[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"jacobians has shape \(2, 2, 2\)"):
        rank_one_error(np.ones((2, 2, 2)), [[1.0]])
    with pytest.raises(ValueError, match="vector is zero"):
        rank_one_trajectory([1.0], [0.0], [1.0])
    with pytest.raises(ValueError, match=r"inputs has shape \(3,\); its last axis must be 2"):
        rank_one_trajectory([1.0, 1.0, 1.0], [1.0, 0.0], [1.0])
    with pytest.raises(OverflowError, match="a state exceeds"):
        rank_one_trajectory([1.0], [1.0], np.full(2000, 3.0))
