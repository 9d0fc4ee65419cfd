"""Recording: states, what runs over the samples, caches, refusals that need numbers."""

import pytest
import torch
from torch import nn

from ramodel.spectra.network import inspect, record
from tests.spectra.networks import Block, Network, TokenNetwork, inputs, tokens


def recorded(model, batch, dtype=torch.float64, **choices):
    return record(model, batch, inspect(model, batch, dtype=dtype, **choices), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_everything_is_in_the_dtype_of_the_measurement(dtype):
    for call in recorded(TokenNetwork(), tokens(), dtype):
        assert call.state.dtype == call.output.dtype == call.keywords["position"][0].dtype == dtype
        assert {tensor.dtype for tensor in call.weights.values()} == {dtype}
        assert call.keywords["padding"].dtype == torch.bool
        assert not call.state.requires_grad


def test_another_dtype_than_that_of_the_inspection():
    inspection = inspect(Network(), inputs())
    call = record(Network(), inputs(), inspection, torch.float32)[0]
    assert call.weights["branch.inner.weight"].dtype == call.output.dtype == torch.float32


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_what_runs_over_the_samples_is_found_for_any_number_of_them(samples):
    batch = tokens(5)[:samples]  # the state has 5 tokens, and so have mask and position
    for call in recorded(TokenNetwork(), batch):
        assert call.per_sample == {"padding": 1}


class Caching(nn.Module):
    """Is given a cache that it fills, as the layers of language models."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 5)

    def forward(self, hidden, cache=None, past_key_values=None, use_cache=False, bias=None):
        if cache is not None:
            cache.entries.append(hidden)
        if use_cache and past_key_values is not None:
            past_key_values.append(hidden)
        return hidden + self.linear(hidden) + bias["shift"]


class LayerCache:
    def __init__(self):
        self.entries = []


class CachingNetwork(nn.Module):
    def __init__(self, asks):
        super().__init__()
        self.layers, self.asks, self.caches = nn.ModuleList([Caching(), Caching()]), asks, []
        if asks:
            self.forward = self.forward_with_switch

    def forward(self, hidden, use_cache=True):
        cache, past = (LayerCache(), []) if use_cache else (None, None)
        self.caches.append(cache)
        for layer in self.layers:
            hidden = layer(hidden, cache, past_key_values=past, use_cache=use_cache, bias={"shift": 0.5})
        return hidden

    def forward_with_switch(self, hidden):
        return CachingNetwork.forward(self, hidden, use_cache=True)


@pytest.mark.parametrize("asks", [False, True])
def test_caches_are_not_filled_by_replays(asks):
    network = CachingNetwork(asks)
    calls = recorded(network, inputs())
    assert all((cache is not None) == asks for cache in network.caches)
    filled = [len(cache.entries) for cache in network.caches if cache]
    for call in calls:
        assert torch.equal(call(call.state), call.output)
        assert call.arguments == (None, None)
        assert call.keywords["past_key_values"] is None
        assert call.keywords["use_cache"] is False
        assert call.keywords["bias"] == {"shift": 0.5}
    assert [len(cache.entries) for cache in network.caches if cache] == filled


class Scaled(Block):
    def forward(self, hidden, scale, *, shift):
        return super().forward(hidden) + scale * shift[0] * shift[1]


class Doubling(nn.Module):
    """Writes to its state between the blocks, which it hands constants of its own dtype."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Scaled(nn.Linear(5, 5), True), Scaled(nn.Linear(5, 5), True)])

    def forward(self, hidden):
        for layer in self.layers:
            hidden = layer(hidden, torch.tensor(2.0), shift=(torch.tensor([1.0]), torch.tensor([3])))
            hidden.mul_(2.0)
        return hidden


def test_states_that_the_network_goes_on_to_change():
    first, second = recorded(Doubling(), inputs())
    assert torch.equal(first(first.state), first.output)
    assert torch.equal(second.state, 2.0 * first.output)
    assert first.arguments[1].dtype == first.keywords["shift"][0].dtype == torch.float64
    assert first.keywords["shift"][1].dtype == torch.int64


class Noise(nn.Module):
    def forward(self, hidden):
        return torch.randn_like(hidden)


class Mixing(nn.Module):
    def forward(self, hidden):
        return hidden - hidden.mean(dim=0)


class Text(nn.Module):
    def forward(self, hidden):
        return "text", hidden > 0


class Reader(nn.Module):
    def forward(self, text):
        return torch.zeros(6, 5) if isinstance(text, tuple) else text


@pytest.mark.parametrize(
    ("modules", "error", "rule"),
    [
        ([nn.Tanh(), Noise()], ValueError, r"block '1' gives another output for the same sample alone"),
        ([nn.Tanh(), Mixing()], ValueError, r"block '1' gives another output for the same sample alone.*batch_first"),
        ([nn.Tanh(), Text()], TypeError, r"block '1' returns a tuple that does not begin with a floating tensor"),
        ([Text(), Reader()], TypeError, r"block '0' returns a tuple"),
        (
            [nn.Linear(5, 5), nn.Linear(5, 2)],
            ValueError,
            r"block '1' maps \(2, 5\) to \(2, 2\).*Leave it out of blocks",
        ),
        ([nn.Unflatten(1, (5, 1)), nn.Flatten(0)], ValueError, r"block '0' maps \(2, 5\) to \(2, 5, 1\)"),
    ],
)
def test_blocks_without_a_jacobian_of_their_own_are_refused(modules, error, rule):
    network = nn.Sequential(*modules)
    with pytest.raises(error, match=rule):
        recorded(network, inputs(), blocks=["0", "1"], skip="none")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_states_without_an_axis_of_samples_are_refused():
    class Transposed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Tanh(), nn.Tanh())

        def forward(self, batch):
            return self.layers(batch.T)

    with pytest.raises(ValueError, match=r"block 'layers\.0' receives .* \(5, 2\) for 2 samples; .*batch_first=True"):
        inspect(Transposed(), inputs(), blocks=["layers.0"], skip="none")


def test_the_block_where_overflow_begins_is_named():
    class Explosion(nn.Module):
        def forward(self, hidden):
            return hidden.exp() * 1e300

    network = Network(depth=3)
    network.blocks[1].branch = Explosion()
    with pytest.raises(ValueError, match=r"block 'blocks\.1' returns a state that is not finite; the first"):
        recorded(network, 1e3 * inputs())
    network.embedding = nn.Sequential(network.embedding, Explosion())
    with pytest.raises(ValueError, match=r"block 'blocks\.0' receives a state that is not finite; the first"):
        recorded(network, 1e3 * inputs())


def test_blocks_without_a_state_are_refused():
    class Counter(nn.Module):
        def forward(self, number):
            return number

    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.counter = Counter()

        def forward(self, hidden):
            return hidden * self.counter(2)

    with pytest.raises(ValueError, match=r"block 'counter' is called without a floating tensor of its own"):
        inspect(Counting(), inputs(), blocks=["counter"])


def test_a_forward_without_blocks_must_agree_with_their_walk():
    class Shortcut(Network):
        def forward(self, batch):
            return self.head(self.embedding(batch))

    with pytest.raises(ValueError, match=r"calls none of its blocks, and .* another output"):
        recorded(Shortcut(), inputs())
    bare = nn.Module()
    bare.blocks = nn.ModuleList([Block(nn.Linear(5, 5), True)])
    bare.forward = lambda batch: batch
    with pytest.raises(ValueError, match=r"calls none of the blocks, and it has no embedding, blocks and head"):
        recorded(bare, inputs())


def test_inputs_that_do_not_fit_the_network():
    with pytest.raises(ValueError, match=r"^inputs has samples of shape \(9,\); the network refuses them"):
        inspect(Network(), torch.ones(3, 9))
    with pytest.raises(ValueError, match=r"^inputs has samples of tokens \(5,\).* table.*inputs=\{'tokens': \.\.\.\}"):
        inspect(TokenNetwork(), {"tokens": torch.ones(2, 5)})
    with pytest.raises(ValueError, match=r"looks them up in a table, and fails \(index out of range"):
        inspect(TokenNetwork(), torch.full((2, 5), 77))


def test_autocast_is_said_to_be_ignored():
    with torch.autocast("cpu"):
        inspection = inspect(Network(), inputs())
        calls = record(Network(), inputs(), inspection)
    assert inspection.notes[-1].startswith("autocast is on for cpu; it is ignored")
    assert torch.equal(calls[0].output, recorded(Network(), inputs())[0].output)


class Attribute(Block):
    """Keeps a matrix that is neither a parameter nor a buffer."""

    def __init__(self):
        super().__init__(nn.Linear(5, 5), True)
        self.matrix = torch.eye(5)

    def forward(self, hidden):
        return super().forward(hidden) @ self.matrix


def test_networks_that_run_in_one_dtype_alone():
    network = nn.Sequential(nn.Tanh(), Attribute())
    with pytest.raises(ValueError, match=r"^the network cannot be evaluated in float64 \(.*Say dtype='float32'; or"):
        inspect(network, inputs(), blocks=["1"], skip="none")
    assert inspect(network, inputs(), blocks=["1"], skip="none", dtype=torch.float32).skips == ("none",)
