"""Slow obvious versions for ramodel.simulate: one start, one sample, one layer at a time; derivatives by autograd."""

import numpy as np
import torch
from scipy.optimize import minimize


def objective(model, loss, inputs, targets, decays, variables):
    """F of one start: `variables` = (blocks, head, embedding or None), blocks = list of J_l or of pairs (A'_l, B_l)."""
    jacobian_decay, head_decay, embedding_decay = decays
    blocks, head, embedding = variables
    classes, total = len(head), 0.0
    for x, y in zip(inputs, targets, strict=True):
        h = x if embedding is None else embedding @ x
        for block in blocks:
            step = block[1] @ (block[0] @ h) if model == "nuclear" else block @ h
            if model == "kinetic":
                total = total + jacobian_decay / 2 * (step**2).sum()
            h = step if model == "plain" else h + step
        z = head @ h
        if loss == "squared":
            goal = y if y.ndim else torch.eye(classes, dtype=z.dtype)[int(y)]
            total = total + 0.5 * ((z - goal) ** 2).sum()
        elif loss == "cross-entropy":
            total = total + torch.log(torch.exp(z).sum()) - z[int(y)]
        else:
            total = total + torch.log(1 + torch.exp(-y * z[0]))
    total = total / len(inputs) + head_decay / 2 * (head**2).sum()
    for block in blocks if model != "kinetic" else []:
        for matrix in block if model == "nuclear" else [block]:
            total = total + jacobian_decay / 2 * (matrix**2).sum()
    if embedding is not None:
        total = total + embedding_decay / 2 * (embedding**2).sum()
    return total


def inverse_root(inputs):
    """Sigma^(-1/2) of the inputs; off their span the inverse of the mean size of the directions on it."""
    values, vectors = np.linalg.eigh(inputs.T @ inputs / len(inputs))
    sizes = np.sqrt(np.maximum(values, 0.0))
    used = sizes > 1e-7 * sizes.max()
    sizes[~used] = sizes[used].mean()
    return torch.tensor((vectors / sizes) @ vectors.T)


def flat_objective(problem):
    """The same as a function of one flat vector: blocks (all A', then all B), head, embedding.

    Kinetic blocks without an embedding are J_l Sigma^(1/2).
    """
    inputs, targets = torch.tensor(problem.inputs), torch.tensor(problem.targets)
    decays = (problem.jacobian_decay, problem.head_decay, problem.embedding_decay)
    d, L, C = problem.width, problem.depth, problem.classes
    matrices = 2 if problem.model == "nuclear" else 1
    units = inverse_root(problem.inputs)

    def value(flat):
        position = 0

        def take(*shape):
            nonlocal position
            part = flat[position : position + int(np.prod(shape))].reshape(shape)
            position += part.numel()
            return part

        stacks = [[take(d, d) for _ in range(L)] for _ in range(matrices)]
        blocks = stacks[0] if matrices == 1 else list(zip(*stacks, strict=True))
        if problem.model == "kinetic" and problem.embedding_decay is None:
            blocks = [block @ units for block in blocks]
        head = take(C, d)
        embedding = None if problem.embedding_decay is None else take(d, inputs.shape[1])
        assert position == len(flat)
        return objective(problem.model, problem.loss, inputs, targets, decays, (blocks, head, embedding))

    return value


def gradient(problem, flat):
    """Gradient at a flat point."""
    return torch.autograd.functional.jacobian(flat_objective(problem), flat)


def hessian(problem, flat):
    """Dense Hessian at a flat point."""
    return torch.autograd.functional.hessian(flat_objective(problem), flat)


def lowest_value(problem, size, starts, seed):
    """The lowest F that scipy's BFGS finds from several random starts."""
    value = flat_objective(problem)
    rng = np.random.default_rng(seed)

    def both(flat):
        point = torch.tensor(flat, requires_grad=True)
        result = value(point)
        result.backward()
        return result.item(), point.grad.numpy()

    runs = (minimize(both, 0.3 * rng.standard_normal(size), jac=True, method="BFGS") for _ in range(starts))
    return min(run.fun for run in runs)


def largest_s1_errors(jacobians, head, rho):
    """(asymmetry, balance error of the Frobenius model), the largest over layers."""
    predicted = head.T @ head / rho
    asymmetry = max(np.linalg.norm(J - J.T) / np.linalg.norm(J) for J in jacobians)
    balance = max(np.linalg.norm(J @ (np.eye(len(J)) + J) - predicted) / np.linalg.norm(predicted) for J in jacobians)
    return asymmetry, balance


def smallest_branch_eigenvalue(jacobians):
    """Smallest eigenvalue of the symmetric parts of all I + J_l."""
    return min(np.linalg.eigvalsh(np.eye(len(J)) + (J + J.T) / 2)[0] for J in jacobians)
