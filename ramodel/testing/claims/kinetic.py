"""Statement S7: the transport cost."""

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from ramodel.problem import Model
from ramodel.testing.claims.cases import DESCENT_SHARE, Array, descents, gaussian, optimum, product, relative
from ramodel.testing.claims.claim import Claim
from ramodel.testing.strategies import powers_of_ten, seeds
from ramodel.theory import KineticModel, equal_step_jacobians, equal_steps_exist

__all__ = ["CLAIMS"]


def equal_steps(*, width: int, depth: int, size: float, seed: int, constant: bool = False) -> float:
    """Return the departure of the product of S7's blocks from P, and of the states between from the line."""
    p = np.eye(width) + size * gaussian(seed, width, width)
    assume(equal_steps_exist(p, depth))
    blocks = np.tile((p - np.eye(width)) / depth, (depth, 1, 1)) if constant else equal_step_jacobians(p, depth)
    assume(np.linalg.norm(blocks) < 100.0)  # a step that nearly passes through zero loses digits
    return max(relative(product(blocks), p), _off_line(blocks, gaussian(seed + 1, 3, width)))


def straight(*, model: Model = "kinetic", **numbers: Any) -> float:
    """Return the departure from the line in equal steps of the states where a descent ends."""
    problem, found = optimum(model, **numbers)
    return _off_line(found.jacobians, problem.inputs)


def inverse_eigenvalues(*, singular: bool = False, **numbers: Any) -> float:
    """Return the departure of the leading eigenvalue of J_l from t / (L + (l - 1) t) where a descent ends."""
    problem, found = optimum("kinetic", **numbers)
    if singular:
        leading = np.linalg.svd(found.jacobians, compute_uv=False)[:, 0]
    else:
        leading = np.linalg.eigvals(found.jacobians).real.max(axis=1)
    layers = np.arange(1, problem.depth + 1)
    return float(np.abs(leading[0] - leading * (1.0 + leading[0] * (layers - 1))).max()) / max(float(leading[0]), 1e-6)


def head_law(*, white: bool = False, **numbers: Any) -> float:
    """Return the departure of W^T W from (rho/L) (P - I) P Sigma where a descent ends."""
    problem, found = optimum("kinetic", **numbers)
    sigma = np.eye(problem.inputs.shape[1]) if white else problem.second_moment
    model = KineticModel(problem.depth, problem.jacobian_decay, problem.head_decay)
    p = product(found.jacobians)
    gram = found.head.T @ found.head
    claimed = model.decay_ratio / problem.depth * (p - np.eye(len(p))) @ p @ sigma
    return float(np.linalg.norm(gram - claimed)) / (float(np.linalg.norm(gram)) + 1e-3)


def _off_line(blocks: Array, inputs: Array) -> float:
    """Return the largest distance of h_l from h_0 + (l/L) (h_L - h_0), relative to the largest state."""
    states = [inputs]
    for block in blocks:
        states.append(states[-1] + states[-1] @ block.T)
    path = np.array(states)
    line = path[0] + np.linspace(0.0, 1.0, len(path))[:, None, None] * (path[-1] - path[0])
    return float(np.linalg.norm(path - line, axis=-1).max() / np.linalg.norm(path, axis=-1).max())


CLAIMS = (
    Claim(
        statement="S7",
        name="equal steps",
        sentence="J_l^(-1) = (l - 1) I + L (P - I)^(-1): product P, every input on a line in equal steps",
        cases=st.fixed_dictionaries(
            {"width": st.integers(1, 4), "depth": st.integers(2, 8), "size": powers_of_ten(-2, 0), "seed": seeds}
        ),
        departure=equal_steps,
        tolerance=1e-8,
        reason="a state may pass near zero and lose the digits that it gains back",
        slip={"constant": True},
        mistake="J_l = (P - I)/L in every block",
    ),
    Claim(
        statement="S7",
        name="straight",
        sentence="where a descent of the kinetic model ends, every input moves on a line in equal steps",
        cases=descents(least_depth=2),
        departure=straight,
        tolerance=1e-6,
        reason="descents stop at a relative gradient of 1e-10",
        slip={"model": "frobenius"},
        mistake="the same of the Frobenius model",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S7",
        name="slope one",
        sentence="where it ends, 1/eig(J_l) = (l - 1) + L/t, for inputs that are not white too",
        cases=descents(least_depth=2),
        departure=inverse_eigenvalues,
        tolerance=1e-6,
        reason="as S7 straight",
        slip={"singular": True},
        mistake="singular values in place of eigenvalues",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S7",
        name="head",
        sentence="where it ends, W^T W = (rho/L) (P - I) P Sigma",
        cases=descents(least_depth=2),
        departure=head_law,
        tolerance=1e-6,
        reason="as S7 straight",
        slip={"white": True},
        mistake="without Sigma",
        share=DESCENT_SHARE,
    ),
)
