"""Casting of weights, and one dtype throughout."""

import sys
from contextlib import contextmanager
from types import ModuleType

import pytest
import torch
from torch import nn

from ramodel.spectra.network.evaluation import CastWeights, evaluating, run


def test_weights_are_cast_once_and_shared_where_they_have_the_dtype():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    network[2].weight = network[0].weight
    weights = CastWeights(torch.float64)
    whole, part = weights.of(network), weights.of(network[2])
    assert whole["0.weight"] is whole["2.weight"] is part["weight"]
    assert whole["1.num_batches_tracked"].dtype == torch.int64
    assert {tensor.dtype for name, tensor in whole.items() if "tracked" not in name} == {torch.float64}
    same = CastWeights(torch.float32).of(network)
    assert same["0.weight"].data_ptr() == network[0].weight.data_ptr()
    assert same["1.running_mean"].data_ptr() != network[1].running_mean.data_ptr()


def test_complex_weights_and_gradients():
    module = nn.Module()
    module.spectral = nn.Parameter(torch.ones(2, dtype=torch.complex64))
    assert CastWeights(torch.float64).of(module)["spectral"].dtype == torch.complex128
    assert not CastWeights(torch.float32).of(module)["spectral"].requires_grad
    assert CastWeights(torch.float32).of(module, differentiable=True)["spectral"].requires_grad


class Narrow(nn.Module):
    """Steps in float32 as Hugging Face norms and attentions have them."""

    def forward(self, hidden):
        narrow = hidden.to(torch.float32) + hidden.float() + hidden.half() + hidden.type(torch.float32)
        return (narrow + nn.functional.softmax(hidden, -1, dtype=torch.float32)).to(hidden.dtype)


def test_steps_in_a_narrower_dtype_are_widened():
    hidden = torch.full((2, 3), 1 / 3, dtype=torch.float64)
    with evaluating(torch.float64), torch.no_grad():
        exact = run(Narrow(), {}, (hidden,), {})
    assert torch.equal(exact, 4 * hidden + 1 / 3)
    with evaluating(torch.float32):
        assert run(Narrow(), {}, (hidden.float(),), {}).dtype == torch.float32


def test_compiled_modules_run_as_they_were_written(monkeypatch):
    stances = []

    @contextmanager
    def set_stance(stance):
        stances.append(stance)
        yield
        stances.append("back")

    monkeypatch.setattr(torch.compiler, "set_stance", set_stance)
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    with evaluating(torch.float64):
        assert not stances
    monkeypatch.setitem(sys.modules, "torch._dynamo", ModuleType("what compiling imports"))
    with evaluating(torch.float64):
        assert stances == ["force_eager"]
    assert stances == ["force_eager", "back"]


def test_global_switches_are_put_back():
    def fail():
        with evaluating(torch.float64):
            assert not torch.backends.mha.get_fastpath_enabled()
            assert not torch.is_autocast_enabled("cpu")
            raise KeyError("told to fail")

    with torch.autocast("cpu"):
        torch.backends.mha.set_fastpath_enabled(True)
        with pytest.raises(KeyError):
            fail()
        assert torch.is_autocast_enabled("cpu")
    assert torch.backends.mha.get_fastpath_enabled()
