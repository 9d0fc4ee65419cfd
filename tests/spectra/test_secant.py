"""The least-squares secant of a block: a linear block is its own, and it agrees with a plain solver."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.spectra import residual_jacobians, secant, secant_jacobians
from tests.reference import spectra as reference
from tests.spectra.networks import CONVENTIONS, ImageNetwork, Network, images, inputs
from tests.tolerances import SECANT


@given(st.integers(0, 99), st.sampled_from(["linear", "factored"]), st.integers(1, 6), st.integers(7, 20))
@settings(max_examples=15, deadline=None)
def test_a_linear_block_is_its_own_secant(seed, kind, width, samples):
    network = ResidualNetwork(NetworkConfig(kind=kind, inputs=6, classes=2, width=width, depth=2, seed=seed))
    points = torch.randn(samples, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = secant_jacobians(network, points)
    assert torch.allclose(found, network.jacobians(), rtol=SECANT, atol=SECANT)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_equal_to_a_plain_solver_in_one_piece_or_many(convention, monkeypatch):
    network = Network(convention, width=4).double()
    points = inputs(samples=13)
    found = secant_jacobians(network, points).numpy()
    expected = reference.secants(network.parts, points.numpy())
    np.testing.assert_allclose(found, expected, rtol=SECANT, atol=SECANT)
    monkeypatch.setattr(secant, "_CHUNK", 5 * 4 * 4)  # five samples at once
    np.testing.assert_allclose(secant_jacobians(network, points).numpy(), found, rtol=SECANT, atol=SECANT)


def test_few_samples_give_the_map_of_least_norm():
    network = Network(width=6).double()
    points = inputs(samples=3)
    found = secant_jacobians(network, points).numpy()
    assert (np.linalg.matrix_rank(found, tol=1e-8) == 3).all()
    np.testing.assert_allclose(found, reference.secants(network.parts, points.numpy()), rtol=SECANT, atol=SECANT)


def test_directions_that_states_hardly_reach_can_be_left_out():
    network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)).double()
    network[0].weight.data = torch.diag(torch.tensor([1.0, 1e-4], dtype=torch.float64))
    points = torch.tensor([[1.0, 0.3], [-0.5, 1.0], [0.2, -1.0]], dtype=torch.float64)
    every = secant_jacobians(network, points, blocks=["1"], skip="none")
    some = secant_jacobians(network, points, blocks=["1"], skip="none", tolerance=1e-2)
    weight = network[1].weight.detach()
    assert torch.allclose(every[0], weight, rtol=SECANT)
    assert torch.allclose(some[0][:, 0], weight[:, 0], rtol=1e-2)
    assert some[0][:, 1].abs().max() < 1e-2 * weight.abs().max()


def test_below_a_relu_it_fits_what_the_relu_lets_through():
    network = ImageNetwork().double()
    points = images(samples=4)
    found = secant_jacobians(network, points, blocks=[network.layer1[0]])[0]
    with torch.no_grad():
        state = network.stem(points)
        block = network.layer1[0]
        branch = block.branch(state.clone())
        seen = torch.where(state + branch > 0, branch, 0.0).flatten(1)
    # Four samples in 108 dimensions are fitted exactly, as J(h) h = f(h) would be.
    assert torch.allclose(state.flatten(1) @ found.T, seen, atol=SECANT)


def test_turns_with_the_states():
    network = Network(width=4).double()
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)).Q
    turned = Network(width=4).double()
    with torch.no_grad():
        turned.embedding.weight.copy_(turn @ network.embedding.weight)
        turned.embedding.bias.copy_(turn @ network.embedding.bias)
        for block in turned.blocks:
            block.branch.inner.weight.copy_(block.branch.inner.weight @ turn.T)
            block.branch.outer.weight.copy_(turn @ block.branch.outer.weight)
            block.branch.outer.bias.copy_(turn @ block.branch.outer.bias)
    found = secant_jacobians(turned, inputs(12))
    assert torch.allclose(found, turn @ secant_jacobians(network, inputs(12)) @ turn.T, atol=SECANT)


def test_it_is_no_jacobian_of_a_curved_block():
    network = Network(activation=nn.ReLU()).double()
    points = inputs(12)
    assert (secant_jacobians(network, points)[:, None] - residual_jacobians(network, points)).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tolerance": 0.0}, ValueError, "tolerance is 0.0"),
        ({"tolerance": "small"}, TypeError, "tolerance"),
        ({"blocks": ["nowhere"]}, ValueError, "nowhere"),
    ],
)
def test_bad_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        secant_jacobians(Network(), inputs(), **arguments)
