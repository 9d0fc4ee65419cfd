"""Theorems that the proofs quote, tried on random matrices: each function returns a margin, not negative if it holds.

The keyword of each function makes the theorem a wrong one.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import mpmath

from proofs_check.evaluation import DIGITS, Matrices, Reals, agree

__all__ = [
    "horn_margin",
    "majorisation_margin",
    "mirsky_margin",
    "perturbation_margin",
    "product_margin",
    "singular_values",
    "spectral_margin",
    "square_root_margin",
    "von_neumann_margin",
    "wedin_margin",
    "weyl_margin",
]

SIZE = 3


def spectral_margin(rng: Random, *, eigenvalue_shift: float = 0.0) -> mpmath.mpf:
    """How well a random symmetric matrix is V diag(e) V^T with V orthogonal."""
    square = Matrices(SIZE, SIZE).draw(rng)
    matrix = square + square.T
    eigenvalues, frame = mpmath.eigsy(matrix)
    rebuilt = frame * mpmath.diag([value + eigenvalue_shift for value in eigenvalues]) * frame.T
    return _distance_margin(matrix, rebuilt) + _distance_margin(frame.T * frame, mpmath.eye(SIZE))


def square_root_margin(rng: Random, *, sign: int = 1) -> mpmath.mpf:
    """How well Newton's iteration from I finds the square root that the spectrum gives."""
    square = Matrices(SIZE, SIZE).draw(rng)
    matrix = mpmath.eye(SIZE) + square.T * square
    eigenvalues, frame = mpmath.eigsy(matrix)
    eigenvalues[0] = sign * mpmath.sqrt(eigenvalues[0])
    for i in range(1, SIZE):
        eigenvalues[i] = mpmath.sqrt(eigenvalues[i])
    iterate = mpmath.eye(SIZE)
    for _ in range(14):
        iterate = (iterate + matrix * mpmath.inverse(iterate)) / 2
    return _distance_margin(iterate, frame * mpmath.diag(list(eigenvalues)) * frame.T)


def singular_values(matrix: mpmath.matrix) -> list[mpmath.mpf]:
    """Singular values, the largest first."""
    return sorted(mpmath.svd(matrix, compute_uv=False), reverse=True)


def weyl_margin(rng: Random, *, strength: int = 1) -> mpmath.mpf:
    """Least of 1 + sigma_k(J) - sigma_k(I + J); `strength` 2 halves sigma_k(J)."""
    block = Matrices(SIZE, SIZE).draw(rng)
    own, shifted = singular_values(block), singular_values(mpmath.eye(SIZE) + block)
    return min(1 + small / strength - large for small, large in zip(own, shifted, strict=True))


def horn_margin(rng: Random, *, each: bool = False) -> mpmath.mpf:
    """Least of prod_(k<=r) sigma_k(A) sigma_k(B) - prod_(k<=r) sigma_k(A B); with `each`, of the single factors."""
    left, right = Matrices(2, SIZE).draw(rng), Matrices(SIZE, SIZE).draw(rng)
    pairs = list(zip(singular_values(left), singular_values(right), strict=False))
    product = singular_values(left * right)
    if each:
        return min(a * b - c for (a, b), c in zip(pairs, product, strict=True))
    return (
        min(mpmath.fprod(a * b for a, b in pairs[:r]) - mpmath.fprod(product[:r]) for r in range(1, len(product) + 1))
        + mpmath.mpf(10) ** -DIGITS
    )


def majorisation_margin(rng: Random, *, increasing: bool = True) -> mpmath.mpf:
    """sum_k f(b_k) - sum_k f(a_k) for f increasing and convex, where the sums of a's first terms are the smaller."""
    upper = sorted((Reals(-2, 2).draw(rng) for _ in range(4)), reverse=True)
    share = Reals(0.1, 0.4).draw(rng)
    mixed = [(1 - share) * a + share * b for a, b in zip(upper, reversed(upper), strict=True)]
    lower = [number - Reals(0.1, 0.5).draw(rng) for number in sorted(mixed, reverse=True)]
    sign = 1 if increasing else -1
    return sum((mpmath.exp(sign * b) - mpmath.exp(sign * a) for a, b in zip(lower, upper, strict=True)), mpmath.mpf(0))


def von_neumann_margin(rng: Random, *, crossed: bool = False) -> mpmath.mpf:
    """sum_k sigma_k(A) sigma_k(B) - tr(A^T B), for A near B; `crossed` pairs the largest with the smallest."""
    left = Matrices(SIZE, SIZE).draw(rng)
    right = left + Matrices(SIZE, SIZE).draw(rng) / 4
    pairs = zip(singular_values(left), sorted(singular_values(right), reverse=not crossed), strict=True)
    product = left.T * right
    return mpmath.fsum(a * b for a, b in pairs) - mpmath.fsum(product[i, i] for i in range(SIZE))


def perturbation_margin(rng: Random, *, strength: int = 1) -> mpmath.mpf:
    """|E|_2/strength less the most that a singular value of J moves when E is added."""
    block, error = Matrices(SIZE, SIZE).draw(rng), Matrices(SIZE, SIZE).draw(rng)
    moves = zip(singular_values(block), singular_values(block + error), strict=True)
    return singular_values(error)[0] / strength - max(abs(after - before) for before, after in moves)


def mirsky_margin(rng: Random, *, strength: int = 1) -> mpmath.mpf:
    """|E|_F/strength less the distance of the singular values of J and J + E."""
    block, error = Matrices(SIZE, SIZE).draw(rng), Matrices(SIZE, SIZE).draw(rng) / 4
    moves = zip(singular_values(block), singular_values(block + error), strict=True)
    return mpmath.norm(error) / strength - mpmath.sqrt(mpmath.fsum((after - before) ** 2 for before, after in moves))


def product_margin(rng: Random, *, largest: bool = False) -> mpmath.mpf:
    """How far |A B|_2 exceeds |A|_2 sigma_min(B); with `largest`, sigma_max(B) in its place."""
    left, right = Matrices(SIZE, SIZE).draw(rng), Matrices(SIZE, SIZE).draw(rng)
    return singular_values(left * right)[0] - singular_values(left)[0] * singular_values(right)[0 if largest else -1]


def wedin_margin(rng: Random, *, strength: int = 1) -> mpmath.mpf:
    """|E|_2/(strength gap) less the sines of the angles between the first singular vectors of J and J + E.

    The gap is the mixed one, sigma_1(J) - sigma_2(J + E).
    """
    block = mpmath.diag([2, 1, mpmath.mpf(1) / 2]) + Matrices(SIZE, SIZE).draw(rng) / 8
    error = Matrices(SIZE, SIZE).draw(rng) / 8
    frames = [mpmath.svd(matrix) for matrix in (block, block + error)]
    gap = frames[0][1][0] - frames[1][1][1]
    left, right = (abs(mpmath.fdot(*pair)) for pair in _first_vectors(frames))
    return singular_values(error)[0] / (strength * gap) - mpmath.sqrt(1 - min(left, right) ** 2)


def _first_vectors(frames: Sequence[tuple[mpmath.matrix, mpmath.matrix, mpmath.matrix]]) -> Iterator[Any]:
    """Yield the first left vectors of all factorisations U S V^T, then the first right ones."""
    yield [[left[i, 0] for i in range(SIZE)] for left, _, _ in frames]
    yield [[right[0, i] for i in range(SIZE)] for _, _, right in frames]


def _distance_margin(left: Any, right: Any) -> mpmath.mpf:
    """Return a number that is not negative iff two values agree to 50 digits: the margin of an equality."""
    return mpmath.mpf(0) if agree(left, right) else -mpmath.norm(left - right)
