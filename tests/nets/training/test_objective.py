import numpy as np
import pytest
import torch

from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.nets.training.objective import Decays, TrainingObjective
from tests import tolerances
from tests.nets.architectures.test_network import KINDS, weights_of
from tests.reference import nets as reference

DECAYS = Decays(embedding=0.1, blocks=0.2, head=0.3)


def make(kind, loss, *, skip=True, embedding="trained", bias=False, seed=0):
    hidden = None if kind == "linear" else 6
    config = NetworkConfig(
        kind=kind, inputs=4, classes=3, width=4, depth=3, hidden=hidden, skip=skip, embedding=embedding, bias=bias
    )
    rng = np.random.default_rng(seed)
    inputs, labels = torch.from_numpy(rng.normal(size=(5, 4))), torch.from_numpy(rng.integers(3, size=5))
    return TrainingObjective(ResidualNetwork(config), inputs, labels, loss, DECAYS)


def every_case(function):
    for name, values in (("kind", KINDS), ("loss", ("cross-entropy", "squared")), ("skip", (True, False))):
        function = pytest.mark.parametrize(name, values)(function)
    return function


@every_case
def test_value_equals_the_slow_objective(kind, loss, skip):
    objective = make(kind, loss, skip=skip)
    expected = reference.objective(
        kind,
        weights_of(objective.network),
        objective.inputs.numpy(),
        objective.labels.numpy(),
        loss,
        DECAYS[:3],
        skip=skip,
    )
    assert float(objective(objective.point()).value) == pytest.approx(expected, rel=tolerances.DENSE_FLOAT64)


@every_case
@pytest.mark.parametrize("embedding", ["trained", "fixed", "identity"])
def test_gradient_equals_central_differences(kind, loss, skip, embedding):
    objective = make(kind, loss, skip=skip, embedding=embedding)
    point = objective.point()
    gradient = objective(point).gradient[0]
    step = 1e-5
    for index in range(0, point.shape[1], 3):
        moved = [point.clone(), point.clone()]
        moved[0][0, index] += step
        moved[1][0, index] -= step
        values = [float(objective(p).value) for p in moved]
        assert float(gradient[index]) == pytest.approx(
            (values[0] - values[1]) / (2 * step), abs=tolerances.FINITE_DIFFERENCE
        )


@every_case
def test_gradient_equals_back_propagation_through_the_states(kind, loss, skip):
    objective = make(kind, loss, skip=skip)
    found = objective(objective.point())
    network = objective.network
    for parameter in network.parameters():
        parameter.grad = None
    logits = network.head(network.states(objective.inputs)[-1])
    one_hot = torch.nn.functional.one_hot(objective.labels, 3).double()
    if loss == "cross-entropy":
        data = -(one_hot * logits.log_softmax(dim=1)).sum() / 5
    else:
        data = (logits - one_hot).square().sum() / 10
    blocks = sum(parameter.square().sum() for parameter in network.blocks.parameters())
    decay = 0.05 * network.embedding.weight.square().sum() + 0.1 * blocks + 0.15 * network.head.weight.square().sum()
    loss_gradient = torch.cat([g.flatten() for g in torch.autograd.grad(data, list(network.parameters()))])
    decay_gradient = torch.cat([g.flatten() for g in torch.autograd.grad(decay, list(network.parameters()))])
    torch.testing.assert_close(
        found.gradient[0], loss_gradient + decay_gradient, rtol=tolerances.DENSE_FLOAT64, atol=1e-13
    )
    assert float(found.scale) == pytest.approx(float(loss_gradient.norm() + decay_gradient.norm()))


def test_biases_are_not_decayed():
    objective = make("factored", "squared", bias=True)
    before = float(objective(objective.point()).value)
    unbiased = make("factored", "squared")
    assert before == pytest.approx(float(unbiased(unbiased.point()).value))  # zero biases
    with torch.no_grad():
        objective.network.head.bias.fill_(2.0)
        logits = objective.network(objective.inputs)
    one_hot = torch.nn.functional.one_hot(objective.labels, 3).double()
    data = float((logits - one_hot).square().sum() / 10)
    weights = weights_of(unbiased.network)
    decay = 0.5 * (
        0.1 * (weights[0] ** 2).sum()
        + 0.2 * sum((m**2).sum() for pair in weights[1] for m in pair)
        + 0.3 * (weights[2] ** 2).sum()
    )
    assert float(objective(objective.point()).value) == pytest.approx(data + decay)


def test_evaluations_leave_points_and_later_evaluations_alone():
    objective = make("linear", "cross-entropy")
    point = objective.point()
    copy = point.clone()
    first = objective(point)
    gradient = first.gradient.clone()
    objective(point + 1.0)
    assert torch.equal(point, copy)
    assert torch.equal(first.gradient, gradient)


@pytest.mark.parametrize("kind", KINDS)
def test_move_sets_a_copy(kind):
    objective = make(kind, "squared")
    point = objective.point() + 1.0
    objective.move(point)
    assert torch.equal(objective.point(), point)
    point.zero_()
    assert float(objective.network.head.weight.detach().abs().max()) > 0.0
