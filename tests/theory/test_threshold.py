"""S6: rank, rank drop on both sides of its condition, collapse of the simplex; closed form, brute force, optimiser."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from ramodel.problem import Problem
from ramodel.simulate import UnreducedObjective, minimise
from ramodel.simulate.hessian import smallest_eigenvalue
from ramodel.simulate.objective import Variables
from ramodel.theory import (
    FrobeniusModel,
    NuclearModel,
    PlainModel,
    head_rank,
    rank_drop_jumps,
    simplex_collapse_ratio,
    target_threshold,
    threshold_rank,
)
from tests.strategies import powers_of_ten
from tests.tolerances import DENSE_FLOAT64, LAST_DIGITS, MINIMISER, OPTIMISER

NEAR = 1e-4  # relative distance to a threshold at which both sides must differ


def test_ranks_count_what_is_above():
    model = NuclearModel(8, 0.04, 0.01)
    np.testing.assert_array_equal(threshold_rank(model, [[5.0, 2.0, 1.0], [1.0, 0.0, 0.0]]), [1, 0])
    np.testing.assert_array_equal(head_rank(model, [2.0, 2.0 + 1e-12]), 1)
    assert threshold_rank(model, 3.0) == 1
    m = np.array([0.5, 1.9, 2.1, 30.0])
    assert head_rank(model, model.head_singular_value(m)) == threshold_rank(model, m) == 2


@given(st.integers(1, 12), powers_of_ten(-2, 1), powers_of_ten(-2, 1), st.none() | powers_of_ten(-2, 1))
def test_rank_drops_at_the_target_threshold(depth, jacobian_decay, head_decay, embedding_decay):
    """Brute force over m on a fine grid, just below and above the threshold: with and without a jump."""
    model = NuclearModel(depth, jacobian_decay, head_decay, embedding_decay)
    y = target_threshold(model)
    plain = model.unit * (1.0 + model.jacobian_decay / model.unit**2)
    assert y < plain if rank_drop_jumps(model) else y == plain
    grid = np.append(np.linspace(0.0, 1.01 * y, 40_001), np.linspace(0.99, 1.01, 40_001) * model.unit)
    half_cost = 0.5 * model.cost(grid)
    for side, wanted in ((-1, 0), (1, 1)):
        target = y * (1.0 + side * 10 * NEAR)
        best = grid[(0.5 * (grid - target) ** 2 + half_cost).argmin()]
        assert threshold_rank(model, best) == wanted


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_condition_is_that_of_s6(depth):
    edge = (2 * depth + 1) / (2 * depth - 1)
    assert not rank_drop_jumps(NuclearModel(depth, 0.5, edge * (1 - NEAR)))
    assert rank_drop_jumps(NuclearModel(depth, 0.5, edge * (1 + NEAR)))


@pytest.mark.parametrize(("head_decay", "jumps"), [(0.05, False), (2.0, True)])
def test_optimiser_drops_the_rank_where_s6_says(head_decay, jumps):
    """Above the condition blocks appear below sqrt(rho) (1 + lam_W), at a size that is not small."""
    model = NuclearModel(3, 2.0, head_decay)
    assert rank_drop_jumps(model) == jumps
    threshold = target_threshold(model)
    sizes = []
    for side in (-1, 1):
        y = np.diag(threshold * (1.0 + side * 0.01) * np.ones(2))
        inputs = np.sqrt(2) * np.eye(2)
        problem = Problem(model="nuclear", loss="squared", inputs=inputs, targets=inputs @ y, depth=3,
                          jacobian_decay=2.0, head_decay=head_decay)  # fmt: skip
        found = minimise(problem, starts=8, progress=False)
        sizes.append(np.linalg.svd(found.jacobians[0], compute_uv=False))
        m = np.linalg.svd(found.end_to_end, compute_uv=False)
        np.testing.assert_allclose(sizes[-1], model.jacobian_singular_value(m), atol=10 * OPTIMISER)
    assert (sizes[0] < OPTIMISER).all()
    assert (sizes[1] > (0.05 if jumps else OPTIMISER)).all()


@pytest.mark.parametrize("classes", [2, 4, 10])
@pytest.mark.parametrize("ratio", [1 - NEAR, 1 + NEAR])
def test_simplex_without_blocks_is_a_minimum_exactly_beyond_the_ratio(classes, ratio):
    """The MEAN cross-entropy needs no further factor: the Hessian changes sign at 1."""
    start = brentq(lambda decay: simplex_collapse_ratio(NuclearModel(2, decay, 0.2), classes) - ratio, 1e-6, 10.0)
    model = NuclearModel(2, start, 0.2)
    m = brentq(lambda x: model.head_decay * x * (np.exp(x) + classes - 1) - 1.0, 0.0, 20.0)
    assert (m < model.threshold) == (ratio > 1.0)
    head = m * (np.eye(classes) - 1.0 / classes)
    problem = Problem(model="nuclear", loss="cross-entropy", inputs=np.eye(classes), targets=np.arange(classes),
                      depth=2, jacobian_decay=start, head_decay=0.2)  # fmt: skip
    objective = UnreducedObjective(problem, torch.device("cpu"))
    blocks = torch.zeros(2, 2, 1, classes, classes, dtype=torch.float64)
    point = objective.join(Variables(blocks, torch.from_numpy(head)[None], None))
    assert float(objective(point).relative_gradient()) < DENSE_FLOAT64
    lowest = smallest_eigenvalue(objective, point)
    assert (lowest > 0.0) == (ratio > 1.0)
    assert lowest == pytest.approx(start - model.head_decay * m**2, rel=MINIMISER, abs=DENSE_FLOAT64)


def test_simplex_without_blocks_need_not_be_the_best():
    """C = 4, L = 2: at ratio 1.01 the optimiser finds a map of low rank with blocks, and lower."""
    decay = 1.01 / (np.e + 3)
    assert simplex_collapse_ratio(NuclearModel(2, decay, decay), 4) == pytest.approx(1.01, rel=LAST_DIGITS)
    problem = Problem(model="nuclear", loss="cross-entropy", inputs=np.eye(4), targets=np.arange(4), depth=2,
                      jacobian_decay=decay, head_decay=decay)  # fmt: skip
    found = minimise(problem, starts=8, seed=1, progress=False)
    m = brentq(lambda x: decay * x * (np.exp(x) + 3) - 1.0, 0.0, 20.0)
    assert found.objective < np.log1p(3 * np.exp(-m)) + 1.5 * decay * m**2 - 1e-3
    assert np.linalg.norm(found.jacobians[0]) > 0.1


@given(powers_of_ten(0.01, 6))
def test_above_the_threshold_the_cost_is_a_plain_nets_less_a_constant(u):
    """S6's duality, against the plain model: 2L inner layers, singular values of J_l + 1 those of two layers."""
    model = NuclearModel(4, 0.02, 0.01)
    plain = PlainModel(8, 0.02, 0.01)
    m = u * model.threshold
    assert model.cost(m) == pytest.approx(plain.cost(m) - 8 * 0.02, rel=DENSE_FLOAT64)
    assert 1.0 + model.jacobian_singular_value(m) == pytest.approx(
        plain.jacobian_singular_value(m) ** 2, rel=DENSE_FLOAT64
    )
    assert model.head_singular_value(m) == pytest.approx(plain.head_singular_value(m), rel=DENSE_FLOAT64)


def test_bad_arguments_are_refused():
    model = NuclearModel(4, 0.02, 0.01)
    with pytest.raises(ValueError, match=r"m\[1\] is -1"):
        threshold_rank(model, [1.0, -1.0])
    with pytest.raises(ValueError, match="w is nan"):
        head_rank(model, np.nan)
    with pytest.raises(ValueError, match="classes is 1"):
        simplex_collapse_ratio(model, 1)
    for other in (0.5, None, NuclearModel, FrobeniusModel(4, 0.02, 0.01)):
        for function, more in (
            (threshold_rank, [1.0]),
            (head_rank, [1.0]),
            (rank_drop_jumps, []),
            (target_threshold, []),
            (simplex_collapse_ratio, [3]),
        ):
            with pytest.raises(TypeError, match=r"^model is .*; it must be a NuclearModel"):
                function(other, *more)
    with pytest.raises(OverflowError, match="unit is 1e"):
        simplex_collapse_ratio(NuclearModel(4, 1e6, 1e-6), 3)
