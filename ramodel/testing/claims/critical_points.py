"""Statements S1, S11, S15, S16: what holds at critical points of the Frobenius model."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ramodel.metrics import asymmetry_error, step_cv
from ramodel.testing.claims.cases import (
    DECAYS,
    DESCENT_SHARE,
    SIZES,
    critical_problem,
    descents,
    optimum,
    product,
    relative,
    relative_gradient,
)
from ramodel.testing.claims.claim import Claim
from ramodel.testing.critical_points import critical_point, critical_point_numbers
from ramodel.theory import (
    FrobeniusModel,
    LayerDecayModel,
    biased_balance_error,
    construct_critical_point,
    descent_path,
    equal_step_profile,
    rank_bound,
)

__all__ = ["CLAIMS"]


def stationarity(*, seed: int, upside_down: bool = False, **numbers: Any) -> float:
    """Return the relative gradient of F at a point built from S1."""
    point = critical_point(seed=seed, **numbers)
    jacobians = point.jacobians
    if upside_down:
        model = FrobeniusModel(numbers["depth"], numbers["head_decay"], numbers["jacobian_decay"])
        jacobians = construct_critical_point(model, point.head, np.sign(1.0 + point.eigenvalues)).jacobians
    return relative_gradient(critical_problem(point, seed), jacobians, point.head, point.embedding)


def alignment(*, sign: float = 1.0, **numbers: Any) -> float:
    """Return how far J_l = J_l^T and J_l (I + J_l) = W^T W / rho are missed where a descent ends."""
    problem, found = optimum("frobenius", **numbers)
    blocks = found.jacobians
    target = found.head.T @ found.head * (problem.head_decay / problem.jacobian_decay)
    if np.linalg.norm(target) < 1e-10:  # everything collapsed to zero
        return float(np.linalg.norm(blocks))
    balance = max(relative(block + sign * block @ block, target) for block in blocks)
    return max(balance, float(np.max(asymmetry_error(blocks))))


def layer_balance(*, one_for_all: bool = False, **numbers: Any) -> float:
    """Return how far lam_l J_l (I + J_l) = lam_W W^T W is missed where a descent with a decay for each layer ends."""
    problem, found = optimum("frobenius", **numbers)
    decays = np.asarray(numbers["layer_decays"])
    model = LayerDecayModel(np.full_like(decays, decays[0]) if one_for_all else decays, problem.head_decay)
    if np.linalg.norm(found.head) < 1e-5:  # everything collapsed to zero
        return float(np.linalg.norm(found.jacobians))
    return max(model.balance_error(found.jacobians, found.head), float(np.max(asymmetry_error(found.jacobians))))


def bias_balance(*, ignored: bool = False, **numbers: Any) -> float:
    """Return how far the balance with biases is missed where a descent with biases ends."""
    problem, found = optimum("frobenius", **numbers)
    assert found.biases is not None
    if np.linalg.norm(found.head) < 1e-5:  # everything collapsed to zero
        return float(np.linalg.norm(found.jacobians))
    balance = biased_balance_error(
        found.jacobians,
        found.head,
        found.biases,
        jacobian_decay=problem.jacobian_decay,
        head_decay=problem.head_decay,
        bias_decay=0.0 if ignored else numbers["bias_decay"],
    )
    return max(balance, float(np.max(asymmetry_error(found.jacobians))))


def rank_excess(*, fewer: int = 0, **numbers: Any) -> float:
    """Return the largest singular value of any J_l past the bound on its rank, relative to the largest of all."""
    problem, found = optimum("frobenius", **numbers)
    s = np.linalg.svd(found.jacobians, compute_uv=False)
    past = s[:, rank_bound(problem) - fewer :]
    return float(past.max(initial=0.0)) / max(float(s.max()), 1e-10)


def equal_steps(*, first: float, depth: int, constant: bool = False) -> float:
    """Return the variation of the steps of rank-one blocks with S11's profile."""
    profile = np.full(depth, first) if constant else equal_step_profile(first, depth)
    return float(step_cv(np.cumprod([1.0, *(1.0 + profile)])[:, None]))


def one_direction(*, allowed: int = 1, **numbers: Any) -> float:
    """Return the second singular value of the J_l where a descent with one logit ends, relative to the first."""
    _, found = optimum("frobenius", **numbers)
    s = np.linalg.svd(found.jacobians, compute_uv=False)
    return float(s[:, allowed:].max(initial=0.0)) / max(float(s.max()), 1e-10)


def descent(*, theta: float, seed: int, rise: float = -1.0, **numbers: Any) -> float:
    """Return the departure of F(theta) - F(0) from -lam_J s (1 - cos theta), or of the end-to-end map from M."""
    point = critical_point(seed=seed, **numbers)
    path = descent_path(point.jacobians, point.head, numbers["jacobian_decay"])
    start, end = (path(angle) for angle in (0.0, theta))
    before, after = (
        numbers["head_decay"] * np.sum(head**2) + numbers["jacobian_decay"] * np.sum(blocks**2)
        for blocks, head in (start, end)
    )
    change = 0.5 * (after - before)
    claimed = rise * numbers["jacobian_decay"] * path.s * (1.0 - np.cos(theta))
    ends = [head @ product(blocks) for blocks, head in (start, end)]
    return max(float(abs(change - claimed) / before), relative(ends[1], point.end_to_end))


def off_branch(*, least: float = 0.0, **numbers: Any) -> float:
    """Return how far an eigenvalue lies below zero where a descent with spare width ends, relative to the largest."""
    _, found = optimum("frobenius", **numbers)
    eigenvalues = np.linalg.eigvalsh((found.jacobians + found.jacobians.swapaxes(1, 2)) / 2)
    largest = max(float(eigenvalues.max()), 1e-10)
    return max(least - float(eigenvalues.min()) / largest, 0.0)


def energies(*, seed: int, trace: float = 1.0, **numbers: Any) -> float:
    """Return the departure of lam_J (tr J_l + ||J_l||^2) and of -<dl/dZ, Z> from lam_W ||W||^2."""
    point = critical_point(seed=seed, **numbers)
    problem = critical_problem(point, seed)
    logits = problem.inputs @ point.end_to_end.T
    work = -float(np.sum((logits - problem.targets) * logits)) / problem.samples
    head = numbers["head_decay"] * float(np.sum(point.head**2))
    blocks = [
        numbers["jacobian_decay"] * (trace * float(np.trace(block)) + float(np.sum(block**2)))
        for block in point.jacobians
    ]
    return relative([work, *blocks], [head] * (1 + len(blocks)))


CLAIMS = (
    Claim(
        statement="S1",
        name="stationary",
        sentence="J_l (I + J_l) = W^T W / rho with symmetric J_l, on any branch, is stationary",
        cases=critical_point_numbers(embedding=False),
        departure=stationarity,
        tolerance=1e-8,
        reason="rounding of targets that grow like 1/s^L off the branch; 1e-11 is usual",
        slip={"upside_down": True},
        mistake="rho upside down",
    ),
    Claim(
        statement="S1",
        name="aligned",
        sentence="where a descent over all variables ends, J_l = J_l^T and J_l (I + J_l) = W^T W / rho",
        cases=descents(losses=("squared", "cross-entropy", "logistic")),
        departure=alignment,
        tolerance=1e-6,
        reason="descents stop at a relative gradient of 1e-10, which small J_l feel a thousandfold",
        slip={"sign": -1.0},
        mistake="J_l (I - J_l)",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S1",
        name="decays by layer",
        sentence="where a descent with decays lam_l ends, J_l = J_l^T and lam_l J_l (I + J_l) = lam_W W^T W",
        cases=descents(least_depth=2).flatmap(
            lambda numbers: st.lists(DECAYS, min_size=numbers["depth"], max_size=numbers["depth"]).map(
                lambda decays: numbers | {"layer_decays": decays}
            )
        ),
        departure=layer_balance,
        tolerance=1e-6,
        reason="as S1 aligned",
        slip={"one_for_all": True},
        mistake="the first decay for all layers",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S1",
        name="biases",
        sentence="where a descent with biases b_l ends, lam_J J_l (I + J_l) = lam_W W^T W - lam_b sum_(m>=l) b_m b_m^T",
        cases=st.tuples(descents(), st.fixed_dictionaries({"bias_decay": DECAYS})).map(
            lambda parts: parts[0] | parts[1]
        ),
        departure=bias_balance,
        tolerance=1e-6,
        reason="as S1 aligned",
        slip={"ignored": True},
        mistake="without the biases",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S1",
        name="rank",
        sentence="rank J_l <= C - 1 for the cross-entropy, <= C for any loss",
        cases=descents(losses=("cross-entropy", "squared"), spare=True),
        departure=rank_excess,
        tolerance=1e-5,
        reason="as S1 aligned; what decays towards zero is the last to settle",
        slip={"fewer": 1},
        mistake="one rank less",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S11",
        name="equal steps",
        sentence="rank-one blocks with 1/s_(l+1) = 1/s_l + 1 make equal steps",
        cases=st.fixed_dictionaries({"first": SIZES, "depth": st.integers(2, 12)}),
        departure=equal_steps,
        tolerance=1e-10,
        reason="rounding of steps that are small beside the state: 1/L of it or more",
        slip={"constant": True},
        mistake="s the same in every block",
    ),
    Claim(
        statement="S11",
        name="one direction",
        sentence="with one logit every J_l has rank one",
        cases=descents(losses=["logistic"]),
        departure=one_direction,
        tolerance=1e-5,
        reason="as S1 rank",
        slip={"allowed": 0},
        mistake="rank zero",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S15",
        name="descent path",
        sentence="off the branch with rank W < d a path leads down: F(theta) = F(0) - lam_J s (1 - cos theta)",
        cases=st.tuples(
            critical_point_numbers(branches="off", spare=1, embedding=False),
            st.fixed_dictionaries({"theta": st.floats(0.0, 3.0)}),
        ).map(lambda parts: parts[0] | parts[1]),
        departure=descent,
        tolerance=1e-8,
        reason="rounding of products of blocks, relative to a map M that shrinks like s^L off the branch",
        slip={"rise": 1.0},
        mistake="the path leads up",
    ),
    Claim(
        statement="S15",
        name="ends on branch",
        sentence="with spare width a descent ends where all J_l are positive semidefinite",
        cases=descents(spare=True),
        departure=off_branch,
        tolerance=1e-5,
        reason="as S1 rank; off the branch it would be 1 or more",
        slip={"least": 0.5},
        mistake="no eigenvalue below half the largest",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S16",
        name="energy",
        sentence="lam_W ||W||^2 = -<dl/dZ, Z> = lam_J (tr J_l + ||J_l||^2) for every l, on any branch",
        cases=critical_point_numbers(embedding=False),
        departure=energies,
        tolerance=1e-8,
        reason="as S1 stationary",
        slip={"trace": 0.0},
        mistake="without the trace",
    ),
)
