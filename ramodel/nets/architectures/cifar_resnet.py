"""The ResNets for CIFAR of He, Zhang, Ren & Sun (2016): post-activation, option-A shortcuts, depth 6n + 2."""

import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ramodel.checks import integer
from ramodel.nets.architectures.image_config import ImageNetworkConfig
from ramodel.nets.architectures.layers import Normalisation, convolution, normalisation
from ramodel.nets.architectures.samples import as_images, pooled
from ramodel.nets.architectures.stages import StageBlock, initial_scales
from ramodel.nets.architectures.stochastic_depth import StochasticDepth
from ramodel.nets.architectures.trainable import BlockNetwork
from ramodel.nets.architectures.weights import put_weights, read_weights
from ramodel.nets.data.data_folder import in_data_folder

__all__ = [
    "CIFAR10_IMAGES",
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "CIFAR_RESNETS",
    "CifarBlock",
    "CifarResNet",
    "CifarResNetConfig",
    "load_cifar_resnet",
    "require_cifar_depth",
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


class CifarResNetConfig(
    ImageNetworkConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="family", tag="cifar-resnet"
):
    """What defines a CIFAR ResNet, its initial weights included.

    Parameters
    ----------
    depth
        Layers with weights, 6n + 2: 20, 32, 44, 56, 110, .... There are three stages of n blocks; the first block of
        the second and of the third stage is a transition, so that 3n - 2 residual blocks are measured.
    width
        Channels of the first stage, 16 as published; doubled twice.
    image_shape, classes, skip, normalisation, keep_probability, rescale_kept, seed
        As in `PaperConfig`.

    Raises
    ------
    TypeError, ValueError
        If a field has the wrong type or lies outside its range, or `depth` is not 6n + 2.
    """

    classes: int = 10
    image_shape: tuple[int, ...] = (32, 32, 3)
    width: int = 16
    depth: int = 20

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        require_cifar_depth(self.depth)


def require_cifar_depth(depth: int) -> None:
    """Raise TypeError or ValueError unless `depth` is 6n + 2: three stages of n blocks of two layers, stem and head."""
    if (integer("depth", depth, minimum=8) - 2) % 6:
        raise ValueError(f"depth is {depth}; it must be 6n + 2, such as 20, 32, 44, 56 or 110.")


class CifarBlock(StageBlock):
    """One step: ``block(h) = relu(shortcut(h) + branch(h))``, branch = bn2 conv2 relu bn1 conv1.

    Parameters
    ----------
    inputs, outputs
        Channels. Where they differ the block halves height and width, and its shortcut has no weights (option A):
        every second pixel of every second row, with channels of zeros added, half of them before and half after.
    skip, norm, drop
        Whether there is a shortcut; the norms; stochastic depth.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        skip: bool = True,
        norm: Normalisation = "batch",
        drop: StochasticDepth | None = None,
    ) -> None:
        super().__init__(inputs, outputs, skip=skip, outer_activation=nn.ReLU(), drop=drop)
        self.conv1 = convolution(inputs, outputs, stride=1 if inputs == outputs else 2)
        self.bn1 = normalisation(norm, outputs, images=True)
        self.conv2 = convolution(outputs, outputs)
        self.bn2 = normalisation(norm, outputs, images=True)

    def transform(self, hidden: Tensor) -> Tensor:
        """Return bn2(conv2(relu(bn1(conv1(h)))))."""
        return self.bn2(self.conv2(relu(self.bn1(self.conv1(hidden)))))  # type: ignore[no-any-return]

    @property
    def output_parameters(self) -> tuple[nn.Parameter, ...]:
        """Scale and shift of bn2, or conv2."""
        return tuple(self.bn2.parameters()) or tuple(self.conv2.parameters())


class CifarResNet(BlockNetwork):
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
    options
        The other fields of `CifarResNetConfig`.

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

    config: CifarResNetConfig

    def __init__(self, depth: int = 20, *, classes: int = 10, seed: int = 0, **options: Any) -> None:
        super().__init__()
        self.config = CifarResNetConfig(depth=depth, classes=classes, seed=seed, **options)
        width = self.config.width
        self.conv1 = convolution(self.config.channels, width)
        self.bn1 = normalisation(self.config.normalisation, width, images=True)
        self.layer1 = _stage(self.config, width, width)
        self.layer2 = _stage(self.config, width, 2 * width)
        self.layer3 = _stage(self.config, 2 * width, 4 * width)
        self.linear: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Linear, 4 * width, classes, dtype=torch.float32
        )
        self._initialise()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits [N, classes] of `images` [N, 3, 32, 32], normalised with the mean and std of training.

        Rows [N, 32 x 32 x 3], as a data set stores them, will do as well.

        Raises
        ------
        TypeError, ValueError
            If `images` is not a tensor of the network's type and of such a shape.
        """
        hidden = as_images(images, self.config.image_shape, self.linear.weight.dtype)
        hidden = relu(self.bn1(self.conv1(hidden)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        return self.linear(pooled(hidden))  # type: ignore[no-any-return]

    @property
    def residual_blocks(self) -> tuple[CifarBlock, ...]:
        """The blocks of the three stages, without those that begin the second and the third."""
        return tuple(block for block in self._all_blocks() if block.keeps_shape)

    @property
    def head(self) -> nn.Linear:  # type: ignore[override]
        """W [classes, 4 x width], called `linear` in published weights."""
        return self.linear

    @torch.no_grad()
    def _initialise(self) -> None:
        generator = torch.Generator().manual_seed(self.config.seed)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, generator=generator)
        nn.init.zeros_(self.linear.bias)
        inner, outer = initial_scales(self.config, norm_ends_branch=True)
        for block in self._all_blocks():
            block.conv1.weight.mul_(inner)
            block.conv2.weight.mul_(outer)

    def _all_blocks(self) -> list[CifarBlock]:
        return [block for block in self.modules() if isinstance(block, CifarBlock)]


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


def _stage(config: CifarResNetConfig, inputs: int, outputs: int) -> nn.Sequential:
    blocks = (config.depth - 2) // 6
    options: dict[str, Any] = {"skip": config.skip, "norm": config.normalisation}
    return nn.Sequential(
        *(
            CifarBlock(outputs if block else inputs, outputs, drop=config.new_drop(), **options)
            for block in range(blocks)
        )
    )
