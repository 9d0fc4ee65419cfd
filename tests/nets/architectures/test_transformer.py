import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy

import ramodel
from ramodel.nets.architectures.transformer import Transformer, TransformerConfig
from tests import tolerances
from tests.reference import transformer as reference

BLOCKS = ("layer", "addition", "parallel")


def make(**options):
    sizes = {"vocabulary": 7, "context": 6, "width": 8, "depth": 3, "heads": 2, "hidden": 12}
    return Transformer(TransformerConfig(**(sizes | options))).double()


def some_tokens(samples=4, length=6, seed=0):
    return torch.randint(0, 7, (samples, length), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=12)
@given(
    parallel=st.booleans(),
    skip=st.booleans(),
    heads=st.sampled_from([1, 2, 4]),
    normalisation=st.sampled_from(["layer", "none"]),
    length=st.integers(1, 6),
    seed=st.integers(0, 2**32),
)
def test_logits_equal_those_of_the_slow_walk(parallel, skip, heads, normalisation, length, seed):
    block = "parallel" if parallel else "layer"
    network = make(block=block, skip=skip, heads=heads, normalisation=normalisation, seed=seed)
    tokens = some_tokens(1, length, seed)
    weights = {name: parameter.detach().numpy() for name, parameter in network.named_parameters()}
    expected = reference.logits(weights, tokens[0].tolist(), depth=3, heads=heads, parallel=parallel, skip=skip)
    found = network(tokens)[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=tolerances.DENSE_FLOAT64, atol=1e-12)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_token_answers_to_itself_and_those_before_it_alone(block):
    network = make(block=block)
    tokens = some_tokens()
    changed = tokens.clone()
    changed[:, 3] = (changed[:, 3] + 1) % 7
    before, after = network(tokens), network(changed)
    assert torch.equal(before[:, :3], after[:, :3])
    assert ((before[:, 3:] - after[:, 3:]).abs().amax(dim=-1) > 0).all()
    torch.testing.assert_close(network(tokens[:, :2]), before[:, :2])


def test_the_same_network_whether_layers_or_additions_are_blocks():
    layers, additions = make(block="layer", bias=True), make(block="addition", bias=True)
    assert (len(layers.residual_blocks), len(additions.residual_blocks)) == (3, 6)
    torch.testing.assert_close(layers(some_tokens()), additions(some_tokens()), rtol=tolerances.UNREDUCED, atol=1e-14)


def test_seed_makes_the_weights_and_leaves_the_global_one():
    before = torch.get_rng_state()
    first, again, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    tokens = some_tokens()
    assert torch.equal(first(tokens), again(tokens))
    assert not torch.equal(first(tokens), other(tokens))


def test_sizes_of_the_first_weights():
    network = Transformer(TransformerConfig(vocabulary=500, width=256, depth=2))
    assert network.head.weight.dtype == torch.float32
    feed_forward = network.blocks[0].feed_forward
    for weight, deviation in (
        (network.token_embedding.weight, 1 / 16),
        (network.head.weight, 1 / 16),
        (feed_forward.inner.weight, 1 / 16),
        (feed_forward.output.weight, 1 / 64),  # fan-in 1024, four additions
        (network.blocks[1].attention.output.weight, 1 / 32),
    ):
        assert float(weight.detach().std()) == pytest.approx(deviation, rel=0.02)
    tokens = torch.randint(0, 500, (8, 33), generator=torch.Generator())
    loss = cross_entropy(network(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(np.log(500) + 0.5, abs=0.25)  # logits of variance 1


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_every_parameter_has_one_part(block, tied, bias):
    network = make(block=block, tied=tied, bias=bias)
    parts = network.parts()
    listed = [parameter for part in parts for parameter in part]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(network.parameters())
    assert set(parts.blocks) == {p for p in network.blocks.parameters() if p.ndim == 2}
    norms = {network.norm.weight} | ({network.norm.bias} if bias else set())
    assert norms <= set(parts.outer_norms)
    assert len(parts.norms) == 3 * 2 * (2 if bias else 1)
    assert parts.head == ([] if tied else [network.head.weight])


@pytest.mark.parametrize("block", ["addition", "parallel"])
@pytest.mark.parametrize("bias", [False, True])
def test_work_of_a_block_is_the_gradient_along_its_output_weights(block, bias):
    """S19 before stationarity: <g_l, f_l> = <B_l, d loss / d B_l>; biases add their own share."""
    network = make(block=block, bias=bias)
    branches = []
    for module in network.residual_blocks:
        module.drop.register_forward_hook(lambda _, __, added: added.retain_grad() or branches.append(added))
    tokens = some_tokens(16)
    cross_entropy(network(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()).backward()
    assert len(branches) == len(network.residual_blocks)
    for module, added in zip(network.residual_blocks, branches, strict=True):
        weights = network.output_parameters(module)
        assert len(weights) == (1 if block == "addition" else 2)
        along = sum((weight * weight.grad).sum().item() for weight in weights)
        if bias:
            maps = [part for part in module.modules() if getattr(part, "output", None) is not None]
            along += sum((part.output.bias * part.output.bias.grad).sum().item() for part in maps)
        assert (added * added.grad).sum().item() == pytest.approx(along, rel=tolerances.DENSE_FLOAT64, abs=1e-15)


def test_branches_are_left_out_in_training_and_averaged_in_evaluation():
    network = make(keep_probability=0.6, seed=3).train()
    always = make(seed=3)
    tokens = some_tokens()
    seen = set()
    for step in range(40):
        network.set_step(0, step)
        kept = tuple(bool(block.drop.kept) for block in network.residual_blocks)
        seen.add(kept)
        hidden = always.token_embedding(tokens) + always.position_embedding.weight
        for block, is_kept in zip(always.residual_blocks, kept, strict=True):
            hidden = block(hidden) if is_kept else hidden
        torch.testing.assert_close(network(tokens), always.head(always.norm(hidden)))
    assert len(seen) == 8
    block, state = network.eval().residual_blocks[0], torch.ones(1, 2, 8).double()
    torch.testing.assert_close(block(state), state + 0.6 * always.branch(always.blocks[0], state))


@pytest.mark.parametrize("block", BLOCKS)
def test_the_instrument_finds_the_blocks(block):
    network = make(block=block, seed=4).eval()
    tokens = some_tokens(2)
    spectra = ramodel.measure(network, tokens, tokens=[(5, 5), (5, 2)], rank=8, progress=False)
    assert list(spectra.dataset["block"].values) == [f"blocks.{i}" for i in range(len(network.residual_blocks))]
    states = spectra.states.values if hasattr(spectra, "states") else None
    assert states.shape == (len(network.residual_blocks) + 1, 2, 6, 8)
    for row, module in enumerate(network.residual_blocks):
        with sdpa_kernel(SDPBackend.MATH):
            dense = torch.autograd.functional.jacobian(
                lambda state, module=module: network.branch(module, state), torch.tensor(states[row, :1])
            )[0, 5, :, 0]
        for pair, token in enumerate((5, 2)):
            expected = torch.linalg.svdvals(dense[:, token])
            found = spectra.singular_values.values[row, 0, pair]
            np.testing.assert_allclose(found, expected, atol=tolerances.MEASURED * float(expected[0] + 1))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"vocabulary": 0}, ValueError, "vocabulary is 0"),
        ({"context": 2.5}, TypeError, "context is 2.5"),
        ({"heads": 3}, ValueError, "heads is 3; it must divide the width, which is 8"),
        ({"hidden": 0}, ValueError, "hidden is 0"),
        ({"block": "layers"}, ValueError, "did you mean 'layer'"),
        ({"activation": "tanh"}, ValueError, "activation is 'tanh'"),
        ({"normalisation": "batch"}, ValueError, "normalisation is 'batch'"),
        ({"keep_probability": 0.0}, ValueError, "keep_probability is 0"),
        ({"keep_probability": 0.5, "skip": False}, ValueError, "without skip it must be 1"),
        ({"seed": -1}, ValueError, "seed is -1"),
    ],
)
def test_bad_configuration(options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        (np.zeros((1, 3), dtype=int), TypeError, "tokens is a ndarray"),
        (torch.zeros(1, 3), TypeError, r"torch.float32; it must hold whole numbers: tokens.long\(\)"),
        (torch.zeros(3, dtype=torch.long), ValueError, r"shape \(3,\); it must have shape \(any, 1 .. 6\)"),
        (torch.zeros(1, 7, dtype=torch.long), ValueError, r"shape \(1, 7\)"),
        (torch.zeros(1, 0, dtype=torch.long), ValueError, r"shape \(1, 0\)"),
    ],
)
def test_bad_tokens(tokens, error, message):
    with pytest.raises(error, match=message):
        make()(tokens)
