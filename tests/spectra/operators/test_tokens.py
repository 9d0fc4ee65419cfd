"""Jacobians between tokens, against blocks of the Jacobian of the whole sequence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.spectra.operators import GenericOperator, TokenPairOperator, jacobian_operator, tokens
from ramodel.spectra.operators.tokens import token_pairs
from tests.spectra.operators.blocks import built, called, dense_jacobians, normal
from tests.spectra.operators.dense import DenseOperator
from tests.tolerances import PRODUCTS

INPUTS, TOKENS, WIDTH = 3, 4, 2
WHOLE = normal(INPUTS, TOKENS * WIDTH, TOKENS * WIDTH)
ALL = [(to_token, from_token) for to_token in range(TOKENS) for from_token in range(TOKENS)]


def blocks(jacobians, pairs, count=TOKENS):
    """Return J[t_out, t_in], input-major."""
    width = jacobians.shape[-1] // count
    return torch.stack(
        [
            jacobian[to * width : (to + 1) * width, of * width : (of + 1) * width]
            for jacobian in jacobians
            for to, of in pairs
        ]
    )


@settings(max_examples=25)
@given(st.lists(st.sampled_from(ALL), min_size=1, unique=True), st.data(), st.sampled_from([1, 30, 2**24]))
def test_any_pairs_any_problems_any_chunks(pairs, data, chunk):
    expected = blocks(WHOLE, pairs)
    operator = TokenPairOperator(DenseOperator(WHOLE), (TOKENS, WIDTH), pairs)
    assert (operator.problems, operator.input_size, operator.output_size) == (INPUTS * len(pairs), WIDTH, WIDTH)
    once = data.draw(st.sets(st.integers(0, len(expected) - 1), min_size=1).map(sorted))
    twice = data.draw(st.sets(st.integers(0, len(once) - 1), min_size=1).map(sorted))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "_CHUNK", chunk)
        assert torch.equal(operator.dense(), expected)
        some = operator.select(torch.tensor(once))
        assert torch.equal(some.dense(), expected[once])
        assert torch.equal(some.select(torch.tensor(twice)).dense(), expected[once][twice])
        vectors = normal(len(once), 3, WIDTH, seed=1)
        assert torch.allclose(some.matvec(vectors), vectors @ expected[once].mT, atol=PRODUCTS)
        assert torch.allclose(some.rmatvec(vectors), vectors @ expected[once], atol=PRODUCTS)


def test_the_sequence_operator_may_have_its_own_order():
    shuffle = torch.tensor([3, 0, 7, 1, 2, 6, 4, 5])
    operator = TokenPairOperator(DenseOperator(WHOLE, shuffle), (TOKENS, WIDTH), "diagonal")
    assert torch.allclose(operator.dense(), blocks(WHOLE, [(t, t) for t in range(TOKENS)]), atol=PRODUCTS)


@pytest.mark.parametrize("analytic", [True, False])
@pytest.mark.parametrize("name", ["pre-norm encoder layer", "causal attention", "dynamic"])
@pytest.mark.parametrize("pairs", ["diagonal", [(0, 2), (2, 0), (1, 1)]])
def test_blocks_of_real_layers(name, analytic, pairs):
    module, shape = built(name)
    state = normal(2, *shape)
    listed = [(t, t) for t in range(3)] if pairs == "diagonal" else pairs
    whole = dense_jacobians(module, state) - torch.eye(12, dtype=torch.float64)
    operator = jacobian_operator(called(module, state, "inside"), tokens=pairs, analytic=analytic)
    assert torch.allclose(operator.dense(), blocks(whole, listed, 3), rtol=0.0, atol=PRODUCTS)
    some = operator.select(torch.tensor([1, 3, 4]))
    assert torch.allclose(some.dense(), blocks(whole, listed, 3)[[1, 3, 4]], rtol=0.0, atol=PRODUCTS)


def test_causal_attention_looks_back_only():
    module, shape = built("causal attention")
    operator = jacobian_operator(called(module, normal(2, *shape)), tokens=[(0, 1), (1, 0)])
    norms = operator.dense().flatten(1).norm(dim=1)
    assert (norms == 0.0).tolist() == [True, False, True, False]


def test_it_says_what_its_sequence_operator_is():
    module, shape = built("dynamic")
    whole = GenericOperator(called(module, normal(2, *shape)), "its reason")
    operator = TokenPairOperator(whole, shape, "diagonal")
    assert (operator.kind, operator.reason, operator.flops) == ("generic", "its reason", None)
    assert operator.dtype == torch.float64


@pytest.mark.parametrize(
    ("pairs", "shape", "error", "rule"),
    [
        ("all", (4, 2), ValueError, "tokens is 'all'; it must be 'sequence', 'diagonal' or pairs"),
        ("diagonal", (4, 2, 2), ValueError, r"tokens asks .* states have shape \[N, 4, 2, 2\]; .* tokens='sequence'"),
        ("diagonal", (8,), ValueError, r"tokens asks .* shape \[N, 8\]"),
        ([(0, 4)], (4, 2), ValueError, r"tokens\[0\] is \(0, 4\); the state has 4 tokens.* 0 \.\. 3"),
        ([(0, 0), (-1, 0)], (4, 2), ValueError, r"tokens\[1\] is \(-1, 0\); .* counted from 0"),
        ([(0, -9)], (4, 2), ValueError, r"tokens\[0\] is \(0, -9\)"),
        ([(1, 2), (1, 2)], (4, 2), ValueError, r"tokens lists the pair \(1, 2\) twice"),
        ([(0, 0.5)], (4, 2), TypeError, r"tokens\[0\]\[1\] is 0\.5; it must be a whole number"),
        ([(True, 0)], (4, 2), TypeError, r"tokens\[0\]\[0\] is True"),
        ([], (4, 2), TypeError, r"tokens is \[\]; it must be .* a list of pairs"),
        ([(0, 1, 2)], (4, 2), TypeError, "a list of pairs"),
        ([0, 1], (4, 2), TypeError, "a list of pairs"),
        (3, (4, 2), TypeError, "tokens is 3"),
    ],
)
def test_bad_tokens_are_refused(pairs, shape, error, rule):
    with pytest.raises(error, match=f"^{rule}" if rule.startswith("tokens") else rule):
        token_pairs(pairs, shape)
    with pytest.raises(error, match=rule):
        TokenPairOperator(DenseOperator(WHOLE), shape, pairs)


def test_arrays_of_pairs():
    assert token_pairs(torch.tensor([[1, 2], [0, 0]]).numpy(), (4, 2)) == [(1, 2), (0, 0)]


def test_a_state_that_does_not_fit_the_operator():
    with pytest.raises(ValueError, match=r"^state_shape is \(4, 3\), and the operator is of Jacobians 8 x 8; .* 12"):
        TokenPairOperator(DenseOperator(WHOLE), (4, 3), "diagonal")
