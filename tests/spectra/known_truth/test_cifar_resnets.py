"""The trained CIFAR ResNets of the data folder: a block of 4,096 numbers against its whole Jacobian."""

import os

import pytest
import torch

from ramodel import measure
from ramodel.nets import (
    CIFAR10_IMAGES,
    CIFAR10_MEAN,
    CIFAR10_STD,
    DATA_FOLDER_VARIABLE,
    load_cifar_resnet,
    load_inputs,
    normalised,
)

DATA = os.environ.get(DATA_FOLDER_VARIABLE)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DATA is None, reason=f"needs the data folder: set {DATA_FOLDER_VARIABLE}"),
]

RANK, TOP, TOLERANCE = 15, 1e-6, 1e-5
"""Of what is asked for: so many values to a millionth each."""

CHUNK = 256


def whole_jacobian(block, state):
    """Return 1[output > 0] D f at a state [1, 64, 8, 8] from many copies of it, a row from each."""
    size, rows = state.numel(), []
    mask = (block(state) > 0.0).flatten()
    for start in range(0, size, CHUNK):
        copies = state.repeat(CHUNK, 1, 1, 1).requires_grad_()
        units = torch.eye(size, dtype=torch.float64)[start : start + CHUNK]
        (part,) = torch.autograd.grad(block.branch(copies), copies, units.reshape(copies.shape))
        rows.append(part.flatten(1))
    return torch.cat(rows) * mask[:, None]


@pytest.mark.parametrize(("built_in", "name"), [("cifar10-resnet20", "layer3.2"), ("cifar10-resnet44", "layer3.3")])
def test_top_of_the_spectrum_of_a_trained_block(built_in, name):
    network = load_cifar_resnet(built_in)
    image = normalised(load_inputs(CIFAR10_IMAGES, count=1), mean=CIFAR10_MEAN, std=CIFAR10_STD).values
    found = measure(network, image, rank=RANK, tolerance=TOLERANCE, blocks=[name], progress=False)
    assert found.dataset["skip"].values.tolist() == ["masked"]
    assert bool(found.converged.all())
    block = network.double().get_submodule(name)
    state = torch.from_numpy(found.states.values[0].reshape(1, 64, 8, 8))
    jacobian = whole_jacobian(block, state)
    left, right, values = (
        torch.from_numpy(part.values[0, 0]) for part in (found.left, found.right, found.singular_values)
    )
    squares = torch.linalg.eigvalsh(jacobian.T @ jacobian)  # half the time of svdvals; s_15 / s_1 is not small
    expected = squares.flip(0)[:RANK].sqrt()
    assert torch.allclose(values, expected, rtol=TOP)
    assert float((jacobian @ right.T - left.T * values).norm(dim=0).max() / values[0]) < TOLERANCE
