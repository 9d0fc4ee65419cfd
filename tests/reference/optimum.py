"""Slow obvious versions for ramodel.theory.optimum: the unreduced objective of a solution, and one scalar at a time."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from tests.reference import simulate


def flat_point(solution):
    """Blocks, head and embedding as the one flat tensor that `simulate.flat_objective` takes."""
    problem = solution.problem
    blocks = solution.factors if problem.model == "nuclear" else (solution.jacobians,)
    if problem.model == "kinetic" and problem.embedding_decay is None:
        blocks = (solution.jacobians @ np.linalg.inv(simulate.inverse_root(problem.inputs).numpy()),)
    ends = [solution.head] if solution.embedding is None else [solution.head, solution.embedding]
    return torch.tensor(np.concatenate([np.asarray(part).ravel() for part in (*blocks, *ends)]))


def unreduced_value(solution):
    """F of the solution's network, sample by sample."""
    return float(simulate.flat_objective(solution.problem)(flat_point(solution)))


def unreduced_gradient_norm(solution):
    """||grad F|| by autograd over all J_l, W and E (the factors in the nuclear model)."""
    return float(torch.linalg.vector_norm(simulate.gradient(solution.problem, flat_point(solution))))


def lowest_scalar(y, curvature, cost):
    """The least of (curvature/2) (m - y)^2 + cost(m)/2 over m in [0, y]: a fine grid, then golden section."""

    def value(m):
        return 0.5 * curvature * (m - y) ** 2 + 0.5 * cost(m)

    grid = np.concatenate([[0.0], y * np.geomspace(1e-6, 1.0, 4000)])
    values = value(grid)
    best = int(np.argmin(values))
    bracket = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    polished = minimize_scalar(value, bounds=bracket, method="bounded", options={"xatol": 1e-12})
    return min(float(values[best]), float(polished.fun))


def spectral_penalty(matrix, cost):
    """(1/2) sum_k c(sigma_k)."""
    return 0.5 * sum(float(cost(m)) for m in np.linalg.svd(matrix, compute_uv=False))
