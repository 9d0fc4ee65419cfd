"""Problems of several operators, one after another."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ramodel.spectra.operators import GenericOperator, StackedOperator
from tests.spectra.operators.blocks import built, called, normal
from tests.spectra.operators.dense import DenseOperator

MATRICES = [normal(problems, 3, 4, seed=problems) for problems in (2, 1, 3)]
TOGETHER = torch.cat(MATRICES)


def shuffled():
    return torch.tensor([2, 0, 3, 1])


@given(st.sets(st.integers(0, 5), min_size=1))
def test_any_problems_of_the_stack(chosen):
    problems = torch.tensor(sorted(chosen))
    some = StackedOperator([DenseOperator(matrices) for matrices in MATRICES]).select(problems)
    assert some.problems == len(chosen)
    assert torch.equal(some.dense(), TOGETHER[problems])


def test_both_products():
    operator = StackedOperator([DenseOperator(matrices) for matrices in MATRICES])
    assert (operator.problems, operator.output_size, operator.input_size) == (6, 3, 4)
    right, left = normal(6, 2, 4), normal(6, 2, 3)
    assert torch.equal(operator.matvec(right), right @ TOGETHER.mT)
    assert torch.equal(operator.rmatvec(left), left @ TOGETHER)


def test_each_operator_has_its_own_order_of_coordinates():
    square = [normal(problems, 4, 4, seed=problems) for problems in (2, 1)]
    operator = StackedOperator([DenseOperator(square[0], shuffled()), DenseOperator(square[1])])
    assert torch.allclose(operator.dense(), torch.cat(square))


def test_stacks_of_stacks():
    pair = StackedOperator([DenseOperator(matrices) for matrices in MATRICES[:2]])
    operator = StackedOperator([pair, DenseOperator(MATRICES[2])])
    assert torch.equal(operator.select(torch.tensor([2, 5])).dense(), TOGETHER[[2, 5]])


def test_what_it_says_of_its_operators():
    class Counted(DenseOperator):
        flops = 6.0

    class Costly(DenseOperator):
        flops = 18.0

    known = StackedOperator([Counted(MATRICES[0]), Costly(MATRICES[1])])
    assert known.flops == (2 * 6.0 + 18.0) / 3
    assert StackedOperator([Counted(MATRICES[0]), DenseOperator(MATRICES[1])]).flops is None
    module, shape = built("linear")
    generic = GenericOperator(called(module, normal(2, *shape)), "its own reason")
    mixed = StackedOperator([DenseOperator(normal(1, 4, 4)), generic])
    assert (mixed.kind, mixed.reason) == ("generic", "its own reason")


@pytest.mark.parametrize(
    ("operators", "rule"),
    [
        ([], "operators is empty"),
        ([DenseOperator(MATRICES[0]), DenseOperator(MATRICES[0].mT)], r"operators\[1\] has Jacobians 4 x 3"),
        (
            [DenseOperator(MATRICES[0]), DenseOperator(MATRICES[0].float())],
            r"operators\[1\] .* in torch\.float32 .* one form",
        ),
    ],
)
def test_operators_that_do_not_fit(operators, rule):
    with pytest.raises(ValueError, match=f"^{rule}"):
        StackedOperator(operators)
