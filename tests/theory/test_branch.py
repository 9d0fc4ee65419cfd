"""S1 and S15: each sufficient condition implies the branch, and ranks stay within their bound."""

import numpy as np
import pytest
from hypothesis import given, settings

from ramodel.problem import Problem
from ramodel.simulate import minimise
from ramodel.testing import critical_points
from ramodel.theory import branch_conditions, has_spare_width, off_branch_directions, rank_bound
from tests.strategies import problems
from tests.tolerances import OPTIMISER


@given(critical_points())
def test_every_sufficient_condition_implies_the_branch(point):
    """The loss of the constructed point is at least 0, so F is at least its decay: what the third condition needs."""
    found = branch_conditions(
        point.jacobians, jacobian_decay=point.model.jacobian_decay, objective=point.decay, least_loss=0.0
    )
    counted = (point.eigenvalues < -1.0).sum(axis=1)
    np.testing.assert_array_equal(off_branch_directions(point.jacobians), counted)
    assert found.no_eigenvalue_below_minus_one == point.on_positive_branch == (not counted.any())
    assert found.sufficient == point.on_positive_branch
    if found.norm_at_most_one or found.objective_below_bound:
        assert point.on_positive_branch


def test_conditions_can_each_hold_alone():
    large = branch_conditions([[[2.0]]], jacobian_decay=0.1, objective=1.0)
    assert (large.norm_at_most_one, large.no_eigenvalue_below_minus_one, large.objective_below_bound) == (0, 1, 0)
    low = branch_conditions([[[2.0]]], jacobian_decay=[0.1, 0.3], objective=1.02, least_loss=1.0)
    assert low.objective_below_bound
    assert branch_conditions([[[0.5]]]).objective_below_bound is None


@settings(max_examples=6)
@given(problems(models=("frobenius",)))
def test_ranks_stay_within_the_bound(problem):
    optimum = minimise(problem, starts=1, progress=False)
    for matrix in (optimum.head, *optimum.jacobians):
        sizes = np.linalg.svd(matrix, compute_uv=False)
        assert (sizes[rank_bound(problem) :] <= OPTIMISER * max(1.0, sizes[0])).all()
    if has_spare_width(problem) and optimum.certificate.critical:
        assert not off_branch_directions(optimum.jacobians).any()


@pytest.mark.parametrize(
    ("loss", "shape", "targets", "bound"),
    [
        ("cross-entropy", (9, 4), [0, 1, 2] * 3, 2),  # C - 1
        ("squared", (9, 4), [0, 1, 2] * 3, 3),  # C
        ("squared", (2, 4), [0, 2], 2),  # N
        ("squared", (9, 2), [0, 1, 2] * 3, 2),  # rank X = d
        ("logistic", (9, 4), [-1, 1, 1] * 3, 1),
    ],
)
def test_bound_is_the_least_of_outputs_samples_and_inputs(loss, shape, targets, bound):
    inputs = np.random.default_rng(0).standard_normal(shape)
    problem = Problem(model="frobenius", loss=loss, inputs=inputs, targets=np.array(targets), depth=1,
                      jacobian_decay=1.0, head_decay=1.0)  # fmt: skip
    assert rank_bound(problem) == bound
    assert has_spare_width(problem) == (shape[1] > bound)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="jacobian_decay is None, but objective is given"):
        branch_conditions([[[1.0]]], objective=1.0)
    with pytest.raises(ValueError, match=r"jacobians has shape \(1, 1, 2\).*square"):
        off_branch_directions([[[1.0, 2.0]]])
    with pytest.raises(ValueError, match=r"jacobians\[0, 0, 0\] is nan"):
        branch_conditions([[[np.nan]]])
    problem = Problem(model="nuclear", loss="squared", inputs=np.eye(2), targets=np.arange(2), depth=1,
                      jacobian_decay=1.0, head_decay=1.0)  # fmt: skip
    with pytest.raises(ValueError, match="model is 'nuclear'"):
        rank_bound(problem)
