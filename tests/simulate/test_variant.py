"""Homogeneous coordinates against autograd on the network as it is written; nothing else changes."""

import numpy as np
import pytest
import torch

from ramodel.simulate import Problem, ProblemVariant, UnreducedObjective, minimise, random_problem
from ramodel.simulate.hessian import smallest_eigenvalue
from ramodel.simulate.variant import VariantObjective
from tests.tolerances import ROUNDING, UNREDUCED

CPU = torch.device("cpu")
HEAD = np.random.default_rng(0).standard_normal((3, 4))
CHANGES = [
    {},
    {"layer_decays": [0.1, 0.4]},
    {"bias_decay": 0.0},
    {"bias_decay": 0.3},
    {"fixed_head": HEAD},
    {"bias_decay": 0.3, "layer_decays": [0.1, 0.4], "fixed_head": HEAD},
]


def problem_of(model="frobenius", embedding_decay=None):
    return random_problem(model=model, classes=3, width=4, depth=2, samples=9, loss="cross-entropy", jacobian_decay=0.2,
                          head_decay=0.1, embedding_decay=embedding_decay, seed=0)  # fmt: skip


def written_out(variant, objective, point):
    """F of one flat point, by running every sample through the blocks."""
    problem = variant.problem
    parts, biases, head_bias = objective.plain_parts(objective.split(point))
    layers = [problem.jacobian_decay] * 2 if variant.layer_decays is None else variant.layer_decays
    states, decay = torch.from_numpy(problem.inputs), 0.0
    if parts.embedding is not None:
        states, decay = states @ parts.embedding[0].mT, problem.embedding_decay * parts.embedding.square().sum()
    for layer in range(2):
        matrices = parts.blocks[:, layer, 0]
        jacobian = matrices[0] if len(matrices) == 1 else matrices[1] @ matrices[0]
        states = states + states @ jacobian.mT
        if biases is not None:
            states = states + biases[layer, 0]
            decay = decay + variant.bias_decay * biases[layer, 0].square().sum()
        decay = decay + float(layers[layer]) * matrices.square().sum()
    logits = states @ parts.head[0].mT
    decay = decay + problem.head_decay * parts.head.square().sum()
    if head_bias is not None:
        logits = logits + head_bias[0]
        decay = decay + variant.bias_decay * head_bias.square().sum()
    return torch.nn.functional.cross_entropy(logits, torch.from_numpy(problem.targets)) + decay / 2


@pytest.mark.parametrize("model", ["frobenius", "nuclear"])
@pytest.mark.parametrize("embedding_decay", [None, 0.3])
@pytest.mark.parametrize("changes", CHANGES)
def test_value_gradient_and_hessian(model, embedding_decay, changes):
    variant = ProblemVariant(problem=problem_of(model, embedding_decay), **changes)
    objective = VariantObjective(variant, CPU)
    point = 3.0 * objective.random_points(1, seed=2)
    vector = objective.random_points(1, seed=3)
    flat = point.clone().requires_grad_()
    value = written_out(variant, objective, flat)
    (gradient,) = torch.autograd.grad(value, flat, create_graph=True)
    (product,) = torch.autograd.grad((gradient * vector).sum(), flat)
    found = objective(point)
    assert float(found.value) == pytest.approx(float(value.detach()), rel=ROUNDING)
    for ours, theirs in ((found.gradient, gradient.detach()), (objective.hessian(point)(vector), product)):
        assert float((ours - theirs).abs().max()) <= UNREDUCED * float(theirs.abs().max())


@pytest.mark.parametrize("model", ["frobenius", "nuclear", "kinetic", "plain"])
def test_a_variant_that_changes_nothing_is_the_problem(model):
    problem = problem_of(model)
    inner, outer = UnreducedObjective(problem, CPU), VariantObjective(ProblemVariant(problem=problem), CPU)
    points = inner.random_points(3, seed=1)
    assert outer.size == inner.size
    assert torch.equal(outer.random_points(3, seed=1), points)
    assert torch.equal(outer(points).value, inner(points).value)
    assert torch.equal(outer(points).gradient, inner(points).gradient)


@pytest.mark.parametrize("model", ["kinetic", "plain"])
def test_other_models_take_a_fixed_head(model):
    optimum = minimise(ProblemVariant(problem=problem_of(model), fixed_head=HEAD), starts=2, progress=False)
    np.testing.assert_array_equal(optimum.head, HEAD)
    assert optimum.converged


def test_optimum_reports_biases_and_predicts_with_them():
    variant = ProblemVariant(problem=problem_of(), bias_decay=0.01)
    optimum = minimise(variant, starts=2, progress=False)
    states = variant.problem.inputs
    for block, bias in zip(optimum.jacobians, optimum.biases, strict=True):
        states = states + states @ block.T + bias
    logits = states @ optimum.head.T + optimum.head_bias
    offset = logits - variant.problem.inputs @ optimum.end_to_end.T
    np.testing.assert_allclose(offset, np.broadcast_to(offset[0], offset.shape), atol=UNREDUCED)
    assert minimise(problem_of(), starts=1, progress=False).biases is None
    assert optimum.objective < minimise(problem_of(), starts=2, progress=False).objective


def test_undecayed_head_bias_leaves_one_flat_direction_of_the_cross_entropy():
    """All logits shifted alike; untrained entries are no variables and leave none."""
    variant = ProblemVariant(problem=problem_of(), bias_decay=0.0)
    objective = VariantObjective(variant, CPU)
    lowest = smallest_eigenvalue(objective, 0.0 * objective.random_points(1, seed=0))
    assert lowest <= UNREDUCED
    assert objective.size == 2 * 4 * 5 + 3 * 5


def test_bad_variants_are_refused():
    problem = problem_of()
    with pytest.raises(TypeError, match="problem is 3; it must be a Problem"):
        ProblemVariant(problem=3)
    with pytest.raises(ValueError, match=r"layer_decays has shape \(3,\); it must have shape \(2\)"):
        ProblemVariant(problem=problem, layer_decays=[1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="the model is 'kinetic'; its blocks share one decay"):
        ProblemVariant(problem=problem_of("kinetic"), layer_decays=[1.0, 1.0])
    with pytest.raises(ValueError, match="the model is 'plain'; leave biases out"):
        ProblemVariant(problem=problem_of("plain"), bias_decay=0.0)
    with pytest.raises(ValueError, match="bias_decay is -1"):
        ProblemVariant(problem=problem, bias_decay=-1)
    with pytest.raises(ValueError, match=r"fixed_head has shape \(4, 3\); it must have shape \(3, 4\)"):
        ProblemVariant(problem=problem, fixed_head=HEAD.T)
    with pytest.raises(ValueError, match=r"layer_decays is 0\.0"):
        minimise(ProblemVariant(problem=problem, layer_decays=[0.0, 1.0]))
    no_decay = Problem(model="frobenius", loss="squared", inputs=np.eye(2), targets=np.arange(2), depth=1,
                       jacobian_decay=0.1, head_decay=0.0)  # fmt: skip
    assert minimise(ProblemVariant(problem=no_decay, fixed_head=np.eye(2)), progress=False).converged
    with pytest.raises(ValueError, match=r"head_decay is 0\.0"):
        minimise(ProblemVariant(problem=no_decay))
