"""When a Krylov space is looked at, what counts as found, what it holds."""

import pytest
import torch

from ramodel.spectra.solver import basis_size, solve
from ramodel.spectra.solver.lanczos import _excess, _Projections
from tests.spectra.operators.dense import DenseOperator
from tests.spectra.solver.matrices import assert_solved, normal


def excess(values, residuals, rank=2, tolerance=1e-2):
    nothing = torch.zeros(1, 0, 0)
    found = _Projections(torch.tensor([values]), nothing, nothing, torch.tensor([residuals])[:, :, None])
    return _excess(found, rank, tolerance).item()


def test_residuals_are_relative_to_their_values():
    assert excess([4.0, 2.0], [0.04, 0.01]) == pytest.approx(1.0)
    assert excess([4.0, 2.0], [0.04, 0.08]) == pytest.approx(4.0)
    assert excess([4.0, 1e-6], [0.0, 8e-5]) == pytest.approx(2.0)
    assert excess([0.0, 0.0], [0.0, 0.0]) == 0.0


def test_the_next_value_must_not_be_able_to_pass_the_last():
    assert excess([4.0, 2.0, 1.5, 1.0], [0.0, 0.0, 0.25, 9.0]) == pytest.approx(0.5)
    assert excess([4.0, 2.0, 1.9, 1.0], [0.0, 0.0, 0.25, 9.0]) == pytest.approx(2.5)
    assert excess([4.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.02, 9.0]) == pytest.approx(1.0)


def test_sizes_of_a_basis():
    assert basis_size(10, 512, 512) == (32, 16)
    assert basis_size(20, 512, 512) == (40, 26)
    assert basis_size(10, 512, 512, 3) == (34, 16)
    assert basis_size(10, 5, 30) == (30, 5)
    assert basis_size(10, 30, 5, 2) == (6, 5)


@pytest.mark.parametrize("rank", [1, 10, 20])
def test_many_problems_are_looked_at_through_a_sample(rank):
    matrices = normal(40, 70, 80)
    solved = solve(DenseOperator(matrices), rank, method="lanczos", tolerance=1e-7)
    assert_solved(solved, matrices)
    assert len(solved.passes.unique()) > 1


@pytest.mark.parametrize("seed", range(10))
def test_a_space_that_ends_at_once(seed):
    """Vectors that vanish exactly leave no number behind that is none."""
    matrices = torch.diag_embed(torch.tensor([[2.0, 1.0] + [0.0] * 68, [1.0] * 3 + [0.0] * 67], dtype=torch.float64))
    assert_solved(solve(DenseOperator(matrices), 4, method="lanczos", seed=seed), matrices)
