"""States: equality with the reference, conventions told apart, the network untouched, bad networks refused."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.spectra import measure, residual_jacobians, states, work_and_energy
from ramodel.spectra.trajectory import follow
from tests.reference import spectra as reference
from tests.spectra.networks import CONVENTIONS, Branch, Network, inputs
from tests.tolerances import DENSE_FLOAT64


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_states_equal_the_reference(convention):
    network = Network(convention).double()
    with torch.no_grad():
        expected = [torch.stack(reference.walk(*network.parts, x)[0]) for x in inputs()]
    measured = states(network, inputs())
    assert torch.allclose(measured, torch.stack(expected, dim=1), rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_auto_tells_the_conventions_apart(convention):
    assert follow(Network(convention), inputs(), blocks=None, skip="auto").skip == convention


def test_auto_reads_the_attribute_of_the_model_where_blocks_have_none():
    network = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5))
    with pytest.raises(ValueError, match=r"skip is 'auto', and blocks '0' \.\. '2' do not tell .* Say skip='inside'"):
        states(network, inputs(), blocks=["0", "1", "2"])
    network.skip = False
    assert follow(network, inputs(), blocks=["0", "1", "2"], skip="auto").skip == "none"


@pytest.mark.parametrize(
    ("convention", "wrong"), [("inside", "branch"), ("none", "branch"), ("branch", "inside"), ("branch", "none")]
)
def test_a_convention_that_does_not_fit_is_refused(convention, wrong):
    with pytest.raises(ValueError, match=rf"skip is '{wrong}', but the states .* fit skip='"):
        states(Network(convention), inputs(), skip=wrong)


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
    assert follow(network, inputs(), blocks=None, skip="auto").skip == ("inside" if skip else "none")


def test_a_forward_without_blocks_must_agree_with_their_walk():
    class Shortcut(Network):
        def forward(self, batch):
            return self.head(self.embedding(batch))

    with pytest.raises(ValueError, match=r"calls none of its blocks, and .* another output"):
        states(Shortcut(), inputs())
    bare = nn.Module()
    bare.blocks = nn.ModuleList([nn.Linear(5, 5)])
    bare.forward = lambda batch: batch
    with pytest.raises(ValueError, match=r"calls none of the blocks, and it has no embedding, blocks and head"):
        states(bare, inputs())


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
    with pytest.raises(ValueError, match=r"^inputs has shape \(3, 9\); the network refuses it"):
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


class _Noise(nn.Module):
    def forward(self, hidden):
        return torch.randn_like(hidden)


class _Mixing(nn.Module):
    def forward(self, hidden):
        return hidden - hidden.mean(dim=0)


class _Pair(nn.Module):
    def forward(self, hidden):
        return hidden, hidden


class _InPlace(nn.Module):
    def forward(self, hidden):
        return hidden.mul_(2.0)


@pytest.mark.parametrize(
    ("modules", "error", "rule"),
    [
        ([nn.Tanh(), _Noise()], ValueError, r"block '1' gives another output for the same sample alone"),
        ([nn.Tanh(), _Mixing()], ValueError, r"block '1' gives another output for the same sample alone"),
        ([nn.Tanh(), _Pair()], TypeError, r"block '1' returns a tuple"),
        ([nn.Tanh(), _InPlace()], ValueError, r"block '1' changes its input in place; build it with inplace=False"),
        ([nn.Linear(5, 5), nn.Linear(5, 2)], ValueError, r"block '1' maps \(6, 5\) to \(6, 2\).* Measure each stage"),
    ],
)
def test_blocks_without_a_jacobian_of_their_own_are_refused(modules, error, rule):
    network = nn.Sequential(*modules)
    with pytest.raises(error, match=rule):
        states(network, inputs(), blocks=["0", "1"], skip="none")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_blocks_that_cannot_be_found_are_refused():
    network = Network()
    for blocks, error, rule in [
        (["blocks.9"], ValueError, r"blocks has 'blocks\.9'; Network has no module of that name"),
        ([nn.Tanh()], ValueError, r"blocks has a Tanh that is not part of Network"),
        ([3], TypeError, r"blocks has an entry of type int"),
        ("blocks", TypeError, r"blocks is 'blocks'; it must be a list"),
        (network.blocks[0], TypeError, r"blocks is Block\("),
        ([], ValueError, r"blocks is empty"),
        (["blocks.0", network.blocks[0]], ValueError, r"blocks lists a module twice"),
        (["blocks.0", "blocks.2"], ValueError, r"blocks 'blocks\.0' \.\. 'blocks\.2' do not follow one another"),
        (["blocks.0", "blocks"], ValueError, r"block 'blocks' was not called"),
    ]:
        with pytest.raises(error, match=rule):
            states(network, inputs(), blocks=blocks)
    wrapped = nn.Module()
    wrapped.layers = nn.ModuleList([nn.Sequential(nn.Tanh())])
    with pytest.raises(ValueError, match=r"named 'blocks'; it has 'layers'\. Pass .* such as blocks=model\.layers\.$"):
        states(wrapped, inputs())
    with pytest.raises(TypeError, match=r"^model is of type list; it must be a torch\.nn\.Module"):
        states([nn.Tanh()], inputs())
    with pytest.raises(ValueError, match=r"^skip is 'outside'; it must be one of"):
        states(network, inputs(), skip="outside")


def test_shared_blocks_are_refused():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Branch(5, nn.Tanh())])

        def forward(self, hidden):
            return self.blocks[0](self.blocks[0](hidden))

    with pytest.raises(ValueError, match=r"block 'blocks\.0' is called twice"):
        states(Shared(), inputs())


@pytest.mark.parametrize(
    ("batch", "error", "rule"),
    [
        (np.ones(5), ValueError, r"must be a batch \[N, \.\.\.\]"),
        (torch.ones(0, 5), ValueError, r"must be a batch \[N, \.\.\.\]"),
        (torch.ones(2, 5) * 1j, TypeError, "real numbers"),
        ([["a"]], TypeError, "real numbers"),
    ],
)
def test_bad_inputs_are_refused(batch, error, rule):
    with pytest.raises(error, match=f"^inputs has .*{rule}"):
        states(Network(), batch)
