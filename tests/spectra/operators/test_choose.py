"""The operator taken for a block: the same Jacobian whichever it is, of plain blocks and of layers as libraries build
them."""

import pytest
import torch
from torch import nn

from ramodel.spectra.network import inspect, record
from ramodel.spectra.operators import check_adjoint, jacobian_operator
from tests.reference.spectra import jacobian
from tests.spectra.operators.blocks import BLOCKS, built, called, dense_jacobians, normal
from tests.tolerances import PRODUCTS, SINGLE_PRECISION_STEPS


@pytest.mark.parametrize("analytic", [True, False])
@pytest.mark.parametrize("name", BLOCKS)
def test_equal_to_the_reference(name, analytic):
    module, shape = built(name, seed=1)
    state = normal(2, *shape, seed=1)
    expected = dense_jacobians(module, state) - torch.eye(state[0].numel(), dtype=torch.float64)
    operator = jacobian_operator(called(module, state, "inside"), analytic=analytic)
    assert torch.allclose(operator.dense(), expected, rtol=0.0, atol=PRODUCTS * max(1.0, float(expected.abs().max())))
    assert operator.kind == "generic" if not analytic else operator.kind in ("generic", "linearised")
    assert bool(operator.reason) == (operator.kind == "generic")
    check_adjoint(operator, name)


def test_known_blocks_are_linearised():
    for name in ("residual GELU", "basic", "pre-norm encoder layer", "causal attention"):
        module, shape = built(name)
        assert jacobian_operator(called(module, normal(2, *shape))).kind == "linearised", name


def test_unknown_blocks_say_why_they_are_generic():
    class Sorted(nn.Module):
        def forward(self, hidden):
            return torch.logcumsumexp(hidden, dim=1)

    operator = jacobian_operator(called(Sorted(), normal(2, 4)))
    assert operator.kind == "generic"
    assert "logcumsumexp" in operator.reason


@pytest.mark.parametrize("tokens", ["diagnal", "", 3, [], [(0, 9)]])
def test_bad_tokens_are_refused(tokens):
    module, shape = built("causal attention")
    with pytest.raises((TypeError, ValueError), match=r"^tokens"):
        jacobian_operator(called(module, normal(2, *shape)), tokens=tokens)


def test_images_have_no_tokens():
    module, shape = built("basic")
    with pytest.raises(ValueError, match=r"shape \[N, 2, 4, 4\]; tokens are those of states \[N, T, d\]"):
        jacobian_operator(called(module, normal(2, *shape)), tokens="diagonal")


IDENTIFIERS = torch.tensor([[3, 1, 4, 1], [9, 2, 6, 5]])
PADDED = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1]])
SMALL = {"num_hidden_layers": 2, "hidden_size": 4, "num_attention_heads": 2, "intermediate_size": 6}


def gpt2(transformers):
    config = transformers.GPT2Config(
        vocab_size=20, n_positions=8, n_embd=4, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return transformers.GPT2Model(config), {"input_ids": IDENTIFIERS, "attention_mask": PADDED}, "h.1", PRODUCTS


def llama(transformers):
    config = transformers.LlamaConfig(vocab_size=20, num_key_value_heads=1, **SMALL)
    inputs = {"input_ids": IDENTIFIERS, "attention_mask": PADDED}
    return transformers.LlamaModel(config), inputs, "layers.1", SINGLE_PRECISION_STEPS


def vit(transformers):
    config = transformers.ViTConfig(image_size=8, patch_size=4, **SMALL)
    return transformers.ViTModel(config), {"pixel_values": normal(2, 3, 8, 8)}, None, PRODUCTS


def jacobian_inside(model, block, inputs, sample):
    """Return the Jacobian of a block at one sample, by adding to its state while the whole model runs."""
    one = {name: tensor[sample : sample + 1] for name, tensor in inputs.items()}

    def run(added):
        seen = []
        before = block.register_forward_pre_hook(
            lambda _, args: (args[0] + (added.reshape(args[0].shape) if added.ndim else added), *args[1:])
        )
        after = block.register_forward_hook(lambda _, args, output: seen.append(output))
        model(**one)
        before.remove()
        after.remove()
        output = seen[0][0] if isinstance(seen[0], tuple) else seen[0]
        return output.flatten()

    size = run(torch.zeros((), dtype=torch.float64)).numel()
    return jacobian(run, torch.zeros(size, dtype=torch.float64))


@pytest.mark.parametrize("family", [gpt2, llama, vit])
def test_layers_of_hugging_face(family):
    transformers = pytest.importorskip("transformers")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, inputs, name, tolerance = family(transformers)
    model = model.double().eval()
    inspection = inspect(model, inputs)
    calls = {call.name: call for call in record(model, inputs, inspection)}
    name = name or list(calls)[1]
    expected = torch.stack([jacobian_inside(model, model.get_submodule(name), inputs, n) for n in range(2)])
    expected -= torch.eye(expected.shape[-1], dtype=torch.float64)
    count, width = calls[name].state.shape[1:]
    pairs = [(2, 1), (count - 1, count - 1)]
    apart = torch.stack(
        [jacobian.reshape(count, width, count, width)[to, :, of] for jacobian in expected for to, of in pairs]
    )
    for analytic in (True, False):
        operator = jacobian_operator(calls[name], analytic=analytic)
        assert torch.allclose(operator.dense(), expected, rtol=0.0, atol=tolerance)
        check_adjoint(operator, name)
        between = jacobian_operator(calls[name], tokens=pairs, analytic=analytic)
        assert torch.allclose(between.dense(), apart, rtol=0.0, atol=tolerance)
        assert between.kind == operator.kind
        assert analytic or operator.kind == "generic"
