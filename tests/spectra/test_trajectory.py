"""States: equality with the reference, conventions told apart, the network untouched, bad networks refused."""

import copy

import pytest
import torch
from torch import nn

from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.spectra import measure, residual_jacobians, states, work_and_energy
from ramodel.spectra.network import inspect, record
from ramodel.spectra.trajectory import stacked_states, stacked_steps
from tests.reference import spectra as reference
from tests.spectra.networks import CONVENTIONS, ImageNetwork, Network, images, inputs
from tests.tolerances import DENSE_FLOAT64


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_states_equal_the_reference(convention):
    network = Network(convention).double()
    with torch.no_grad():
        expected = [torch.stack(reference.walk(*network.parts, x)[0]) for x in inputs()]
    measured = states(network, inputs())
    assert torch.allclose(measured, torch.stack(expected, dim=1), rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)


def test_blocks_as_names_modules_and_parts_of_the_chain():
    network = Network(depth=4)
    everything = states(network, inputs())
    assert torch.equal(states(network, inputs(), blocks=[f"blocks.{i}" for i in range(4)]), everything)
    assert torch.equal(states(network, inputs(), blocks=list(network.blocks[1:3])), everything[1:4])
    branches = [block.branch for block in network.blocks]
    assert torch.allclose(states(network, inputs(), blocks=branches), everything)


@pytest.mark.parametrize("kind", ["linear", "factored", "relu", "gelu"])
@pytest.mark.parametrize("skip", [True, False])
def test_networks_of_ramodel_even_where_forward_is_one_product(kind, skip):
    network = ResidualNetwork(NetworkConfig(kind=kind, inputs=5, classes=3, width=4, depth=3, skip=skip))
    measured = states(network, inputs())
    assert torch.allclose(measured, network.states(inputs()), rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)


def test_float64_whatever_the_network_and_the_inputs():
    network, batch = Network(), inputs()
    exact = states(copy.deepcopy(network).double(), batch)
    for given in (batch, batch.numpy(), batch.tolist()):
        measured = states(network, given)
        assert measured.dtype == torch.float64
        assert torch.equal(measured, exact)
    with torch.inference_mode():
        assert torch.equal(states(network, batch), exact)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(states(network, batch), exact)


def test_tied_weights_and_shared_modules_are_measured_in_float64():
    network = Network(activation=nn.PReLU())  # one PReLU in all blocks
    network.blocks[2].branch.inner.weight = network.blocks[0].branch.inner.weight
    exact = states(copy.deepcopy(network).double(), inputs())
    assert torch.equal(states(network, inputs()), exact)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


MEASUREMENTS = [
    states,
    residual_jacobians,
    lambda network, batch: measure(network, batch, progress=False),
    lambda network, batch: work_and_energy(network, batch, [0] * len(batch), "cross-entropy"),
]


@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_inputs_of_another_shape_are_named(measurement):
    with pytest.raises(ValueError, match=r"^inputs has samples of shape \(9,\); the network refuses them"):
        measurement(Network(), torch.ones(3, 9))


@pytest.mark.parametrize("measurement", MEASUREMENTS)
@pytest.mark.parametrize("fails", [False, True])
def test_the_network_is_left_as_it_was(measurement, fails):
    class Failing(nn.Tanh):
        def forward(self, hidden):
            if fails:
                raise RuntimeError("told to fail")
            return super().forward(hidden)

    network = Network(activation=nn.Sequential(nn.BatchNorm1d(5), Failing()), depth=2)
    network.head.train()
    network.embedding.weight.requires_grad_(False)
    network.head.weight.grad = torch.ones_like(network.head.weight)
    batch = inputs().requires_grad_()

    def snapshot():
        hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()]
        flags = [
            (p.requires_grad, p.dtype, None if p.grad is None else p.grad.sum().item()) for p in network.parameters()
        ]
        return hooks, flags, [module.training for module in network.modules()], batch.grad

    before, weights = snapshot(), copy.deepcopy(network.state_dict())
    addresses = [parameter.data_ptr() for parameter in network.parameters()]
    if fails:
        with pytest.raises(RuntimeError, match="told to fail"):
            measurement(network, batch)
    else:
        measurement(network, batch)
    assert snapshot() == before
    assert addresses == [parameter.data_ptr() for parameter in network.parameters()]
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_training_mode_is_refused_where_it_matters(measurement):
    for layer, rule in ((nn.BatchNorm1d(5), "samples mix"), (nn.Dropout(0.5), "its output is random")):
        network = Network(activation=layer)
        measurement(network, inputs())
        network.train()
        with pytest.raises(ValueError, match=rf"'blocks\.0\.branch\.activation' is .*{rule}.* Call model\.eval\(\)"):
            measurement(network, inputs())
    measurement(Network(activation=nn.Dropout(0.0)).train(), inputs())
    with pytest.raises(ValueError, match="Give it running statistics"):
        measurement(Network(activation=nn.BatchNorm1d(5, track_running_stats=False)), inputs())


@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_what_is_not_finite_is_named(measurement):
    network = Network()
    with torch.no_grad():
        network.blocks[1].branch.inner.weight[0, 0] = torch.nan
    with pytest.raises(
        ValueError, match=r"weight 'blocks\.1\.branch\.inner\.weight' holds a number that is not finite"
    ):
        measurement(network, inputs())
    batch = inputs()
    batch[2, 1] = torch.inf
    for given in (batch, batch.numpy()):
        with pytest.raises(ValueError, match=r"^inputs\[2, 1\] is .*finite"):
            measurement(Network(), given)


def test_the_block_where_overflow_begins_is_named():
    class Explosion(nn.Module):
        def forward(self, hidden):
            return hidden.exp() * 1e300

    network = Network(depth=3)
    network.blocks[1].branch = Explosion()
    with pytest.raises(ValueError, match=r"block 'blocks\.1' returns a state that is not finite; the first"):
        states(network, 1e3 * inputs())


def test_states_of_any_shape_and_one_stage_at_a_time():
    network = ImageNetwork().double()
    lines = r"in 2 stages.*\n  blocks=\['layer1\.0', 'layer1\.1'\]  # .* \(3, 6, 6\)\n  blocks="
    with pytest.raises(ValueError, match=lines):
        states(network, images())
    measured = states(network, images(), blocks=network.layer1)
    expected = [network.stem(images())]
    for block in network.layer1:
        expected.append(block(expected[-1].clone()))
    assert torch.allclose(measured, torch.stack(expected), rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)


def test_states_after_each_convention():
    for convention in CONVENTIONS:
        network = Network(convention).double()
        calls = record(network, inputs(), inspect(network, inputs()))
        path, steps = stacked_states(calls), stacked_steps(calls)
        last = path[:-1] if convention != "none" else torch.zeros_like(path[:-1])
        assert torch.allclose(last + steps, path[1:], rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)
