"""S1 and S6 backwards: constructed points are critical for the optimiser's objective and for 50 digits."""

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ramodel.simulate import UnreducedObjective
from ramodel.simulate.hessian import smallest_eigenvalue
from ramodel.simulate.objective import Variables
from ramodel.simulate.variant import VariantObjective
from ramodel.testing import critical_points
from ramodel.theory import FrobeniusModel, LayerDecayModel, NuclearModel, construct_critical_point
from tests.strategies import seeds
from tests.tolerances import CONSTRUCTED, DENSE_FLOAT64

CPU = torch.device("cpu")


def flat(point, objective):
    """Flat variables of a point without biases."""
    blocks = (point.jacobians,) if point.factors is None else point.factors
    embedding = None if point.embedding is None else torch.from_numpy(point.embedding)[None]
    parts = torch.from_numpy(np.stack(blocks))[:, :, None], torch.from_numpy(point.head)[None], embedding
    return objective.join(Variables(*parts))


def condition(point):
    """How much the gradient of F magnifies rounding of M and of d ell/dM, relative to the decay of the head."""
    size = np.linalg.norm(point.end_to_end) + np.linalg.norm(point.map_gradient)
    gain = np.prod(1.0 + np.linalg.norm(point.jacobians, ord=2, axis=(1, 2)))
    head = np.linalg.norm(point.head)
    return 1.0 + size * gain * (1.0 + head) ** 2 / (point.model.head_decay * head)


def samples(point, seed, extra=2):
    width = point.map_gradient.shape[1]
    return np.random.default_rng(seed).standard_normal((width + extra, width))


@given(critical_points(), seeds)
def test_the_gradient_of_all_variables_vanishes(point, seed):
    objective = UnreducedObjective(point.problem(samples(point, seed)), CPU)
    found = objective(flat(point, objective))
    assert float(found.relative_gradient()) < CONSTRUCTED * condition(point)


@given(st.integers(0, 1000))
def test_nuclear_points_are_critical_for_any_set_of_directions_in_any_block(seed):
    rng = np.random.default_rng(seed)
    model = NuclearModel(3, 0.05, 0.04, 0.03 if seed % 2 else None)
    frame = np.linalg.qr(rng.standard_normal((5, 2)))[0] if seed % 2 else None
    point = construct_critical_point(
        model, 2 * rng.standard_normal((2, 4)), rng.integers(0, 2, (3, 2)), input_vectors=frame
    )
    objective = UnreducedObjective(point.problem(samples(point, seed)), CPU)
    assert float(objective(flat(point, objective)).relative_gradient()) < CONSTRUCTED * condition(point)
    assert model.factor_balance_error(*point.factors) < DENSE_FLOAT64


@pytest.mark.parametrize("left_out", [0, 1])
def test_nuclear_local_minima_use_every_direction_above_the_threshold(left_out):
    """S6: with spare hidden width the set is {w_k^2 > rho}: leaving one out leaves a strict saddle."""
    active = np.ones((2, 2))
    active[0, 1] -= left_out
    point = construct_critical_point(NuclearModel(2, 0.5, 0.5), [[2.0, 0.0, 0.0], [0.0, 1.5, 0.0]], active)
    objective = UnreducedObjective(point.problem(np.eye(3)), CPU)
    lowest = smallest_eigenvalue(objective, flat(point, objective))
    assert (lowest < -0.01) if left_out else (lowest > -DENSE_FLOAT64)


def test_decays_by_layer():
    rng = np.random.default_rng(3)
    model = LayerDecayModel([0.02, 0.1, 0.05], head_decay=0.04)
    point = construct_critical_point(model, rng.standard_normal((2, 3)), rng.choice([-1, 1], (3, 2)))
    variant = point.variant(samples(point, 4))
    inner = VariantObjective(variant, CPU)
    found = inner(flat(point, UnreducedObjective(variant.problem, CPU)))
    assert float(found.relative_gradient()) < CONSTRUCTED * condition(point)
    loss = float(found.value) - point.decay
    residual = samples(point, 4) @ point.end_to_end.T - variant.problem.targets
    assert loss == pytest.approx(np.square(residual).sum() / (2 * len(residual)), rel=DENSE_FLOAT64)
    assert point.model.balance_error(point.jacobians, point.head) < DENSE_FLOAT64
    with pytest.raises(TypeError, match=r"use variant\(inputs\)"):
        point.problem(samples(point, 4))


def test_stationarity_in_50_digits():
    """One direction, two blocks on different branches: every equation of S1 by hand."""
    with mpmath.workdps(50):
        lam, s = mpmath.mpf("0.3"), mpmath.mpf("0.7")
        w = mpmath.sqrt(s * (1 + s))
        first, second = 1 + s, -s  # 1 + eigenvalues
        slope = -lam * w / (first * second)
        assert abs(slope * first * second + lam * w) < mpmath.mpf(10) ** -45
        assert abs(w * slope * second + lam * s) < mpmath.mpf(10) ** -45
        assert abs(w * slope * first - lam * (1 + s)) < mpmath.mpf(10) ** -45
    point = construct_critical_point(FrobeniusModel(2, 0.3, 0.3), [[float(w)]], [[1], [-1]])
    np.testing.assert_allclose(point.map_gradient, [[float(slope)]], rtol=DENSE_FLOAT64)
    np.testing.assert_allclose(point.eigenvalues[:, 0], [float(s), -1 - float(s)], rtol=DENSE_FLOAT64)


def test_all_gradients_with_the_same_moment_will_do():
    point = construct_critical_point(FrobeniusModel(2, 0.1, 0.1), np.eye(2, 3), [[1, -1], [1, 1]])
    x = samples(point, 0)
    np.testing.assert_allclose(point.loss_gradient(x).T @ x, point.map_gradient, atol=DENSE_FLOAT64)
    assert not point.on_positive_branch


def test_bad_points_are_refused():
    model = FrobeniusModel(2, 0.1, 0.1)
    with pytest.raises(ValueError, match="head is zero"):
        construct_critical_point(model, np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"branches has shape \(3,\).*\(2, 2\)"):
        construct_critical_point(model, np.eye(2, 3), [1, 1, 1])
    with pytest.raises(ValueError, match=r"branches hold values other than \+1 \(eigenvalue s\)"):
        construct_critical_point(model, np.eye(2, 3), 0)
    with pytest.raises(ValueError, match=r"branches hold values other than .* and 0"):
        construct_critical_point(NuclearModel(2, 0.1, 0.1), np.eye(2, 3), -1)
    with pytest.raises(ValueError, match="input_vectors are given"):
        construct_critical_point(model, np.eye(2, 3), input_vectors=np.eye(3, 2))
    embedded = FrobeniusModel(2, 0.1, 0.1, 0.1)
    with pytest.raises(ValueError, match="input_vectors is None"):
        construct_critical_point(embedded, np.eye(2, 3))
    with pytest.raises(ValueError, match="not orthonormal"):
        construct_critical_point(embedded, np.eye(2, 3), input_vectors=np.ones((3, 2)))
    with pytest.raises(TypeError, match=r"depth is 2\.5"):
        construct_critical_point(FrobeniusModel(2.5, 0.1, 0.1), np.eye(2, 3))
    with pytest.raises(OverflowError, match="the end-to-end map"):
        construct_critical_point(FrobeniusModel(2000, 0.1, 0.1), np.eye(2, 3))
    point = construct_critical_point(model, np.eye(2, 3))
    with pytest.raises(ValueError, match=r"inputs \(shape \(1, 3\)\) do not span the 2 directions"):
        point.problem([[1.0, 0.0, 0.0]])
