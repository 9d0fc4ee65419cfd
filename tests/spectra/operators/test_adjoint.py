"""The adjoint test passes what is one matrix for each input, and names the block that is not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ramodel.spectra.operators import GenericOperator, StackedOperator, TokenPairOperator, adjoint_error, check_adjoint
from ramodel.spectra.operators import generic as generic_module
from tests.spectra.operators.blocks import BLOCKS, Residual, built, called, normal
from tests.spectra.operators.dense import DenseOperator
from tests.strategies import powers_of_ten


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_block_passes(name, dtype):
    module, shape = built(name)
    operator = GenericOperator(called(module.to(dtype), normal(2, *shape).to(dtype), "inside"))
    assert adjoint_error(operator, generator()) < 100 * torch.finfo(dtype).eps
    check_adjoint(operator, name)


@settings(max_examples=20)
@given(powers_of_ten(-250, 250))
def test_sizes_do_not_matter(scale):
    check_adjoint(DenseOperator(scale**0.5 * normal(2, 3, 4)), "scaled")


def test_zero_passes():
    assert adjoint_error(DenseOperator(torch.zeros(2, 3, 4)), generator()) == 0.0


def test_an_identity_that_leaves_rounding_alone_passes():
    branch = nn.Linear(8, 8).double()
    branch.weight.data *= 1e-15
    check_adjoint(GenericOperator(called(Residual(branch), normal(2, 8), "inside")), "faint")


class Leaning(DenseOperator):
    """The transposed product of another matrix."""

    def select(self, problems):
        return Leaning(self.matrices[problems])

    def rmatvec(self, vectors):
        return super().rmatvec(vectors) * torch.tensor([1.0, 1.0, 1.0, 1.0 + 1e-5], dtype=torch.float64)


def test_a_transpose_of_another_matrix_fails():
    matrices = normal(3, 4, 4)
    assert 1e-7 < adjoint_error(Leaning(matrices), generator()) < 1e-5
    with pytest.raises(ValueError, match=r"^block 'a\.b' fails the adjoint test"):
        check_adjoint(Leaning(matrices), "a.b")


def test_one_bad_problem_among_many_is_found():
    stacked = StackedOperator([DenseOperator(normal(30, 4, 4)), Leaning(normal(1, 4, 4))])
    with pytest.raises(ValueError, match=r"^block 'x' fails"):
        check_adjoint(stacked, "x")


@pytest.mark.parametrize("fold", [1, 10**6])
@pytest.mark.parametrize("probability", [0.01, 0.5])
def test_active_dropout_fails(monkeypatch, fold, probability):
    monkeypatch.setattr(generic_module, "_FOLD", fold)
    block = nn.Sequential(nn.Linear(64, 64), nn.Dropout(probability)).double()
    assert block.training
    with torch.random.fork_rng():
        torch.manual_seed(0)
        operator = GenericOperator(called(block, normal(5, 64)))
        for whole in (operator, StackedOperator([operator]), TokenPairOperator(operator, (8, 8), "diagonal")):
            with pytest.raises(ValueError, match=r"^block 'layers\.3' fails .*active dropout.* Call model\.eval\(\)"):
                check_adjoint(whole, "layers.3")


def test_samples_that_mix_fail():
    block = nn.BatchNorm1d(6).double()
    with pytest.raises(ValueError, match="mixes the samples of a batch"):
        check_adjoint(GenericOperator(called(block, normal(5, 6))), "norm")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_products_that_are_not_finite_fail(bad):
    matrices = normal(2, 3, 3)
    matrices[1, 0, 0] = bad
    assert adjoint_error(DenseOperator(matrices), generator()) == float("inf")
    with pytest.raises(ValueError, match=r"^block 'root' has a Jacobian whose products are not finite.*float64\.$"):
        check_adjoint(DenseOperator(matrices), "root")


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_it_is_determined_by_its_seed(seed):
    operator = Leaning(normal(3, 4, 4))
    assert adjoint_error(operator, generator(seed)) == adjoint_error(operator, generator(seed))
