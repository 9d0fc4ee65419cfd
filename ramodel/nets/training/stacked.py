"""Networks of one architecture as one: weights stacked, every operation done for all of them at once.

A mini-batch has the axes [N, K, ...], sample and network. There are two ways to the logits [N, K, ...]:

- Where all weights sit in layers known here, a copy of the network gets stacked ones in their place, and its own
  forward runs on N K rows: whatever stands between these layers treats rows one by one. Linear layers become one
  batched product, convolutions grouped ones, and BatchNorm gets K times the channels.
- Everything else goes through `torch.func.vmap`: any operation, at about twice the time.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from ramodel.nets.architectures.network import ResidualNetwork
from ramodel.nets.architectures.stochastic_depth import StochasticDepth, branch_counts
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.training.objective import batch_norms

__all__ = ["StackedNetworks"]


class StackedNetworks:
    """K networks as one, in training mode, with all trained weights in one vector.

    Parameters
    ----------
    networks
        Of one architecture, on one device, in one type. They are left alone until `store`.

    Attributes
    ----------
    weights, gradient
        [n]: parameter after parameter, and within a parameter network after network.
    owner
        [n]: number of the network that an entry belongs to.

    Examples
    --------
    >>> from ramodel.nets import NetworkConfig
    >>> config = NetworkConfig(kind="relu", inputs=6, classes=3, width=5, depth=4)
    >>> stacked = StackedNetworks([ResidualNetwork(config), ResidualNetwork(config)])
    >>> stacked(torch.ones(7, 2, 6, dtype=torch.float64)).shape
    torch.Size([7, 2, 3])
    """

    def __init__(self, networks: Sequence[TrainableNetwork]) -> None:
        self.networks = tuple(networks)
        trained = {name for name, parameter in networks[0].named_parameters() if parameter.requires_grad}
        tensors = [dict(_tensors(network)) for network in networks]
        stacks = {name: torch.stack([own[name].detach() for own in tensors]) for name in tensors[0]}
        chosen = {name: stack for name, stack in stacks.items() if name in trained}
        sizes = [stack.numel() for stack in chosen.values()]
        self.weights = torch.cat([stack.flatten() for stack in chosen.values()])
        self.gradient = torch.zeros_like(self.weights)
        self.owner = torch.cat([_rows(stack) for stack in chosen.values()])
        self._parameters: dict[str, nn.Parameter] = {}
        pieces = zip(chosen.items(), torch.split(self.weights, sizes), torch.split(self.gradient, sizes), strict=True)
        for (name, stack), weights, gradient in pieces:
            parameter = nn.Parameter(weights.view_as(stack))
            parameter.grad = gradient.view_as(stack)  # back-propagation adds to it in place
            self._parameters[name] = parameter
        self._constants = {
            name: nn.Parameter(stack, requires_grad=False) if isinstance(tensors[0][name], nn.Parameter) else stack
            for name, stack in stacks.items()
            if name not in trained
        }
        kept = networks[0].state_dict().keys()
        drawn = [name for name, _ in networks[0].named_buffers() if name not in kept]
        self._counts = self.weights.new_ones(len(drawn), len(networks))  # of branches, in this step
        self._constants |= dict(zip(drawn, self._counts, strict=True))
        model = copy.deepcopy(networks[0]).train()
        for norm in batch_norms(model):
            norm.track_running_stats = False  # in training mode: normalises by the mini-batch alone
        self._forward = self._layers_stacked(model) if _is_of_known_layers(model) else self._vmapped(model)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the logits [N, K, ...] of `inputs` [N, K, ...]; BatchNorm normalises over N."""
        return self._forward(inputs)

    def spread(self, vectors: Sequence[Tensor]) -> Tensor:
        """Return [n], laid out as `weights`: a vector for each network, in the order of its trained parameters."""
        sizes = [parameter[0].numel() for parameter in self._parameters.values()]
        pieces = zip(*(torch.split(vector, sizes) for vector in vectors), strict=True)
        return torch.cat([own for piece in pieces for own in piece])

    @torch.no_grad()
    def set_step(self, epoch: int, step: int) -> None:
        """Draw for every network the branches that are left out in a step of training, as its own `set_step` does."""
        if len(self._counts) == 0:
            return
        counts = [branch_counts(network, network.config.seed, epoch, step) for network in self.networks]
        on_host = torch.tensor(counts, dtype=self._counts.dtype, pin_memory=self._counts.is_cuda)
        self._counts.copy_(on_host.T, non_blocking=True)

    def by_parameter(self, vector: Tensor) -> dict[str, Tensor]:
        """Return a vector [n], laid out as `weights`, parameter by parameter, each [K, ...]."""
        pieces = torch.split(vector, [parameter.numel() for parameter in self._parameters.values()])
        named = zip(self._parameters.items(), pieces, strict=True)
        return {name: piece.view_as(parameter) for (name, parameter), piece in named}

    @torch.no_grad()
    def store(self) -> None:
        """Copy the weights into the networks."""
        for number, network in enumerate(self.networks):
            for name, parameter in network.named_parameters():
                if name in self._parameters:
                    parameter.copy_(self._parameters[name][number])

    def _layers_stacked(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        stacks = self._parameters | self._constants
        for path, layer in model.named_modules():
            if type(layer) in _STACKED:
                for name, _ in list(_tensors(layer)):
                    setattr(layer, name, stacks[f"{path}.{name}"])
                layer.__class__ = _STACKED[type(layer)]

        def forward(inputs: Tensor) -> Tensor:
            logits = cast(Tensor, model(inputs.flatten(0, 1)))
            return logits.view(*inputs.shape[:2], *logits.shape[1:])

        return forward

    def _vmapped(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        def single(parameters: Mapping[str, Tensor], constants: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
            return cast(Tensor, functional_call(model, {**parameters, **constants}, (inputs,)))

        batched = vmap(single, in_dims=(0, 0, 1), out_dims=1, randomness="error")

        def forward(inputs: Tensor) -> Tensor:
            with sdpa_kernel(SDPBackend.MATH):  # vmap has no rule for the fused kernel of CPUs
                return batched(self._parameters, self._constants, inputs)

        return forward


class _StackedLinear(nn.Linear):
    """weight [K, outputs, inputs], bias [K, outputs]."""

    def forward(self, rows: Tensor) -> Tensor:
        count, _, length = self.weight.shape
        by_network = rows.reshape(-1, count, *rows.shape[1:-1], length).transpose(0, 1)
        flat = by_network.reshape(count, -1, length)
        if self.bias is None:
            found = torch.bmm(flat, self.weight.mT)
        else:
            found = torch.baddbmm(self.bias[:, None], flat, self.weight.mT)
        return found.view(*by_network.shape[:-1], -1).transpose(0, 1).reshape(*rows.shape[:-1], -1)


class _StackedConvolution(nn.Conv2d):
    """weight [K, outputs, inputs, height, width], bias [K, outputs]: a convolution with a group for each network."""

    def forward(self, rows: Tensor) -> Tensor:
        count = len(self.weight)
        found = F.conv2d(
            rows.reshape(-1, count * rows.shape[1], *rows.shape[2:]),
            self.weight.flatten(0, 1),
            None if self.bias is None else self.bias.flatten(),
            self.stride,
            self.padding,
            self.dilation,
            count * self.groups,
        )
        return found.view(len(rows), -1, *found.shape[2:])


class _StackedBatchNorm1d(nn.BatchNorm1d):
    def forward(self, rows: Tensor) -> Tensor:
        return _normalised(self, rows)


class _StackedBatchNorm2d(nn.BatchNorm2d):
    def forward(self, rows: Tensor) -> Tensor:
        return _normalised(self, rows)


def _normalised(norm: _BatchNorm, rows: Tensor) -> Tensor:
    """Normalise over the mini-batch with weight and bias [K, channels] of `norm`; running statistics are left alone."""
    count = len(cast(Tensor, norm.running_mean))
    found = F.batch_norm(
        rows.reshape(-1, count * rows.shape[1], *rows.shape[2:]),
        None,
        None,
        norm.weight.flatten() if norm.affine else None,
        norm.bias.flatten() if norm.affine else None,
        training=True,
        eps=norm.eps,
    )
    return found.view(rows.shape)


class _StackedDepth(StochasticDepth):
    """kept [K]: how often a branch counts in each network."""

    def forward(self, branch: Tensor) -> Tensor:
        if not self.is_random:
            return branch
        by_network = branch.view(-1, len(self.kept), *branch.shape[1:])
        return (by_network * self.kept.view(-1, *[1] * (branch.ndim - 1))).flatten(0, 1)


_STACKED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: _StackedLinear,
    nn.Conv2d: _StackedConvolution,
    nn.BatchNorm1d: _StackedBatchNorm1d,
    nn.BatchNorm2d: _StackedBatchNorm2d,
    StochasticDepth: _StackedDepth,
}


def _is_of_known_layers(model: TrainableNetwork) -> bool:
    """Whether the forward of `model` uses its weights through layers that can be stacked, and in no other way."""
    if isinstance(model, ResidualNetwork) and model.is_collapsible:
        return False  # multiplies the weights themselves
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    if len(names) > sum(1 for _ in model.parameters()):
        return False  # tied
    layers = [module for module in model.modules() if any(True for _ in _tensors(module, recurse=False))]
    return all(type(layer) in _STACKED and _is_plain(layer) for layer in layers)


def _is_plain(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        return layer.padding_mode == "zeros"
    if isinstance(layer, _BatchNorm):
        return layer.running_mean is not None
    return True


def _tensors(module: nn.Module, *, recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(recurse=recurse)
    yield from module.named_buffers(recurse=recurse)


def _rows(stack: Tensor) -> Tensor:
    """Return the first index of every entry of `stack`, flattened."""
    return torch.arange(len(stack), device=stack.device).repeat_interleave(stack[0].numel())
