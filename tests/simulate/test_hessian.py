import numpy as np
import pytest
import torch

from ramodel.simulate import UnreducedObjective, hessian, random_problem
from tests.reference import simulate as reference
from tests.tolerances import FLAT_EIGENVALUE


@pytest.mark.parametrize("model", ["frobenius", "nuclear"])
@pytest.mark.parametrize("dense_size", [0, 1000])
def test_smallest_eigenvalue_agrees_with_autograd(model, dense_size, monkeypatch):
    monkeypatch.setattr(hessian, "DENSE_SIZE", dense_size)  # 0: Lanczos
    problem = random_problem(
        model=model,
        classes=3,
        width=4,
        depth=3,
        samples=8,
        loss="cross-entropy",
        jacobian_decay=0.05,
        head_decay=0.05,
        seed=2,
    )
    objective = UnreducedObjective(problem, torch.device("cpu"))
    point = 5 * objective.random_points(2, seed=0)[1:]
    expected = np.linalg.eigvalsh(reference.hessian(problem, point[0]).numpy())[0]
    assert expected < 0.0
    assert hessian.smallest_eigenvalue(objective, point) == pytest.approx(expected, abs=FLAT_EIGENVALUE)


def test_no_convergence_is_nan(monkeypatch):
    monkeypatch.setattr(hessian, "DENSE_SIZE", 0)
    monkeypatch.setattr(hessian, "LANCZOS_RESTARTS", 1)
    monkeypatch.setattr(hessian, "LANCZOS_VECTORS", 3)
    problem = random_problem(
        model="frobenius",
        classes=5,
        width=8,
        depth=6,
        samples=20,
        loss="squared",
        jacobian_decay=0.01,
        head_decay=0.01,
        seed=0,
    )
    objective = UnreducedObjective(problem, torch.device("cpu"))
    assert np.isnan(hessian.smallest_eigenvalue(objective, objective.random_points(1, seed=0)))
