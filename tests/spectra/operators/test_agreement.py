"""Analytic operators are taken only where they are the derivative that autograd knows."""

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from ramodel.spectra.operators import DenseOperator, choose, jacobian_operator
from ramodel.spectra.operators.agreement import disagreement
from ramodel.spectra.operators.generic import GenericOperator
from tests.spectra.operators.blocks import built, called, dense_jacobians, normal
from tests.tolerances import PRODUCTS, SINGLE_PRECISION_STEPS


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, state):
        return state.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Step(nn.Module):
    """h + step(A h)."""

    def __init__(self, step):
        super().__init__()
        self.linear, self.step = nn.Linear(4, 4, dtype=torch.float64), step

    def forward(self, hidden):
        return hidden + self.step(self.linear(hidden))


def rotated(state):
    turned = torch.view_as_complex(state.reshape(*state.shape[:-1], 2, 2)) * torch.polar(torch.ones(2), torch.ones(2))
    return torch.view_as_real(turned).flatten(-2)


@pytest.mark.parametrize("step", [StraightThrough.apply, rotated])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_autograd_counts(step, dtype):
    block, state = Step(step), normal(2, 4)
    operator = jacobian_operator(called(block, state.to(dtype), "inside"))
    expected = dense_jacobians(block, state) - torch.eye(4)
    rounding = PRODUCTS if dtype == torch.float64 else SINGLE_PRECISION_STEPS
    assert torch.allclose(operator.dense().double(), expected, rtol=0.0, atol=rounding)


def test_the_reason_is_given():
    operator = jacobian_operator(called(Step(StraightThrough.apply), normal(2, 4), "inside"))
    assert operator.kind == "generic"
    assert operator.reason.startswith("its numbers change in another way than automatic differentiation has it")


@pytest.mark.parametrize("tokens", ["sequence", "diagonal"])
def test_any_other_matrix_is_seen(tokens, monkeypatch):
    module, shape = built("causal attention")
    call = called(module, normal(2, *shape), "inside")
    per_token = tokens == "diagonal"
    right = jacobian_operator(call, tokens=tokens)
    assert right.kind == "linearised"
    assert not disagreement(right, call, per_token=per_token)
    for change in (lambda matrix: 1.001 * matrix, torch.zeros_like, lambda matrix: matrix.mT, lambda matrix: -matrix):
        assert disagreement(DenseOperator(change(right.dense())), call, per_token=per_token)
    monkeypatch.setattr(choose, "linearise", lambda call, tokens: DenseOperator(0.0 * right.dense()))
    assert jacobian_operator(call, tokens=tokens).kind == "generic"


def test_products_that_fail_are_not_taken():
    class Broken(DenseOperator):
        def rmatvec(self, vectors):
            raise error

    call = called(nn.Tanh(), normal(2, 4))
    operator = GenericOperator(call)
    operator.select = lambda problems: Broken(operator.dense())
    error = RuntimeError("shape '[1, 3]' is invalid")
    assert disagreement(operator, call) == "its products fail: shape '[1, 3]' is invalid"
    error = torch.OutOfMemoryError("told to fail")
    with pytest.raises(torch.OutOfMemoryError):
        disagreement(operator, call)


class Hidden(nn.Module):
    def __init__(self, hide):
        super().__init__()
        self.hide = hide

    def forward(self, hidden):
        with torch.no_grad():
            return self.hide(hidden)


def test_hidden_derivatives_are_refused_and_constants_are_not():
    with pytest.raises(ValueError, match=r"'block' hides its derivative.*torch\.no_grad"):
        jacobian_operator(called(Hidden(torch.tanh), normal(2, 4)))
    operator = jacobian_operator(called(Hidden(torch.ones_like), normal(2, 4)))
    assert not operator.dense().any()


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, state):
        return 2.0 * state

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return 2.0 * gradient


def test_steps_differentiable_once_need_no_more_where_the_block_is_known():
    block, state = Step(Once.apply), normal(2, 4)
    operator = jacobian_operator(called(block, state))
    assert operator.kind == "linearised"
    assert torch.allclose(operator.dense(), dense_jacobians(block, state), rtol=0.0, atol=PRODUCTS)


def test_checkpoints_are_explained():
    class Recomputed(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, hidden):
            return checkpoint(self.linear, hidden, use_reentrant=False)

    with pytest.raises(ValueError, match=r"'block' computes its states again.*torch\.utils\.checkpoint.*switch that"):
        GenericOperator(called(Recomputed(), normal(2, 4))).dense()
