"""What has to be known of a network to tell which statements speak of it."""

from typing import Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ramodel.experiments.measured.walk import found_stages, walked
from ramodel.nets.architectures.trainable import TrainableNetwork

__all__ = ["Facts", "found_facts"]

Array = NDArray[np.float64]

HeadReads = Literal["the last state", "the mean of the last state over pixels", "something made of the last state"]

_CLOSE = 1e-9
_READS: dict[str, HeadReads] = {
    "whole": "the last state",
    "pooled": "the mean of the last state over pixels",
    "otherwise": "something made of the last state",
}
_NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


class Facts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What was found about a network.

    Parameters
    ----------
    depth, stages, size
        Residual blocks, runs of them whose states share a shape, numbers in a state of the last one.
    skip
        As `ramodel.measure` found or was told.
    linear, homogeneous
        Whether every block is affine, and whether ``block(2 h) = 2 block(h)``, tried at the inputs; with BatchNorm it
        never is, for S19 is about the network that normalises by the mini-batch.
    matrices
        Most weight matrices in a block.
    biased, normed, norm_ends_branch
        Whether blocks have biases, or norms, and whether scale and shift of a norm are the last operation of each.
    head_biased
        Whether the head has one.
    head_reads
        Whether the head reads the last state as it is, or what it reads of it.
    labelled
        Whether the inputs have labels.
    jacobians
        ``[L, d, d]`` of linear blocks of one stage with vector states; None of others.
    states
        ``[L + 1, N, d]`` at the inputs, of one stage; None of several.
    head
        W ``[C, d]``.
    embedding
        E of a linear layer before the first block; None where there is none.
    """

    depth: int
    stages: int
    size: int
    skip: str
    linear: bool
    homogeneous: bool
    matrices: int
    biased: bool
    normed: bool
    norm_ends_branch: bool
    head_biased: bool
    head_reads: HeadReads
    labelled: bool
    jacobians: Array | None
    states: Array | None
    head: Array
    embedding: Array | None

    @property
    def words(self) -> dict[str, str]:
        """The facts in words, by name."""
        kind = "linear" if self.linear else "nonlinear, 1-homogeneous" if self.homogeneous else "nonlinear"
        inside = [word for word, there in (("biases", self.biased), ("norms", self.normed)) if there]
        return {
            "residual blocks": f"{self.depth} in {self.stages} stage{'s' * (self.stages > 1)}, skip {self.skip}",
            "states": f"{self.size} numbers",
            "blocks": f"{kind}, {self.matrices} weight {'matrix' if self.matrices == 1 else 'matrices'}"
            + (f", {' and '.join(inside)}" if inside else ""),
            "head": f"{self.head.shape[0]} logits, reads {self.head_reads}" + (", bias" if self.head_biased else ""),
            "embedding": "none that is one linear layer" if self.embedding is None else "one linear layer",
            "labels": "known" if self.labelled else "unknown",
        }


@torch.no_grad()
def found_facts(
    network: TrainableNetwork, embedding: nn.Linear | None, points: Tensor, *, skip: str, labelled: bool
) -> Facts:
    """Look at a network in float64 and evaluation mode at some inputs."""
    stages = found_stages(network, points[:2])
    blocks = network.residual_blocks
    calls, _ = walked(network, points)
    linear = all(_affine(block, received) for block, (received, _) in zip(blocks, calls, strict=True))
    states = None
    jacobians = None
    if len(stages) == 1:
        states = torch.stack([*(received for received, _ in calls), calls[-1][1]]).flatten(2).cpu().numpy()
        if linear and len(stages[0].shape) == 1:
            jacobians = np.stack([_jacobian(block, calls[0][0]) for block in blocks])
    homogeneous = all(_homogeneous(block, received) for block, (received, _) in zip(blocks, calls, strict=True))
    inner = [module for block in blocks for module in block.modules()]
    of_norms = {parameter for module in inner if isinstance(module, _NORMS) for parameter in module.parameters()}
    outputs = [set(network.output_parameters(block)) for block in blocks]
    return Facts(
        depth=len(blocks),
        stages=len(stages),
        size=stages[-1].size,
        skip=skip,
        linear=linear,
        homogeneous=homogeneous and not any(isinstance(module, _BatchNorm) for module in inner),
        matrices=max(sum(parameter.ndim > 1 for parameter in block.parameters()) for block in blocks),
        biased=any(getattr(module, "bias", None) is not None and not isinstance(module, _NORMS) for module in inner),
        normed=any(isinstance(module, _NORMS) for module in inner),
        norm_ends_branch=all(output and output <= of_norms for output in outputs),
        head_biased=network.head.bias is not None,
        head_reads=_READS[stages[-1].read],
        labelled=labelled,
        jacobians=jacobians,
        states=states,
        head=network.head.weight.detach().double().cpu().numpy(),
        embedding=None if embedding is None else embedding.weight.detach().double().cpu().numpy(),
    )


def _affine(block: nn.Module, states: Tensor) -> bool:
    """Tell whether ``block(a + b) + block(0) = block(a) + block(b)``, a and b states with other signs mixed in."""
    signs = torch.where(torch.arange(states[0].numel(), device=states.device) % 2 == 0, 1.0, -1.0)
    first = states.double()
    second = first.flip(0) * signs.reshape(states[0].shape)
    left = block(first + second) + block(torch.zeros_like(first))
    right = block(first) + block(second)
    return _same(left, right)


def _homogeneous(block: nn.Module, states: Tensor) -> bool:
    return _same(block(2.0 * states), 2.0 * block(states))


def _same(first: Tensor, second: Tensor) -> bool:
    return float((first - second).abs().max()) <= _CLOSE * float(second.abs().max())


def _jacobian(block: nn.Module, state: Tensor) -> Array:
    """Return D block - I of an affine block."""
    identity = torch.eye(state.shape[1], dtype=state.dtype, device=state.device)
    rows = block(identity) - block(torch.zeros_like(identity))
    jacobian: Array = (rows - identity).T.cpu().numpy()
    return jacobian
