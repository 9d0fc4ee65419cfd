"""The ResNets for CIFAR of He, Zhang, Ren & Sun (2016): post-activation, option-A shortcuts, depth 6n + 2."""

import os

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from ramodel.checks import LARGEST_SEED, integer
from ramodel.nets.architectures.weights import put_weights, read_weights
from ramodel.nets.data.data_folder import in_data_folder

__all__ = [
    "CIFAR10_IMAGES",
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "CIFAR_RESNETS",
    "CifarBlock",
    "CifarResNet",
    "load_cifar_resnet",
]

CIFAR10_MEAN, CIFAR10_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Red, green, blue: what the built-in networks were trained with, on pixels from 0 to 1."""

CIFAR10_IMAGES = "cifar10/cifar10-lossless-2k.npz"
"""Images of that training set in the data folder."""

CIFAR_RESNETS = {
    "cifar10-resnet20": "weights/cifar10-resnet20.safetensors",
    "cifar10-resnet44": "weights/cifar10-resnet44.safetensors",
}
"""Built-in names of trained networks, and their files in the data folder."""

_WIDTHS = (16, 32, 64)


class CifarBlock(nn.Module):
    """One step: ``block(h) = relu(shortcut(h) + branch(h))``, branch = bn2 conv2 relu bn1 conv1.

    Parameters
    ----------
    inputs, outputs
        Channels. Where they differ the block halves height and width, and its shortcut has no weights (option A):
        every second pixel of every second row, with channels of zeros added, half of them before and half after.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.added_channels = outputs - inputs
        self.conv1 = _conv3x3(inputs, outputs, stride=1 if inputs == outputs else 2)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3x3(outputs, outputs, stride=1)
        self.bn2 = nn.BatchNorm2d(outputs)

    def branch(self, hidden: Tensor) -> Tensor:
        """Return what the block adds to `hidden` [N, channels, height, width]."""
        return self.bn2(self.conv2(relu(self.bn1(self.conv1(hidden)))))  # type: ignore[no-any-return]

    def shortcut(self, hidden: Tensor) -> Tensor:
        """Return `hidden` as it is, or subsampled and padded where the block changes the shape."""
        if self.added_channels == 0:
            return hidden
        before = self.added_channels // 2
        return pad(hidden[:, :, ::2, ::2], (0, 0, 0, 0, before, self.added_channels - before))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the next state."""
        return relu(self.shortcut(hidden) + self.branch(hidden))


class CifarResNet(nn.Module):
    """ResNet-`depth` for images of 32 x 32: a convolution, three stages of n blocks, global mean, a linear head.

    Stages have 16, 32 and 64 channels at 32 x 32, 16 x 16 and 8 x 8 pixels. Weights start from normal numbers of
    variance 2 / fan-in (He et al. 2015), biases from zero. As any fresh module, it is in training mode.

    Parameters
    ----------
    depth
        Layers with weights, 6n + 2: 20, 32, 44, 56, 110, ....
    classes
        Number of logits.
    seed
        Seed of the initial weights.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or `depth` is not 6n + 2.

    Examples
    --------
    >>> network = CifarResNet(20).eval()
    >>> network(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, depth: int = 20, *, classes: int = 10, seed: int = 0) -> None:
        super().__init__()
        self.depth = integer("depth", depth, minimum=8)
        if (self.depth - 2) % 6:
            raise ValueError(f"depth is {depth}; it must be 6n + 2, such as 20, 32, 44, 56 or 110.")
        integer("classes", classes)
        blocks = (self.depth - 2) // 6
        self.conv1 = _conv3x3(3, _WIDTHS[0], stride=1)
        self.bn1 = nn.BatchNorm2d(_WIDTHS[0])
        self.layer1 = _stage(_WIDTHS[0], _WIDTHS[0], blocks)
        self.layer2 = _stage(_WIDTHS[0], _WIDTHS[1], blocks)
        self.layer3 = _stage(_WIDTHS[1], _WIDTHS[2], blocks)
        self.linear: nn.Linear = nn.utils.skip_init(nn.Linear, _WIDTHS[2], classes)  # type: ignore[no-untyped-call]
        generator = torch.Generator().manual_seed(integer("seed", seed, minimum=0, maximum=LARGEST_SEED))
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, generator=generator)
        nn.init.zeros_(self.linear.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits [N, classes] of `images` [N, 3, 32, 32], normalised with the mean and std of training."""
        hidden = relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        return self.linear(hidden.mean(dim=(2, 3)))  # type: ignore[no-any-return]


def load_cifar_resnet(
    name_or_path: str | os.PathLike[str], *, data_folder: str | os.PathLike[str] | None = None
) -> CifarResNet:
    """Return a trained CIFAR ResNet in evaluation mode; depth and number of classes follow from the weights.

    Parameters
    ----------
    name_or_path
        "cifar10-resnet20" or "cifar10-resnet44" (in the data folder), or a .safetensors, .pt or .pth file whose names
        are conv1, bn1, layer{1,2,3}.{j}.{conv1,bn1,conv2,bn2}, linear.
    data_folder
        The data folder; None reads the environment variable RAMODEL_DATA.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the data folder or the file is missing.
    ValueError
        If the file is damaged or does not hold the weights of a CIFAR ResNet.
    """
    path: str | os.PathLike[str] = name_or_path
    if str(name_or_path) in CIFAR_RESNETS:
        name = str(name_or_path)
        path = in_data_folder("name_or_path", name, CIFAR_RESNETS[name], data_folder)
    tensors = read_weights(path)
    blocks = sum(f"layer1.{block}.conv1.weight" in tensors for block in range(len(tensors)))
    head = tensors.get("linear.weight", torch.empty(0))
    if blocks == 0 or head.ndim != 2:
        raise ValueError(
            f"{path} does not hold the weights of a CIFAR ResNet (conv1, layer1.0.conv1, linear, ...); "
            f"its first tensor is {next(iter(tensors))!r}."
        )
    network = CifarResNet(6 * blocks + 2, classes=len(head))
    put_weights(network, tensors, str(path))
    return network.eval()


def _stage(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(CifarBlock(outputs if block else inputs, outputs) for block in range(blocks)))


def _conv3x3(inputs: int, outputs: int, *, stride: int) -> nn.Conv2d:
    """Return a convolution with undefined weights: torch's own initialisation would move the global seed."""
    layer: nn.Conv2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d, inputs, outputs, 3, stride=stride, padding=1, bias=False
    )
    return layer
