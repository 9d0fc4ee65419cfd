"""Bases of Golub and Kahan keep J V = U A with orthonormal rows, through restarts, selections and breakdowns."""

import pytest
import torch

from ramodel.spectra.solver.krylov import KrylovBasis, random_image
from tests.spectra.operators.dense import DenseOperator
from tests.spectra.solver.matrices import BASIS, normal, with_values

CAPACITY = 24


def started(matrices, block_size=1, capacity=CAPACITY):
    operator = DenseOperator(matrices)
    basis = KrylovBasis(operator, capacity, block_size, 0)
    basis.start(random_image(operator, block_size, 0))
    return basis


def filled(basis):
    while not basis.full:
        basis.extend()
    return basis


def parts(basis):
    """Return V, U, A, and the right vectors that follow, as the basis has them."""
    one = torch.eye(basis.size, dtype=torch.float64).expand(basis.problems, -1, -1)
    left, right = basis.combined(one, one)
    matrix, above = basis.projected()
    return right.double(), left.double(), matrix, above


def assert_relations(basis, matrices):
    right, left, projected, _ = parts(basis)
    tolerance = BASIS[matrices.dtype] * torch.linalg.matrix_norm(matrices.double(), 2).max().item()
    assert torch.allclose(right @ matrices.double().mT, projected.mT @ left, atol=tolerance)
    identity = torch.eye(basis.size, dtype=torch.float64)
    assert torch.allclose(right @ right.mT, identity, atol=BASIS[matrices.dtype])
    return right, left, projected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("block_size", [1, 2, 3])
def test_relations(dtype, block_size):
    matrices = normal(3, 60, 50, dtype=dtype)
    basis = filled(started(matrices, block_size))
    assert not basis.careful
    _, left, projected = assert_relations(basis, matrices)
    assert basis.size == CAPACITY
    assert basis.passes == 2 * CAPACITY
    assert torch.allclose(left @ left.mT, torch.eye(CAPACITY, dtype=torch.float64), atol=BASIS[dtype])
    assert torch.all(torch.tril(projected, -1) == 0.0)
    assert torch.all(torch.triu(projected, block_size + 1) == 0.0)


@pytest.mark.parametrize("block_size", [1, 2])
def test_residuals_of_the_transpose_lie_along_the_vectors_to_come(block_size):
    matrices = normal(2, 60, 50)
    basis = filled(started(matrices, block_size))
    right, left, projected, above = parts(basis)
    rest = left @ matrices - projected @ right
    assert torch.allclose(rest[:, :-block_size], torch.zeros(()).double(), atol=BASIS[torch.float64])
    lengths = torch.linalg.matrix_norm(rest[:, -block_size:])
    assert torch.allclose(lengths, torch.linalg.matrix_norm(above))


@pytest.mark.parametrize("block_size", [1, 2])
def test_restart_keeps_the_relations(block_size):
    matrices = normal(4, 60, 50)
    basis = filled(started(matrices, block_size))
    projected, above = basis.projected()
    columns, values, rows = torch.linalg.svd(projected)
    kept_left, kept_right = columns[:, :, :10], rows[:, :10].mT
    coupling = kept_left[:, -block_size:].mT @ above
    basis.restart(values[:, :10], *basis.combined(kept_left, kept_right), coupling)
    some = torch.tensor([0, 2, 3])
    basis.select(some)
    assert (basis.problems, basis.size) == (3, 10)
    filled(basis)
    assert_relations(basis, matrices[some])
    assert torch.all(torch.linalg.svdvals(basis.projected()[0])[:, 0] >= values[some, 0])


def test_selection_before_a_restart():
    matrices = normal(4, 60, 50)
    basis = started(matrices)
    basis.extend()
    basis.select(torch.tensor([1, 3]))
    filled(basis)
    assert_relations(basis, matrices[[1, 3]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rank", [0, 1, 5, 10])
def test_low_rank_is_seen_and_survived(rank, dtype):
    low = with_values([1.0] * min(rank, 3) + [1e-2] * max(rank - 3, 0) + [0.0] * (40 - rank), dtype=dtype)
    matrices = torch.cat([low, normal(1, 40, 40, dtype=dtype)])
    basis = filled(started(matrices))
    assert basis.careful
    _, left, projected = assert_relations(basis, matrices)
    lengths = torch.linalg.vector_norm(left, dim=2)
    assert torch.all(((lengths - 1.0).abs() < BASIS[dtype]) | (lengths == 0.0))
    expected = torch.linalg.svdvals(matrices.double())[:, :rank]
    assert torch.allclose(torch.linalg.svdvals(projected)[:2, :rank], expected[:2], atol=BASIS[dtype])


def test_a_space_can_be_exhausted():
    matrices = normal(2, 9, 7)
    basis = filled(started(matrices, 2, capacity=8))
    assert torch.allclose(torch.linalg.svdvals(basis.projected()[0])[:, :7], torch.linalg.svdvals(matrices))


def test_going_on_from_triplets_that_are_known():
    matrices = with_values(torch.linspace(2.0, 0.1, 40))
    columns, values, rows = torch.linalg.svd(matrices)
    basis = KrylovBasis(DenseOperator(matrices), CAPACITY, 1, 3)
    known = torch.tensor([0, 1, 4])
    basis.resume(values[:, known], columns.mT[:, known], rows[:, known], random_image(basis.operator, 1, 3))
    filled(basis)
    _, _, projected = assert_relations(basis, matrices)
    assert torch.allclose(torch.linalg.svdvals(projected[:, 3:, 3:])[:, 0], values[:, 2], atol=1e-3)


def test_one_problem_that_loses_digits_does_not_cost_its_neighbour_precision():
    easy, hard = normal(1, 40, 40), with_values([1.0] + [1e-9] * 39, 1)
    basis = filled(started(torch.cat([easy, hard])))
    assert basis.careful
    assert_relations(basis, torch.cat([easy, hard]))
