"""Blocks of one structure stacked, against one after another."""

import pytest
import torch
from torch import nn

from ramodel.spectra.operators.linearised import linearise, stack_linearised
from ramodel.spectra.operators.stacked import StackedOperator
from tests.spectra.operators.blocks import Residual, called, normal
from tests.tolerances import PRODUCTS


def operators(build, *, blocks=3, samples=5, skip="inside"):
    made = []
    for seed in range(blocks):
        torch.manual_seed(seed)
        made.append(linearise(called(build().double().eval(), normal(samples, 4, seed=seed), skip)))
    return made


BUILDS = {
    "ReLU": lambda: Residual(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4)),
    "linear": lambda: Residual(nn.Linear(4, 4)),
    "scaled": lambda: nn.Sequential(nn.GELU(), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Tanh()),
}


@pytest.mark.parametrize("name", BUILDS)
def test_equal_to_one_block_after_another(name):
    parts = operators(BUILDS[name])
    stacked, reference = stack_linearised(parts), StackedOperator(parts)
    vectors = normal(15, 2, 4, seed=9)
    for measured, expected in [
        (stacked.matvec(vectors), reference.matvec(vectors)),
        (stacked.rmatvec(vectors), reference.rmatvec(vectors)),
    ]:
        assert torch.allclose(measured, expected, rtol=PRODUCTS, atol=PRODUCTS)
    assert stacked.flops == reference.flops
    kept = torch.tensor([0, 1, 6, 14])
    chosen = stacked.select(kept)
    assert torch.allclose(chosen.dense(), reference.dense()[kept], rtol=PRODUCTS, atol=PRODUCTS)
    assert torch.allclose(
        chosen.select(torch.tensor([2])).dense(), reference.dense()[[6]], rtol=PRODUCTS, atol=PRODUCTS
    )


def test_blocks_that_are_not_alike_are_not_stacked():
    relu, linear = operators(BUILDS["ReLU"]), operators(BUILDS["linear"])
    assert stack_linearised([relu[0], linear[0]]) is None
    assert stack_linearised([relu[0], operators(BUILDS["ReLU"], samples=2)[0]]) is None
    wider = operators(lambda: Residual(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 4)))
    assert stack_linearised([relu[0], wider[0]]) is None
    normed = operators(lambda: Residual(nn.LayerNorm(4), nn.Linear(4, 4)))
    assert stack_linearised(normed) is None
