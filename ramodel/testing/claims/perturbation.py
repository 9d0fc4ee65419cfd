"""Statements S14 and S17: what an error does to singular values and subspaces, and the coupling measure."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from ramodel.metrics import coupling_error
from ramodel.testing.claims.cases import SIZES, Array, blocks_with, gaussian
from ramodel.testing.claims.claim import Claim
from ramodel.testing.strategies import powers_of_ten, seeds
from ramodel.theory import (
    coupling_bound,
    haar_rotations,
    independent_coupling_error,
    mixed_gap,
    rotate_gauge,
    singular_value_interval,
    subspace_angle_bound,
)

__all__ = ["CLAIMS"]

DRAWS = 400
"""Pairs of independent frames of the Monte Carlo mean."""

SPECTRA = st.lists(SIZES, min_size=1, max_size=3)


def weyl(*, width: int, noise: float, seed: int, part: float = 1.0) -> float:
    """Return how far a singular value of J leaves the interval about that of J + E, relative to ||E||."""
    true, measured, error = _measured(width, noise, seed)
    s = np.linalg.svd(true, compute_uv=False)
    lower, upper = singular_value_interval(np.linalg.svd(measured, compute_uv=False), part * error)
    return max(float(np.max(lower - s)), float(np.max(s - upper)), 0.0) / error


def wedin(*, width: int, count: int, noise: float, seed: int, part: float = 1.0) -> float:
    """Return by how much the angle between top subspaces of J and J + E exceeds its bound."""
    true, measured, error = _measured(width, noise, seed)
    k = min(count, width)
    (left, s, right), (left_measured, s_measured, right_measured) = np.linalg.svd(true), np.linalg.svd(measured)
    bound = float(subspace_angle_bound(part * error, mixed_gap(s, s_measured, k, width=width)))
    sines = [
        np.linalg.norm(outside.T @ inside, ord=2) if k < width else 0.0
        for outside, inside in ((left[:, k:], left_measured[:, :k]), (right[k:].T, right_measured[:k].T))
    ]
    return max(float(max(sines)) - bound, 0.0)


def aligned(*, s: Sequence[float], repeat: bool, depth: int, seed: int, turned: bool = False) -> float:
    """Return the largest coupling error of equal symmetric blocks, with their singular values repeated or not."""
    values = np.sort(list(s) * 2 if repeat else s)[::-1]
    width = len(values) + 1
    blocks, _ = blocks_with(values, width, depth, seed)
    if turned:
        blocks, _ = rotate_gauge(blocks, np.zeros((1, width)), haar_rotations(depth, width, seed))
    return float(np.max(_coupling(blocks, len(values))))


def bound(*, width: int, count: int, noise: float, seed: int, part: float = 1.0) -> float:
    """Return by how much a coupling error exceeds twice the distance of the Jacobians."""
    true, measured, _ = _measured(width, noise, seed)
    k = min(count, width)
    allowed = coupling_bound(np.linalg.norm(true - measured), np.linalg.svd(true, compute_uv=False)[:k])
    found = float(_coupling(np.array([measured, true]), k)[0, 1])
    return max(found / (part * float(allowed)) - 1.0, 0.0)


def independent(*, width: int, count: int, seed: int, without_rest: bool = False) -> float:
    """Return by how many standard errors the mean m_K^2 of independent frames misses its level."""
    k = min(count, width)
    values = np.linspace(2.0, 1.0, width)
    turns = haar_rotations(2 * DRAWS, width, seed)
    coordinates = (turns[:DRAWS].swapaxes(1, 2) * values) @ turns[DRAWS:]
    top = np.diag(values[:k])
    squares = np.linalg.norm(coordinates[:, :k, :k] - top, axis=(1, 2)) ** 2 / np.sum(top**2)
    level = 1.0 if without_rest else float(independent_coupling_error(values, k, width)) ** 2
    return float(abs(squares.mean() - level) / (squares.std() / np.sqrt(DRAWS) + 1e-12))


def _measured(width: int, noise: float, seed: int) -> tuple[Array, Array, float]:
    """Return J, J + E and ||E||_2."""
    true, error = gaussian(seed, 2, width, width)
    return true, true + noise * error, noise * float(np.linalg.norm(error, ord=2))


def _coupling(blocks: Array, count: int) -> Array:
    left, s, right = np.linalg.svd(blocks)
    found: Array = coupling_error(left.swapaxes(1, 2)[:, :count], blocks, right[:, :count], s[:, :count])
    return found


NOISY = {"width": st.integers(2, 5), "noise": powers_of_ten(-6, 0), "seed": seeds}
COUNTED = st.fixed_dictionaries({**NOISY, "count": st.integers(1, 3)})

CLAIMS = (
    Claim(
        statement="S14",
        name="singular values",
        sentence="|sigma_k(J + E) - sigma_k(J)| <= ||E|| (Weyl)",
        cases=st.fixed_dictionaries(NOISY),
        departure=weyl,
        tolerance=1e-8,
        reason="rounding of singular values, relative to an error of 1e-6",
        slip={"part": 0.25},
        mistake="a quarter of ||E||",
    ),
    Claim(
        statement="S14",
        name="subspaces",
        sentence="top subspaces turn by a sine of at most ||E|| / mixed gap (Wedin)",
        cases=COUNTED,
        departure=wedin,
        tolerance=1e-9,
        reason="rounding of singular vectors",
        slip={"part": 0.25},
        mistake="a quarter of ||E||",
    ),
    Claim(
        statement="S17",
        name="aligned",
        sentence="m_K = 0 at S1(d), with repeated singular values too",
        cases=st.fixed_dictionaries({"s": SPECTRA, "repeat": st.booleans(), "depth": st.integers(2, 4), "seed": seeds}),
        departure=aligned,
        tolerance=1e-10,
        reason="rounding of singular vectors",
        slip={"turned": True},
        mistake="the same along the gauge orbit of a plain net",
    ),
    Claim(
        statement="S17",
        name="bound",
        sentence="m_K <= 2 ||J_1 - J_2|| / ||S_1K||",
        cases=COUNTED,
        departure=bound,
        tolerance=1e-8,
        reason="rounding, relative to a difference of 1e-6",
        slip={"part": 0.25},
        mistake="1/2 in place of 2",
    ),
    Claim(
        statement="S17",
        name="independent",
        sentence="E m_K^2 = 1 + (K^2/d^2) ||J_1||^2 / ||S_1K||^2 for independent frames",
        cases=st.fixed_dictionaries({"width": st.integers(1, 6), "count": st.integers(1, 6), "seed": seeds}),
        departure=independent,
        tolerance=6.0,
        reason="six standard errors of a mean of 400",
        slip={"without_rest": True},
        mistake="the level 1",
        share=0.2,
    ),
)
