"""Block calls: replays of any samples, conventions, other states."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ramodel.spectra.network import BlockCall, inspect, record
from ramodel.spectra.network.call import first_tensor
from tests.spectra.networks import ImageNetwork, Network, TokenNetwork, images, inputs, tokens
from tests.tolerances import DENSE_FLOAT64, FINITE_DIFFERENCE

MODELS = {
    "vectors": (Network(activation=nn.GELU()), inputs()),
    "images": (ImageNetwork(), images()),
    "tokens": (TokenNetwork(), tokens()),
}
CALLS = {name: record(model, batch, inspect(model, batch)) for name, (model, batch) in MODELS.items()}


@pytest.mark.parametrize("kind", MODELS)
@given(st.data())
def test_recorded_calls_replay_any_samples(kind, data):
    call = data.draw(st.sampled_from(CALLS[kind]))
    samples = torch.tensor(data.draw(st.lists(st.integers(0, len(call.state) - 1), min_size=1, max_size=6)))
    for replayed in (call(call.state[samples], samples), call.rows(samples)(call.state[samples])):
        assert torch.allclose(replayed, call.output[samples], rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)
    assert torch.equal(call.rows(samples).state, call.state[samples])
    assert torch.equal(call.rows(samples).output, call.output[samples])


@pytest.mark.parametrize("kind", MODELS)
def test_the_chain_of_calls_is_the_network(kind):
    calls = CALLS[kind]
    for before, after in pairwise(calls):
        if before.name != "layer1.1":  # between the stages of images the shape changes
            assert torch.equal(before(before.state), after.state)


@pytest.mark.parametrize("kind", MODELS)
def test_replays_are_differentiable_twice(kind):
    call = CALLS[kind][0]
    state = call.state.clone().requires_grad_()
    output = call(state)
    cotangent = torch.ones_like(output, requires_grad=True)
    (pulled,) = torch.autograd.grad(output, state, cotangent, create_graph=True)
    (pushed,) = torch.autograd.grad(pulled, cotangent, torch.ones_like(pulled))
    step = 1e-6 * torch.ones_like(state)
    central = (call(call.state + step) - call(call.state - step)) / 2e-6
    assert torch.allclose(pushed, central, atol=FINITE_DIFFERENCE)


def test_the_mask_of_each_sample_is_replayed_with_it():
    call = CALLS["tokens"][0]
    assert call.places == ("hidden",)
    assert call.per_sample == {"padding": 1}  # the scale is a number, the position is shared, in a tuple
    one, three = torch.tensor([1]), torch.tensor([3])
    assert not torch.allclose(call(call.state[one], three), call.output[one], atol=1e-3)
    with pytest.raises(ValueError, match=r"^state has 2 rows for 4 samples of block 'layers\.0'"):
        call(call.state[:2])
    with pytest.raises(ValueError, match=r"'layers\.0' is called with more than its state for each sample"):
        call.at(call.state[:2])


def test_other_states():
    call = CALLS["vectors"][1]
    moved = call.at(call.state[:2] + 1.0)
    assert torch.equal(moved.output, call(call.state[:2] + 1.0))
    assert len(call(call.state[:1].expand(9, -1))) == 9  # nothing runs over the samples


def test_identity_of_each_convention():
    state = torch.zeros(1, 2)
    output = torch.tensor([[3.0, 0.0]])
    found = [
        BlockCall("b", nn.Tanh(), skip, state, output, {}).identity for skip in ("inside", "branch", "none", "masked")
    ]
    assert found[:3] == [1.0, 0.0, 0.0]
    assert found[3].tolist() == [[1.0, 0.0]]


def test_first_tensor():
    tensor = torch.ones(2)
    for output in (tensor, (None, tensor), [tensor, 2.0], {"loss": None, "hidden": tensor}):
        assert first_tensor(output) is tensor
    for output in (None, "text", (1, 2), {}, ()):
        assert first_tensor(output) is None
