import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ramodel.nets import (
    CIFAR10_IMAGES,
    CIFAR10_MEAN,
    CIFAR10_STD,
    CIFAR_RESNETS,
    DATA_FOLDER_VARIABLE,
    CifarBlock,
    CifarResNet,
    load_cifar_resnet,
    load_inputs,
    normalised,
)
from tests import tolerances
from tests.reference.nets import batch_norm, conv3x3, option_a_shortcut

DATA = os.environ.get(DATA_FOLDER_VARIABLE)
needs_data = pytest.mark.skipif(DATA is None, reason=f"needs the data folder: set {DATA_FOLDER_VARIABLE}")


def random_block(inputs, outputs):
    """A block in float64 with nothing left at its initial value."""
    generator = torch.Generator().manual_seed(inputs + outputs)
    block = CifarBlock(inputs, outputs).double().eval()
    with torch.no_grad():
        for name, tensor in block.state_dict().items():
            if tensor.is_floating_point():
                tensor.normal_(generator=generator)
                if name.endswith("running_var"):
                    tensor.abs_().add_(0.1)
    return block


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 2), (2, 4), (2, 5)])
def test_block_against_slow_reference(inputs, outputs):
    block = random_block(inputs, outputs)
    image = np.random.default_rng(0).standard_normal((inputs, 5, 6))
    weights = {name: tensor.numpy() for name, tensor in block.state_dict().items()}

    def norm(x, name):
        return batch_norm(x, *(weights[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")))

    stride = 1 if inputs == outputs else 2
    branch = np.maximum(norm(conv3x3(image, weights["conv1.weight"], stride), "bn1"), 0.0)
    branch = norm(conv3x3(branch, weights["conv2.weight"], 1), "bn2")
    shortcut = image if inputs == outputs else option_a_shortcut(image, outputs)
    batch = torch.tensor(image)[None]
    with torch.no_grad():
        found = [part(batch)[0].numpy() for part in (block.branch, block.shortcut, block)]
    for expected, value in zip((branch, shortcut, np.maximum(shortcut + branch, 0.0)), found, strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=tolerances.DENSE_FLOAT64)


def test_a_block_leaves_its_input_alone():
    block, hidden = random_block(2, 2), torch.ones(1, 2, 4, 4, dtype=torch.float64)
    block(hidden)
    assert bool((hidden == 1.0).all())


@pytest.mark.parametrize("depth", [20, 44])
def test_names_and_shapes(depth):
    network = CifarResNet(depth, classes=7)
    blocks = (depth - 2) // 6
    convolutions = {"conv1.weight": (16, 3, 3, 3)}
    for stage, (before, width) in enumerate([(16, 16), (16, 32), (32, 64)], start=1):
        for block in range(blocks):
            convolutions[f"layer{stage}.{block}.conv1.weight"] = (width, before if block == 0 else width, 3, 3)
            convolutions[f"layer{stage}.{block}.conv2.weight"] = (width, width, 3, 3)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert {name: shape for name, shape in shapes.items() if "conv" in name} == convolutions
    assert {name.split(".")[-2] for name in shapes} == {"conv1", "bn1", "conv2", "bn2", "linear"}
    assert shapes["linear.weight"] == (7, 64)
    layers = [layer for layer in network.modules() if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))]
    assert len(layers) == depth
    states = []
    for stage in (network.layer1, network.layer2, network.layer3):
        stage.register_forward_hook(lambda module, arguments, output: states.append(tuple(output.shape[1:])))
    assert network.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert states == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


def test_initial_weights_follow_the_seed_alone():
    torch.manual_seed(5)
    first, after = CifarResNet(8, seed=1), torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)  # the global generator was not moved
    same, other = CifarResNet(8, seed=1), CifarResNet(8, seed=2)
    assert torch.equal(first.layer2[0].conv1.weight, same.layer2[0].conv1.weight)
    assert not torch.equal(first.layer2[0].conv1.weight, other.layer2[0].conv1.weight)
    weight = CifarResNet(8).layer3[0].conv2.weight
    assert weight.std().item() == pytest.approx((2.0 / (64 * 9)) ** 0.5, rel=tolerances.SAMPLED_STD)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_weights_make_the_round_trip(tmp_path, suffix):
    network = CifarResNet(14, classes=5, seed=3)
    tensors = network.state_dict()
    file = tmp_path / f"net{suffix}"
    save_file(tensors, file) if suffix == ".safetensors" else torch.save(tensors, file)
    found = load_cifar_resnet(file)
    assert (found.config.depth, found.linear.out_features, found.training) == (14, 5, False)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in found.state_dict().items())


def spoilt(tmp_path, change):
    tensors = CifarResNet(8).state_dict()
    change(tensors)
    save_file(tensors, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("bn1.weight"), r"net\.safetensors does not fit the CifarResNet: it lacks 'bn1\.weight'"),
        (lambda t: t.update(extra=torch.ones(1)), "the network has no 'extra'"),
        (
            lambda t: t.update({"conv1.weight": torch.ones(16, 1, 3, 3)}),
            r"'conv1\.weight' has shape \(16, 1, 3, 3\) in place of \(16, 3, 3, 3\)",
        ),
        (lambda t: t["linear.bias"].fill_(torch.nan), r"'linear\.bias' in .* holds a number that is not finite"),
        (lambda t: t.pop("linear.weight"), "does not hold the weights of a CIFAR ResNet"),
        (lambda t: t.update({"linear.weight": torch.ones(())}), "does not hold the weights of a CIFAR ResNet"),
        (lambda t: [t.pop(name) for name in list(t) if name.startswith("layer1")], "does not hold the weights of a"),
    ],
)
def test_wrong_weights_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        load_cifar_resnet(spoilt(tmp_path, change))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"depth": 21}, ValueError, "depth is 21; it must be 6n [+] 2, such as 20"),
        ({"depth": 2}, ValueError, "depth is 2; it must be at least 8"),
        ({"depth": 20.5}, TypeError, "depth is 20.5"),
        ({"classes": 0}, ValueError, "classes is 0"),
        ({"seed": -1}, ValueError, "seed is -1"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        CifarResNet(**options)


def test_built_in_names_need_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(DATA_FOLDER_VARIABLE, raising=False)
    with pytest.raises(FileNotFoundError, match="name_or_path is 'cifar10-resnet20'; it is read from the data folder"):
        load_cifar_resnet("cifar10-resnet20")
    with pytest.raises(FileNotFoundError, match=r"holds no weights/cifar10-resnet20\.safetensors"):
        load_cifar_resnet("cifar10-resnet20", data_folder=tmp_path)


@needs_data
@pytest.mark.parametrize("name", CIFAR_RESNETS)
def test_trained_networks_know_their_training_set(name):
    network = load_cifar_resnet(name, data_folder=DATA)
    assert network.config.depth == int(name.removeprefix("cifar10-resnet"))
    inputs = normalised(load_inputs(CIFAR10_IMAGES, data_folder=DATA), mean=CIFAR10_MEAN, std=CIFAR10_STD)
    images = torch.tensor(inputs.values, dtype=torch.float32)
    # All 2,000 take 3 s (ResNet-20) and 7 s (ResNet-44): the deeper one sees the first 300.
    count = 2000 if network.config.depth == 20 else 300
    with torch.inference_mode():
        predicted = torch.cat([network(batch).argmax(dim=1) for batch in images[:count].split(200)])
    assert (predicted.numpy() == inputs.labels[:count]).mean() >= 0.995
