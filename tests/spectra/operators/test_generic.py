"""Products by automatic differentiation, against one backward pass for each row of each sample's Jacobian."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ramodel.spectra.operators import GenericOperator, generic
from tests.spectra.operators.blocks import BLOCKS, Residual, Scaled, built, called, dense_jacobians, normal
from tests.strategies import seeds
from tests.tolerances import PRODUCTS


def close(measured, expected):
    return torch.allclose(measured, expected, rtol=0.0, atol=PRODUCTS * max(1.0, float(expected.abs().max())))


def both_products(operator):
    """Return J as the products with the columns, and with the rows, of the identity show it."""
    columns, rows = (torch.eye(size, dtype=operator.dtype) for size in (operator.input_size, operator.output_size))
    forward = operator.matvec(columns.expand(operator.problems, -1, -1)).mT
    return forward, operator.rmatvec(rows.expand(operator.problems, -1, -1))


@pytest.mark.parametrize("name", BLOCKS)
def test_equal_to_the_reference(name):
    module, shape = built(name)
    state = normal(2, *shape)
    expected = dense_jacobians(module, state)
    operator = GenericOperator(called(module, state))
    assert operator.problems == 2
    assert expected.shape == (2, operator.output_size, operator.input_size)
    for measured in (*both_products(operator), operator.dense()):
        assert close(measured, expected)


@pytest.mark.parametrize("name", ["sum with layer norm", "sum with group norm"])
def test_blocks_may_write_to_what_they_normalised(name):
    module, shape = built(name)
    state = normal(2, *shape)
    expected = dense_jacobians(module, state)
    module.in_place = True
    for measured in both_products(GenericOperator(called(module, state))):
        assert close(measured, expected)


STEPS = {
    "linear": lambda width: nn.Linear(width, width),
    "tanh": lambda width: nn.Tanh(),
    "in-place ReLU": lambda width: nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=True)),
    "GELU": lambda width: nn.GELU(),
    "SiLU": lambda width: nn.SiLU(),
    "layer norm": lambda width: nn.LayerNorm(width),
    "batch norm": lambda width: nn.BatchNorm1d(width),
    "residual": lambda width: Residual(nn.Linear(width, width), nn.ReLU()),
    "convolution": lambda width: nn.Sequential(
        nn.Unflatten(1, (1, width)), nn.Conv1d(1, 1, 3, padding=1), nn.Flatten()
    ),
}


@settings(max_examples=30)
@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5), st.integers(2, 5), st.integers(1, 3), seeds)
def test_any_chain_of_steps(names, width, samples, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = nn.Sequential(*(STEPS[name](width) for name in names)).double().eval()
    state = normal(samples, width, seed=seed % 1000)
    expected = dense_jacobians(module, state)
    for measured in both_products(GenericOperator(called(module, state))):
        assert close(measured, expected)


@pytest.mark.parametrize("name", ["residual GELU", "basic", "encoder layer"])
def test_conventions_take_their_identity_off(name):
    module, shape = built(name)
    state = normal(2, *shape)
    jacobians = dense_jacobians(module, state)
    identity = torch.eye(jacobians.shape[-1], dtype=torch.float64)
    active = (module(state) > 0).double().flatten(1)
    for skip, expected in {
        "none": jacobians,
        "branch": jacobians,
        "inside": jacobians - identity,
        "masked": jacobians - torch.diag_embed(active),
    }.items():
        for measured in both_products(GenericOperator(called(module, state, skip))):
            assert close(measured, expected), skip


def test_post_activation_blocks_leave_the_masked_branch():
    module, shape = built("post-activation")
    state = normal(2, *shape)
    active = (module(state) > 0).double().flatten(1)[..., None]
    expected = active * dense_jacobians(module.branch, state)
    assert close(GenericOperator(called(module, state, "masked")).dense(), expected)


@pytest.mark.parametrize("name", ["basic", "encoder layer", "in-place ReLU first"])
@pytest.mark.parametrize("fold", [1, 200, 10**6])
def test_probes_together_equal_probes_apart(monkeypatch, name, fold):
    monkeypatch.setattr(generic, "_FOLD", fold)
    module, shape = built(name)
    operator = GenericOperator(called(module, normal(2, *shape), "inside"))
    vectors = normal(2, 5, operator.input_size, seed=1)
    for product in (operator.matvec, operator.rmatvec):
        apart = torch.cat([product(vectors[:, i : i + 1]) for i in range(5)], dim=1)
        assert close(product(vectors), apart)


def test_selected_samples_keep_what_is_their_own():
    module, state = Scaled(3).double(), normal(4, 3)
    scale, shift = normal(4, 1, seed=1), normal(3, seed=2)
    call = called(
        module,
        state,
        arguments=(shift,),
        keywords={"hidden": None, "scale": scale},
        places=("hidden",),
        per_sample={"scale": 1},
    )
    slope = 1.0 - torch.tanh(module.linear(state) * scale + shift).square()
    expected = ((slope * scale)[:, :, None] * module.linear.weight).detach()
    operator = GenericOperator(call, "a reason")
    assert close(operator.dense(), expected)
    some = operator.select(torch.tensor([1, 3]))
    assert some.problems == 2
    assert (some.kind, some.reason) == ("generic", "a reason")
    assert close(some.dense(), expected[[1, 3]])


def test_graphs_are_kept_for_one_number_of_probes(monkeypatch):
    module = nn.Linear(3, 3).double()
    calls = []
    module.register_forward_hook(lambda *_: calls.append(1))
    operator = GenericOperator(called(module, normal(2, 3)))
    calls.clear()
    for _ in range(3):
        operator.matvec(normal(2, 1, 3))
        operator.rmatvec(normal(2, 1, 3))
    assert len(calls) == 1
    monkeypatch.setattr(generic, "_FOLD", 2 * 3 * 4)
    operator.rmatvec(normal(2, 10, 3))  # three parts of four probes, one graph
    assert len(calls) == 2


def test_products_are_the_callers_own():
    operator = GenericOperator(called(nn.Identity(), normal(2, 3)))
    vectors = normal(2, 1, 3)
    kept = vectors.clone()
    operator.matvec(vectors).zero_()
    operator.rmatvec(vectors).zero_()
    assert torch.equal(vectors, kept)


@pytest.mark.parametrize("name", ["basic", "encoder layer", "residual GELU"])
def test_the_callers_modes_do_not_matter(name):
    module, shape = built(name)
    state = normal(2, *shape)
    expected = dense_jacobians(module, state)
    for mode in (torch.no_grad(), torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16)):
        with mode:
            operator = GenericOperator(called(module.float(), state.float().clone()))
            measured = both_products(operator)
            measured = [jacobians.double() for jacobians in measured]
        for jacobians in measured:
            assert torch.allclose(jacobians, expected, atol=1e-5)
    module.double()


def test_the_module_is_left_as_it_was():
    module, shape = built("basic")
    module.branch[0].weight.requires_grad_(False)
    before = {name: (tensor.clone(), tensor.requires_grad) for name, tensor in module.named_parameters()}
    statistics = {name: tensor.clone() for name, tensor in module.named_buffers()}
    operator = GenericOperator(called(module, normal(2, *shape)))
    both_products(operator)
    for name, tensor in module.named_parameters():
        assert torch.equal(tensor, before[name][0])
        assert tensor.requires_grad == before[name][1]
        assert tensor.grad is None
    assert all(torch.equal(tensor, statistics[name]) for name, tensor in module.named_buffers())


def test_a_step_that_can_be_differentiated_once_only():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, hidden):
            return hidden * 2.0

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return gradient * 2.0

    class Block(nn.Module):
        def forward(self, hidden):
            return Once.apply(hidden)

    operator = GenericOperator(called(Block(), normal(2, 3)))
    assert torch.equal(operator.rmatvec(torch.ones(2, 1, 3).double()), torch.full((2, 1, 3), 2.0).double())
    with pytest.raises(ValueError, match=r"^block 'block' has a step that can be differentiated only once;"):
        operator.matvec(normal(2, 1, 3))


def test_writing_to_what_the_derivative_needs():
    operator = GenericOperator(called(nn.Sequential(nn.Tanh(), nn.ReLU(inplace=True)), normal(2, 3)))
    for product in (operator.matvec, operator.rmatvec):
        with pytest.raises(ValueError, match=r"^block 'block' writes to numbers .*; build it with inplace=False"):
            product(normal(2, 1, 3))


def test_other_errors_of_torch_pass_through():
    operator = GenericOperator(called(nn.Linear(3, 3).double(), normal(2, 3)))
    with pytest.raises(RuntimeError, match="shape"):
        operator.matvec(normal(2, 1, 4))
