"""Grids across blocks from products equal those from the matrices."""

import pytest
import torch

from ramodel.spectra import cross_alignment as module
from ramodel.spectra.cross_alignment import cross_alignment
from tests.spectra.operators.dense import DenseOperator
from tests.tolerances import STATISTICS

BLOCKS, PROBLEMS, RANK, SIZE = 4, 3, 2, 7


def drawn():
    generator = torch.Generator().manual_seed(0)
    jacobians = torch.randn(BLOCKS, PROBLEMS, SIZE, SIZE, dtype=torch.float64, generator=generator)
    left, values, right = torch.linalg.svd(jacobians)
    return jacobians, left.mT[..., :RANK, :], right[..., :RANK, :], values[..., :RANK]


@pytest.mark.parametrize("chunk", [2**24, 3 * RANK * PROBLEMS * SIZE, 1])
def test_grids_are_the_products_of_matrices(chunk, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", chunk)
    jacobians, left, right, _ = drawn()
    order = torch.randperm(SIZE, generator=torch.Generator().manual_seed(1))
    found = cross_alignment([DenseOperator(one, order) for one in jacobians], list(left), list(right))
    assert found.left_right.shape == found.right_left.shape == (BLOCKS, BLOCKS, PROBLEMS, RANK, RANK)
    for i in range(BLOCKS):
        for j in range(BLOCKS):
            for item in range(PROBLEMS):
                J = jacobians[j, item]
                expected = left[i, item] @ J @ right[i, item].T
                assert torch.allclose(found.left_right[i, j, item], expected, rtol=STATISTICS, atol=STATISTICS)
                expected = right[i, item] @ J @ left[i, item].T
                assert torch.allclose(found.right_left[i, j, item], expected, rtol=STATISTICS, atol=STATISTICS)


def test_a_block_with_itself_gives_its_singular_values():
    jacobians, left, right, values = drawn()
    found = cross_alignment([DenseOperator(one) for one in jacobians], list(left), list(right))
    own = found.left_right[range(BLOCKS), range(BLOCKS)]
    assert torch.allclose(own, torch.diag_embed(values), atol=STATISTICS * SIZE)


def test_bad_arguments():
    jacobians, left, right, _ = drawn()
    operators = [DenseOperator(one) for one in jacobians]
    with pytest.raises(ValueError, match="lengths 4, 3 and 4; there must be one of each for every block"):
        cross_alignment(operators, left[:3], right)
    with pytest.raises(ValueError, match="lengths 0, 0 and 0"):
        cross_alignment([], [], [])
    with pytest.raises(
        ValueError, match=r"operators\[1\] has 3 Jacobians 7 x 6; all must have 3 square ones of size 7"
    ):
        cross_alignment([operators[0], DenseOperator(jacobians[1][..., :6])], left[:2], right[:2])
    with pytest.raises(ValueError, match=r"left\[1\] and right\[1\] have shapes .*they must have shape \(3, 2, 7\)"):
        cross_alignment(operators[:2], left[:2], [right[0], right[1][:, :1]])
