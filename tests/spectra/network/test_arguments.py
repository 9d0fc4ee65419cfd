"""How networks hand blocks their state: anywhere among the arguments, several times, beside rows of other things."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from ramodel.spectra.network import inspect, record
from ramodel.spectra.operators import jacobian_operator
from tests.reference.spectra import jacobian
from tests.spectra.networks import Branch, inputs
from tests.tolerances import PRODUCTS


class Chain(nn.Module):
    """Calls blocks as `hand` says: hand(block, state, first state)."""

    def __init__(self, build, hand):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.ModuleList([build(), build()])
        self.hand = hand
        self.eval()

    def forward(self, hidden):
        first = hidden
        for layer in self.layers:
            hidden = self.hand(layer, hidden, first)
        return hidden


class Flexible(nn.Module):
    """h + f(h) * scale, whatever the order of its arguments."""

    def __init__(self):
        super().__init__()
        self.branch = Branch(5, nn.Tanh())


class Second(Flexible):
    def forward(self, position, hidden):
        return hidden + self.branch(hidden + position)


class Keywords(Flexible):
    def forward(self, *args, **kwargs):
        return kwargs["hidden"] + self.branch(kwargs["hidden"]) * kwargs["scale"]


class Twice(Flexible):
    def forward(self, hidden, residual):
        return residual + self.branch(hidden)


@dataclass
class Result:
    hidden: Tensor
    extra: int = 0


class Returning(Flexible):
    def forward(self, hidden):
        return Result(hidden + self.branch(hidden))


POSITION, SCALE = nn.Parameter(torch.ones(1, 5)), torch.full((1, 5), 2.0)
LAYOUTS = {
    "after another of its shape": (
        Second,
        lambda layer, h, first: layer(POSITION.to(h.dtype).expand(h.shape), h),
        lambda layer, h: layer(POSITION[0], h),
        (1,),
    ),
    "after another shape": (
        Second,
        lambda layer, h, first: layer(POSITION.to(h.dtype), h),
        lambda layer, h: layer(POSITION[0], h),
        (1,),
    ),
    "after nothing": (
        Second,
        lambda layer, h, first: layer(0.0, h),
        lambda layer, h: layer(0.0, h),
        (1,),
    ),
    "by name alone": (
        Keywords,
        lambda layer, h, first: layer(scale=SCALE.to(h.dtype), hidden=h, mask=None),
        lambda layer, h: layer(scale=SCALE[0], hidden=h),
        ("hidden",),
    ),
    "twice": (Twice, lambda layer, h, first: layer(h, h), lambda layer, h: layer(h, h), (0, 1)),
    "returned in a dataclass": (
        Returning,
        lambda layer, h, first: layer(h).hidden,
        lambda layer, h: layer(h).hidden,
        (0,),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("samples", [1, 3])
def test_the_state_is_found_wherever_it_stands(layout, samples):
    build, hand, alone, places = LAYOUTS[layout]
    network = Chain(build, hand)
    inspection = inspect(network, inputs(samples))
    assert inspection.skips == ("inside", "inside")
    assert any("in 2 places (0, 1)" in note for note in inspection.notes) == (len(places) > 1)
    network.double()
    for call in record(network, inputs(samples), inspection):
        assert call.places == places
        found = jacobian_operator(call).dense() + torch.eye(5)
        module = call.module
        expected = torch.stack([jacobian(lambda h, module=module: alone(module, h), state) for state in call.state])
        assert torch.allclose(found, expected, rtol=0.0, atol=PRODUCTS)


@pytest.mark.parametrize("named", [False, True])
def test_query_key_and_value_are_one_state(named):
    def hand(layer, hidden, first):
        given = {"query": hidden, "key": hidden, "value": hidden} if named else {}
        return hidden + layer(*(() if named else (hidden,) * 3), **given, need_weights=False)[0]

    network = Chain(lambda: nn.MultiheadAttention(4, 2, batch_first=True), hand)
    batch = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    inspection = inspect(network, batch)
    assert inspection.skips == ("branch", "branch")
    network.double()
    for call in record(network, batch, inspection):
        assert call.places == (("query", "key", "value") if named else (0, 1, 2))

        def alone(vector, module=call.module):
            tokens = vector.reshape(1, 3, 4)
            return module(tokens, tokens, tokens)[0].flatten()

        expected = torch.stack([jacobian(alone, state.flatten()) for state in call.state])
        assert torch.allclose(jacobian_operator(call).dense(), expected, rtol=0.0, atol=PRODUCTS)


def test_the_first_state_handed_to_all_blocks_stays_fixed():
    class Gated(Flexible):
        def forward(self, hidden, first):
            return hidden + self.branch(hidden) * first

    network = Chain(Gated, lambda layer, hidden, first: layer(hidden, first))
    first, second = record(network, inputs(), inspect(network, inputs()))
    assert (first.places, second.places) == ((0, 1), (0,))
    assert second.per_sample == {1: 1}


class Headed(nn.Module):
    """Attention whose mask has a row of matrices for every sample and head, [N * heads, T, T]."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, hidden, mask):
        return hidden + self.attention(hidden, hidden, hidden, attn_mask=mask, need_weights=False)[0]


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_rows_for_every_sample_and_head(samples):
    def hand(layer, hidden, first):
        slopes = first.mean((1, 2))[:, None] * torch.tensor([1.0, 2.0], dtype=first.dtype)
        distance = torch.arange(3)[:, None] - torch.arange(3)
        return layer(hidden, slopes.reshape(-1, 1, 1) * distance)

    network = Chain(Headed, hand)
    batch = torch.randn(samples, 3, 4, generator=torch.Generator().manual_seed(0))
    inspection = inspect(network, batch)
    whole = record(network, batch, inspection)
    for call, *alone in zip(whole, *(record(network, sample[None], inspection) for sample in batch), strict=True):
        assert call.per_sample == {1: 2}
        expected = torch.cat([jacobian_operator(one, analytic=False).dense() for one in alone])
        for operator in (jacobian_operator(call), jacobian_operator(call.rows(torch.arange(samples)))):
            assert torch.allclose(operator.dense(), expected, rtol=0.0, atol=PRODUCTS)


def test_other_things_of_each_sample_must_be_on_the_first_axis():
    class Scaled(Flexible):
        def forward(self, hidden, scale):
            return hidden + self.branch(hidden) * (scale @ hidden).sum()

    network = Chain(Scaled, lambda layer, hidden, first: layer(hidden, first.T))
    with pytest.raises(ValueError, match=r"'layers\.0' fails when .* first sample alone \(.*each sample \(1: \(5, 6\)"):
        record(network, inputs(), inspect(network, inputs()))


@pytest.mark.parametrize("wrapped", [lambda hidden: (hidden, None), lambda hidden: {"hidden": hidden}])
def test_states_in_tuples_and_mappings_are_refused(wrapped):
    class Inner(Flexible):
        def __init__(self):
            super().__init__()
            self.branch = nn.Sequential(nn.Linear(5, 5), nn.Tanh())

        def forward(self, given):
            hidden = next(iter(given.values() if isinstance(given, dict) else given))
            return wrapped(hidden + self.branch(hidden))

    network = Chain(Inner, lambda layer, hidden, first: next(iter(_values(layer(wrapped(hidden))))))
    for blocks in (None, ["layers.0", "layers.1"]):
        with pytest.raises(ValueError, match=r"block 'layers\.0' is called without a floating tensor of its own"):
            inspect(network, inputs(), blocks=blocks)


def _values(given):
    return given.values() if isinstance(given, dict) else given


def test_networks_that_return_dataclasses():
    class Network(Chain):
        def forward(self, hidden):
            return Result(super().forward(hidden))

    network = Network(lambda: Branch(5, nn.Tanh()), lambda layer, hidden, first: hidden + layer(hidden))
    assert inspect(network, inputs()).skips == ("branch", "branch")


def test_samples_on_another_axis_are_named():
    layer = nn.TransformerEncoderLayer(4, 2, 8, norm_first=True)
    network = nn.Sequential(nn.Identity(), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)).eval()
    transposed = Chain(nn.Identity, lambda block, hidden, first: hidden)
    transposed.encoder = network
    transposed.forward = lambda hidden: network(hidden.transpose(0, 1)).transpose(0, 1)
    with pytest.raises(ValueError, match=r"receives a state of shape \(3, 2, 4\) for 2 samples.*batch_first=True"):
        inspect(transposed, torch.ones(3, 3, 4))
