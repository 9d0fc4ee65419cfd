"""Statement S8: nets without skips."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ramodel.problem import Model, random_problem
from ramodel.testing.claims.cases import (
    DECAYS,
    DESCENT_SHARE,
    descents,
    gaussian,
    optimum,
    relative,
    unreduced_value,
)
from ramodel.testing.claims.claim import Claim
from ramodel.testing.strategies import seeds
from ramodel.theory import PlainModel, expected_squared_cosine, haar_rotations, rotate_gauge

__all__ = ["CLAIMS"]

DRAWS = 2000
"""Haar rotations of the Monte Carlo mean."""


def gauge(
    *,
    classes: int,
    width: int,
    depth: int,
    jacobian_decay: float,
    head_decay: float,
    seed: int,
    model: Model = "plain",
) -> float:
    """Return the relative change of F along the gauge orbit."""
    problem = random_problem(
        model=model,
        loss="cross-entropy",
        classes=classes,
        width=width,
        depth=depth,
        samples=classes + 2,
        jacobian_decay=jacobian_decay,
        head_decay=head_decay,
        seed=seed,
    )
    skip = np.eye(width) if model == "frobenius" else 0.0
    layers, head = 0.5 * gaussian(seed, depth, width, width), gaussian(seed + 1, classes, width)
    turned, turned_head = rotate_gauge(layers + skip, head, haar_rotations(depth, width, seed))
    before = unreduced_value(problem, layers, head)
    return relative(unreduced_value(problem, turned - skip, turned_head), before)


def common_frame(*, width: int, seed: int, power: float = 1.0) -> float:
    """Return by how many standard errors the mean squared cosine of u and v along the orbit misses 1/d."""
    rotations = haar_rotations(DRAWS, width, seed)
    squares = rotations[:, 0, 0] ** 2
    error = float(squares.std()) / np.sqrt(DRAWS) + 1e-12
    return float(abs(squares.mean() - expected_squared_cosine(width) ** power) / error)


def neighbours(*, same_side: bool = False, **numbers: Any) -> float:
    """Return the departure of A_{l+1}^T A_{l+1} from A_l A_l^T where a descent ends."""
    _, found = optimum("plain", **numbers)
    layers = found.jacobians
    after = layers[1:].swapaxes(1, 2) @ layers[1:]
    before = layers[:-1].swapaxes(1, 2) @ layers[:-1] if same_side else layers[:-1] @ layers[:-1].swapaxes(1, 2)
    return float(np.linalg.norm(after - before)) / (1e-3 + float(np.linalg.norm(before)))


def shared_size(*, shift: float = 0.0, **numbers: Any) -> float:
    """Return the departure of the largest singular value of the A_l from (m sqrt(lam_W/lam_A))^(1/(L+1))."""
    problem, found = optimum("plain", **numbers)
    model = PlainModel(problem.depth + shift, problem.jacobian_decay, problem.head_decay)
    largest = np.linalg.svd(found.jacobians, compute_uv=False)[:, 0]
    m = float(np.linalg.norm(found.end_to_end, ord=2))
    if m < 1e-8:  # everything collapsed to zero
        return float(largest.max()) * 1e-3
    return relative(largest, np.full(problem.depth, float(model.jacobian_singular_value(m))))


CLAIMS = (
    Claim(
        statement="S8",
        name="gauge",
        sentence="the objective is invariant under A_l -> Q_l A_l Q_(l-1)^T, W -> W Q_L^T",
        cases=st.fixed_dictionaries(
            {
                "classes": st.integers(2, 4),
                "width": st.integers(1, 4),
                "depth": st.integers(1, 4),
                "jacobian_decay": DECAYS,
                "head_decay": DECAYS,
                "seed": seeds,
            }
        ),
        departure=gauge,
        tolerance=1e-10,
        reason="rounding of products of four matrices",
        slip={"model": "frobenius"},
        mistake="the same with skips",
    ),
    Claim(
        statement="S8",
        name="no frame",
        sentence="left and right singular vectors have a mean squared cosine of 1/d along the orbit",
        cases=st.fixed_dictionaries({"width": st.integers(1, 12), "seed": seeds}),
        departure=common_frame,
        tolerance=6.0,
        reason="six standard errors of a mean of 2000",
        slip={"power": 0.5},
        mistake="1/sqrt(d)",
        share=0.2,
    ),
    Claim(
        statement="S8",
        name="neighbours",
        sentence="where a descent ends, A_(l+1)^T A_(l+1) = A_l A_l^T",
        cases=descents(least_depth=2),
        departure=neighbours,
        tolerance=1e-6,
        reason="descents stop at a relative gradient of 1e-10",
        slip={"same_side": True},
        mistake="A_(l+1)^T A_(l+1) = A_l^T A_l",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S8",
        name="size",
        sentence="where it ends, the layers share a = (m sqrt(lam_W/lam_A))^(1/(L+1))",
        cases=descents(),
        departure=shared_size,
        tolerance=1e-6,
        reason="as S8 neighbours",
        slip={"shift": -0.5},
        mistake="the power 1/(L + 1/2)",
        share=DESCENT_SHARE,
    ),
)
