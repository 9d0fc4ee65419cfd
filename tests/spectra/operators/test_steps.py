"""Lean steps: the same numbers as torch's own, for fewer operations; what they do not take, left to torch."""

import gc

import pytest
import torch
from torch.nn import functional

from ramodel.spectra.operators.steps import LeanSteps
from tests.spectra.operators.blocks import normal
from tests.tolerances import PRODUCTS

KERNEL, STATE = normal(4, 2, 3), normal(3, 4, 6, seed=1)
FOUR, POSITIVE = normal(4, seed=2), normal(4, seed=3).exp()

TAKEN = {
    "convolution": lambda h: functional.conv1d(h, KERNEL, FOUR, padding=1, groups=2),
    "strided": lambda h: functional.conv1d(h, KERNEL, None, 2, (2,), dilation=[2], groups=2),
    "batch norm": lambda h: functional.batch_norm(h, FOUR, POSITIVE, FOUR, None, eps=1e-3),
    "layer norm": lambda h: functional.layer_norm(h, [4, 6], normal(4, 6), normal(4, 6, seed=5)),
    "layer norm, keywords": lambda h: functional.layer_norm(input=h, normalized_shape=(6,), eps=1e-2),
    "group norm": lambda h: functional.group_norm(h, 2, FOUR, POSITIVE),
    "GELU": lambda h: functional.gelu(h, approximate="tanh"),
    "SiLU": functional.silu,
    "Mish": functional.mish,
}
LEFT = {
    "no samples": lambda h: functional.conv1d(h[0], KERNEL, groups=2),
    "padding by name": lambda h: functional.conv1d(h, KERNEL, padding="same", groups=2),
    "batch statistics": lambda h: functional.batch_norm(h, None, None, training=True),
    "in place": lambda h: functional.silu(h.clone(), inplace=True),
    "weight that varies": lambda h: functional.layer_norm(h, [6], weight=h[0, 0]),
}


def differentiated(step):
    """Return the output, J^T u, J v by a second backward pass, and the step that the first one goes through."""
    state, cotangent = STATE.clone().requires_grad_(), None
    output = step(state)
    cotangent = torch.zeros_like(output, requires_grad=True)
    (transposed,) = torch.autograd.grad(output, state, cotangent, create_graph=True)
    (forward,) = torch.autograd.grad(transposed, cotangent, normal(*STATE.shape, seed=7), retain_graph=True)
    (backward,) = torch.autograd.grad(output, state, normal(*output.shape, seed=8))
    return (output, backward, forward), output.grad_fn.name()


@pytest.mark.parametrize("name", [*TAKEN, *LEFT])
def test_the_numbers_are_those_of_torch(name):
    step = {**TAKEN, **LEFT}[name]
    expected, _ = differentiated(step)
    with LeanSteps():
        measured, node = differentiated(step)
    assert ("_Step" in node) == (name in TAKEN)
    assert torch.equal(measured[0], expected[0])
    for product, own in zip(measured[1:], expected[1:], strict=True):
        assert torch.allclose(product, own, rtol=0.0, atol=PRODUCTS)


def test_states_without_gradient_are_left_to_torch():
    with LeanSteps():
        assert functional.gelu(STATE).grad_fn is None


def test_graphs_are_freed_without_the_collector():
    freed = []

    class Kept(torch.Tensor):
        def __del__(self):
            freed.append(1)

    state = STATE.clone().requires_grad_()
    gc.disable()
    try:
        with LeanSteps():
            output = functional.gelu(state)
        output.grad_fn.metadata["kept"] = Kept()
        del output
        assert freed == [1]
    finally:
        gc.enable()
