"""Work and energy of every block (S19), and the norms of gradients (S9), of the objective that training made small."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ramodel import metrics
from ramodel.experiments.measured.variables import put
from ramodel.experiments.measured.walk import Stage, watching, whole_forward
from ramodel.nets.architectures.trainable import TrainableNetwork

__all__ = ["Batch", "measured_work"]

Loss = Callable[[Tensor, Tensor], Tensor]


class Batch(NamedTuple):
    """Samples over which the loss is averaged: a mini-batch where the network normalises by it."""

    inputs: Tensor
    labels: Tensor


def measured_work(
    network: TrainableNetwork,
    stages: tuple[Stage, ...],
    batches: Iterable[Batch],
    loss: Loss,
    decay: Callable[[nn.Parameter], float],
) -> xr.Dataset:
    """Return the work of every block against the loss, the energy that S19 says it equals, and how near a net is to it.

    With ``g`` the gradient of the mean loss at the sum of skip and branch: work_l = -<g_l, f_l>, euler_l = -<g_l, h_l>,
    head work = -<dl/dz, z>, inner products over all samples. f_l is taken where it leaves the module that owns B_l, its
    last linear operation, and so is its gradient: that of the sum, whatever comes after. A fixed factor between the two
    changes nothing.

    Parameters
    ----------
    network
        In float64 and in the mode of the objective. Its buffers may change (BatchNorm in training mode).
    stages
        Of it.
    batches
        The objective averages over them, each by its number of samples.
    loss
        Mean loss of the logits and labels of a batch.
    decay
        lam of a parameter.
    """
    sums = _Sums(network, stages)
    for batch in batches:
        sums.add(batch, loss)
    found = xr.Dataset()
    put(found, "block_work", ("layer",), sums.work / sums.samples, "-<g_l, f_l(h_(l-1))>, work against the loss")
    put(found, "euler_work", ("state",), sums.euler / sums.samples, "-<g_l, h_l>")
    put(found, "head_work", (), sums.head / sums.samples, "-<dl/dz, z>")
    _energies(found, network, decay)
    _stationarity(found, sums, decay)
    _gradient_norms(found, sums)
    return found


def _energies(found: xr.Dataset, network: TrainableNetwork, decay: Callable[[nn.Parameter], float]) -> None:
    owned = [network.output_parameters(block) for block in network.residual_blocks]
    energies = [sum(decay(one) * _square(one) for one in ones) if ones else np.nan for ones in owned]
    put(found, "block_energy", ("layer",), energies, "lam_J |B_l|^2, energy of a block's output weights")
    head = cast(nn.Parameter, network.head.weight)
    put(found, "head_energy", (), decay(head) * _square(head), "lam_W |W|^2")


def _stationarity(found: xr.Dataset, sums: "_Sums", decay: Callable[[nn.Parameter], float]) -> None:
    gradients = dict(zip(sums.parameters, (gradient / sums.samples for gradient in sums.gradients), strict=True))
    relative = [
        _relative_gradient({one: gradients[one] for one in sums.network.output_parameters(block)}, decay)
        for block in sums.blocks
    ]
    meaning = "|dF/dB_l| / (|d loss/dB_l| + lam_J |B_l|), how stationary the output weights of a block are"
    put(found, "block_gradient_error", ("layer",), relative, meaning)
    meaning = "|grad F| / (|grad loss| + |grad decay|), over all trained parameters"
    put(found, "gradient_error", (), _relative_gradient(gradients, decay), meaning)


def _relative_gradient(gradients: dict[nn.Parameter, Tensor], decay: Callable[[nn.Parameter], float]) -> float:
    if not gradients:
        return float("nan")
    along_loss = torch.cat([gradient.flatten() for gradient in gradients.values()])
    along_decay = torch.cat([decay(parameter) * parameter.detach().flatten() for parameter in gradients])
    scale = float(along_loss.norm() + along_decay.norm())
    return float((along_loss + along_decay).norm()) / scale if scale > 0.0 else 0.0


def _gradient_norms(found: xr.Dataset, sums: "_Sums") -> None:
    lengths = np.concatenate(sums.lengths, axis=1)  # [state, sample]
    quartiles = []
    start = 0
    for stage in sums.stages:
        end = start + len(stage.blocks) + 1
        ratios = metrics.gradient_norm_ratio(lengths[start:end, :, None])
        quartiles.append(np.quantile(ratios, [0.25, 0.5, 0.75], axis=1, method="nearest"))
        start = end
    lower, middle, upper = np.concatenate(quartiles, axis=1)
    meaning = "of |g_(l-1)| / |g_l| over samples, g_l the gradient by the state of one sample"
    put(found, "gradient_norm_ratio", ("layer",), middle, f"median {meaning}")
    put(found, "gradient_norm_ratio_lower", ("layer",), lower, f"lower quartile {meaning}")
    put(found, "gradient_norm_ratio_upper", ("layer",), upper, f"upper quartile {meaning}")


class _Seen(NamedTuple):
    """A tensor of one forward: its numbers, and where it is in the graph."""

    numbers: Tensor
    edge: GradientEdge

    @classmethod
    def of(cls, tensor: Tensor) -> "_Seen":
        # A copy: what comes next may write to it.
        return cls(tensor.detach().clone(), get_gradient_edge(tensor))


class _Sums:
    """Inner products and gradients, summed over samples: those of the mean loss come by dividing at the end."""

    def __init__(self, network: TrainableNetwork, stages: tuple[Stage, ...]) -> None:
        self.network = network
        self.stages = stages
        self.blocks = network.residual_blocks
        self.owners = [_owners(network, block) for block in self.blocks]
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.gradients = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.work = np.array([0.0 if owners else np.nan for owners in self.owners])
        self.euler = np.zeros(sum(len(stage.blocks) + 1 for stage in stages))
        self.head = 0.0
        self.lengths: list[NDArray[np.float64]] = []
        self.samples = 0

    def add(self, batch: Batch, loss: Loss) -> None:
        """Differentiate the loss of one batch."""
        states, branches, logits, value = self._forward(batch, loss)
        seen = [*states, *(one for ones in branches for one in ones), logits]
        count = len(batch.labels)
        wanted = [*(one.edge for one in seen), *map(get_gradient_edge, self.parameters)]
        found: tuple[Tensor | None, ...] = torch.autograd.grad(count * value, wanted, allow_unused=True)
        shapes = [*(one.numbers for one in seen), *self.parameters]
        along = [torch.zeros_like(like) if one is None else one for one, like in zip(found, shapes, strict=True)]
        for total, gradient in zip(self.gradients, along[len(seen) :], strict=True):
            total += gradient
        products = [-float(torch.sum(gradient * one.numbers)) for gradient, one in zip(along, seen, strict=False)]
        self.euler += products[: len(states)]
        position = len(states)
        for layer, ones in enumerate(branches):
            self.work[layer] += sum(products[position : position + len(ones)])
            position += len(ones)
        self.head += products[position]
        lengths = [gradient.flatten(1).norm(dim=1) for gradient in along[: len(states)]]
        self.lengths.append(torch.stack(lengths).cpu().numpy())
        self.samples += count

    def _forward(self, batch: Batch, loss: Loss) -> tuple[list[_Seen], list[list[_Seen]], _Seen, Tensor]:
        """Return states, what branches give, logits, and the mean loss."""
        received: dict[nn.Module, _Seen] = {}
        returned: dict[nn.Module, _Seen] = {}

        def before(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            received[module] = _Seen.of(arguments[0])

        def after(module: nn.Module, _: tuple[Any, ...], output: Tensor) -> None:
            returned[module] = _Seen.of(output)

        ends = {stage.blocks[-1] for stage in self.stages}
        owners = {module for modules in self.owners for module in modules}
        watched = ends | owners | {self.network.head}
        handles = [block.register_forward_pre_hook(before) for block in self.blocks]
        handles += [module.register_forward_hook(after) for module in watched]
        inputs = batch.inputs
        if inputs.is_floating_point():  # so that every state depends on something, even below a fixed embedding
            inputs = inputs.detach().clone().requires_grad_()
        with watching(handles):
            logits = whole_forward(self.network, inputs)
        states = []
        for stage in self.stages:
            states += [*(received[block] for block in stage.blocks), returned[stage.blocks[-1]]]
        branches = [[returned[module] for module in modules if module in returned] for modules in self.owners]
        return states, branches, returned[self.network.head], loss(logits, batch.labels)


def _owners(network: TrainableNetwork, block: nn.Module) -> tuple[nn.Module, ...]:
    """Return the modules whose own parameters are B_l: what they return is the branch, or its summands."""
    wanted = set(network.output_parameters(block))
    return tuple(module for module in block.modules() if wanted & set(module.parameters(recurse=False)))


def _square(parameter: Tensor) -> float:
    return float(parameter.detach().double().square().sum())
