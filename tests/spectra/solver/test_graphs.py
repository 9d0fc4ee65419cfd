"""What the path on a GPU does, as far as it can be seen without one, and what it gives where there is one."""

import pytest
import torch

from ramodel.spectra.solver import orthogonal, solve
from ramodel.spectra.solver.graphs import StepGraphs
from ramodel.spectra.solver.krylov import KrylovBasis, random_image
from tests.spectra.operators.dense import DenseOperator
from tests.spectra.solver.matrices import assert_solved, normal, with_values

SIZE = 120


@pytest.mark.parametrize("enabled", [False, pytest.param(True, marks=pytest.mark.skipif("torch.cuda.is_available()"))])
def test_steps_run_where_nothing_can_be_captured(enabled):
    graphs, runs = StepGraphs(enabled), []
    for number in range(4):
        assert graphs.run("key", lambda number=number: runs.append(number) or number) == number
    assert runs == [0, 1, 2, 3]


@pytest.mark.parametrize("values", [torch.linspace(1.0, 0.7, SIZE), torch.logspace(0, -6, SIZE), torch.zeros(SIZE)])
def test_steps_that_never_ask(values, monkeypatch):
    """On a GPU a step sweeps twice and draws spares whether it must or not, since it cannot ask."""
    monkeypatch.setattr(orthogonal, "_any", lambda mask: True)
    extend = KrylovBasis.extend

    def carefully(basis, *steps):
        basis.careful = True
        extend(basis, *steps)

    monkeypatch.setattr(KrylovBasis, "extend", carefully)
    matrices = with_values(values, dtype=torch.float32)
    assert_solved(solve(DenseOperator(matrices), 8, method="lanczos"), matrices)


def test_tensors_stay_where_they_are_from_restart_to_restart():
    operator = DenseOperator(normal(2, 60, 50))
    basis = KrylovBasis(operator, 24, 1, 0)
    basis.start(random_image(operator, 1, 0))
    places = []
    for _ in range(3):
        while not basis.full:
            basis.extend()
        matrix, above = basis.projected()
        columns, values, rows = torch.linalg.svd(matrix)
        left, right = basis.combined(columns[:, :, :10], rows[:, :10].mT)
        basis.restart(values[:, :10], left, right, columns[:, -1:, :10].mT @ above)
        tensors = (basis._left, basis._right, basis._coupling, basis._scale, basis._above_last)
        places.append([tensor.data_ptr() for tensor in tensors])
    assert places[1] == places[2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gpu_and_processor_agree(dtype):
    matrices = torch.cat([with_values(torch.linspace(1.0, 0.7, SIZE), dtype=dtype), normal(2, SIZE, SIZE, dtype=dtype)])
    on_gpu = solve(DenseOperator(matrices.cuda()), 8, method="lanczos")
    assert on_gpu.right.is_cuda
    assert_solved(type(on_gpu)(*(field.cpu() for field in on_gpu)), matrices)
