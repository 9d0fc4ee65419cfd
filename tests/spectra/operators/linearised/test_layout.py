"""Samples and tokens are followed through reshapes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ramodel.spectra.operators.linearised.layout import (
    Factor,
    Rows,
    UnrecognisedError,
    axis_of,
    broadcast,
    constant_of,
    regroup,
    resize,
    shape_of,
    take,
)

SAMPLE, TOKEN = axis_of(5, "sample"), axis_of(3, "token")
STATE = (SAMPLE, TOKEN, axis_of(4))


def test_merged_axes_come_apart_again():
    merged = regroup(STATE, (15, 2, 2))
    assert merged == ((*SAMPLE, *TOKEN), axis_of(2), axis_of(2))
    assert regroup(merged, (5, 3, 4)) == STATE
    assert regroup(STATE, (5, 1, 3, 4)) == (SAMPLE, (), TOKEN, axis_of(4))


@pytest.mark.parametrize("shape", [(3, 5, 4), (5, 4, 3), (2, 30)])
def test_samples_and_tokens_are_never_split(shape):
    with pytest.raises(UnrecognisedError, match="splits samples or tokens"):
        regroup(STATE, shape)


def test_samples_lie_on_one_axis():
    with pytest.raises(UnrecognisedError, match="different axes"):
        broadcast([(SAMPLE, axis_of(3)), (SAMPLE, TOKEN)], (5, 3))
    assert broadcast([(SAMPLE, ()), (SAMPLE, TOKEN)], (5, 3)) == (SAMPLE, TOKEN)


@given(
    order=st.permutations(range(3)),
    samples=st.sets(st.integers(0, 4), min_size=1),
    tokens=st.lists(st.integers(0, 2), min_size=1, max_size=3),
)
def test_rows_are_taken_wherever_they_lie(order, samples, tokens):
    whole = torch.arange(60.0).reshape(5, 3, 4)
    rows = Rows(torch.tensor(sorted(samples)), torch.tensor([tokens] * len(samples)))
    layout = tuple(STATE[place] for place in order)
    expected = whole[sorted(samples)][:, tokens].permute(order)
    assert torch.equal(take(whole.permute(order), layout, rows), expected)
    assert shape_of(resize(layout, rows)) == tuple(expected.shape)
    merged = regroup(STATE, (15, 4))
    flat = take(whole.reshape(15, 4), merged, rows)
    assert torch.equal(flat, whole[sorted(samples)][:, tokens].reshape(-1, 4))


def test_a_constant_of_tokens_alone_is_repeated_for_the_samples():
    repeated, layout = constant_of(torch.arange(3.0)[:, None], STATE)
    assert layout == (SAMPLE, TOKEN, ())
    rows = Rows(torch.tensor([1, 4]), torch.tensor([[0, 2], [1, 1]]))
    assert take(repeated, layout, rows)[..., 0].tolist() == [[0.0, 2.0], [1.0, 1.0]]
    plain, layout = constant_of(torch.ones(4), STATE)
    assert take(plain, layout, rows) is plain


def test_an_axis_of_one_has_no_factor_but_a_labelled_one():
    assert axis_of(1) == ()
    assert axis_of(1, "sample") == (Factor(1, "sample"),)
