import numpy as np
import pytest
import torch
from scipy.optimize import rosen

from ramodel.optimise import Evaluation, minimise_lbfgs
from tests.tolerances import MINIMISER, ROUNDING

# The bound on evaluations of the Rosenbrock runs below: scipy's L-BFGS-B needs about 60 for each.
EVALUATIONS = 120


def test_finds_the_minimum_of_every_row(rosenbrock, starts):
    descent = minimise_lbfgs(rosenbrock, starts, tolerance=1e-12)
    assert descent.converged.all()
    values = np.array([rosen(point) for point in descent.point.numpy()])
    np.testing.assert_allclose(descent.value, values, atol=ROUNDING)
    known = np.isclose(values, 0.0, atol=MINIMISER)  # another minimum lies near (-1, 1, ..)
    np.testing.assert_allclose(descent.point[known], 1.0, atol=MINIMISER)
    assert known.sum() >= 3
    assert descent.evaluations < EVALUATIONS


def test_a_row_does_not_depend_on_its_neighbours(rosenbrock, starts):
    together = minimise_lbfgs(rosenbrock, starts, max_iterations=15)
    for row in range(len(starts)):
        alone = minimise_lbfgs(rosenbrock, starts[row : row + 1], max_iterations=15)
        np.testing.assert_allclose(alone.value[0], together.value[row], rtol=MINIMISER)


def test_done_rows_leave_the_batch(rosenbrock, starts):
    solved = torch.ones(40, starts.shape[1], dtype=torch.float64)
    descent = minimise_lbfgs(rosenbrock, torch.cat([solved, starts[:1]]))
    assert descent.iterations[:40].tolist() == [0] * 40
    assert rosenbrock.rows == 41 + (descent.evaluations - 1)


def test_a_quadratic_takes_no_more_steps_than_a_little_above_its_dimension(quadratic):
    matrix = torch.diag(torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64))
    bowl = quadratic(matrix, torch.ones(3, dtype=torch.float64))
    descent = minimise_lbfgs(bowl, torch.zeros(1, 3, dtype=torch.float64))
    np.testing.assert_allclose(descent.point[0], [1.0, 0.1, 0.01], rtol=MINIMISER)
    assert descent.iterations[0] < 20


def test_the_start_is_left_alone(rosenbrock, starts):
    before = starts.clone()
    minimise_lbfgs(rosenbrock, starts)
    assert torch.equal(starts, before)


def test_stepping_out_of_the_domain_is_a_step_too_long():
    def barrier(x):  # x - ln x, undefined for x <= 0
        value = (x - torch.log(x)).sum(dim=1)
        return Evaluation(value, 1 - 1 / x, 1 + 1 / x.abs()[:, 0])

    descent = minimise_lbfgs(barrier, torch.tensor([[1e-3], [50.0]], dtype=torch.float64))
    assert descent.converged.all()
    np.testing.assert_allclose(descent.point, 1.0, rtol=MINIMISER)


def test_not_converged_is_said(rosenbrock, starts):
    assert not minimise_lbfgs(rosenbrock, starts, max_iterations=3).converged.any()
    hurried = minimise_lbfgs(rosenbrock, starts, time_budget=0.0)
    assert not hurried.converged.any()
    assert hurried.iterations.tolist() == [0] * 5
    assert torch.equal(hurried.point, starts)


def test_an_unbounded_objective_ends():
    def slope(x):
        return Evaluation(x.sum(dim=1), torch.ones_like(x), torch.ones(len(x), dtype=x.dtype))

    descent = minimise_lbfgs(slope, torch.zeros(1, 2, dtype=torch.float64), max_iterations=50)
    assert not descent.converged.any()
    assert descent.point.isfinite().all()


def test_callback_sees_every_iteration_and_only_moving_rows(rosenbrock, starts):
    seen = []
    descent = minimise_lbfgs(rosenbrock, starts, callback=lambda *row: seen.append(row))
    assert [row[0] for row in seen] == list(range(1, int(descent.iterations.max()) + 1))
    sizes = [len(row[1]) for row in seen]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0]
    assert all(len(row[2]) == len(row[1]) for row in seen)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"start": torch.zeros(3, dtype=torch.float64)}, ValueError, r"start has shape \(3,\)"),
        ({"start": torch.zeros(0, 3, dtype=torch.float64)}, ValueError, "start has shape"),
        ({"start": torch.zeros(1, 3, dtype=torch.int64)}, TypeError, "start has dtype"),
        ({"start": torch.full((1, 3), torch.nan, dtype=torch.float64)}, ValueError, r"start\[0\] has objective nan"),
        ({"memory": 0}, ValueError, "memory is 0"),
        ({"max_iterations": -1}, ValueError, "max_iterations is -1"),
        ({"tolerance": 0.0}, ValueError, "tolerance is 0.0"),
    ],
)
def test_bad_input(rosenbrock, starts, change, error, message):
    with pytest.raises(error, match=message):
        minimise_lbfgs(rosenbrock, **{"start": starts, **change})
