"""`measure` on small random networks of every kind against explicit Jacobians, by both methods."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from ramodel import measure
from tests.spectra.known_truth.explicit import AddsTo, assert_measured_right
from tests.tolerances import SOLVED_FLOAT64

CHANNELS, WIDTH, TOKENS = 3, 100, 6
"""Images [3, 6, 6], vectors [100], sequences [6, 18]: above the size up to which Jacobians are decomposed whole."""

few = settings(max_examples=settings().max_examples // 50)
"""One network of each kind, twenty under the thorough profile."""


def randomised(network, seed, dtype=torch.float32):
    """Return the network with nothing left at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0, generator=generator)
        elif tensor.is_floating_point():
            tensor.add_(torch.randn(tensor.shape, generator=generator), alpha=0.2)
    return network.to(dtype).eval()


def images(seed, samples=2):
    return torch.randn(samples, CHANNELS, 6, 6, generator=torch.Generator().manual_seed(seed))


def vectors(seed, samples=2):
    return torch.randn(samples, WIDTH, generator=torch.Generator().manual_seed(seed))


def sequences(seed, samples=2):
    return torch.randn(samples, TOKENS, 18, generator=torch.Generator().manual_seed(seed))


class SqueezeExcite(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.gate = nn.Sequential(nn.Linear(CHANNELS, 2), nn.ReLU(), nn.Linear(2, CHANNELS), nn.Sigmoid())

    def forward(self, hidden):
        hidden = self.convolution(hidden)
        return hidden * self.gate(hidden.mean((2, 3)))[:, :, None, None]


class GatedUnit(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.inner, self.outer = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, hidden):
        return self.outer(functional.silu(self.gate(hidden)) * self.inner(hidden))


class Attention(nn.Module):
    """Pre-norm self-attention with a mask for each sample; returns a tuple, as layers of Hugging Face do."""

    def __init__(self):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(18), nn.MultiheadAttention(18, 2, batch_first=True)

    def forward(self, *, mask, hidden):
        normed = self.norm(hidden)
        return hidden + self.attention(normed, normed, normed, key_padding_mask=mask)[0], mask


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Attention() for _ in range(2))

    def forward(self, hidden):
        mask = torch.zeros(len(hidden), TOKENS, dtype=torch.bool)
        mask[1:, -2:] = True
        for layer in self.layers:
            hidden, _ = layer(mask=mask, hidden=hidden)
        return hidden


class TiedHead(nn.Module):
    """The head is the weight of a block."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(AddsTo(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU())) for _ in range(2))
        self.head = nn.Linear(WIDTH, WIDTH)
        self.head.weight = self.blocks[1].branch[0].weight

    def forward(self, hidden):
        for block in self.blocks:
            hidden = block(hidden)
        return self.head(hidden)


class Named(nn.Module):
    """Returns a mapping that begins with its state."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, hidden):
        return {"state": hidden + torch.tanh(self.linear(hidden)), "extra": 1}


class OfNamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Named() for _ in range(2))

    def forward(self, hidden):
        for layer in self.layers:
            hidden = layer(hidden)["state"]
        return hidden


def convolution(**options):
    return nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, **options)


def residual(*branch, last=None):
    """Return two blocks alike around the branch."""
    return nn.Sequential(*(AddsTo(nn.Sequential(*make()), last) for make in (branch[0],) * 2))


KINDS = {
    "post-activation": (
        lambda: residual(
            lambda: (convolution(), nn.BatchNorm2d(CHANNELS), nn.ReLU(inplace=True), convolution()),
            last=nn.ReLU(inplace=True),
        ),
        images,
        "masked",
    ),
    "pre-activation": (
        lambda: residual(lambda: (nn.BatchNorm2d(CHANNELS), nn.ReLU(), convolution(), nn.SiLU(True), convolution())),
        images,
        "inside",
    ),
    "group norm": (lambda: residual(lambda: (nn.GroupNorm(3, CHANNELS), nn.ELU(), convolution())), images, "inside"),
    "depthwise": (
        lambda: residual(lambda: (convolution(groups=CHANNELS), nn.ReLU6(inplace=True), nn.Conv2d(3, 3, 1))),
        images,
        "inside",
    ),
    "strided and back": (
        lambda: residual(lambda: (nn.Conv2d(3, 3, 2, 2), nn.LeakyReLU(), nn.ConvTranspose2d(3, 3, 2, 2))),
        images,
        "inside",
    ),
    "squeeze-excite": (lambda: residual(lambda: (SqueezeExcite(),), last=nn.ReLU()), images, "masked"),
    "max pooling": (lambda: residual(lambda: (nn.MaxPool2d(3, 1, 1), convolution())), images, "inside"),
    "layer norm": (
        lambda: residual(lambda: (nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))),
        vectors,
        "inside",
    ),
    "exponential units": (
        lambda: residual(lambda: (nn.Linear(WIDTH, WIDTH), nn.ELU(inplace=True), nn.Linear(WIDTH, WIDTH), nn.Mish())),
        vectors,
        "inside",
    ),
    "gated": (lambda: residual(lambda: (GatedUnit(),)), vectors, "inside"),
    "dropout": (lambda: residual(lambda: (nn.Linear(WIDTH, WIDTH), nn.Dropout(0.5), nn.Tanh())), vectors, "inside"),
    "tied head": (TiedHead, vectors, "inside"),
    "mapping": (OfNamed, vectors, "inside"),
    "masked attention": (Transformer, sequences, "inside"),
    "torch's transformer": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(18, 2, 32, norm_first=True, batch_first=True), 2, enable_nested_tensor=False
        ),
        sequences,
        "inside",
    ),
    "recurrent": (lambda: nn.Sequential(Recurrent(), Recurrent()), sequences, "inside"),
}


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.GRU(18, 18, batch_first=True)

    def forward(self, hidden):
        return hidden + self.cells(hidden)[0]


@pytest.mark.parametrize("kind", KINDS)
@few
@given(seed=st.integers(0, 2**16))
def test_both_methods_agree_with_explicit_jacobians(kind, seed):
    build, inputs, convention = KINDS[kind]
    network = randomised(build(), seed)
    products = assert_measured_right(network, inputs(seed), convention=convention, method="lanczos")
    whole = measure(network, inputs(seed), rank=4, method="dense", progress=False)
    np.testing.assert_allclose(whole.singular_values, products.singular_values, rtol=SOLVED_FLOAT64)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["post-activation", "layer norm"])
def test_networks_of_every_precision_are_measured_in_float64(kind, dtype):
    build, inputs, convention = KINDS[kind]
    assert_measured_right(randomised(build(), 1, dtype), inputs(1), convention=convention)


@pytest.mark.parametrize("last", [None, nn.ReLU()])
def test_a_block_cut_out_of_its_network_is_the_same_block(last):
    """The branch of a block, given by name, has the Jacobian of the block less its skip."""
    network = randomised(residual(lambda: (convolution(), nn.GELU(), convolution()), last=last), 2)
    names = ["0.branch", "1.branch"]
    found = assert_measured_right(network, images(2), blocks=names, convention="branch")
    assert found.blocks == ("0.branch", "1.branch")
