"""`train_many` against `train` one after the other: in float64 the same numbers up to rounding."""

import shutil

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.nets import NetworkConfig, ResidualNetwork, TrainingConfig, load_dataset, train
from ramodel.nets.architectures.family import build_network, network_config
from ramodel.nets.training.batched import FREE_SETTINGS, train_many, unbatched_settings
from ramodel.nets.training.stacked import StackedNetworks
from ramodel.nets.training.stacked_optimisers import stacked_optimiser
from tests import tolerances

SGD = TrainingConfig(optimiser="sgd", batch_size=40, learning_rate=0.02, iterations=3, checkpoint_every=2)
"""Mini-batches of 40, 40 and 20 samples, a look on the way."""

FULLY_CONNECTED = [
    {"family": "model", "kind": "linear", "width": 8, "depth": 3},
    {"family": "model", "kind": "relu", "width": 8, "depth": 3, "bias": True},
    {"family": "model", "kind": "factored", "width": 8, "depth": 3, "embedding": "fixed", "keep_probability": 0.7},
    {"family": "paper", "width": 8, "depth": 3},
    {"family": "paper", "width": 8, "depth": 3, "keep_probability": 0.6, "rescale_kept": True},
    {"family": "preactivation", "width": 8, "depth": 3},
]
CONVOLUTIONAL = [
    {"family": "paper", "stem": "strided", "width": 4, "depth": 2},
    {"family": "cifar-resnet", "width": 4, "depth": 8},
]


@pytest.fixture(scope="module")
def few_digits():
    return load_dataset("digits", classes=[0, 1, 7], train_size=100, test_size=30)


def settings_of_each(config, count=3):
    """Seeds, decays and learning rates that differ."""
    return [
        msgspec.structs.replace(
            config,
            seed=number,
            learning_rate=config.learning_rate * (1 + number),
            jacobian_decay=0.01 * number,
            decay_norms=number == 1,
        )
        for number in range(count)
    ]


def new_networks(family, data, count=3):
    return [build_network(network_config(family, data, seed)) for seed in range(count)]


def one_after_the_other(networks, datasets, configs):
    return [train(*each, progress=False) for each in zip(networks, datasets, configs, strict=True)]


def assert_same(found, expected, networks, references):
    for network, reference in zip(networks, references, strict=True):
        assert network.training == reference.training
        for name, tensor in reference.state_dict().items():
            scale = float(tensor.double().abs().max())
            difference = (network.state_dict()[name] - tensor).double().abs().max()
            assert float(difference) <= tolerances.DENSE_FLOAT64 * max(scale, 1.0), name
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.stopped_by, ours.iterations, ours.converged) == (
            theirs.stopped_by,
            theirs.iterations,
            theirs.converged,
        )
        assert [record.iteration for record in ours.history] == [record.iteration for record in theirs.history]
        for name in ("objective", "train_loss", "test_loss", "train_accuracy", "test_accuracy", "gradient_norm"):
            wanted = getattr(theirs, name)
            assert getattr(ours, name) == pytest.approx(wanted, rel=tolerances.DENSE_FLOAT64, nan_ok=True), name


@pytest.mark.parametrize(
    "family", FULLY_CONNECTED + CONVOLUTIONAL, ids=lambda family: "-".join(map(str, family.values()))
)
def test_every_family_trains_as_one_by_one(family, few_digits):
    ours, theirs = new_networks(family, few_digits, 2), new_networks(family, few_digits, 2)
    datasets, configs = [few_digits] * 2, settings_of_each(SGD, 2)
    found = train_many(ours, datasets, configs, progress=False)
    assert_same(found, one_after_the_other(theirs, datasets, configs), ours, theirs)


def test_transformers_train_as_one_by_one():
    text = load_dataset("python-text", train_size=12, test_size=4, context=8)
    config = msgspec.structs.replace(SGD, optimiser="adamw", batch_size=5, learning_rate=1e-3, iterations=2)
    family = {"family": "transformer", "width": 8, "depth": 2, "heads": 2}
    ours, theirs = new_networks(family, text, 2), new_networks(family, text, 2)
    datasets, configs = [text] * 2, settings_of_each(config, 2)
    found = train_many(ours, datasets, configs, progress=False)
    assert_same(found, one_after_the_other(theirs, datasets, configs), ours, theirs)


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
def test_optimisers_schedules_and_losses(optimiser, loss, few_digits):
    config = TrainingConfig(
        optimiser=optimiser, loss=loss, schedule="cosine", learning_rate=5e-3, iterations=12, checkpoint_every=5
    )
    family = FULLY_CONNECTED[1]
    ours, theirs = new_networks(family, few_digits), new_networks(family, few_digits)
    datasets, configs = [few_digits] * 3, settings_of_each(config)
    found = train_many(ours, datasets, configs, progress=False)
    assert_same(found, one_after_the_other(theirs, datasets, configs), ours, theirs)


def test_data_sets_of_their_own_and_augmentation(few_digits):
    other = load_dataset("digits", classes=[0, 1, 7], train_size=100, test_size=20, seed=5)
    config = msgspec.structs.replace(SGD, augmentation="crop-flip")
    family = CONVOLUTIONAL[0]
    ours, theirs = new_networks(family, few_digits, 2), new_networks(family, few_digits, 2)
    datasets, configs = [few_digits, other], settings_of_each(config, 2)
    found = train_many(ours, datasets, configs, progress=False)
    assert_same(found, one_after_the_other(theirs, datasets, configs), ours, theirs)


def test_a_converged_network_leaves_the_batch(few_digits):
    config = TrainingConfig(optimiser="adam", learning_rate=3e-3, iterations=9, checkpoint_every=3)
    configs = [msgspec.structs.replace(config, tolerance=tolerance) for tolerance in (1e-9, 2.0, 1e-9)]
    family = FULLY_CONNECTED[3]
    ours, theirs = new_networks(family, few_digits), new_networks(family, few_digits)
    found = train_many(ours, [few_digits] * 3, configs, progress=False)
    assert [result.iterations for result in found] == [9, 0, 9]
    assert_same(found, one_after_the_other(theirs, [few_digits] * 3, configs), ours, theirs)


def test_a_network_that_diverges_does_not_touch_the_others(few_digits):
    configs = settings_of_each(SGD)
    configs[1] = msgspec.structs.replace(configs[1], learning_rate=1e200)
    family = FULLY_CONNECTED[1]
    ours, theirs = new_networks(family, few_digits), new_networks(family, few_digits)
    found = train_many(ours, [few_digits] * 3, configs, progress=False, errors="return")
    assert isinstance(found[1], FloatingPointError)
    assert "learning_rate 1e+200" in str(found[1])
    expected = one_after_the_other(theirs[::2], [few_digits] * 2, configs[::2])
    assert_same(found[::2], expected, ours[::2], theirs[::2])
    with pytest.raises(FloatingPointError, match=r"learning_rate 1e\+200"):
        train_many(new_networks(family, few_digits), [few_digits] * 3, configs, progress=False)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_batch_in_slices_gives_the_numbers_of_the_whole_batch_bit_for_bit(optimiser, few_digits, tmp_path):
    """Checkpoints fall between looks and at one; one network ends before; the last slice may be `train`'s."""
    config = msgspec.structs.replace(SGD, optimiser=optimiser, learning_rate=2e-3, iterations=4)
    configs = [
        msgspec.structs.replace(each, tolerance=1.0 if number == 1 else 1e-9)
        for number, each in enumerate(settings_of_each(config))
    ]
    datasets, folders = [few_digits] * 3, [tmp_path / str(number) for number in range(3)]
    whole = new_networks(FULLY_CONNECTED[4], few_digits)
    expected = train_many(whole, datasets, configs, progress=False)
    stops = []
    while not stops or "stop after" in stops[-1]:
        sliced = new_networks(FULLY_CONNECTED[4], few_digits)
        options = {"folders": folders, "stop_after": 1e-9, "progress": False}
        found = train_many(sliced, datasets, configs, **options)
        stops.append([result.stopped_by for result in found])
        if len(stops) == 3:
            alone = new_networks(FULLY_CONNECTED[4], few_digits)[0]
            copied = shutil.copytree(folders[0], tmp_path / "copied")
            by_itself = train(alone, few_digits, configs[0], folder=copied, progress=False)
    assert len(stops) == 4
    assert [msgspec.structs.replace(result, seconds=0.0) for result in found] == [
        msgspec.structs.replace(result, seconds=0.0) for result in expected
    ]
    for network, reference in zip(sliced, whole, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), reference.parameters(), strict=True))
    assert_same([by_itself], expected[:1], [alone], whole[:1])


class Watching:
    def __init__(self, iterations):
        self.iterations = iterations
        self.seen = {}

    def __call__(self, network, iteration):
        assert not network.training
        self.seen[iteration] = {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_callbacks_see_what_those_of_train_see(few_digits):
    family = FULLY_CONNECTED[3]
    ours, theirs = new_networks(family, few_digits, 2), new_networks(family, few_digits, 2)
    watching, reference = [Watching({1, 3}), None], Watching({1, 3})
    train_many(ours, [few_digits] * 2, [SGD] * 2, progress=False, callbacks=watching)
    train(theirs[0], few_digits, SGD, progress=False, callback=reference)
    assert list(watching[0].seen) == list(reference.seen) == [0, 1, 3]
    for iteration, state in reference.seen.items():
        for name, tensor in state.items():
            seen = watching[0].seen[iteration][name]
            torch.testing.assert_close(seen, tensor, rtol=tolerances.DENSE_FLOAT64, atol=tolerances.DENSE_FLOAT64)


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(1, 4),
    samples=st.integers(2, 5),
    width=st.integers(1, 5),
    depth=st.integers(1, 3),
    kind=st.sampled_from(["linear", "factored", "relu", "gelu"]),
    bias=st.booleans(),
)
def test_the_forward_of_a_stack_is_that_of_each_network(count, samples, width, depth, kind, bias):
    config = NetworkConfig(kind=kind, inputs=3, classes=2, width=width, depth=depth, bias=bias)
    networks = [ResidualNetwork(msgspec.structs.replace(config, seed=seed)) for seed in range(count)]
    inputs = torch.randn(samples, count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits = StackedNetworks(networks)(inputs)
    for number, network in enumerate(networks):
        torch.testing.assert_close(
            logits[:, number], network(inputs[:, number]), rtol=tolerances.DENSE_FLOAT64, atol=tolerances.DENSE_FLOAT64
        )


def test_vmap_takes_what_has_no_stacked_layers(few_digits, monkeypatch):
    family = FULLY_CONNECTED[4]
    ours, theirs = new_networks(family, few_digits), new_networks(family, few_digits)
    monkeypatch.setattr("ramodel.nets.training.stacked._STACKED", {})
    found = train_many(ours, [few_digits] * 3, settings_of_each(SGD), progress=False)
    expected = one_after_the_other(theirs, [few_digits] * 3, settings_of_each(SGD))
    assert_same(found, expected, ours, theirs)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_stacked_steps_are_those_of_torch(name):
    rng = np.random.default_rng(3)
    start, decay = torch.from_numpy(rng.normal(size=5)), 0.1
    rates = torch.tensor([0.1, 0.1, 0.02, 0.02, 0.02], dtype=torch.float64)
    ours = start.clone()
    gradient = torch.zeros_like(ours)
    optimiser = stacked_optimiser(name, ours, gradient, torch.full_like(ours, decay), momentum=0.9)
    references = [start[:2].clone().requires_grad_(), start[2:].clone().requires_grad_()]
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    options = {"momentum": 0.9} if name == "sgd" else {}
    theirs = [
        kinds[name]([part], lr=rate, weight_decay=decay, **options)
        for part, rate in zip(references, (0.1, 0.02), strict=True)
    ]
    for _ in range(5):
        pushed = torch.from_numpy(rng.normal(size=5))
        gradient.copy_(pushed)
        optimiser.step(rates)
        references[0].grad, references[1].grad = pushed[:2].clone(), pushed[2:].clone()
        for reference in theirs:
            reference.step()
    torch.testing.assert_close(ours, torch.cat(references).detach(), rtol=tolerances.DENSE_FLOAT64, atol=0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"configs": []}, r"configs has 0 entries; with 2 networks it must have 2"),
        ({"callbacks": [None]}, r"callbacks has 1 entries"),
        ({"errors": "ignore"}, r"errors is 'ignore'"),
        ({"configs": [TrainingConfig()] * 2}, r"optimiser is 'lbfgs', which batches do not do.*ramodel.nets.train"),
        (
            {"configs": [SGD, msgspec.structs.replace(SGD, batch_size=10)]},
            r"configs\[1\] is not like the first one \(batch_size: 10, not 40\)",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(change, message, few_digits):
    arguments = {"networks": new_networks(FULLY_CONNECTED[1], few_digits, 2), "datasets": [few_digits] * 2}
    arguments |= {"configs": [SGD] * 2, "progress": False} | change
    with pytest.raises(ValueError, match=message):
        train_many(**arguments)


def test_networks_and_data_must_be_alike(few_digits):
    relu, deeper = (new_networks(FULLY_CONNECTED[1] | {"depth": depth}, few_digits, 1)[0] for depth in (3, 4))
    paper = new_networks(FULLY_CONNECTED[3], few_digits, 1)[0]
    smaller = load_dataset("digits", classes=[0, 1, 7], train_size=90, test_size=30)
    for networks, datasets, message in (
        ([], [], "networks is empty"),
        ([relu, relu], [few_digits] * 2, "the same network twice"),
        ([relu, paper], [few_digits] * 2, r"networks\[1\] is a PaperNetwork and networks\[0\] a ResidualNetwork"),
        ([relu, deeper], [few_digits] * 2, r"networks\[1\] is not like the first one \(depth: 4, not 3\)"),
        ([relu, new_networks(FULLY_CONNECTED[1], few_digits, 1)[0]], [few_digits, smaller], r"datasets\[1\]"),
    ):
        with pytest.raises(ValueError, match=message):
            train_many(networks, datasets, [SGD] * len(networks), progress=False)


def test_procrustes_networks_train_alone(few_digits):
    family = {"family": "procrustes", "width": 4, "depth": 8}
    with pytest.raises(ValueError, match="mends its weights after each step"):
        train_many(new_networks(family, few_digits, 2), [few_digits] * 2, [SGD] * 2, progress=False)


def test_settings_that_batches_do_not_have():
    assert unbatched_settings(SGD) == ()
    assert unbatched_settings(msgspec.structs.replace(SGD, coupling_weight=0.1)) == ("coupling_weight",)
    assert set(FREE_SETTINGS) <= set(TrainingConfig.__struct_fields__)
