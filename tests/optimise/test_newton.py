import numpy as np
import pytest
import torch

from ramodel.optimise import Evaluation, polish
from tests.tolerances import LAST_DIGITS, MINIMISER


def test_takes_few_steps_from_near_by(rosenbrock):
    near = 1 + 1e-3 * torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    descent = polish(rosenbrock, rosenbrock.hessian, near, tolerance=1e-13)
    assert descent.converged.all()
    assert int(descent.iterations.max()) <= 8
    np.testing.assert_allclose(descent.point, 1.0, rtol=1e-12)


def test_converges_from_far_away(rosenbrock, starts):
    assert polish(rosenbrock, rosenbrock.hessian, starts).converged.all()


def test_a_row_does_not_depend_on_its_neighbours(rosenbrock, starts):
    together = polish(rosenbrock, rosenbrock.hessian, starts, max_iterations=5)
    alone = polish(rosenbrock, rosenbrock.hessian, starts[2:3], max_iterations=5)
    np.testing.assert_allclose(alone.value[0], together.value[2], rtol=MINIMISER)


def test_a_singular_hessian_is_no_obstacle(quadratic):
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    matrix = torch.tensor(turn @ np.diag([0.0, 0.0, 1.0, 10.0, 1e4]) @ turn.T)
    target = torch.tensor(rng.normal(size=5))
    bowl = quadratic(matrix, matrix @ target)
    start = torch.tensor(rng.normal(size=(1, 5)))
    descent = polish(bowl, bowl.hessian, start)
    assert descent.converged.all()
    # It does not wander along the flat directions: they keep the start.
    flat = torch.tensor(turn[:, :2])
    np.testing.assert_allclose(descent.point @ flat, start @ flat, atol=MINIMISER)


def test_rounding_along_a_flat_direction_is_not_followed(quadratic):
    slope = 1e-13  # stands for the rounding of a gradient of order one
    matrix = torch.diag(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64))
    bowl = quadratic(matrix, torch.tensor([slope, 1.0, 2.0], dtype=torch.float64))
    descent = polish(bowl, bowl.hessian, torch.tensor([[0.0, 1 + 1e-9, 1 - 1e-9]], dtype=torch.float64))
    assert descent.converged.all()
    assert abs(float(descent.point[0, 0])) < MINIMISER


def test_saddles_are_left():
    def double_well(x):  # (x^2 - 1)^2 + y^2, saddle at the origin
        gradient = torch.stack([4 * x[:, 0] * (x[:, 0] ** 2 - 1), 2 * x[:, 1]], dim=1)
        value = (x[:, 0] ** 2 - 1) ** 2 + x[:, 1] ** 2
        return Evaluation(value, gradient, 1 + torch.linalg.vector_norm(gradient, dim=1))

    def hessian(x):
        return lambda v: torch.stack([(12 * x[:, 0] ** 2 - 4) * v[:, 0], 2 * v[:, 1]], dim=1)

    descent = polish(double_well, hessian, torch.tensor([[1e-3, 0.5], [-1e-3, 0.5]], dtype=torch.float64))
    np.testing.assert_allclose(descent.point, [[1.0, 0.0], [-1.0, 0.0]], atol=MINIMISER)


def test_a_row_at_its_last_digits_ends(quadratic):
    rng = np.random.default_rng(1)
    root = rng.normal(size=(5, 5))
    bowl = quadratic(torch.tensor(root @ root.T), torch.tensor(rng.normal(size=5)))
    descent = polish(bowl, bowl.hessian, torch.zeros(1, 5, dtype=torch.float64), tolerance=1e-30)
    assert not descent.converged.any()
    assert float(descent.gradient_norm[0]) < LAST_DIGITS
    assert int(descent.iterations[0]) < 40


def test_infinite_values_are_refused():
    def barrier(x):  # x - ln x
        value = (x - torch.log(x)).sum(dim=1)
        return Evaluation(value, 1 - 1 / x, 1 + 1 / x.abs()[:, 0])

    start = torch.tensor([[30.0]], dtype=torch.float64)
    descent = polish(barrier, lambda x: lambda v: v / x**2, start)
    np.testing.assert_allclose(descent.point, 1.0, rtol=MINIMISER)


def test_not_converged_is_said(rosenbrock, starts):
    hurried = polish(rosenbrock, rosenbrock.hessian, starts, time_budget=0.0)
    assert not hurried.converged.any()
    assert torch.equal(hurried.point, starts)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": torch.zeros(2, dtype=torch.float64)}, "start has shape"),
        ({"max_iterations": -1}, "max_iterations is -1"),
        ({"max_products": 0}, "max_products is 0"),
        ({"tolerance": -1.0}, "tolerance is -1.0"),
    ],
)
def test_bad_input(rosenbrock, starts, change, message):
    with pytest.raises(ValueError, match=message):
        polish(rosenbrock, rosenbrock.hessian, **{"start": starts, **change})
