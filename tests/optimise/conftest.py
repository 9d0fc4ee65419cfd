"""Two objectives with known minima, batched, with their Hessians."""

from dataclasses import dataclass

import pytest
import torch

from ramodel.optimise import Evaluation


@dataclass
class Rosenbrock:
    """Sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2: minimum 0 at (1, .., 1); counts the rows it evaluates."""

    rows: int = 0

    def value(self, x):
        return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(dim=1)

    def __call__(self, points):
        self.rows += len(points)
        x = points.detach().requires_grad_()
        value = self.value(x)
        (gradient,) = torch.autograd.grad(value.sum(), x)
        return Evaluation(value.detach(), gradient, 1 + torch.linalg.vector_norm(gradient, dim=1))

    def hessian(self, points):
        x = points.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.value(x).sum(), x, create_graph=True)
        return lambda vectors: torch.autograd.grad(gradient, x, vectors, retain_graph=True)[0]


@dataclass
class Quadratic:
    """x.H x / 2 - b.x for a symmetric H, definite or not."""

    matrix: torch.Tensor
    linear: torch.Tensor

    def __call__(self, points):
        image = points @ self.matrix
        norm = torch.linalg.vector_norm
        scale = norm(image, dim=1) + norm(self.linear)
        return Evaluation(((image / 2 - self.linear) * points).sum(dim=1), image - self.linear, scale)

    def hessian(self, points):
        return lambda vectors: vectors @ self.matrix


@pytest.fixture
def rosenbrock():
    return Rosenbrock()


@pytest.fixture
def starts():
    return torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def quadratic():
    return Quadratic
