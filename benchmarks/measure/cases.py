"""What is measured: one block of a network at many inputs, as functions that every method can use."""

import dataclasses
import hashlib
import os
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure.networks import ConvolutionalStage, FullyConnected, Transformer, trained
from torch import Tensor, nn

__all__ = ["CASES", "QUICK", "RANK", "Case", "cache_folder", "load_case"]

RANK = 10
DEPTH = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """One block at many inputs: P problems, each the Jacobian of a function of one vector.

    Problem i is the Jacobian at ``points[i]`` of ``function(point, *(context[i] for context in contexts))``, which has
    no batch axis.
    """

    name: str
    title: str
    network: nn.Module
    """With `embed` and `blocks`."""
    images: Tensor
    state: Tensor
    """States [N, *shape] in front of the block."""
    block: int
    """Number of the block whose accuracy is checked and where methods without batching are timed."""
    skip: str
    """"inside": J = D(block) - I; "branch": J = D(branch of the block)."""
    flops: float
    """Of one product with the Jacobian of one problem: matrices and convolutions alone; a multiply-add is two."""
    per_token: bool = False

    @property
    def module(self) -> nn.Module:
        """The block, or its branch."""
        block: Any = self.network.blocks[self.block]  # type: ignore[index]
        return block.branch if self.skip == "branch" else block  # type: ignore[no-any-return]

    @property
    def names(self) -> list[str]:
        """Names of all modules that can be measured with this one."""
        tail = ".branch" if self.skip == "branch" else ""
        return [f"blocks.{number}{tail}" for number in range(len(self.network.blocks))]  # type: ignore[arg-type]

    @cached_property
    def points(self) -> Tensor:
        """[P, *shape]: the states, or all their tokens."""
        return self.state.flatten(0, 1) if self.per_token else self.state

    @cached_property
    def contexts(self) -> tuple[Tensor, ...]:
        """What else the function of a problem takes: per token, the whole state and a mask of the token's place."""
        if not self.per_token:
            return ()
        samples, tokens, _ = self.state.shape
        place = torch.eye(tokens, dtype=self.state.dtype, device=self.state.device)
        return self.state.repeat_interleave(tokens, 0), place.repeat(samples, 1).unsqueeze(-1)

    @property
    def size(self) -> int:
        """Numbers n in the vector of a problem."""
        return self.points[0].numel()

    @property
    def convolutional(self) -> bool:
        """Whether convolutions, not matrix products, take the time."""
        return self.state.ndim == 4

    def function(self, point: Tensor, *context: Tensor) -> Tensor:
        """Return what the block adds to a point."""
        if not self.per_token:
            return self.residual(point)
        state, place = context
        return (self.residual(torch.where(place > 0, point, state)) * place).sum(0)

    def residual(self, state: Tensor) -> Tensor:
        """Return what the block adds to one state, without a batch axis."""
        image = self.module(state[None])[0]
        return image - state if self.skip == "inside" else image  # type: ignore[no-any-return]

    def problems(self, count: int | None = None) -> tuple[Tensor, ...]:
        """Return the first points and their contexts."""
        return self.points[:count], *(context[:count] for context in self.contexts)

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | None = None) -> "Case":
        """Return the same problems in another dtype or elsewhere."""
        network = deepcopy(self.network).to(device=device, dtype=dtype)
        images, state = (part.to(device=device, dtype=dtype) for part in (self.images, self.state))
        return dataclasses.replace(self, network=network, images=images, state=state)

    def grown(self, factor: int) -> "Case":
        """Return the case with `factor` times the inputs, slightly moved copies."""
        generator = torch.Generator().manual_seed(2)
        noise = 1e-3 * torch.randn(factor, *self.state.shape, generator=generator).to(self.state)
        return dataclasses.replace(self, state=(self.state * (1 + noise)).flatten(0, 1))

    @property
    def fingerprint(self) -> str:
        """Changes with the weights and the states: a stored truth belongs to one."""
        digest = hashlib.sha256()
        for tensor in (*self.network.state_dict().values(), self.state):
            digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
        return digest.hexdigest()[:12]


def cache_folder() -> Path:
    """Return where trained weights and float64 truths are kept: in the checkout where it is one, else in the cache."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / ".git").exists():
        return checkout / ".scratch" / "bench"  # ignored by git
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ramodel" / "bench"


def _images(data: Path | None) -> tuple[Tensor, Tensor]:
    """Return normalised CIFAR-10 images [2000, 3, 32, 32] and labels; random ones where there is no data folder."""
    if data is None:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(2000, 3, 32, 32, generator=generator), torch.arange(2000) % 10
    stored = np.load(data / "cifar10" / "cifar10-lossless-2k.npz")
    images = torch.from_numpy(stored["images"]).permute(0, 3, 1, 2).float() / 255
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    return (images - mean) / deviation, torch.from_numpy(stored["labels"]).long()


def _fully_connected(name: str, width: int, data: Path | None) -> Case:
    training = {
        "fc128": {"decay": 1e-3, "epochs": 150},
        "fc128-collapsed": {"decay": 5e-3, "epochs": 500},
        "fc512": {"decay": 2e-3, "epochs": 40},
    }
    kind = {"fc128": "trained", "fc128-collapsed": "collapsed", "fc512": "trained"}.get(name, "untrained")
    dtype = torch.float64 if name == "fc64" else torch.float32
    images, labels = _images(data)
    torch.manual_seed(0)
    network: nn.Module = FullyConnected(width, DEPTH)
    if name in training:
        used = 1000 if kind == "collapsed" else 2000
        file = _weights_file(name, data)
        trained(network, images[:used], labels[:used], file, rate=0.1, **training[name])  # type: ignore[arg-type]
    network, images = network.to(dtype).eval(), images.to(dtype)
    title = f"fully connected, width {width}, {kind}, {str(dtype).removeprefix('torch.')}"
    block = 10 if kind == "collapsed" else 5
    images = images[_away_from_kinks(network, images, block)][:64]
    return _case(name, title, network, images, block=block, skip="branch", flops=4.0 * width**2)


def _away_from_kinks(network: nn.Module, images: Tensor, block: int) -> Tensor:
    """Return which images put no ReLU of a block so near its kink that rounding decides which Jacobian there is."""
    blocks: Any = network.blocks
    with torch.no_grad():
        before: Tensor = blocks[block].branch[0](blocks[:block](network.embed(images)))  # type: ignore[operator]
    return before.abs().amin(1) > 1e-5 * before.abs().mean()


def _transformer(name: str, data: Path | None) -> Case:
    images, labels = _images(data)
    torch.manual_seed(0)
    network = Transformer()
    trained(network, images, labels, _weights_file("transformer", data), rate=1e-3, decay=1e-2, epochs=8, adam=True)
    width, tokens, per_token = 128, 32, name == "token"
    flops = 2.0 * 12 * width**2  # query, key, value, output and the two matrices of the perceptron, for one token
    if not per_token:
        flops = tokens * (flops + 8 * tokens * width)  # four products of attention's matrices
    title = "transformer, width 128, 32 tokens, 4 heads, " + ("per token" if per_token else "whole sequence")
    return _case(name, title, network, images[:8], block=2, skip="inside", flops=flops, per_token=per_token)


def _convolution(name: str, data: Path | None) -> Case:
    torch.manual_seed(0)
    weights = None if data is None else data / "weights" / "cifar10-resnet20.safetensors"
    network = ConvolutionalStage(weights).eval()
    images, _ = _images(data)
    title = "convolutions, 16 channels of 32 x 32, " + ("untrained" if weights is None else "ResNet-20 layer1.1")
    flops = 2 * 2.0 * 9 * 16**2 * 32**2
    return _case(name, title, network, images[:4], block=1, skip="branch", flops=flops)


def _weights_file(name: str, data: Path | None) -> Path:
    return cache_folder() / f"{name}{'' if data else '-noise'}.safetensors"


def _case(
    name: str,
    title: str,
    network: nn.Module,
    images: Tensor,
    *,
    block: int,
    skip: str,
    flops: float,
    per_token: bool = False,
) -> Case:
    network.requires_grad_(False)
    state = network.blocks[:block](network.embed(images)).contiguous()  # type: ignore[index, operator]
    return Case(name, title, network, images, state, block, skip, flops, per_token)


_WIDTHS = {"fc64": 64, "fc128": 128, "fc128-collapsed": 128, "fc128-untrained": 128, "fc512": 512}
CASES = (*_WIDTHS, "conv", "sequence", "token")
QUICK = ("fc64", "fc128", "token")


def load_case(name: str, data: Path | None) -> Case:
    """Return a case; the networks of some are trained first, for a minute or two, unless that was done before."""
    if name in _WIDTHS:
        return _fully_connected(name, _WIDTHS[name], data)
    return _convolution(name, data) if name == "conv" else _transformer(name, data)
