"""Products with several probes, selection, orders of coordinates, counted operations."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ramodel.spectra.operators.linearised import linearise
from tests.spectra.operators.blocks import built, called, normal
from tests.spectra.operators.linearised.steps import SEQUENCE, Step
from tests.tolerances import PRODUCTS

BLOCKS = ["residual GELU", "basic", "group norm", "pre-norm encoder layer"]


def close(measured, expected):
    return torch.allclose(measured, expected, rtol=PRODUCTS, atol=PRODUCTS)


@pytest.mark.parametrize("name", BLOCKS)
def test_transposed_products_of_several_probes_are_adjoint(name):
    module, shape = built(name)
    operator = linearise(called(module, normal(3, *shape)))
    vectors, covectors = normal(3, 5, operator.input_size, seed=1), normal(3, 5, operator.output_size, seed=2)
    images = operator.matvec(vectors)
    assert close(torch.einsum("npi,npi->np", images, covectors),
                 torch.einsum("npi,npi->np", vectors, operator.rmatvec(covectors)))  # fmt: skip
    assert close(images[:, 1:2], operator.matvec(vectors[:, 1:2]))


@pytest.mark.parametrize("name", BLOCKS)
def test_selected_problems(name):
    module, shape = built(name)
    operator = linearise(called(module, normal(4, *shape)))
    chosen = operator.select(torch.tensor([0, 2, 3]))
    assert chosen.problems == 3
    assert close(chosen.dense(), operator.dense()[[0, 2, 3]])
    assert close(chosen.select(torch.tensor([1])).dense(), operator.dense()[[2]])


@given(first=st.sets(st.integers(0, 8), min_size=2), data=st.data(), name=st.sampled_from(sorted(SEQUENCE)))
@settings(max_examples=25, deadline=None)
def test_selected_tokens(first, data, name):
    operator = linearise(called(Step(SEQUENCE[name]), normal(3, 3, 4)), "diagonal")
    kept = sorted(first)
    chosen = operator.select(torch.tensor(kept))
    again = sorted(data.draw(st.sets(st.integers(0, len(kept) - 1), min_size=1)))
    everything = operator.dense()
    assert close(chosen.dense(), everything[kept])
    assert close(chosen.select(torch.tensor(again)).dense(), everything[kept][again])


def test_vectors_in_any_memory_are_left_alone():
    module, shape = built("basic")
    operator = linearise(called(module, normal(2, *shape)))
    memory = normal(2, 7, operator.input_size)
    before = memory.clone()
    part = memory[:, 2:3]
    assert close(operator.matvec(part), operator.matvec(part.clone()))
    assert torch.equal(memory, before)


def test_the_result_of_a_block_that_does_nothing_has_its_own_memory():
    operator = linearise(called(nn.Identity(), normal(2, 4)))
    vectors = normal(2, 1, 4)
    operator.matvec(vectors).zero_()
    assert float(vectors.abs().max()) > 0


def test_images_are_channels_last_inside():
    operator = linearise(called(nn.Conv2d(2, 3, 1, bias=False).double(), normal(1, 2, 4, 4)))
    assert operator.in_input_order(torch.arange(32.0))[:4].tolist() == [0.0, 2.0, 4.0, 6.0]
    assert operator.in_output_order(torch.arange(48.0))[:4].tolist() == [0.0, 3.0, 6.0, 9.0]


@pytest.mark.parametrize(
    ("module", "shape", "tokens", "flops"),
    [
        (nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4)), (4,), "sequence", 2 * (24 + 24)),
        (nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 4, 4), "sequence", 2 * 4 * 3 * 18),
        (nn.Linear(4, 5), (3, 4), "sequence", 3 * 40),
        (nn.Linear(4, 5), (3, 4), "diagonal", 40),
        # Queries, keys and values, then two products of T x T x d for each of the two products of an attention.
        (Step(SEQUENCE["attention"]), (3, 4), "sequence", 2 * (3 * 4 * 12 + 4 * 3 * 3 * 4)),
    ],
)
def test_operations_are_counted(module, shape, tokens, flops):
    call = called(module.double(), normal(2, *shape))
    assert linearise(call, tokens).flops == flops


def test_linear_steps_in_a_row_are_multiplied_out_where_that_is_cheaper():
    wide = nn.Sequential(nn.Linear(4, 9), nn.Linear(9, 4)).double()
    narrow = nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 4)).double()
    assert linearise(called(wide, normal(2, 4))).flops == 2 * 16
    assert linearise(called(narrow, normal(2, 4))).flops == 2 * 8


def test_taking_the_skip_out_computes_nothing_twice():
    module, shape = built("pre-norm encoder layer")
    call = called(module, normal(2, *shape))
    assert linearise(replace(call, skip="inside")).flops == linearise(call).flops


@pytest.mark.parametrize(("last", "rows"), [(2, 4), (3, 4), (1, 3)])
def test_parts_of_a_product_are_computed_apart_where_that_is_cheaper(last, rows):
    """Queries, keys and values of one layer; parts that overlap come from one product."""

    def parts(hidden):
        product = torch.nn.functional.linear(hidden, torch.ones(4, 4, dtype=hidden.dtype))
        return torch.cat([product[:, :last].sin(), product[:, 2:].cos()], dim=1)

    assert linearise(called(Step(parts), normal(2, 4))).flops == 2 * 4 * rows


def test_float32_gives_float32():
    module, shape = built("basic")
    operator = linearise(called(module.float(), normal(2, *shape).float()))
    assert operator.dtype == torch.float32
    assert operator.matvec(torch.ones(2, 1, 32)).dtype == torch.float32
