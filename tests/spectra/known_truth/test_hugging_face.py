"""Models of the transformers library, from tiny configurations with random weights, against explicit Jacobians."""

import pytest
import torch

from ramodel import measure
from tests.spectra.known_truth.explicit import assert_measured_right
from tests.tolerances import DENSE_FLOAT64, MEASURED, SINGLE_PRECISION_STEPS

transformers = pytest.importorskip("transformers")

TOKENS = torch.tensor([[5, 12, 7, 31, 8, 44, 20], [9, 3, 27, 18, 46, 11, 2]])
PADDED = {"input_ids": TOKENS, "attention_mask": torch.tensor([[1] * 7, [1] * 5 + [0] * 2])}
PIXELS = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
SOUND = {"input_features": torch.randn(2, 6, 14, generator=torch.Generator().manual_seed(0))}
BOTH = {"input_ids": TOKENS, "decoder_input_ids": TOKENS[:, :5]}

WORDS = {"vocab_size": 50, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
SMALL = {"hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2}
"""States [7, 16] of sentences: above the size up to which Jacobians are decomposed whole."""
PATCHES = {"image_size": 16, "patch_size": 8, **SMALL, "hidden_size": 20}
GROUPED = {**WORDS, **SMALL, "num_key_value_heads": 1}
PYRAMID = {"hidden_sizes": [3, 6], "depths": [2, 2], "num_stages": 2, "patch_size": 2}
SEQ2SEQ = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
SEQ2SEQ |= {"encoder_ffn_dim": 20, "decoder_ffn_dim": 20, "d_model": 16, **WORDS, "decoder_start_token_id": 1}

EXACT, ROUNDED = MEASURED, SINGLE_PRECISION_STEPS
"""Tolerances, relative to s_1: the explicit Jacobians of some models go through float32 steps of the library."""

MODELS = {
    "gpt2": ("GPT2LMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 8, **WORDS}, PADDED, EXACT),
    "llama": ("LlamaForCausalLM", GROUPED, PADDED, ROUNDED),
    "qwen2": ("Qwen2ForCausalLM", GROUPED, PADDED, ROUNDED),
    "mistral": ("MistralForCausalLM", {**GROUPED, "sliding_window": 3}, PADDED, ROUNDED),
    "gpt-neox": ("GPTNeoXForCausalLM", {**WORDS, **SMALL}, PADDED, ROUNDED),
    "opt": (
        "OPTForCausalLM",
        {"hidden_size": 16, "ffn_dim": 20, "num_hidden_layers": 2, "num_attention_heads": 2, **WORDS}
        | {"word_embed_proj_dim": 16, "max_position_embeddings": 16},
        PADDED,
        ROUNDED,
    ),
    "bloom": ("BloomForCausalLM", {"hidden_size": 16, "n_layer": 2, "n_head": 2, **WORDS}, PADDED, ROUNDED),
    "vit": ("ViTForImageClassification", PATCHES, PIXELS, ROUNDED),
    "clip": ("CLIPVisionModel", PATCHES, PIXELS, ROUNDED),
    "resnet": (
        "ResNetForImageClassification",
        {"embedding_size": 6, "hidden_sizes": [6, 12], "depths": [2, 2], "layer_type": "basic"},
        PIXELS,
        EXACT,
    ),
    "convnext": ("ConvNextModel", PYRAMID, PIXELS, EXACT),
    "swin": (
        "SwinModel",
        {"image_size": 16, "patch_size": 2, "embed_dim": 4, "depths": [2, 2], "num_heads": [1, 2], "window_size": 4},
        PIXELS,
        EXACT,
    ),
    "whisper encoder": (
        "WhisperEncoder",
        {**SEQ2SEQ, "num_mel_bins": 6, "max_source_positions": 7, "max_target_positions": 8},
        SOUND,
        EXACT,
    ),
}


def built(name, options, attention="sdpa"):
    """Return the model of a class, from the configuration that belongs to it."""
    places = (transformers, transformers.models.whisper.modeling_whisper)
    kind = next(getattr(place, name) for place in places if hasattr(place, name))
    extra = {"attn_implementation": attention} if kind._supports_sdpa else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(kind.config_class(**options, **extra)).eval()


@pytest.mark.parametrize(
    ("name", "attention"),
    [(name, "sdpa") for name in MODELS] + [(name, "eager") for name in ("gpt2", "llama", "vit")],
)
def test_layers_are_found_and_measured(name, attention):
    kind, options, inputs, rtol = MODELS[name]
    convention = "masked" if name == "resnet" else "inside"
    found = assert_measured_right(built(kind, options, attention), inputs, rank=3, convention=convention, rtol=rtol)
    assert len(found.blocks) == {"resnet": 3, "convnext": 4, "swin": 4}.get(name, 2)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("BertModel", {**WORDS, **SMALL}),
        ("RobertaModel", {**WORDS, **SMALL}),
        ("DistilBertModel", {"dim": 16, "hidden_dim": 20, "n_layers": 2, "n_heads": 2, **WORDS}),
    ],
)
def test_post_norm_layers_are_measured_once_their_skip_is_given(kind, options):
    model = built(kind, options)
    with pytest.raises(ValueError, match=r"post-norm transformers.*Say skip='inside' if J is to be D\(block\) - I"):
        measure(model, PADDED, progress=False)
    assert_measured_right(model, PADDED, rank=3, rtol=ROUNDED, skip="inside")


@pytest.mark.parametrize(
    ("kind", "options", "inputs"),
    [
        ("T5Model", {"d_model": 16, "d_kv": 8, "d_ff": 20, "num_layers": 2, "num_heads": 2, **WORDS}, BOTH),
        (
            "WhisperModel",
            {**SEQ2SEQ, "num_mel_bins": 6, "max_source_positions": 7, "max_target_positions": 8},
            {**SOUND, "decoder_input_ids": TOKENS[:, :5]},
        ),
    ],
)
def test_of_encoder_and_decoder_the_one_that_is_named_is_measured(kind, options, inputs):
    model = built(kind, options)
    with pytest.raises(ValueError, match="several lists of blocks, not in a row") as refused:
        measure(model, inputs, progress=False)
    lines = [line.split("#")[0].strip() for line in str(refused.value).splitlines()[1:]]
    assert len(lines) == 2
    for line in lines:  # what to type, typed
        blocks = model.get_submodule(line.removeprefix("blocks=model."))
        assert_measured_right(model, inputs, rank=3, blocks=blocks, rtol=ROUNDED)


def test_mixture_of_experts_is_measured_as_its_error_says():
    experts = {**GROUPED, "num_local_experts": 2, "num_experts_per_tok": 1}
    with pytest.raises(ValueError, match=r"Say dtype='float32'.*experts_implementation='eager'"):
        measure(built("MixtralForCausalLM", experts), PADDED, progress=False)
    model = built("MixtralForCausalLM", {**experts, "experts_implementation": "eager"})
    assert_measured_right(model, PADDED, rank=3, rtol=ROUNDED)


def test_layers_that_share_their_weights_are_refused():
    model = built("AlbertModel", {**WORDS, **SMALL, "embedding_size": 8})
    with pytest.raises(ValueError, match=r"is called twice in one forward.*Give every layer a module of its own"):
        measure(model, PADDED, progress=False)


def test_tokens_of_a_language_model():
    """J[t, t'] of a causal model is zero where t' comes after t."""
    model = built(*MODELS["gpt2"][:2])
    whole = measure(model, PADDED, keep_jacobians=True, rank=3, progress=False).jacobian.values
    pairs = [(4, 4), (5, 2), (2, 5)]
    found = measure(model, PADDED, tokens=pairs, rank=3, progress=False)
    assert found.singular_values.sizes["pair"] == 3
    tokens = whole.reshape(2, 2, 7, 16, 7, 16)
    for position, (to_token, from_token) in enumerate(pairs):
        values = torch.linalg.svdvals(torch.tensor(tokens[:, :, to_token, :, from_token]))[..., :3]
        assert torch.allclose(torch.tensor(found.singular_values.values[:, :, position]), values, atol=DENSE_FLOAT64)
    assert float(found.singular_values.isel(pair=2).max()) == 0.0
