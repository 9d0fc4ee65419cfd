import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.simulate import Problem, UnreducedObjective, random_problem
from ramodel.simulate.losses import CrossEntropy, Logistic
from tests.reference import simulate as reference
from tests.strategies import problems
from tests.tolerances import DENSE_FLOAT64, ROUNDING, UNREDUCED

CPU = torch.device("cpu")


def _objective_and_points(problem, count=2, size=0.6):
    objective = UnreducedObjective(problem, CPU)
    generator = torch.Generator().manual_seed(5)
    return objective, size * torch.randn(count, objective.size, dtype=torch.float64, generator=generator)


@settings(max_examples=30)
@given(problems())
def test_value_and_gradient_agree_with_autograd(problem):
    objective, points = _objective_and_points(problem)
    state = objective(points)
    value = reference.flat_objective(problem)
    for row, point in enumerate(points):
        assert float(state.value[row]) == pytest.approx(float(value(point)), rel=UNREDUCED)
        expected = reference.gradient(problem, point)
        np.testing.assert_allclose(state.gradient[row], expected, atol=UNREDUCED * float(expected.abs().max()))


@settings(max_examples=10)
@given(problems())
def test_hessian_agrees_with_autograd(problem):
    objective, points = _objective_and_points(problem, count=1)
    dense = objective.hessian(points.expand(objective.size, -1))(torch.eye(objective.size, dtype=torch.float64))
    expected = reference.hessian(problem, points[0])
    np.testing.assert_allclose(dense, expected, atol=UNREDUCED * float(expected.abs().max()))


@given(problems(), st.integers(1, 4))
def test_scale_is_the_sum_of_the_two_norms(problem, count):
    objective, points = _objective_and_points(problem, count)
    state = objective(points)
    parts = objective.split(points)
    decays = [(parts.blocks.permute(2, 0, 1, 3, 4), problem.jacobian_decay), (parts.head, problem.head_decay)]
    if parts.embedding is not None:
        decays.append((parts.embedding, problem.embedding_decay))
    decay = torch.cat([(rate * part).reshape(count, -1) for part, rate in decays], dim=1)
    scale = torch.linalg.vector_norm(decay, dim=1) + torch.linalg.vector_norm(state.gradient - decay, dim=1)
    np.testing.assert_allclose(state.scale, scale, rtol=UNREDUCED)


@given(problems(), st.integers(1, 4))
def test_join_undoes_split(problem, count):
    objective, points = _objective_and_points(problem, count)
    assert torch.equal(objective.join(objective.split(points)), points)


@given(problems())
def test_end_to_end_is_the_product(problem):
    objective, points = _objective_and_points(problem, count=1)
    parts = objective.split(points)
    expected = parts.head[0]
    for jacobian in reversed(objective.jacobians(parts)[:, 0].unbind()):
        expected = expected @ (torch.eye(problem.width, dtype=torch.float64) + jacobian)
    if parts.embedding is not None:
        expected = expected @ parts.embedding[0]
    np.testing.assert_allclose(objective.end_to_end(parts)[0], expected, atol=DENSE_FLOAT64)


@given(problems(losses=("cross-entropy", "logistic", "squared")), st.integers(0, 100))
def test_order_of_the_samples_does_not_matter(problem, seed):
    order = np.random.default_rng(seed).permutation(problem.samples)
    shuffled = Problem(
        model=problem.model,
        loss=problem.loss,
        inputs=problem.inputs[order],
        targets=np.eye(problem.classes)[problem.targets][order]  # one-hot: the classes stay when labels are missing
        if problem.loss == "squared"
        else problem.targets[order],
        depth=problem.depth,
        jacobian_decay=problem.jacobian_decay,
        head_decay=problem.head_decay,
        embedding_decay=problem.embedding_decay,
    )
    objective, points = _objective_and_points(problem)
    np.testing.assert_allclose(UnreducedObjective(shuffled, CPU)(points).value, objective(points).value, rtol=UNREDUCED)


@pytest.mark.parametrize("gap", [-700.0, -40.0, 0.0, 40.0, 700.0])
def test_losses_keep_their_digits_at_large_margins(gap):
    """ln(1 + e^t) and its derivative relative to their own size, where 1 - p would be 0 or e^t infinite."""
    expected, slope = np.logaddexp(0.0, gap), np.exp(-np.logaddexp(0.0, -gap))
    logits = torch.tensor([[[0.0], [gap]]], dtype=torch.float64)
    value, gradient = CrossEntropy(torch.tensor([[True], [False]])).evaluate(logits)
    np.testing.assert_allclose(value, expected, rtol=ROUNDING)
    np.testing.assert_allclose(gradient.flatten(), [-slope, slope], rtol=1000 * ROUNDING)
    value, gradient = Logistic(torch.ones(1, 1, dtype=torch.float64)).evaluate(-logits[:, 1:])
    np.testing.assert_allclose(value, expected, rtol=ROUNDING)
    np.testing.assert_allclose(gradient.flatten(), -slope, rtol=1000 * ROUNDING)


def test_starts_are_finite_different_and_reproducible():
    problem = random_problem(
        model="nuclear",
        classes=3,
        width=4,
        depth=5,
        samples=9,
        loss="squared",
        jacobian_decay=0.1,
        head_decay=0.1,
        seed=0,
    )
    objective = UnreducedObjective(problem, CPU)
    starts = objective.random_points(6, seed=3)
    assert torch.equal(starts[:4], objective.random_points(4, seed=3))
    assert not torch.equal(starts, objective.random_points(6, seed=4))
    assert torch.linalg.matrix_rank(starts) == 6
    assert float(torch.linalg.matrix_norm(objective.jacobians(objective.split(starts)), ord=2).max()) < 1.0


def test_settled_zeroes_only_what_rounding_keeps_from_zero():
    problem = random_problem(
        model="nuclear",
        classes=3,
        width=4,
        depth=2,
        samples=9,
        loss="squared",
        jacobian_decay=0.1,
        head_decay=0.1,
        seed=0,
    )
    objective = UnreducedObjective(problem, CPU)
    parts = objective.split(objective.random_points(1, seed=0))
    parts.blocks[:, 0] *= 1e-8
    settled = objective.split(objective.settled(objective.join(parts)))
    assert torch.count_nonzero(settled.blocks[:, 0]) == 0
    assert torch.equal(settled.blocks[:, 1], parts.blocks[:, 1])
    assert torch.equal(settled.head, parts.head)
