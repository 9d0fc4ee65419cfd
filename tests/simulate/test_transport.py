"""The kinetic and the plain model in the optimiser: derivatives, gauges, inputs of low rank, what has no minimum."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from ramodel.simulate import Problem, UnreducedObjective, minimise, random_problem
from ramodel.simulate.blocks import Scaled
from ramodel.theory import KineticModel, PlainModel
from tests.reference import simulate as reference
from tests.strategies import problems
from tests.tolerances import DENSE_FLOAT64, FLAT_EIGENVALUE, MINIMISER, OPTIMISER, ROUNDING, UNREDUCED

CPU = torch.device("cpu")
MODELS = pytest.mark.parametrize("model", ["kinetic", "plain"])


def problem_of(**changes):
    settings = {
        "model": "kinetic",
        "classes": 3,
        "width": 5,
        "depth": 3,
        "samples": 12,
        "loss": "cross-entropy",
        "jacobian_decay": 0.02,
        "head_decay": 0.01,
        "seed": 1,
    }
    return random_problem(**settings | changes)


def points_of(problem, count):
    objective = UnreducedObjective(problem, CPU)
    generator = torch.Generator().manual_seed(5)
    return objective, 0.6 * torch.randn(count, objective.size, dtype=torch.float64, generator=generator)


@settings(max_examples=25)
@given(problems(models=("kinetic", "plain")))
def test_value_and_gradient_agree_with_autograd(problem):
    objective, points = points_of(problem, 2)
    state = objective(points)
    value = reference.flat_objective(problem)
    for row, point in enumerate(points):
        assert float(state.value[row]) == pytest.approx(float(value(point)), rel=UNREDUCED)
        expected = reference.gradient(problem, point)
        np.testing.assert_allclose(state.gradient[row], expected, atol=UNREDUCED * float(expected.abs().max()))


@settings(max_examples=10)
@given(problems(models=("kinetic", "plain")))
def test_hessian_agrees_with_autograd(problem):
    objective, points = points_of(problem, 1)
    dense = objective.hessian(points.expand(objective.size, -1))(torch.eye(objective.size, dtype=torch.float64))
    expected = reference.hessian(problem, points[0])
    np.testing.assert_allclose(dense, expected, atol=UNREDUCED * float(expected.abs().max()))


@given(problems(models=("kinetic",)))
def test_scale_is_the_sum_of_loss_and_penalty(problem):
    """Without the loss the gradient is that of the penalty, to the transport cost what weight decay is elsewhere."""
    objective, points = points_of(problem, 2)
    _, loss, penalty = objective.terms(points)
    state = objective(points)
    np.testing.assert_allclose(loss + penalty, state.gradient, atol=ROUNDING * float(state.scale.max()))
    norms = torch.linalg.vector_norm(loss, dim=1) + torch.linalg.vector_norm(penalty, dim=1)
    np.testing.assert_allclose(state.scale, norms, rtol=UNREDUCED)
    tenfold = UnreducedObjective(replace(problem, jacobian_decay=10.0 * problem.jacobian_decay), CPU)
    blocks = objective.split(points).blocks.numel() // 2
    _, _, larger = tenfold.terms(points)
    np.testing.assert_allclose(larger[:, :blocks], 10.0 * penalty[:, :blocks], rtol=UNREDUCED, atol=UNREDUCED)


def test_scaled_blocks_invert():
    units = torch.tensor([[2.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    blocks = torch.randn(3, 2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scaled = Scaled(units)
    np.testing.assert_allclose(scaled.jacobians(scaled.variables(blocks)), blocks, atol=DENSE_FLOAT64)


@MODELS
def test_plain_starts_are_orthogonal_and_kinetic_ones_small(model):
    objective = UnreducedObjective(problem_of(model=model), CPU)
    parts = objective.split(objective.random_points(4, seed=0))
    sizes = torch.linalg.svdvals(parts.blocks[0])
    if model == "plain":
        np.testing.assert_allclose(sizes, np.broadcast_to(sizes[0, :, :1], sizes.shape), rtol=DENSE_FLOAT64)
        assert 0.5 < sizes.min() < sizes.max() < 1.5
    else:
        assert sizes.max() < 0.01


@MODELS
@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
def test_nothing_lower_is_found_by_a_general_minimiser(model, loss):
    problem = problem_of(model=model, loss=loss, classes=2, width=2, depth=2, samples=6)
    optimum = minimise(problem)
    size = UnreducedObjective(problem, CPU).size
    assert optimum.objective <= reference.lowest_value(problem, size, starts=2, seed=0) * (1 + MINIMISER)


@pytest.mark.parametrize("inputs", ["few samples", "low rank", "zero"])
def test_blocks_do_nothing_where_no_input_is(inputs):
    """Flat directions: of all equivalent blocks the least is returned, and the law holds on the span."""
    rng = np.random.default_rng(0)
    low = {
        "few samples": rng.standard_normal((4, 6)),
        "low rank": rng.standard_normal((9, 2)) @ rng.standard_normal((2, 6)),
        "zero": np.zeros((9, 6)),
    }[inputs]
    problem = Problem(
        model="kinetic", loss="squared", inputs=low, targets=np.arange(len(low)) % 3, depth=3, jacobian_decay=0.02,
        head_decay=0.01,
    )  # fmt: skip
    optimum = minimise(problem, starts=2, smallest_hessian_eigenvalue=True)
    assert optimum.converged
    assert abs(optimum.certificate.smallest_hessian_eigenvalue) < FLAT_EIGENVALUE
    outside = np.linalg.svd(low)[2][np.linalg.matrix_rank(low) :]
    np.testing.assert_allclose(optimum.jacobians @ outside.T, 0.0, atol=OPTIMISER)
    if inputs != "zero":
        model = KineticModel(3, 0.02, 0.01)
        assert model.balance_error(optimum.jacobians, optimum.head, None, problem.second_moment) < OPTIMISER


@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
def test_an_embedding_of_white_inputs_makes_all_eigenvalues_equal(loss):
    problem = problem_of(loss=loss, embedding_decay=0.03).whitened()
    optimum = minimise(problem, starts=2)
    assert optimum.converged
    model = KineticModel(3, 0.02, 0.01, 0.03)
    assert model.balance_error(optimum.jacobians, optimum.head, optimum.embedding) < OPTIMISER
    first = np.sort(np.linalg.eigvals(optimum.jacobians[0]).real)
    rank = np.linalg.matrix_rank(optimum.end_to_end, tol=1e-6)
    np.testing.assert_allclose(first[-rank:], 1.5, rtol=OPTIMISER)  # lam_E / lam_J
    np.testing.assert_allclose(first[:-rank], 0.0, atol=OPTIMISER)
    m = np.linalg.svd(optimum.end_to_end, compute_uv=False)[:rank]
    head = np.linalg.svd(optimum.head, compute_uv=False)[:rank]
    np.testing.assert_allclose(head, model.head_singular_value(m), rtol=OPTIMISER)


def test_an_embedding_of_other_inputs_has_no_minimum():
    with pytest.raises(ValueError, match=r"^embedding_decay is 0\.03; .* white inputs only .* whiten them"):
        minimise(problem_of(embedding_decay=0.03))


def test_plain_embeddings_balance_with_the_first_layer():
    problem = problem_of(model="plain", embedding_decay=0.03)
    optimum = minimise(problem)
    assert optimum.converged
    gram = 0.02 * optimum.jacobians[0].T @ optimum.jacobians[0]
    np.testing.assert_allclose(0.03 * optimum.embedding @ optimum.embedding.T, gram, atol=OPTIMISER)
    assert PlainModel(3, 0.02, 0.01, 0.03).balance_error(optimum.jacobians, optimum.head, optimum.embedding) < OPTIMISER


def test_a_collapsed_plain_net_is_exactly_zero():
    optimum = minimise(problem_of(model="plain", jacobian_decay=2.0, head_decay=2.0))
    assert optimum.converged
    assert not optimum.jacobians.any()
    assert not optimum.head.any()
    assert optimum.objective == pytest.approx(np.log(3), rel=ROUNDING)
