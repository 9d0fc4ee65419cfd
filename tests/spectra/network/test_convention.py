"""Conventions: taken from the network, declared, given, contradicted."""

import pytest
import torch
from torch import nn

from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.spectra.network import inspect, record
from tests.spectra.networks import CONVENTIONS, ImageNetwork, Network, images, inputs


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_auto_tells_the_conventions_apart(convention):
    assert inspect(Network(convention), inputs()).skips == (convention,) * 3


@pytest.mark.parametrize("kind", ["linear", "factored", "relu", "gelu"])
@pytest.mark.parametrize("skip", [True, False])
def test_networks_of_ramodel(kind, skip):
    network = ResidualNetwork(NetworkConfig(kind=kind, inputs=5, classes=3, width=4, depth=3, skip=skip))
    assert inspect(network, inputs()).skips == ("inside" if skip else "none",) * 3


def test_auto_reads_the_attribute_of_the_model_where_blocks_have_none():
    network = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5))
    for blocks in (None, ["0", "1", "2"]):
        rule = r"skip is 'auto', and blocks '0' \.\. '2' do not tell .* last step of '0' \(Linear\) is Addmm.* Say "
        with pytest.raises(ValueError, match=rule):
            inspect(network, inputs(), blocks=blocks)
    for declared, expected in ((False, "none"), (True, "inside")):
        network.skip = declared
        assert inspect(network, inputs()).skips == (expected,) * 3
    network.skip = nn.Identity()  # a module of that name says nothing
    with pytest.raises(ValueError, match="do not tell"):
        inspect(network, inputs())


def test_a_norm_above_the_addition_is_no_skip():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    network = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    batch = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=r"is NativeLayerNorm, .*post-norm.*Say skip='inside' if J is to be"):
        inspect(network, batch)
    assert inspect(network, batch, skip="inside").skips == ("inside", "inside")
    network = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True), 2, enable_nested_tensor=False
    )
    assert inspect(network.eval(), batch).skips == ("inside", "inside")


@pytest.mark.parametrize(
    ("convention", "wrong"), [("inside", "branch"), ("none", "branch"), ("branch", "inside"), ("branch", "none")]
)
def test_a_convention_that_does_not_fit_is_refused(convention, wrong):
    with pytest.raises(ValueError, match=rf"skip is '{wrong}', but the states .* fit skip='"):
        inspect(Network(convention), inputs(), skip=wrong)


def test_what_is_given_is_taken():
    assert inspect(Network("inside"), inputs(), skip="none").skips == ("none",) * 3
    assert inspect(ImageNetwork(), images(), skip="inside").skips == ("inside",) * 4
    assert inspect(ImageNetwork(), images(), skip="masked").skips == ("masked",) * 4
    with pytest.raises(ValueError, match=r"^skip is 'outside'; it must be one of"):
        inspect(Network(), inputs(), skip="outside")
    inspection = inspect(Network("inside"), inputs(), skip="masked")
    with pytest.raises(ValueError, match=r"skip is 'masked', but block 'blocks\.0' returns negative numbers"):
        record(Network("inside"), inputs(), inspection)


def test_branches_below_a_relu_of_the_network():
    for blocks in (["layer1.0.branch", "layer1.1.branch"], ["layer1.1.branch"]):
        for skip in ("auto", "branch"):
            found = inspect(ImageNetwork(), images(), blocks=blocks, skip=skip)
            assert found.skips == ("branch",) * len(blocks)


class Rectified(nn.Module):
    """Begins by writing to its own input."""

    def __init__(self, skip):
        super().__init__()
        self.linear, self.inside = nn.Linear(5, 5), skip

    def forward(self, hidden):
        hidden = nn.functional.relu_(hidden)
        return hidden + self.linear(hidden) if self.inside else self.linear(hidden)


def test_blocks_that_change_their_input():
    network = nn.Sequential(nn.Linear(5, 5), Rectified(True), Rectified(True))
    with pytest.raises(ValueError, match=r"block '1' changes its input in place.*inplace=False, or say skip='inside'"):
        inspect(network, inputs(), blocks=["1", "2"])
    calls = record(network, inputs(), inspect(network, inputs(), blocks=["1", "2"], skip="inside"))
    assert bool((calls[0].state < 0).any())  # the state before it was changed
    assert torch.equal(calls[0].output, calls[1].state)
    for call in calls:
        before = call.state.clone()
        assert torch.equal(call(call.state), call.output)
        assert torch.equal(call.state, before)

    class Adding(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([Rectified(False), Rectified(False)])

        def forward(self, hidden):
            for layer in self.layers:
                hidden = hidden + layer(hidden)
            return hidden

    network = Adding()
    inspection = inspect(network, inputs(), blocks=network.layers, skip="branch")
    with pytest.raises(ValueError, match=r"'layers\.0' changes its input in place, and the network adds what is left"):
        record(network, inputs(), inspection)


def test_a_forward_without_gradients_is_taken_at_its_word():
    class Frozen(Network):
        @torch.no_grad()
        def forward(self, batch):
            return super().forward(batch)

    network = Frozen("branch")
    with pytest.raises(ValueError, match=r"torch\.no_grad in the forward\?"):
        inspect(network, inputs(), blocks=network.blocks)
    assert inspect(network, inputs(), blocks=network.blocks, skip="branch").skips == ("branch",) * 3
