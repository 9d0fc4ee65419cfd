"""Procrustes ResNets (Zaeemzadeh, Rahnavard & Shah 2020): every residual block has an identity skip.

The convolutions that change the channels stand between the blocks, and are kept near orthogonal: so the norm of the
gradient passes through blocks and transitions.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from ramodel.checks import integer
from ramodel.nets.architectures.cifar_resnet import require_cifar_depth
from ramodel.nets.architectures.layers import Layers
from ramodel.nets.architectures.post_activation import PostActivationBlock, PostActivationConfig
from ramodel.nets.architectures.stages import ImageNetwork, stem_layers

__all__ = ["ProcrustesConfig", "ProcrustesNetwork", "ProcrustesTransition", "nearest_orthogonal", "polar_factor"]

_PROJECTION_PROBABILITY = 0.5
"""With which a transition is projected after a step of training, as published."""

_TOLERANCE = 1e-6
_MOST_STEPS = 100
"""Of Newton-Schulz: a singular value grows by 3/2 in a step, so that this reaches 1 from 1e-17."""


class ProcrustesConfig(
    PostActivationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="family", tag="procrustes"
):
    """What defines a Procrustes ResNet, its initial weights included.

    Parameters
    ----------
    depth
        6n + 2 as in `CifarResNetConfig`: three stages of n residual blocks, all of them measured.
    width
        Channels of the first stage; doubled twice.
    transition_size
        Height and width of the kernels of the transitions, an odd number.
    image_shape, classes, skip, activation, outer_activation, normalisation, norm_ends_branch, keep_probability,
    rescale_kept, seed
        As in `PaperConfig`.

    Raises
    ------
    TypeError, ValueError
        If a field has the wrong type or lies outside its range, or `depth` is not 6n + 2.
    """

    width: int = 16
    depth: int = 20
    transition_size: int = 3

    def __post_init__(self) -> None:
        """Check every field."""
        super().__post_init__()
        require_cifar_depth(self.depth)
        if integer("transition_size", self.transition_size) % 2 == 0:
            raise ValueError(f"transition_size is {self.transition_size}; it must be odd.")
        height, width = self.image_shape[:2]
        if height % 4 or width % 4:
            raise ValueError(
                f"image_shape is {self.image_shape}; height and width must be multiples of 4: halved twice."
            )
        if self.transition_size > min(height, width) // 2:
            raise ValueError(
                f"transition_size is {self.transition_size}; the second transition sees images of {height // 2} x "
                f"{width // 2}, and its kernel must not be larger."
            )


class ProcrustesTransition(nn.Module):
    """A linear map between stages: a convolution that changes the channels, and a mean over pairs of rows and columns.

    The convolution acts on the torus (circular border), where Fourier modes take it apart: after `project` its singular
    values lie near sqrt(n_out / n_in), n_in and n_out the numbers of entries of what it maps, here the numbers of
    channels. Such a map keeps the mean square of the entries of any state, and of gradients on average. The mean is
    over 2 x 2 pixels, times 2: the orthonormal one, which keeps the norm of every gradient on its way back.

    Attributes
    ----------
    convolution
        `torch.nn.Conv2d` with circular padding, without bias.
    size
        Height and width of the states.
    """

    def __init__(self, layers: Layers, inputs: int, outputs: int, size: tuple[int, int], kernel: int) -> None:
        super().__init__()
        self.size = size
        self.convolution = layers.circular_convolution(inputs, outputs, kernel)
        self.project()

    def forward(self, hidden: Tensor) -> Tensor:
        """Return states [N, outputs, height / 2, width / 2] of `hidden` [N, inputs, height, width]."""
        return 2.0 * avg_pool2d(self.convolution(hidden), 2)

    @torch.no_grad()
    def project(self) -> None:
        """Replace the kernel by that of `nearest_orthogonal`."""
        weight = self.convolution.weight
        weight.copy_(nearest_orthogonal(weight, self.size))


class ProcrustesNetwork(ImageNetwork):
    """A CIFAR ResNet whose transitions are linear and near orthogonal, so that all blocks have an identity skip.

    z = W pool(h), h = stage3(T2 stage2(T1 stage1(relu(BN(W0 x))))); blocks relu(h + BN(W2 relu(BN(W1 h)))), in float32.
    Source: Zaeemzadeh, Rahnavard & Shah, Norm-Preservation (IEEE TPAMI 2020, arXiv 1805.07477).

    Examples
    --------
    >>> network = ProcrustesNetwork(ProcrustesConfig(image_shape=(8, 8), classes=10, width=4, depth=8)).eval()
    >>> network(torch.zeros(2, 64)).shape, len(network.residual_blocks)
    (torch.Size([2, 10]), 3)
    """

    config: ProcrustesConfig

    def __init__(self, config: ProcrustesConfig) -> None:
        layers = Layers(config.seed, images=True, norm=config.normalisation, activation=config.activation)
        stem = stem_layers("convolutional", config, layers, activated=True)
        width, (height, breadth) = config.width, config.image_shape[:2]
        blocks: list[nn.Module] = []
        for stage in range(3):
            if stage:
                size = (height >> (stage - 1), breadth >> (stage - 1))
                blocks.append(ProcrustesTransition(layers, width, 2 * width, size, config.transition_size))
                width *= 2
            blocks += [PostActivationBlock(config, layers, width, width) for _ in range((config.depth - 2) // 6)]
        head = layers.head(width, config.classes)
        super().__init__(config, stem=stem, blocks=blocks, last=nn.Identity(), head=head)

    def after_step(self, generator: torch.Generator) -> None:
        """Project each transition with probability 1/2, as published, drawn from `generator`."""
        for block in self.blocks:
            if (
                isinstance(block, ProcrustesTransition)
                and torch.rand((), generator=generator) < _PROJECTION_PROBABILITY
            ):
                block.project()


def nearest_orthogonal(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a kernel whose convolution on the torus is near sqrt(n_out / n_in) times an orthogonal map.

    Fourier modes take the convolution apart: at each frequency it is one matrix [outputs, inputs]. Its polar factor is
    the nearest matrix with orthonormal columns (or rows). Scaled and taken back they are a kernel as large as the
    image, the solution of the Procrustes problem, all of whose singular values are sqrt(n_out / n_in). What lies
    outside of the support of `kernel` is cut off, as published; so a 1 x 1 kernel is projected exactly, and a larger
    one nearly: a random 3 x 3 kernel comes out with singular values of 0.94 +- 0.21 times that number (0.45 to 1.33).
    After 5, 10 and 40 projections their spread is 0.10, 0.06 and 0.02, and training projects again and again.

    Parameters
    ----------
    kernel
        [outputs, inputs, height, width].
    size
        Height and width of the images.

    Raises
    ------
    FloatingPointError
        If at some frequency the matrix is singular or not finite, so that it has no polar factor.

    Examples
    --------
    >>> kernel = torch.randn(4, 2, 1, 1, generator=torch.Generator().manual_seed(0))
    >>> torch.linalg.svdvals(nearest_orthogonal(kernel, (8, 8))[..., 0, 0])
    tensor([1.4142, 1.4142])
    """
    outputs, inputs, height, width = kernel.shape
    spectrum = torch.fft.rfft2(kernel.double(), s=size).permute(2, 3, 0, 1)
    factor = polar_factor(spectrum).permute(2, 3, 0, 1) * math.sqrt(outputs / inputs)
    nearest: Tensor = torch.fft.irfft2(factor, s=size)
    return nearest[:, :, :height, :width].to(kernel)


def polar_factor(matrices: Tensor) -> Tensor:
    """Return U V^H of matrices U S V^H [..., m, n] of full rank, by the iteration of Newton and Schulz.

    ``X <- X (3 I - X^H X) / 2`` doubles the digits in each step near the end, and needs products alone, of all matrices
    at once; it stops at |X^H X - I| <= 1e-6 before the last step, at 1e-12 behind it.

    Raises
    ------
    FloatingPointError
        If a matrix is singular, to rounding, or not finite.

    Examples
    --------
    >>> polar_factor(torch.tensor([[3.0, 0.0], [0.0, -0.1]], dtype=torch.float64)).round(decimals=12)
    tensor([[ 1.,  0.],
            [ 0., -1.]], dtype=torch.float64)
    """
    if matrices.shape[-2] < matrices.shape[-1]:
        return polar_factor(matrices.mH).mH
    bound = matrices.abs().sum(-1).amax(-1) * matrices.abs().sum(-2).amax(-1)
    found = matrices / bound.sqrt()[..., None, None]  # singular values of at most 1
    identity = torch.eye(found.shape[-1], dtype=found.dtype, device=found.device)
    for _ in range(_MOST_STEPS):
        gram = found.mH @ found
        found = found @ (1.5 * identity - 0.5 * gram)
        if bool((gram - identity).abs().amax() <= _TOLERANCE):
            return found
    raise FloatingPointError(
        "a matrix is singular or not finite, and has no polar factor: the weights of a transition are degenerate. "
        "Lower learning_rate or the decay of the embedding."
    )
