"""Models of the transformers library from tiny configurations with random weights."""

import pytest
import torch

from ramodel.spectra.network import inspect, record
from tests.tolerances import DENSE_FLOAT64, FINITE_DIFFERENCE

transformers = pytest.importorskip("transformers")

TOKENS = torch.randint(1, 50, (3, 6), generator=torch.Generator().manual_seed(0))
PADDED = {"input_ids": TOKENS, "attention_mask": torch.tensor([[1] * 6, [0, 0, 1, 1, 1, 1], [1] * 6])}
PIXELS = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
SMALL = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2}


def built(name, config, **sizes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return getattr(transformers, name)(getattr(transformers, config)(**sizes)).eval()


def gpt2(**sizes):
    tokens = {"vocab_size": 50, "bos_token_id": 0, "eos_token_id": 0, "n_positions": 8}
    return built("GPT2LMHeadModel", "GPT2Config", n_embd=8, n_layer=2, n_head=2, **tokens, **sizes)


def llama(**sizes):
    return built("LlamaForCausalLM", "LlamaConfig", vocab_size=50, num_key_value_heads=1, **SMALL, **sizes)


def vit(**sizes):
    return built("ViTForImageClassification", "ViTConfig", image_size=16, patch_size=8, **SMALL, **sizes)


def resnet(**sizes):
    small = {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [2, 3]}
    return built("ResNetForImageClassification", "ResNetConfig", **small, **sizes)


def bert(**sizes):
    return built("BertModel", "BertConfig", vocab_size=50, **SMALL, **sizes)


CASES = {
    "gpt2": (gpt2(), PADDED, {"transformer.h": (2, (6, 8))}, "inside"),
    "gpt2 eager": (gpt2(attn_implementation="eager"), TOKENS, {"transformer.h": (2, (6, 8))}, "inside"),
    "llama": (llama(), PADDED, {"model.layers": (2, (6, 8))}, "inside"),
    "llama eager": (llama(attn_implementation="eager"), TOKENS, {"model.layers": (2, (6, 8))}, "inside"),
    "vit": (vit(), PIXELS, {"vit.layers": (2, (5, 8))}, "inside"),
    "basic": (
        resnet(layer_type="basic"),
        PIXELS,
        {"resnet.encoder.stages.0.layers": (2, (4, 4, 4)), "resnet.encoder.stages.1.layers": (2, (8, 2, 2))},
        "masked",
    ),
    "bottleneck": (
        resnet(layer_type="bottleneck"),
        {"pixel_values": PIXELS},
        {"resnet.encoder.stages.0.layers": (2, (4, 4, 4)), "resnet.encoder.stages.1.layers": (2, (8, 2, 2))},
        "masked",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_blocks_conventions_and_replays(case):
    model, batch, stages, skip = CASES[case]
    inspection = inspect(model, batch)
    found = {stage.name: (len(stage.blocks), stage.shape) for stage in inspection.stages}
    if case == "vit":  # the list has moved between versions of the library
        found = {"vit.layers": next(iter(found.values()))}
    assert found == stages
    assert set(inspection.skips) == {skip}
    for call in record(model, batch, inspection):
        samples = torch.tensor([1, 0, 1])
        replayed = call(call.state[samples], samples)
        assert torch.allclose(replayed, call.output[samples], rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)
        assert replayed.dtype == torch.float64


@pytest.mark.parametrize(("build", "place"), [(gpt2, 2), (llama, "attention_mask")])
def test_the_mask_runs_over_the_samples_and_nothing_else_does(build, place):
    model = build()
    for call in record(model, PADDED, inspect(model, PADDED)):
        assert call.per_sample == {place: 1}


def test_llama_is_exact_although_its_norms_are_written_for_float32():
    model = llama()
    call = record(model, TOKENS, inspect(model, TOKENS))[0]
    direction = torch.randn(call.state.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slope = (call(call.state + 1e-5 * direction) - call(call.state - 1e-5 * direction)) / 2e-5
    cotangent = torch.randn(call.state.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    state = call.state.clone().requires_grad_()
    (pulled,) = torch.autograd.grad(call(state), state, cotangent)
    assert float((pulled * direction).sum()) == pytest.approx(float((cotangent * slope).sum()), rel=FINITE_DIFFERENCE)


def test_bert_is_post_norm():
    model = bert()
    with pytest.raises(ValueError, match=r"'encoder\.layer\.0' \(BertLayer\) is NativeLayerNorm.*post-norm"):
        inspect(model, PADDED)
    inspection = inspect(model, PADDED, skip="inside")
    assert inspection.skips == ("inside", "inside")
    assert record(model, PADDED, inspection)[0].per_sample == {1: 1}


def test_encoder_and_decoder_are_two_chains():
    sizes = {"vocab_size": 50, "d_model": 8, "d_kv": 4, "d_ff": 12, "num_layers": 2, "num_heads": 2}
    model = built("T5Model", "T5Config", **sizes)
    batch = {"input_ids": TOKENS, "decoder_input_ids": TOKENS[:, :4]}
    with pytest.raises(ValueError, match=r"not in a row.*\n  blocks=model\.encoder\.block .*\n  blocks=model\.decoder"):
        inspect(model, batch)
    for blocks, shape in ((model.encoder.block, (6, 8)), (model.decoder.block, (4, 8))):
        inspection = inspect(model, batch, blocks=blocks)
        assert inspection.stages[0].shape == shape
        record(model, batch, inspection)


def test_training_mode_is_refused():
    for model in (gpt2(), llama(attention_dropout=0.1)):
        with pytest.raises(ValueError, match=r"Call model\.eval\(\)"):
            inspect(model.train(), TOKENS)
    model = llama()
    for module in model.modules():
        if hasattr(module, "gradient_checkpointing"):
            module.gradient_checkpointing = True
    with pytest.raises(ValueError, match="gradient checkpointing"):
        inspect(model.train(), TOKENS)
    inspect(model.eval(), TOKENS)


def test_the_slopes_of_bloom_run_over_samples_and_heads():
    model = built("BloomForCausalLM", "BloomConfig", hidden_size=8, n_layer=2, n_head=2, vocab_size=50)
    for call in record(model, PADDED, inspect(model, PADDED)):
        assert call.per_sample == {"alibi": 2, "attention_mask": 1}
        samples = torch.tensor([1, 0, 1])
        replayed = call(call.state[samples], samples)
        assert torch.allclose(replayed, call.output[samples], rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)


def test_layers_that_share_their_weights_are_named():
    model = built("AlbertModel", "AlbertConfig", vocab_size=50, embedding_size=8, **SMALL)
    with pytest.raises(ValueError, match=r"'encoder\.albert_layer_groups\.0' is called twice"):
        inspect(model, PADDED)


def test_mixtures_of_experts_in_their_own_dtype():
    sizes = {"vocab_size": 50, "num_key_value_heads": 1, "num_local_experts": 2, **SMALL}
    model = built("MixtralForCausalLM", "MixtralConfig", **sizes)
    with pytest.raises(ValueError, match=r"^the network cannot be evaluated in float64 .*Say dtype='float32'"):
        inspect(model, PADDED)
    inspection = inspect(model, PADDED, dtype=torch.float32)
    assert len(record(model, PADDED, inspection, torch.float32)) == 2
