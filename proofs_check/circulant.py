"""Circulant class maps of S10 built outright, and the curvature of the objective at the simplex along any direction."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import mpmath
from sympy import Expr, Matrix, Rational, cos, eye, ones, pi, simplify, symbols

from proofs_check.claims import Example
from proofs_check.evaluation import Matrices, Reals

__all__ = ["curvature_margin", "logits", "orthogonal_projectors"]

CLASSES, DEPTH = 5, 3


def _family(classes: int, entry: Callable[[int, int], Any], matrix: Callable[[Any], Any]) -> list[Any]:
    """Return Pi_1 .. Pi_floor(C/2), where entry(mu_k, k (i - j)) is (mu_k/C) cos(2 pi k (i - j)/C)."""
    indices = range(classes)
    return [
        matrix([[entry(1 if 2 * k == classes else 2, k * (i - j)) for j in indices] for i in indices])
        for k in range(1, classes // 2 + 1)
    ]


def _exact_family() -> list[Matrix]:
    return _family(6, lambda share, part: Rational(share, 6) * cos(pi * part / 3), Matrix)


def _random_family(classes: int) -> list[mpmath.matrix]:
    def entry(share: int, part: int) -> mpmath.mpf:
        return share * mpmath.cos(2 * mpmath.pi * part / classes) / classes

    return _family(classes, entry, mpmath.matrix)


def orthogonal_projectors(*, first: int = 1) -> Example:
    """Return the claim that Pi_k, k >= `first`, are orthogonal projectors with sum I - 1 1^T/C; `first` 1 is right."""

    def residuals(family: Sequence[Any], identity: Any, level: Any) -> list[Any]:
        chosen = family[first - 1 :]
        differences = [sum(chosen[1:], chosen[0]) + level - identity]
        for one in chosen:
            differences += [one * other - (one if one is other else 0 * one) for other in chosen]
        return differences

    def at_random(rng: Random) -> Sequence[tuple[Any, Any]]:
        classes = rng.randint(4, 9)
        identity = mpmath.eye(classes)
        found = residuals(_random_family(classes), identity, mpmath.ones(classes, classes) / classes)
        return [(identity + residual, identity) for residual in found]

    return Example(
        "C = 6 in exact numbers, C = 4 .. 9 to 50 digits" + f", the sum beginning at k = {first}" * (first != 1),
        exact=lambda: [simplify(entry) for one in residuals(_exact_family(), eye(6), ones(6, 6) / 6) for entry in one],
        random=at_random,
    )


def logits(*, multiplicity: int = 1) -> Example:
    """Return the claim about logits and objective of a circulant M; `multiplicity` scales mu_k in it, 1 is right."""

    def exact() -> Sequence[Expr]:
        heights = symbols("a1:4")
        whole = sum((a * one for a, one in zip(heights, _exact_family(), strict=True)), 0 * eye(6))
        shares = [multiplicity * share for share in (2, 2, 1)]
        first = [
            sum(
                a * Rational(share, 6) * cos(pi * k * j / 3)
                for k, (a, share) in enumerate(zip(heights, shares, strict=True), 1)
            )
            for j in range(6)
        ]
        return [simplify(whole[j, c] - first[(j - c) % 6]) for j in range(6) for c in range(6)]

    def at_random(rng: Random) -> Sequence[tuple[Any, Any]]:
        classes = rng.randint(4, 7)
        family = _random_family(classes)
        heights = [Reals(0.1, 5).draw(rng) for _ in family]
        shares = [1 if 2 * k == classes else 2 for k in range(1, len(family) + 1)]
        whole = sum((a * one for a, one in zip(heights, family, strict=True)), mpmath.zeros(classes))
        z = [
            mpmath.fsum(
                a * multiplicity * share / classes * mpmath.cos(2 * mpmath.pi * k * j / classes)
                for k, (a, share) in enumerate(zip(heights, shares, strict=True), 1)
            )
            for j in range(classes)
        ]
        loss = mpmath.log(mpmath.fsum(mpmath.exp(z[j] - z[0]) for j in range(classes)))
        values = sorted(mpmath.svd(whole, compute_uv=False))[1:]
        stated = sorted(a for a, share in zip(heights, shares, strict=True) for _ in range(share))
        return [(_loss(whole), loss), *zip(values, stated, strict=True)]

    wrong = f", with {multiplicity} mu_k" * (multiplicity != 1)
    return Example(f"symbols a_1, a_2, a_3 for C = 6, and random M with 4 to 7 classes{wrong}", exact, at_random)


def _loss(logits_of: mpmath.matrix) -> mpmath.mpf:
    """Return the mean cross-entropy of logits M, one column for each class."""
    classes = range(logits_of.rows)
    partitions = [mpmath.fsum(mpmath.exp(logits_of[j, c] - logits_of[c, c]) for j in classes) for c in classes]
    return mpmath.fsum(mpmath.log(partition) for partition in partitions) / len(classes)


def _singular_value(m: mpmath.mpf) -> mpmath.mpf:
    """Return s of m by S2 for rho = 1, by Newton's iteration in ln s from above, where the equation is convex."""
    target, n = 2 * mpmath.log(m), 2 * DEPTH + 1
    level = target
    for _ in range(60):
        s = mpmath.exp(level)
        step = (level + n * mpmath.log1p(s) - target) * (1 + s) / (1 + (n + 1) * s)
        level -= step
        if abs(step) < mpmath.eps * 16:
            break
    return mpmath.exp(level)


def curvature_margin(rng: Random, *, excess: int = 0) -> mpmath.mpf:
    """Return 1e-12 less the distance of the second difference of F along a random direction to the stated curvature.

    L = 3, lam_J = lam_W such that the simplex of a random m is stationary; `excess` is added to C in the statement.
    """
    m, direction = Reals(1, 6).draw(rng), Matrices(CLASSES, CLASSES).draw(rng)
    centred = mpmath.eye(CLASSES) - mpmath.ones(CLASSES, CLASSES) / CLASSES
    p = 1 / (mpmath.exp(m) + CLASSES - 1)
    s = _singular_value(m)
    decay = p * m / (s * (1 + s))

    def objective(step: mpmath.mpf) -> mpmath.mpf:
        moved = m * centred + step * direction
        values = [_singular_value(m) for m in mpmath.svd(moved, compute_uv=False) if m > 0]
        return _loss(moved) + decay / 2 * mpmath.fsum(s + (DEPTH + 1) * s**2 for s in values)

    step = mpmath.mpf(10) ** -10
    found = (objective(step) - 2 * objective(mpmath.mpf(0)) + objective(-step)) / step**2

    columns = centred * direction
    inner = columns * centred
    symmetric, skew = (inner + inner.T) / 2, (inner - inner.T) / 2
    level = mpmath.fsum(direction) / CLASSES
    across = mpmath.norm(direction) ** 2 - mpmath.norm(inner) ** 2 - level**2
    bend = p / m * (1 - 2 * (DEPTH - 1) * s) / (1 + 2 * (DEPTH + 1) * s)
    classes = CLASSES + excess
    stated = (
        p / classes * mpmath.norm(columns) ** 2
        + p * (1 - classes * p) * mpmath.fsum(columns[c, c] ** 2 for c in range(CLASSES))
        + bend * mpmath.norm(symmetric) ** 2
        + p / m * (mpmath.norm(skew) ** 2 + across)
        + decay * level**2
    )
    return mpmath.mpf(10) ** -12 - abs(found - stated)
