"""S15: the path keeps the map and lowers F by lam_J s (1 - cos theta); where it does not apply it says so."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ramodel.simulate import minimise
from ramodel.simulate.objective import UnreducedObjective, Variables
from ramodel.testing import critical_points
from ramodel.theory import (
    FrobeniusModel,
    LayerDecayModel,
    construct_critical_point,
    descent_path,
    off_branch_directions,
)
from tests.tolerances import DENSE_FLOAT64

ANGLES = np.linspace(0.0, 2.0 * np.pi, 9)


def product(blocks, head):
    for block in blocks[::-1]:
        head = head + head @ block
    return head


@given(critical_points(branches="off", spare=1, embedding=False))
def test_the_map_stays_and_f_falls_as_the_formula_says(point):
    path = descent_path(point.jacobians, point.head, point.model.jacobian_decay)
    scale = 1.0 + np.abs(point.jacobians).max() ** len(point.jacobians) * np.abs(point.head).max()
    for theta in ANGLES:
        blocks, head = path(theta)
        assert np.abs(product(blocks, head) - point.end_to_end).max() < DENSE_FLOAT64 * scale
        decay = point.model.jacobian_decay * np.square(blocks).sum() + point.model.head_decay * np.square(head).sum()
        change = 0.5 * decay - point.decay
        assert change == pytest.approx(path.objective_change(theta), abs=DENSE_FLOAT64 * (1.0 + point.decay))


def test_by_the_objective_of_all_variables():
    point = construct_critical_point(FrobeniusModel(3, 0.2, 0.1), np.eye(2, 4), [[1, 1], [-1, 1], [1, -1]])
    path = descent_path(point.jacobians, point.head, 0.2)
    objective = UnreducedObjective(point.problem(np.eye(4)), torch.device("cpu"))

    def evaluate(theta):
        blocks, head = (torch.from_numpy(array) for array in path(theta))
        return float(objective(objective.join(Variables(blocks[None, :, None], head[None], None))).value)

    for theta in ANGLES:
        assert evaluate(theta) - evaluate(0.0) == pytest.approx(path.objective_change(theta), abs=DENSE_FLOAT64)
    optimum = minimise(point.problem(np.eye(4)), progress=False)
    assert optimum.objective < evaluate(np.pi) < evaluate(0.0)
    assert not off_branch_directions(optimum.jacobians).any()


@given(st.integers(0, 1000))
def test_decays_by_layer_take_the_block_worth_most(seed):
    rng = np.random.default_rng(seed)
    model = LayerDecayModel(rng.uniform(0.01, 1.0, 3), head_decay=0.1)
    point = construct_critical_point(model, rng.standard_normal((2, 3)), -1)
    path = descent_path(point.jacobians, point.head, model.jacobian_decay)
    worth = model.jacobian_decay * (-1.0 - point.eigenvalues.min(axis=1))
    assert path.layer == worth.argmax()
    assert path.objective_change(np.pi) == pytest.approx(-2.0 * worth.max(), rel=DENSE_FLOAT64)


def test_start_is_the_point_and_the_path_closes():
    point = construct_critical_point(FrobeniusModel(2, 0.2, 0.1), np.eye(2, 3), [[-1, 1], [1, 1]])
    path = descent_path(point.jacobians, point.head, 0.2)
    for theta in (0.0, 2.0 * np.pi):
        blocks, head = path(theta)
        np.testing.assert_allclose(blocks, point.jacobians, atol=DENSE_FLOAT64)
        np.testing.assert_allclose(head, point.head, atol=DENSE_FLOAT64)
    assert path.objective_change([0.0, np.pi]).shape == (2,)


def test_where_it_does_not_apply():
    model = FrobeniusModel(2, 0.2, 0.1)
    on = construct_critical_point(model, np.eye(2, 3))
    with pytest.raises(ValueError, match=r"no eigenvalue below -1 .* on the positive branch"):
        descent_path(on.jacobians, on.head, 0.2)
    full = construct_critical_point(model, np.eye(2), -1)
    with pytest.raises(ValueError, match="head has rank 2, the width"):
        descent_path(full.jacobians, full.head, 0.2)
    off = construct_critical_point(model, np.eye(2, 3), -1)
    with pytest.raises(ValueError, match=r"jacobian_decay has shape \(3,\)"):
        descent_path(off.jacobians, off.head, [0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match="jacobian_decay has the entry 0"):
        descent_path(off.jacobians, off.head, 0.0)
    with pytest.raises(ValueError, match="jacobians has shape"):
        descent_path(off.jacobians[:, :2], off.head, 0.1)


@pytest.mark.parametrize("width", [1, 2])
def test_without_spare_width_strict_minima_off_the_branch_exist(width):
    """S15: width 1, and d = C = 2."""
    from ramodel.simulate.hessian import smallest_eigenvalue

    head = 2.0 * np.eye(width)
    point = construct_critical_point(FrobeniusModel(1, 0.2, 0.2), head, np.where(np.arange(width) == 0, -1, 1))
    objective = UnreducedObjective(point.problem(np.eye(width)), torch.device("cpu"))
    parts = torch.from_numpy(point.jacobians)[None, :, None], torch.from_numpy(point.head)[None], None
    lowest = smallest_eigenvalue(objective, objective.join(Variables(*parts)))
    assert lowest > 0.001
