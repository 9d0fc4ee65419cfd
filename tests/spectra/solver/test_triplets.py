"""Singular triplets: they are what they say, signs are fixed, repeated matrices are decomposed once."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ramodel.spectra import singular_triplets
from tests.strategies import seeds
from tests.tolerances import DENSE_FLOAT64


def random_matrices(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seeds, st.integers(1, 6), st.integers(1, 6), st.integers(1, 8))
def test_triplets_are_singular_triplets(seed, rows, columns, rank):
    matrices = random_matrices(seed, 2, 3, rows, columns)
    values, left, right, tail = singular_triplets(matrices, rank)
    kept = min(rank, rows, columns)
    assert values.shape == (2, 3, kept)
    assert torch.allclose(matrices @ right.mT, left.mT * values[..., None, :], atol=DENSE_FLOAT64)
    assert torch.allclose(matrices.mT @ left.mT, right.mT * values[..., None, :], atol=DENSE_FLOAT64)
    for vectors in (left, right):
        assert torch.allclose(vectors @ vectors.mT, torch.eye(kept, dtype=torch.float64), atol=DENSE_FLOAT64)
    assert torch.all(values[..., 1:] <= values[..., :-1])
    assert torch.allclose(tail + values.square().sum(-1), matrices.square().sum((-2, -1)), rtol=DENSE_FLOAT64)


@given(seeds)
def test_signs_are_fixed_jointly(seed):
    matrix = random_matrices(seed, 5, 5)
    _, left, right, _ = singular_triplets(matrix)
    pivots = right.gather(-1, right.abs().argmax(-1, keepdim=True))
    assert torch.all(pivots > 0.0)
    _, turned, same, _ = singular_triplets(-matrix)
    assert torch.allclose(same, right, atol=1e-8)
    assert torch.allclose(turned, -left, atol=1e-8)


@given(seeds)
def test_repeated_matrices_are_as_decomposed_one_by_one(seed):
    matrix = random_matrices(seed, 2, 1, 4, 4)
    repeated = singular_triplets(matrix.expand(2, 5, 4, 4), 3)
    spoilt = matrix.repeat(1, 5, 1, 1)
    spoilt[1, 4, 0, 0] += 1e-3
    for part, other in zip(repeated, singular_triplets(spoilt, 3), strict=True):
        assert part.shape == other.shape
        assert torch.allclose(part[:, :4], other[:, :4], atol=1e-8)
    assert not torch.equal(singular_triplets(spoilt, 3).singular_values[1, 4], repeated.singular_values[1, 4])


def test_zero_and_repeated_values():
    values, left, right, tail = singular_triplets(torch.zeros(2, 3, 3), 2)
    assert torch.equal(values, torch.zeros(2, 2, dtype=torch.float64))
    assert torch.equal(tail, torch.zeros(2, dtype=torch.float64))
    assert torch.isfinite(left).all()
    _, left, right, _ = singular_triplets(2.0 * torch.eye(3), 3)
    assert torch.allclose(left, right)  # a positive multiple of the identity: the same arbitrary basis on both sides


@pytest.mark.parametrize(
    ("matrices", "rank", "error", "rule"),
    [
        (torch.ones(3), 1, ValueError, r"^matrices has shape \(3,\)"),
        (torch.ones(0, 3, 3), 1, ValueError, r"^matrices has shape \(0, 3, 3\)"),
        (torch.full((2, 2), torch.nan), 1, ValueError, r"^matrices holds a number that is not finite"),
        (torch.ones(2, 2), 0, ValueError, r"^rank is 0; it must be at least 1"),
        (torch.ones(2, 2), 1.5, TypeError, r"^rank is 1\.5; it must be a whole number"),
    ],
)
def test_bad_arguments_are_refused(matrices, rank, error, rule):
    with pytest.raises(error, match=rule):
        singular_triplets(matrices, rank)
