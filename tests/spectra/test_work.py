"""S19: work as the derivative of the loss when a part is stretched; equal to energy at stationary points."""

import numpy as np
import pytest
import torch
from torch import nn

from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.spectra import state_gradients, states, work_and_energy
from tests.reference import spectra as reference
from tests.spectra.networks import CONVENTIONS, ImageNetwork, Network, TokenNetwork, images, inputs, tokens
from tests.tolerances import DENSE_FLOAT64, FINITE_DIFFERENCE, STATIONARY

LABELS = [2, 0, 1, 2, 0, 1]
SIGNS = [1, -1, 1, 1, -1, -1]
VALUES = np.random.default_rng(0).normal(size=(6, 3))


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(
    ("loss", "targets", "classes"),
    [("cross-entropy", LABELS, 3), ("squared", LABELS, 3), ("squared", VALUES, 3), ("logistic", SIGNS, 1)],
)
def test_equal_to_stretching_the_parts(convention, loss, targets, classes):
    network = Network(convention, classes=classes).double()
    measured = work_and_energy(network, inputs(), targets, loss)

    def expected(*stretch):
        return reference.work(network.parts, inputs().numpy(), targets, loss, stretch)

    assert measured.loss == pytest.approx(reference.mean_loss(network.parts, inputs().numpy(), targets, loss))
    assert measured.work == pytest.approx([expected("branch", layer) for layer in (1, 2, 3)], abs=FINITE_DIFFERENCE)
    assert measured.euler == pytest.approx([expected("state", layer) for layer in range(4)], abs=FINITE_DIFFERENCE)
    assert measured.head_work == pytest.approx(expected("logits"), abs=FINITE_DIFFERENCE)


@pytest.mark.parametrize("kind", ["linear", "factored", "relu"])
def test_euler_is_constant_in_homogeneous_networks_trained_or_not(kind):
    network = ResidualNetwork(NetworkConfig(kind=kind, inputs=5, classes=3, width=4, depth=5))
    measured = work_and_energy(network, inputs(), LABELS, "cross-entropy")
    assert measured.euler == pytest.approx(measured.head_work, rel=DENSE_FLOAT64)
    curved = ResidualNetwork(NetworkConfig(kind="gelu", inputs=5, classes=3, width=4, depth=5))
    assert np.ptp(work_and_energy(curved, inputs(), LABELS, "cross-entropy").euler) > 1e-3


def stationary_network(activation, decay):
    """Train to a stationary point of mean cross-entropy + (decay / 2) ||all weights||^2."""
    network = Network(activation=activation, bias=False).double()
    optimiser = torch.optim.LBFGS(
        network.parameters(), max_iter=4000, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def objective():
        optimiser.zero_grad()
        energy = sum(parameter.square().sum() for parameter in network.parameters())
        value = nn.functional.cross_entropy(network(inputs()), torch.tensor(LABELS)) + decay / 2 * energy
        value.backward()
        return value

    optimiser.step(objective)
    return network


@pytest.mark.parametrize("activation", [nn.GELU(), nn.Tanh()])
def test_work_is_energy_at_a_stationary_point_and_not_before(activation):
    decay = 0.02
    network = stationary_network(activation, decay)
    measured = work_and_energy(network, inputs(), LABELS, "cross-entropy")
    energy = [decay * block.branch.outer.weight.square().sum().item() for block in network.blocks]
    assert min(energy) > 1e-3
    assert measured.work == pytest.approx(energy, rel=STATIONARY)
    assert measured.head_work == pytest.approx(decay * network.head.weight.square().sum().item(), rel=STATIONARY)
    untrained = Network(activation=activation, bias=False)
    spoilt = work_and_energy(untrained, inputs(), LABELS, "cross-entropy").work
    assert (
        np.abs(
            spoilt / [decay * block.branch.outer.weight.square().sum().item() for block in untrained.blocks] - 1
        ).min()
        > 0.1
    )


@pytest.mark.parametrize(
    ("targets", "loss", "error", "rule"),
    [
        (LABELS, "hinge", ValueError, r"^loss is 'hinge'; it must be one of"),
        ([0, 1], "cross-entropy", ValueError, r"^targets has shape \(2,\); with 6 samples"),
        ([0, 1, 2, 3, 0, 0], "cross-entropy", ValueError, r"^targets holds 0 \.\. 3; labels must be 0 \.\. 2"),
        ([-1, 1, 2, 0, 0, 0], "squared", ValueError, r"^targets holds -1 \.\. 2"),
        (VALUES[:, :2], "squared", ValueError, r"^targets has shape \(6, 2\); it must have that of the logits"),
        (VALUES * np.nan, "squared", ValueError, r"^targets\[0, 0\] is nan"),
        ([0.5] * 6, "cross-entropy", TypeError, r"^targets has entries of type float64"),
        (SIGNS, "logistic", ValueError, r"^loss 'logistic' needs one logit"),
    ],
)
def test_bad_targets_are_refused(targets, loss, error, rule):
    with pytest.raises(error, match=rule):
        work_and_energy(Network(), inputs(), targets, loss)


def test_logistic_targets_are_signs():
    with pytest.raises(ValueError, match=r"^loss 'logistic' needs one logit and targets -1 or \+1 \[6\]"):
        work_and_energy(Network(classes=1), inputs(), [0, 1, 0, 1, 0, 1], "logistic")


def test_gradients_of_states_of_any_shape_and_of_named_logits():
    class Named(ImageNetwork):
        def forward(self, batch):
            return {"loss": None, "logits": super().forward(batch)}

    network = ImageNetwork().double()
    measured = state_gradients(network, images(), [0, 2, 1], "cross-entropy", blocks=network.layer1)
    named = Named()
    again = state_gradients(named, images(), [0, 2, 1], "cross-entropy", blocks=named.layer1)
    assert torch.equal(again, measured)

    def loss(state, layer):
        for block in network.layer1[layer:]:
            state = block(state.clone())
        logits = network.head(network.layer2(state).mean((2, 3)))
        return nn.functional.cross_entropy(logits, torch.tensor([0, 2, 1]))

    path = states(network, images(), blocks=network.layer1)
    for layer, state in enumerate(path):
        point = state.clone().requires_grad_()
        (expected,) = torch.autograd.grad(loss(point, layer), point)
        assert torch.allclose(measured[layer], expected, rtol=DENSE_FLOAT64, atol=1e-15)


def test_outputs_that_are_no_logits_are_refused():
    class Pair(Network):
        def forward(self, batch):
            return super().forward(batch), None

    with pytest.raises(TypeError, match=r"the forward of Pair returns a tuple; it must be logits"):
        work_and_energy(Pair(), inputs(), LABELS, "squared")
    tokenwise = TokenNetwork()
    tokenwise.head = nn.Sequential(tokenwise.head, nn.Unflatten(1, (3, 1)))
    with pytest.raises(ValueError, match=r"the logits have shape \(4, 3, 1\)"):
        work_and_energy(tokenwise, tokens(), [0, 1, 2, 0], "squared")
