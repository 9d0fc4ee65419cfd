"""Statements S2, S3, S4, S18: the closed forms of the Frobenius model against products of matrices."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ramodel.testing.claims.cases import (
    DECAYS,
    DEPTHS,
    DESCENT_SHARE,
    SIZES,
    blocks_with,
    descents,
    gaussian,
    model_numbers,
    optimum,
    product,
    relative,
    unreduced_value,
)
from ramodel.testing.claims.claim import Claim
from ramodel.testing.critical_points import critical_point
from ramodel.testing.strategies import haar_matrix, powers_of_ten, seeds
from ramodel.theory import FrobeniusModel
from ramodel.theory.optimum import solve

__all__ = ["CLAIMS"]

SPECTRA = st.lists(SIZES, min_size=1, max_size=3)


def balance(
    *,
    depth: int,
    jacobian_decay: float,
    head_decay: float,
    s: Sequence[float],
    seed: int,
    embedding_decay: float | None = None,
    shift: float = 0.0,
) -> float:
    """Return the error of s found from the singular values of the product of all matrices of a critical point."""
    point = critical_point(
        depth=depth,
        jacobian_decay=jacobian_decay,
        head_decay=head_decay,
        embedding_decay=embedding_decay,
        s=s,
        seed=seed,
    )
    model = FrobeniusModel(depth + shift, jacobian_decay, head_decay, embedding_decay)
    whole = point.head @ product(point.jacobians)
    if point.embedding is not None:
        whole = whole @ point.embedding
    m = np.linalg.svd(whole, compute_uv=False)[: len(s)]
    return relative(model.jacobian_singular_value(m), sorted(s, reverse=True))


def cost(
    *,
    depth: int,
    jacobian_decay: float,
    head_decay: float,
    s: Sequence[float],
    noise: float,
    seed: int,
    excess: float = 0.0,
) -> float:
    """Return by what share a factorisation near the aligned one falls short of the cost of its own product."""
    model = FrobeniusModel(depth, jacobian_decay, head_decay)
    width = len(s) + 1
    blocks, vectors = blocks_with(s, width, depth, seed)
    values = np.asarray(s)
    head = haar_matrix(len(s), seed) * np.sqrt(model.decay_ratio * values * (1.0 + values)) @ vectors.T
    blocks = blocks + noise * gaussian(seed, *blocks.shape)
    head = head + noise * gaussian(seed + 1, *head.shape)
    decay = head_decay * np.sum(head**2) + jacobian_decay * np.sum(blocks**2)
    m = np.linalg.svd(head @ product(blocks), compute_uv=False)
    least = np.sum(model.cost(m) + excess * jacobian_decay * model.jacobian_singular_value(m) ** 2)
    return max(1.0 - float(decay / least), 0.0)


def attained(
    *, depth: int, jacobian_decay: float, head_decay: float, s: Sequence[float], seed: int, excess: float = 0.0
) -> float:
    """Return the departure of the decay of a critical point on the branch from the cost of its end-to-end map."""
    point = critical_point(depth=depth, jacobian_decay=jacobian_decay, head_decay=head_decay, s=s, seed=seed)
    m = np.linalg.svd(point.head @ product(point.jacobians), compute_uv=False)
    model = FrobeniusModel(depth, jacobian_decay, head_decay)
    claimed = np.sum(model.cost(m) + excess * jacobian_decay * model.jacobian_singular_value(m) ** 2)
    return relative(2.0 * point.decay, claimed)


def descent_balance(*, shift: float = 0.0, **numbers: Any) -> float:
    """Return the error of the leading s predicted from the end-to-end map where a descent ends."""
    problem, found = optimum("frobenius", **numbers)
    model = FrobeniusModel(problem.depth + shift, problem.jacobian_decay, problem.head_decay)
    largest = np.linalg.svd(found.jacobians, compute_uv=False)[:, 0]
    predicted = float(model.jacobian_singular_value(np.linalg.norm(found.end_to_end, ord=2)))
    if max(predicted, float(largest.max())) < 1e-10:  # everything collapsed to zero
        return 0.0
    return relative(largest, np.full(problem.depth, predicted))


def reduced(*, factor: float = 1.0, **numbers: Any) -> float:
    """Return by how much the reduced optimum exceeds a descent's, or F at the network that it names misses it."""
    problem, found = optimum("frobenius", **numbers)
    claimed = replace(problem, jacobian_decay=factor * problem.jacobian_decay, head_decay=factor * problem.head_decay)
    solution = solve(claimed, starts=8, seed=numbers["seed"], progress=False)
    above = (solution.objective - found.objective) / found.objective
    return max(above, relative(unreduced_value(problem, solution.jacobians, solution.head), solution.objective))


def bracket(*, depth: float, jacobian_decay: float, head_decay: float, s: float, shift: float = 0.0) -> float:
    """Return how far s sticks out of S4's bracket, relative to s."""
    m = FrobeniusModel(depth, jacobian_decay, head_decay).end_to_end_singular_value(s)
    lower, upper = FrobeniusModel(depth + shift, jacobian_decay, head_decay).bounds(m)
    return max(float(lower / s) - 1.0, 1.0 - float(upper / s), 0.0)


def exponent(*, depth: float, jacobian_decay: float, head_decay: float, m: float, power_law: bool = False) -> float:
    """Return the error of the local exponent of s in L, against a central difference."""
    step = 1e-4
    shallow, here, deep = (
        FrobeniusModel(depth * factor, jacobian_decay, head_decay) for factor in (np.exp(-step), 1.0, np.exp(step))
    )
    slope = np.log(deep.jacobian_singular_value(m) / shallow.jacobian_singular_value(m)) / (2.0 * step)
    return abs(float(slope) - (-1.0 if power_law else float(here.depth_exponent(m))))


CLAIMS = (
    Claim(
        statement="S2",
        name="balance",
        sentence="m^2 = rho s (1 + s)^(2L+1) for the product of all matrices of a critical point",
        cases=model_numbers(s=SPECTRA, seed=seeds),
        departure=balance,
        tolerance=1e-9,
        reason="singular values of M may lie five orders of magnitude apart",
        slip={"shift": -0.5},
        mistake="(1 + s)^(2L)",
    ),
    Claim(
        statement="S2",
        name="balance found",
        sentence="where a descent over all variables ends, s_1 follows from the end-to-end map",
        cases=descents(spare=True),
        departure=descent_balance,
        tolerance=1e-6,
        reason="as S1 aligned",
        slip={"shift": -0.5},
        mistake="(1 + s)^(2L)",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S3",
        name="lower bound",
        sentence="no factorisation of M costs less than sum_k lam_J (s_k + (L+1) s_k^2)",
        cases=model_numbers(s=SPECTRA, noise=st.just(0.0) | powers_of_ten(-3, 0), seed=seeds),
        departure=cost,
        tolerance=1e-10,
        reason="rounding of singular values of M, where the aligned factorisation attains the bound",
        slip={"excess": 1.0},
        mistake="L + 2 in place of L + 1",
    ),
    Claim(
        statement="S3",
        name="attained",
        sentence="aligned blocks and head attain it",
        cases=model_numbers(s=SPECTRA, seed=seeds),
        departure=attained,
        tolerance=1e-10,
        reason="as S3 lower bound",
        slip={"excess": -1.0},
        mistake="L in place of L + 1",
    ),
    Claim(
        statement="S3",
        name="reduced problem",
        sentence="min F = min over M of ell(M X) + (1/2) sum_k c_L(sigma_k(M)): no descent ends lower",
        cases=descents(losses=("squared", "cross-entropy", "logistic")),
        departure=reduced,
        tolerance=1e-8,
        reason="both searches stop at a relative gradient of 1e-10",
        slip={"factor": 2.0},
        mistake="without the half",
        share=DESCENT_SHARE,
    ),
    Claim(
        statement="S4",
        name="bracket",
        sentence="exp(2 asinh(omega/2)) - 1 <= s <= exp(omega) - 1",
        cases=st.fixed_dictionaries(
            {
                "depth": powers_of_ten(0, 4),
                "jacobian_decay": DECAYS,
                "head_decay": DECAYS,
                "s": powers_of_ten(-6, -2),
            }
        ),
        departure=bracket,
        tolerance=1e-10,
        reason="m is rounded, and (1 + s)^L magnifies that up to a hundredfold",
        slip={"shift": 0.25},
        mistake="nu = 2L + 2",
    ),
    Claim(
        statement="S4",
        name="exponent",
        sentence="d ln s / d ln L = -2L (1 + s) ln(1 + s) / (1 + (2L + 2) s) at fixed m",
        cases=st.fixed_dictionaries(
            {
                "depth": powers_of_ten(0, 4),
                "jacobian_decay": DECAYS,
                "head_decay": DECAYS,
                "m": powers_of_ten(-2, 3),
            }
        ),
        departure=exponent,
        tolerance=1e-6,
        reason="a central difference of step 1e-4: its square, and rounding over the step",
        slip={"power_law": True},
        mistake="the pure power -1",
    ),
    Claim(
        statement="S18",
        name="embedding",
        sentence="m = (lam_J / sqrt(lam_W lam_E)) s (1 + s)^(L+1) with a trained embedding",
        cases=st.fixed_dictionaries(
            {
                "depth": DEPTHS,
                "jacobian_decay": DECAYS,
                "head_decay": DECAYS,
                "embedding_decay": DECAYS,
                "s": SPECTRA,
                "seed": seeds,
            }
        ),
        departure=balance,
        tolerance=1e-9,
        reason="as S2 balance",
        slip={"shift": 1.0},
        mistake="(1 + s)^(L+2)",
    ),
)
