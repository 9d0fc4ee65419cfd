"""Blocks of every kind for the tests of operators, what they are called with, and their Jacobians row by row."""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from ramodel.spectra.network import BlockCall
from ramodel.spectra.network.evaluation import CastWeights
from tests.reference.spectra import jacobian


class Residual(nn.Module):
    def __init__(self, *branch, relu=False):
        super().__init__()
        self.branch = nn.Sequential(*branch)
        self.relu = relu

    def forward(self, hidden):
        output = hidden + self.branch(hidden)
        return output.relu() if self.relu else output


class NormedSum(nn.Module):
    """In place, it writes to what it normalised: torch alone refuses to differentiate that."""

    def __init__(self, norm, in_place=False):
        super().__init__()
        self.norm, self.in_place = norm, in_place

    def forward(self, hidden):
        hidden = 2.0 * hidden
        step = self.norm(hidden)
        if not self.in_place:
            return hidden + step
        hidden += step
        return hidden


class CausalAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.project = nn.Linear(width, 3 * width)

    def forward(self, hidden):
        query, key, value = self.project(hidden)[:, None].chunk(3, dim=-1)
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True)[:, 0]


class SelfAttention(nn.Module):
    """Returns a tuple, as layers of Hugging Face do."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, hidden):
        return self.attention(hidden, hidden, hidden)


class Scaled(nn.Module):
    """Takes more than its state: a scale for each sample, by keyword, and a shift for all."""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, shift, *, hidden, scale):
        return torch.tanh(self.linear(hidden) * scale + shift)


class Dynamic(nn.Module):
    """A convolution whose weights depend on the state, other ones for each sample."""

    def forward(self, hidden):
        weights = hidden.mean(2).reshape(-1, 1, 1)
        return functional.conv1d(hidden.reshape(1, -1, 4), weights, groups=len(weights)).reshape(hidden.shape)


class Constant(nn.Module):
    def forward(self, hidden):
        return torch.ones_like(hidden)


class Sign(nn.Module):
    """Depends on its state, with derivative zero."""

    def forward(self, hidden):
        return hidden.sign()


class FirstHalf(nn.Module):
    def forward(self, hidden):
        return torch.cat([hidden[:, :2].square(), hidden.detach()[:, 2:]], dim=1)


def _norm(norm, seed=0):
    """Give a norm weights and statistics that are not those of a fresh one."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in (*norm.parameters(), *norm.buffers()):
        if tensor.is_floating_point():
            tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return norm


VECTOR = {
    "linear": lambda: nn.Linear(4, 4),
    "identity": nn.Identity,
    "constant": Constant,
    "sign": Sign,
    "part of the state": FirstHalf,
    "in-place ReLU first": lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4)),
    "in-place after a norm": lambda: nn.Sequential(_norm(nn.BatchNorm1d(4)), nn.ReLU(inplace=True), nn.Linear(4, 4)),
    "residual GELU": lambda: Residual(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 4)),
    "tanh GELU": lambda: Residual(nn.Linear(4, 4), nn.GELU("tanh")),
    "SiLU in place": lambda: nn.Sequential(nn.Linear(4, 4), nn.SiLU(inplace=True), nn.Mish()),
    "layer norm": lambda: nn.Sequential(_norm(nn.LayerNorm(4)), nn.Linear(4, 4), nn.SiLU()),
    "bare norms": lambda: nn.Sequential(nn.LayerNorm(4, elementwise_affine=False), nn.BatchNorm1d(4, affine=False)),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
}
IMAGE = {
    "basic": lambda: Residual(
        nn.Conv2d(2, 3, 3, padding=1, bias=False),
        _norm(nn.BatchNorm2d(3)),
        nn.ReLU(inplace=True),
        nn.Conv2d(3, 2, 3, padding=1),
        _norm(nn.BatchNorm2d(2)),
    ),
    "post-activation": lambda: Residual(nn.Conv2d(2, 2, 3, padding=1), relu=True),
    "grouped": lambda: nn.Conv2d(2, 2, (3, 1), padding=(2, 0), dilation=(2, 1), groups=2),
    "same": lambda: nn.Conv2d(2, 2, 3, padding="same", padding_mode="circular"),
    "same zeros": lambda: nn.Conv2d(2, 2, 3, padding="same"),
    "group norm": lambda: nn.Sequential(_norm(nn.GroupNorm(2, 2)), nn.GELU(), nn.GroupNorm(1, 2, affine=False)),
    "down and up": lambda: nn.Sequential(nn.Conv2d(2, 3, 2, stride=2), nn.ConvTranspose2d(3, 2, 2, stride=2)),
    "pooled": lambda: nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(2, 2, 1)),
}
SEQUENCE = {
    "causal attention": lambda: CausalAttention(4),
    "multi-head attention": lambda: SelfAttention(4, 2),
    "encoder layer": lambda: nn.TransformerEncoderLayer(4, 2, 6, batch_first=True),
    "pre-norm encoder layer": lambda: nn.TransformerEncoderLayer(
        4, 2, 6, batch_first=True, norm_first=True, activation="gelu"
    ),
    "sum with layer norm": lambda: NormedSum(_norm(nn.LayerNorm(4))),
    "sum with group norm": lambda: NormedSum(_norm(nn.GroupNorm(1, 3))),
    "dynamic": Dynamic,
}
BLOCKS = {
    **{name: (build, (4,)) for name, build in VECTOR.items()},
    **{name: (build, (2, 4, 4)) for name, build in IMAGE.items()},
    **{name: (build, (3, 4)) for name, build in SEQUENCE.items()},
}


def built(name, seed=0):
    """Return the block of that name with random weights, in float64 and eval mode, and the shape of its state."""
    build, shape = BLOCKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().double().eval(), shape


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def called(module, state, skip="none", **others):
    """Return the call of `module` at `state`, as recording would."""
    weights = CastWeights(state.dtype).of(module)
    call = BlockCall("block", module, skip, state, state, weights, **{"arguments": (None,), **others})
    with torch.no_grad():
        return replace(call, output=call(state))


def dense_jacobians(module, state):
    """Return the Jacobians [N, m, n] of a module that takes its state alone, one row of one sample at a time."""

    def of_one(vector):
        output = module(vector.reshape(1, *state.shape[1:]).clone())
        output = output[0] if isinstance(output, tuple) else output
        return output.flatten() + 0.0 * vector.sum()  # a constant has a gradient too

    return torch.stack([jacobian(of_one, sample.flatten()) for sample in state])
