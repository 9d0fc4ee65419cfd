"""What every family of networks owes to training and to the instrument."""

import math

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

import ramodel
from ramodel.nets import (
    AnyNetworkConfig,
    Dataset,
    NetworkConfig,
    ResidualNetwork,
    build_network,
    network_config,
)
from tests import tolerances

STEMS = ["fully-connected", "convolutional", "strided"]
SMALLEST = [
    *(
        {"family": family, "stem": stem, "width": 3, "depth": 3}
        for family in ("paper", "preactivation")
        for stem in STEMS
    ),
    {"family": "cifar-resnet", "width": 2, "depth": 14},
    {"family": "procrustes", "width": 2, "depth": 14, "transition_size": 1},
    {"family": "model", "kind": "relu", "width": 3, "depth": 3},
]


def name_of(settings):
    return "-".join(str(settings[key]) for key in ("family", "stem") if key in settings)


every_family = pytest.mark.parametrize("settings", SMALLEST, ids=name_of)


def data_of(shape=(4, 4), classes=3, samples=8):
    rows = np.random.default_rng(0).normal(size=(samples, math.prod(shape)))
    labels = np.arange(samples) % classes
    names = tuple("abcdefghij"[:classes])
    return Dataset(
        train_inputs=rows, train_labels=labels, test_inputs=rows, test_labels=labels, class_names=names,
        image_shape=shape, name="random",
    )  # fmt: skip


DATA = data_of()
ROWS = torch.tensor(DATA.train_inputs)


def build(settings, data=DATA, seed=0, **options):
    return build_network(network_config(settings | options, data, seed)).double()


def warm(network):
    """Give running statistics and norms something to say."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _ in range(3):
            network(ROWS)
        for name, tensor in network.state_dict().items():
            if "norm" in name or "bn" in name:
                tensor.add_(0.1 * torch.rand(tensor.shape, generator=generator)) if tensor.is_floating_point() else None
    return network.eval()


@st.composite
def settings_of_images(draw):
    family = draw(st.sampled_from(["paper", "preactivation", "cifar-resnet", "procrustes"]))
    chosen = {
        "family": family,
        "width": draw(st.integers(1, 4)),
        "normalisation": draw(st.sampled_from(["batch", "none"])),
        "skip": draw(st.booleans()),
    }
    if chosen["skip"]:
        chosen |= {"keep_probability": draw(st.sampled_from([0.5, 1.0])), "rescale_kept": draw(st.booleans())}
    if family in ("paper", "preactivation"):
        stem = draw(st.sampled_from(STEMS))
        chosen |= {"stem": stem, "depth": draw(st.integers(1, 4)), "hidden": draw(st.sampled_from([None, 1, 5]))}
    else:
        chosen["depth"] = draw(st.sampled_from([8, 14]))
    if family == "procrustes":
        chosen["transition_size"] = 1  # the images are small
    if family != "cifar-resnet":
        chosen["activation"] = draw(st.sampled_from(["relu", "gelu", "tanh", "identity"]))
    if family in ("paper", "procrustes"):
        chosen |= {"outer_activation": draw(st.booleans()), "norm_ends_branch": draw(st.booleans())}
    return chosen


@hypothesis_settings(max_examples=15)
@given(
    settings=settings_of_images(),
    shape=st.sampled_from([(4, 4), (4, 8), (4, 4, 3)]),
    classes=st.integers(1, 4),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_configuration_makes_a_network_that_its_seed_defines(settings, shape, classes, seed):
    data = data_of(shape, classes)
    before = torch.get_rng_state()
    config = network_config(settings, data, seed)
    network = build_network(config)
    assert torch.equal(torch.get_rng_state(), before)
    assert network.config == config
    assert msgspec.json.decode(msgspec.json.encode(config), type=AnyNetworkConfig) == config
    again = build_network(config)
    assert all(torch.equal(one, two) for one, two in zip(network.parameters(), again.parameters(), strict=True))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}

    network.set_step(1, 2)
    logits = network(torch.tensor(data.train_inputs, dtype=torch.float32))
    assert logits.shape == (8, classes)
    assert bool(logits.isfinite().all())

    listed = [id(parameter) for part in network.parts() for parameter in part]
    assert sorted(listed) == sorted(map(id, network.parameters()))
    stages = 3 if settings["family"] in ("cifar-resnet", "procrustes") else 1
    left_out = 2 if settings["family"] == "cifar-resnet" else 0
    per_stage = (settings["depth"] - 2) // 6 if stages == 3 else settings["depth"]
    assert len(network.residual_blocks) == stages * per_stage - left_out


@every_family
def test_parts_and_what_ends_a_branch(settings):
    network = build(settings)
    parts = network.parts()
    assert [id(parameter) for parameter in parts.head] == [id(network.head.weight)]
    inside = {parameter for block in network.residual_blocks for parameter in block.parameters()}
    assert set(parts.blocks) | set(parts.norms) == inside
    assert all(parameter.ndim > 1 for part in (parts.embedding, parts.blocks, parts.head) for parameter in part)
    for block in network.residual_blocks:
        network.zero_grad()
        states = []
        block.register_forward_pre_hook(lambda _, given, states=states: states.append(given[0].detach()))
        with torch.no_grad():
            network(ROWS)
        # Linear in B_l: derivative along B_l is the branch itself (Euler).
        output = network.output_parameters(block)
        branch = network.branch(block, states[0])
        weights = torch.randn(branch.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        along = torch.autograd.grad((weights * branch).sum(), output)
        found = sum(
            float((gradient * parameter.detach()).sum()) for gradient, parameter in zip(along, output, strict=True)
        )
        assert found == pytest.approx(float((weights * branch.detach()).sum()), rel=1e-9)


@every_family
def test_embedding_and_transitions_are_decayed_as_embedding(settings):
    network = build(settings)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    embedding = {names[id(parameter)] for parameter in network.parts().embedding}
    expected = {
        "model": {"embedding.weight"},
        "cifar-resnet": {"conv1.weight", *(f"layer{stage}.0.conv{i}.weight" for stage in (2, 3) for i in (1, 2))},
        "procrustes": {"stem.0.weight", "blocks.2.convolution.weight", "blocks.5.convolution.weight"},
    }.get(settings["family"], {"stem.0.weight"})
    if settings.get("stem") == "strided":
        expected |= {"blocks.2.inner.weight", "blocks.2.outer.weight"}
    assert embedding == expected


@every_family
@pytest.mark.parametrize("skip", [True, False])
def test_the_instrument_finds_every_block_and_its_skip(settings, skip):
    network = warm(build(settings, skip=skip))
    names = {id(module): name for name, module in network.named_modules()}
    spectra = ramodel.measure(network, ROWS[:2], rank=2, progress=False)
    blocks = network.residual_blocks
    assert list(spectra.dataset["block"].values) == [names[id(block)] for block in blocks]
    with_skip = "masked" if settings["family"] in ("paper", "procrustes", "cifar-resnet") else "inside"
    convention = with_skip if skip else "none"
    assert f"skip {convention!r}" in spectra.notes[0]
    states = []
    handles = [block.register_forward_pre_hook(lambda _, given: states.append(given[0].detach())) for block in blocks]
    network(ROWS[:2])
    for handle in handles:
        handle.remove()
    for place, (block, state) in enumerate(zip(blocks, states, strict=True)):
        for sample in range(2):
            h = state[sample : sample + 1]
            jacobian = torch.autograd.functional.jacobian(lambda h, block=block: block(h), h)
            size = h.numel()
            jacobian = jacobian.reshape(size, size)
            if skip:
                kept = (block(h) > 0).double().reshape(-1) if convention == "masked" else torch.ones(size)
                jacobian = jacobian - torch.diag(kept.double())
            expected = torch.linalg.svdvals(jacobian)[:2].detach().numpy()
            found = spectra.singular_values.values[place, sample]
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerances.MEASURED * max(expected[0], 1.0))


@every_family
def test_dropped_branches_follow_seed_epoch_and_step(settings):
    network = build(settings, keep_probability=0.5).train()
    blocks = [module for module in network.modules() if hasattr(module, "kept")]

    def drawn(network, epoch, step):
        network.set_step(epoch, step)
        return [float(module.kept) for module in network.modules() if hasattr(module, "kept")]

    assert set(drawn(network, 0, 0)) <= {0.0, 1.0}
    assert drawn(network, 3, 4) == drawn(build(settings, keep_probability=0.5), 3, 4)
    patterns = {tuple(drawn(network, 0, step)) for step in range(20)}
    assert len(patterns) > 2
    seeds = {tuple(drawn(build(settings, seed=seed, keep_probability=0.5), 0, 0)) for seed in range(4)}
    assert len(seeds) > 1
    mean = np.mean([drawn(network, 1, step) for step in range(100)])
    assert mean == pytest.approx(0.5, abs=tolerances.ERROR_BARS * 0.5 / math.sqrt(100 * len(blocks)))
    assert not any("kept" in name for name in network.state_dict())


@every_family
@pytest.mark.parametrize("rescale", [False, True])
def test_what_a_branch_counts(settings, rescale):
    plain = warm(build(settings))
    network = build(settings, keep_probability=0.5, rescale_kept=rescale).eval()
    network.load_state_dict(plain.state_dict())
    states = []
    network.residual_blocks[0].register_forward_pre_hook(lambda _, given: states.append(given[0].detach()))
    network(ROWS)
    (hidden,) = states
    block = network.residual_blocks[0]
    full = plain.branch(plain.residual_blocks[0], hidden)
    torch.testing.assert_close(network.branch(block, hidden), full if rescale else 0.5 * full)
    block.drop.train()
    torch.testing.assert_close(network.branch(block, hidden), 2.0 * full if rescale else full)
    block.drop.set_kept(False)
    assert not network.branch(block, hidden).any()


@every_family
def test_many_networks_as_one_programme(settings):
    """torch.func: dropped branches, norms and shapes need no branches on tensors in Python."""
    networks = [build(settings, seed=seed, keep_probability=0.5).train() for seed in range(3)]
    for network in networks:
        network.set_step(0, 5)
    parameters, buffers = torch.func.stack_module_state(networks)

    def loss(parameters, buffers):
        logits = torch.func.functional_call(networks[0], (parameters, buffers), (ROWS,))
        return cross_entropy(logits, torch.tensor(DATA.train_labels))

    found = torch.func.vmap(loss, randomness="error")(parameters, buffers)
    expected = [cross_entropy(network(ROWS), torch.tensor(DATA.train_labels)) for network in networks]
    torch.testing.assert_close(found, torch.stack(expected), rtol=tolerances.DENSE_FLOAT64, atol=0.0)


@pytest.mark.parametrize("family", ["paper", "preactivation"])
@pytest.mark.parametrize("normalisation", ["batch", "none"])
def test_states_of_deep_networks_stay_of_one_size(family, normalisation):
    network = build({"family": family, "width": 16, "depth": 64, "normalisation": normalisation}).train()
    norms = []
    for block in network.residual_blocks:
        block.register_forward_hook(lambda _, __, state: norms.append(float(state.detach().square().mean().sqrt())))
    network(ROWS)
    ends_with_norm = family == "paper" and normalisation == "batch"
    # A branch that BatchNorm ends has size 1, so that 64 of them make a random walk of length 8.
    assert norms[-1] / norms[0] < (math.sqrt(64.0) if ends_with_norm else 4.0)
    assert norms[-1] / norms[0] > 0.25


@every_family
@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (ROWS[:, :5], ValueError, r"inputs has shape \(8, 5\); it must have shape \(any, 16\)"),
        (ROWS[0], ValueError, r"inputs has shape \(16,\)"),
        (ROWS.float(), TypeError, r"inputs has type torch\.float32; the network has torch\.float64"),
        ([[1.0]], TypeError, "inputs is a list; it must be a torch tensor"),
    ],
)
def test_bad_inputs_are_refused(settings, inputs, error, message):
    with pytest.raises(error, match=message):
        build(settings).eval()(inputs)


def test_convolutions_take_images_as_well():
    network = build(SMALLEST[1], data_of((4, 4, 3))).eval()
    images = torch.randn(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = images.permute(0, 2, 3, 1).flatten(1)  # height, width, channels
    torch.testing.assert_close(network(images), network(rows), rtol=tolerances.DENSE_FLOAT64, atol=1e-13)
    with pytest.raises(ValueError, match=r"inputs has shape \(2, 4, 4, 3\); it must have shape \(any, 3, 4, 3\)"):
        network(images.permute(0, 2, 3, 1))


SMALL = {"family": "paper", "width": 4, "depth": 2}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "family is None; it must be one of 'model', 'paper'"),
        ({"family": "papr"}, "did you mean 'paper'"),
        ({"family": "paper", "width": 4}, r"network of family 'paper': .*'depth'"),
        ({"family": "paper", "width": "4", "depth": 2}, "width is '4'; it must be a whole number"),
        ({"family": "paper", "width": 4, "depth": 0}, "depth is 0; it must be at least 1"),
        (SMALL | {"skip": "no"}, r"Expected `bool`, got `str` - at `\$\.skip`"),
        (SMALL | {"stem": "conv"}, "stem is 'conv'; it must be one of 'fully-con"),
        (SMALL | {"activation": "rellu"}, "did you mean 'relu'"),
        (SMALL | {"hidden": 0}, "hidden is 0"),
        ({"family": "preactivation", "width": 4, "depth": 2, "hidden": 0}, "hidden is 0"),
        (SMALL | {"normalisation": "layer"}, "normalisation is 'layer'"),
        (SMALL | {"classes": 3}, "'classes'; it follows from the data and the seed"),
        ({"family": "paper", "width": 4, "depht": 2}, "has a field 'depht', .* did you mean 'depth'"),
        ({"family": "cifar-resnet", "stem": "strided"}, "'stem', which family 'cifar-resnet' .* it has width, depth"),
        (SMALL | {"keep_probability": 0.5, "skip": False}, "without skip it must be 1"),
        (SMALL | {"keep_probability": 1.5}, "keep_probability is 1.5; it must be at"),
        (SMALL | {"keep_probability": 0}, "keep_probability is 0; it must be greater"),
        ({"family": "procrustes", "depth": 21}, r"depth is 21; it must be 6n \+ 2"),
        ({"family": "procrustes", "transition_size": 2}, "transition_size is 2; it must be odd"),
        ({"family": "procrustes", "transition_size": 3}, "the second transition sees images of 2 x 2"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        network_config(settings, DATA, 0)


@pytest.mark.parametrize(
    ("shape", "message"), [((6, 8), "multiples of 4: halved twice"), ((16,), r"image_shape is \(16,\)")]
)
def test_bad_image_shapes_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        network_config({"family": "procrustes", "transition_size": 1}, data_of(shape), 0)


def test_what_is_no_configuration_is_refused():
    with pytest.raises(TypeError, match=r"config is a dict; it must be one of NetworkConfig, PaperConfig"):
        build_network({"family": "paper"})


def test_the_provable_model_is_a_family():
    config = network_config({"family": "model", "kind": "linear", "width": 4, "depth": 2}, DATA, 5)
    assert config == NetworkConfig(kind="linear", inputs=16, classes=3, width=4, depth=2, seed=5)
    network = build_network(config)
    assert isinstance(network, ResidualNetwork)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float64}


def test_jacobians_of_the_model_count_their_branches():
    options = {"family": "model", "kind": "factored", "width": 4, "depth": 2}
    plain, dropping = build(options), build(options, keep_probability=0.25).eval()
    assert torch.equal(dropping.jacobians(), 0.25 * plain.jacobians())
    assert not dropping.is_collapsible
    torch.testing.assert_close(dropping(ROWS), ROWS @ dropping.end_to_end().T)
