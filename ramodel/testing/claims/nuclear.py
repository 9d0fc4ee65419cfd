"""Statement S6: two factors per block."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ramodel.problem import Problem
from ramodel.testing.claims.cases import (
    DESCENT_SHARE,
    descended,
    descents,
    gaussian,
    model_numbers,
    optimum,
    product,
)
from ramodel.testing.claims.claim import Claim
from ramodel.testing.strategies import haar_matrix, powers_of_ten, seeds
from ramodel.theory import NuclearModel, target_threshold

__all__ = ["CLAIMS"]

PRESENT = 1e-4
"""Least singular value of a block that counts: descents leave 1e-8 or so of those that vanish."""

HEADS = st.lists(powers_of_ten(-0.5, 0.5), min_size=1, max_size=3)
"""Singular values of the head in units of sqrt(rho), on both sides of the threshold 1."""


def threshold(
    *,
    depth: int,
    jacobian_decay: float,
    head_decay: float,
    u: Sequence[float],
    seed: int,
    shift: float = 0.0,
) -> float:
    """Return the error of s found from the singular values of the product of head and blocks (w^2/rho - 1)_+."""
    model = NuclearModel(depth, jacobian_decay, head_decay)
    s = np.maximum(np.sort(u)[::-1] ** 2 - 1.0, 0.0)
    _, _, head, blocks = _aligned(model, u, seed)
    m = np.linalg.svd(head @ product(blocks), compute_uv=False)
    found = NuclearModel(depth + shift, jacobian_decay, head_decay).jacobian_singular_value(m)
    return float(np.abs(found - s).max()) / (1.0 + float(s.max()))


def cost(
    *,
    depth: int,
    jacobian_decay: float,
    head_decay: float,
    u: Sequence[float],
    noise: float,
    seed: int,
    excess: float = 0.0,
) -> float:
    """Return by what share factors near the aligned ones fall short of the cost of their own product."""
    model = NuclearModel(depth, jacobian_decay, head_decay)
    inner, outer, head, _ = _aligned(model, u, seed)
    inner = inner + noise * gaussian(seed, *inner.shape)
    outer = outer + noise * gaussian(seed + 1, *outer.shape)
    head = head + noise * gaussian(seed + 2, *head.shape)
    decay = head_decay * np.sum(head**2) + jacobian_decay * (np.sum(inner**2) + np.sum(outer**2))
    m = np.linalg.svd(head @ product(outer @ inner), compute_uv=False)
    least = np.sum(model.cost(m) + excess * jacobian_decay * model.jacobian_singular_value(m))
    return max(1.0 - float(decay / least), 0.0)


def hard_rank(*, depth: int, threshold: float = 1.0, **numbers: Any) -> float:
    """Return how far J_l = (W^T W / rho - I)_+ is missed where a descent ends, relative to I + J."""
    problem, found = optimum("nuclear", depth=depth, **numbers)
    values, vectors = np.linalg.eigh(found.head.T @ found.head * (problem.head_decay / problem.jacobian_decay))
    predicted = (vectors * np.maximum(values - threshold, 0.0)) @ vectors.T
    largest = np.linalg.norm(found.jacobians - predicted, axis=(1, 2)).max()
    return float(largest) / (1.0 + float(np.linalg.norm(predicted)))


def rank_drop(
    *,
    depth: int,
    jacobian_decay: float,
    head_decay: float,
    targets: Sequence[float],
    seed: int,
    late: bool = True,
) -> float:
    """Return by how many the rank of any J_l where a descent ends misses the number of targets past the threshold.

    Squared error and white inputs; targets are singular values of Y in units of the threshold.
    """
    model = NuclearModel(depth, jacobian_decay, head_decay)
    width = len(targets) + 1
    y = target_threshold(model) * np.asarray(targets)
    whole = (haar_matrix(len(targets), seed) * y) @ haar_matrix(width, seed + 1)[: len(targets)]
    problem = Problem(
        model="nuclear",
        loss="squared",
        inputs=np.sqrt(width) * np.eye(width),
        targets=np.sqrt(width) * whole.T,
        depth=depth,
        jacobian_decay=jacobian_decay,
        head_decay=head_decay,
    )
    s = np.linalg.svd(descended(problem, seed).jacobians, compute_uv=False)
    threshold = target_threshold(model) if late else model.threshold
    return float(np.abs(np.sum(s > PRESENT, axis=1) - np.sum(y > threshold)).max())


def factor_balance(*, exchanged: bool = False, **numbers: Any) -> float:
    """Return the departure of B_l^T B_l from A'_l A'_l^T where a descent ends, relative to I + J."""
    _, found = optimum("nuclear", **numbers)
    assert found.factors is not None
    inner, outer = found.factors
    left = outer @ outer.swapaxes(1, 2) if exchanged else outer.swapaxes(1, 2) @ outer
    largest = np.linalg.norm(left - inner @ inner.swapaxes(1, 2), axis=(1, 2)).max()
    return float(largest) / (1.0 + float(np.linalg.norm(found.jacobians, axis=(1, 2)).max()))


def _aligned(
    model: NuclearModel, u: Sequence[float], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return A', B, W and J of the aligned structure with head sqrt(rho) u."""
    values = np.sort(u)[::-1]
    width = len(values) + 1
    vectors = haar_matrix(width, seed)[:, : len(values)]
    head = haar_matrix(len(values), seed) * np.sqrt(model.decay_ratio) * values @ vectors.T
    root = np.sqrt(np.maximum(values**2 - 1.0, 0.0))
    frame = haar_matrix(width, seed + 1)[:, : len(values)]
    inner = np.tile(frame * root @ vectors.T, (int(model.depth), 1, 1))
    outer = inner.swapaxes(1, 2)
    return inner, outer, head, outer @ inner


CLAIMS = (
    Claim(
        statement="S6",
        name="threshold",
        sentence="(1 + s)^(2L+1) = m^2/rho above m = sqrt(rho), s = 0 below, for the product of all matrices",
        cases=model_numbers(u=HEADS, seed=seeds),
        departure=threshold,
        tolerance=1e-8,
        reason="singular values of M may lie six orders of magnitude apart",
        slip={"shift": -0.5},
        mistake="(1 + s)^(2L)",
    ),
    Claim(
        statement="S6",
        name="lower bound",
        sentence="no factors of M cost less than lam_W m^2 below the threshold, lam_J (1 + (2L+1) s) above",
        cases=model_numbers(u=HEADS, noise=st.just(0.0) | powers_of_ten(-3, 0), seed=seeds),
        departure=cost,
        tolerance=1e-10,
        reason="rounding of singular values of M, where the aligned factors attain the bound",
        slip={"excess": 1.0},
        mistake="2L + 2 in place of 2L + 1",
    ),
    Claim(
        statement="S6",
        name="hard rank",
        sentence="where a descent over all factors ends, J_l = (W^T W / rho - I)_+ for every l",
        cases=descents(spare=True),
        departure=hard_rank,
        tolerance=1e-6,
        reason="descents stop at a relative gradient of 1e-10; factors near the threshold are its square root",
        slip={"threshold": 0.0},
        mistake="no threshold",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S6",
        name="factors",
        sentence="where it ends, B_l^T B_l = A'_l A'_l^T",
        cases=descents(spare=True),
        departure=factor_balance,
        tolerance=1e-6,
        reason="as S6 hard rank",
        slip={"exchanged": True},
        mistake="B_l B_l^T = A'_l A'_l^T",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S6",
        name="rank drop",
        sentence="white inputs, squared error: rank J_l = #{k : y_k > sqrt(rho) (1 + lam_W)} where a descent ends",
        cases=model_numbers(
            targets=st.lists(st.floats(0.85, 0.95) | st.floats(1.1, 2.0), min_size=1, max_size=3), seed=seeds
        ).flatmap(lambda numbers: powers_of_ten(-1, 0).map(lambda decay: numbers | {"head_decay": decay})),
        departure=rank_drop,
        tolerance=0.5,
        reason="a count",
        slip={"late": False},
        mistake="sqrt(rho) alone",
        share=DESCENT_SHARE,
    ),
)
