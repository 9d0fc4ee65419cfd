"""Residual Jacobians: row-by-row reference, closed forms, chunks, class means."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.spectra import class_mean_jacobians, jacobian, residual_jacobians, states
from ramodel.spectra.class_means import class_means
from ramodel.spectra.network import inspect, record
from tests.reference import spectra as reference
from tests.spectra.networks import CONVENTIONS, ImageNetwork, Network, TokenNetwork, images, inputs, tokens
from tests.tolerances import DENSE_FLOAT64

ACTIVATIONS = [
    nn.Tanh(),
    nn.ReLU(),
    nn.GELU(),
    nn.Sequential(nn.LayerNorm(5), nn.ReLU(inplace=True)),
    nn.BatchNorm1d(5),
]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equal_to_the_reference(convention, activation):
    network = Network(convention, activation=activation).double()
    _, branches, _, _ = network.parts
    path = states(network, inputs())
    measured = residual_jacobians(network, inputs())
    for layer, branch in enumerate(branches):
        for n in range(len(inputs())):
            expected = reference.jacobian(lambda h, f=branch: f(h[None])[0], path[layer, n])
            assert torch.allclose(measured[layer, n], expected, rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)


@pytest.mark.parametrize("kind", ["linear", "factored"])
@pytest.mark.parametrize("skip", [True, False])
def test_linear_blocks_have_their_matrix_at_every_input(kind, skip):
    network = ResidualNetwork(NetworkConfig(kind=kind, inputs=5, classes=3, width=4, depth=3, skip=skip))
    measured = residual_jacobians(network, inputs())
    expected = network.jacobians().detach()[:, None].expand_as(measured)
    assert torch.allclose(measured, expected, rtol=DENSE_FLOAT64, atol=1e-15)


def test_relu_blocks_have_masked_products():
    network = ResidualNetwork(NetworkConfig(kind="relu", inputs=5, classes=3, width=4, depth=3, bias=True))
    path = states(network, inputs())
    for layer, block in enumerate(network.blocks):
        mask = (block.inner(path[layer]) > 0).double()
        expected = torch.einsum("ih,nh,hj->nij", block.outer.weight, mask, block.inner.weight)
        assert torch.allclose(residual_jacobians(network, inputs())[layer], expected, atol=DENSE_FLOAT64)


@settings(max_examples=20)
@given(st.permutations(range(6)), st.integers(1, 6))
def test_inputs_do_not_see_each_other(order, samples):
    network = Network(activation=nn.GELU())
    everything = residual_jacobians(network, inputs())
    some = residual_jacobians(network, inputs()[list(order)[:samples]])
    assert torch.allclose(some, everything[:, list(order)[:samples]], rtol=DENSE_FLOAT64, atol=1e-15)


def test_chunks_change_nothing(monkeypatch):
    network = Network(activation=nn.GELU())
    whole = residual_jacobians(network, inputs())
    monkeypatch.setattr(jacobian, "_CHUNK", 2 * 4**2)
    assert torch.allclose(residual_jacobians(network, inputs()), whole, rtol=DENSE_FLOAT64, atol=1e-15)


def test_class_means_are_taken_layer_by_layer():
    network, labels = Network(activation=nn.GELU()).double(), [4, 1, 1, 4, 4, 1]
    measured = class_mean_jacobians(network, inputs(), labels)
    path = states(network, inputs())
    for k, label in enumerate([1, 4]):
        members = [n for n in range(6) if labels[n] == label]
        for layer, block in enumerate(network.blocks):
            centre = sum(path[layer, n] for n in members) / len(members)
            expected = reference.jacobian(lambda h, f=block.branch: f(h[None])[0], centre)
            assert torch.allclose(measured[layer, k], expected, rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)


def test_classes_are_sorted_and_labels_of_any_kind():
    path = torch.arange(6.0)[None, :, None]
    for labels in (
        [2, -1, 2, -1, 2, 7],
        np.array([2, -1, 2, -1, 2, 7], dtype=np.int8),
        torch.tensor([2, -1, 2, -1, 2, 7]),
    ):
        classes, means = class_means(path, labels)
        assert classes.tolist() == [-1, 2, 7]
        assert means.flatten().tolist() == pytest.approx([2.0, 2.0, 5.0])


@pytest.mark.parametrize(
    ("labels", "error", "rule"),
    [
        ([0, 1], ValueError, r"has shape \(2,\); with 6 samples it must have shape \(6,\)"),
        ([0.0] * 6, TypeError, "must hold whole numbers"),
        (["a"] * 6, TypeError, "must hold whole numbers"),
    ],
)
def test_bad_labels_are_refused(labels, error, rule):
    with pytest.raises(error, match=f"^labels {rule}" if rule.startswith("has") else f"^labels has .*{rule}"):
        class_mean_jacobians(Network(), inputs(), labels)


def test_a_jacobian_that_is_not_finite_names_its_block():
    class Root(nn.Module):
        def forward(self, hidden):
            return (hidden - hidden.detach()).abs().sqrt()

    network = Network()
    network.blocks[2].branch = Root()
    with pytest.raises(ValueError, match=r"block 'blocks\.2' has a Jacobian that is not finite"):
        residual_jacobians(network, inputs())


@pytest.mark.parametrize(("build", "batch"), [(ImageNetwork, images), (TokenNetwork, tokens)])
def test_states_of_any_shape_are_flattened(build, batch):
    network = build()
    blocks = getattr(network, "layer1", None)
    measured = residual_jacobians(network, batch(), blocks=blocks)
    calls = record(network, batch(), inspect(network, batch(), blocks=blocks))
    path = states(network, batch(), blocks=blocks)
    shape, sample = path.shape[2:], torch.tensor([1])
    for layer, call in enumerate(calls):

        def block(flat, call=call):
            return call(flat.reshape(1, *shape), sample).flatten()

        identity = (path[layer + 1, 1] > 0).double() if call.skip == "masked" else torch.ones(shape)
        expected = reference.jacobian(block, path[layer, 1].flatten()) - torch.diag(identity.flatten())
        assert torch.allclose(measured[layer, 1], expected, rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)


def test_class_means_of_masked_samples_are_refused():
    with pytest.raises(ValueError, match=r"'layers\.0' is called with more than its state for each sample"):
        class_mean_jacobians(TokenNetwork(), tokens(), [0, 0, 1, 1])
