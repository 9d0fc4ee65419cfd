"""Hooks and parametrisations of the user belong to the network; what makes every call another function is refused."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from ramodel.spectra.network import inspect, record
from ramodel.spectra.operators import jacobian_operator
from tests.reference.spectra import jacobian
from tests.spectra.networks import Network, inputs
from tests.tolerances import PRODUCTS


def assert_measured(network):
    """Compare with one backward pass for each row through the blocks, hooks included."""
    inspection = inspect(network, inputs(), blocks=network.blocks, skip="inside")
    network.double()
    for call in record(network, inputs(), inspection):
        expected = torch.stack([jacobian(lambda h, call=call: call.module(h[None])[0], h) for h in call.state])
        found = jacobian_operator(call).dense() + torch.eye(4)
        assert torch.allclose(found, expected, rtol=0.0, atol=PRODUCTS)


def doubled_input(module, arguments):
    return (2.0 * arguments[0],)


def doubled_output(module, arguments, output):
    return 2.0 * output


def test_hooks_that_change_what_goes_in_and_out():
    network = Network()
    network.blocks[0].register_forward_pre_hook(doubled_input)
    network.blocks[1].register_forward_hook(doubled_output)
    network.blocks[2].branch.register_forward_hook(doubled_output)
    assert_measured(network)


def test_hooks_that_change_keywords():
    class Gained(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, hidden, *, gain=1.0):
            return hidden + gain * self.linear(hidden)

    network = Network()
    network.blocks = nn.ModuleList([Gained() for _ in range(3)])
    for block in network.blocks:
        block.register_forward_pre_hook(
            lambda module, arguments, keywords: (arguments, {"gain": 3.0 * keywords.get("gain", 1.0)}), with_kwargs=True
        )
    assert_measured(network)


@pytest.mark.parametrize("register", ["register_full_backward_hook", "register_full_backward_pre_hook"])
def test_backward_hooks_are_refused(register):
    network = Network()
    handle = getattr(network.blocks[1], register)(lambda module, *gradients: None)
    with pytest.raises(ValueError, match=r"'blocks\.1' \(Block\) has a backward hook.*remove it"):
        inspect(network, inputs())
    handle.remove()
    assert_measured(network)


def test_parametrised_weights():
    network = Network()
    for block, parametrise in zip(
        network.blocks,
        (parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal),
        strict=True,
    ):
        parametrise(block.branch.outer)
    assert_measured(network.eval())


class Filling(nn.Module):
    """Attends to a cache that it fills."""

    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(8, 4))

    def forward(self, hidden):
        self.cache[: len(hidden)] = hidden
        return torch.tanh(self.cache[: len(hidden)])


def test_what_a_forward_writes_to_is_named():
    network = Network()
    parametrizations.spectral_norm(network.blocks[1].branch.outer)
    with pytest.raises(ValueError, match=r"writes to its own 'blocks\.1\..*\._[uv]'.*Call model\.eval\(\)"):
        inspect(network.train(), inputs())
    network = Network()
    network.blocks[1].branch = Filling().eval()
    with pytest.raises(ValueError, match=r"writes to its own 'blocks\.1\.branch\.cache'.*Switch that off"):
        inspect(network, inputs())
