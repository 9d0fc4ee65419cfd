# ruff: noqa: N816 - symbols are named as in the statement
"""S17: the coupling of two Jacobians, m_K = |U_2^T J_1 V_2 - S_1|_F/|S_1|_F on the top K.

U_i and V_i are the top K singular vectors of J_i as columns, S_i the diagonal matrix of its top K singular values; so
J_i = U_i S_i V_i^T + R_i with U_i^T R_i = 0. For the bound E = J_1 - J_2, and (U P) and (V Q) are square and
orthogonal.
"""

from collections.abc import Sequence
from functools import partial, reduce
from itertools import permutations, product
from operator import add
from random import Random
from typing import Any

import mpmath
from sympy import Derivative, Expr, Matrix, Rational, diag, eye, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.claims import Example
from proofs_check.evaluation import Integers, Matrices, Reals, Where
from proofs_check.known_theorems import mirsky_margin
from proofs_check.step import Statement, Step
from proofs_check.writing import StepsOn, quoted, tried

t = symbols("t", positive=True)
k = symbols("k", integer=True, nonnegative=True)
L, K, d = symbols("L K d", integer=True, positive=True)
J, E, U, V, P, Q, R, S, S_1, S_2 = matrices("J E U V P Q R S S_1 S_2")
J_1, J_2 = matrices("J_1 J_2")
in_J, in_U, in_2, rest, left, right = matrices("in_J in_U in_2 rest left right")

WHERE: Where = {
    t: Reals(1e-2, 1e2),
    k: Integers(0, 40),
    **dict.fromkeys((L, K, d), Integers(1, 40)),
    **dict.fromkeys((J, J_1, J_2, E, R), Matrices(3, 3)),
    **dict.fromkeys((U, V), Matrices(3, 2)),
    **dict.fromkeys((P, Q), Matrices(3, 1)),
    **dict.fromkeys((S, S_1, S_2), Matrices(2, 2)),
}
on = StepsOn(WHERE)

# --- Where it vanishes ------------------------------------------------------------------------------------------------

eigenvalue = 1 / (k + L / t)
"""That of J_l, l = k + 1, in the kinetic model with white inputs, where P has 1 + t (S7)."""

ZERO = (
    on.follows(
        "J_1 = J_2 = J, as at S1(d) and the nuclear optimum: U^T J V = S for any frames of J",
        T(U) * J * V - S,
        {in_J: J - U * S * T(V) - R, left: T(U) * U - 1, right: T(V) * V - 1, rest: T(U) * R},
        T(U) * in_J * V + left * S * T(V) * V + S * right + rest * V,
        spoilt=T(U) * J * V - S * T(V) * V * S,
    ),
    on.exceeds(
        "white kinetic: eig(J_(k+1)) = 1/(k + L/t) increases in t: all have the same top K",
        Derivative(eigenvalue, t),
        0,
        spoilt=2 / t**2,
    ),
    on.follows(
        "and their common eigenvectors U = U_2 = V_2 give U^T J_1 U = S_1",
        T(U) * J * U - S,
        {in_U: J * U - U * S, left: T(U) * U - 1},
        T(U) * in_U + left * S,
        spoilt=T(U) * J * U - 2 * S,
    ),
)

# --- The bound --------------------------------------------------------------------------------------------------------


def bound_margin(rng: Random, *, factor: float = 2.0) -> mpmath.mpf:
    """Return factor |J_1 - J_2|_F/|S_1|_F - m_K for K = 2 and a random pair."""
    first = Matrices(3, 3).draw(rng)
    second = first + Matrices(3, 3).draw(rng) / 4
    own = mpmath.svd(first, compute_uv=False)
    left, _, right = mpmath.svd(second)
    top = mpmath.diag([own[0], own[1]])
    error = left[:, :2].T * first * right[:2, :].T - top
    return (factor * mpmath.norm(first - second) - mpmath.norm(error)) / mpmath.norm(top)


BOUND = (
    on.follows(
        "U_2^T J_1 V_2 - S_1 = U_2^T (J_1 - J_2) V_2 + (S_2 - S_1), as U_2^T J_2 V_2 = S_2",
        T(U) * J_1 * V - S_1 - T(U) * (J_1 - J_2) * V - (S_2 - S_1),
        {in_2: T(U) * J_2 * V - S_2},
        in_2,
        spoilt=T(U) * J_1 * V - S_1 - T(U) * (J_1 - J_2) * V,
    ),
    on.follows(
        "|E|^2 = |U^T E V|^2 + |U^T E Q|^2 + |P^T E|^2, and so |U_2^T E V_2| <= |J_1 - J_2|",
        tr(T(E) * E)
        - tr(T(T(U) * E * V) * T(U) * E * V)
        - tr(T(T(U) * E * Q) * T(U) * E * Q)
        - tr(T(T(P) * E) * T(P) * E),
        {left: U * T(U) + P * T(P) - 1, right: V * T(V) + Q * T(Q) - 1},
        -tr(right * T(E) * U * T(U) * E) - tr(T(E) * left * E),
        spoilt=tr(T(E) * E) - tr(T(T(U) * E * V) * T(U) * E * V) - tr(T(T(P) * E) * T(P) * E),
    ),
    quoted(
        "|S_1 - S_2|_F <= |J_1 - J_2|_F, so m_K <= 2 |J_1 - J_2|_F/|S_1|_F",
        "sum_k (sigma_k(A) - sigma_k(B))^2 <= |A - B|_F^2",
        "HornJohnson2013 7.3.5",
        mirsky_margin,
        spoilt=partial(mirsky_margin, strength=8),
    ),
    tried(
        "together: m_K <= 2 |J_1 - J_2|_F/|S_1|_F",
        "|U_2^T J_1 V_2 - S_1|_F <= 2 |J_1 - J_2|_F",
        bound_margin,
        spoilt=partial(bound_margin, factor=0.25),
    ),
)

# --- Independent Haar frames -----------------------------------------------------------------------------------------
# |U^T J V - S|^2 is quadratic in each frame, and Haar's law does not see a signed permutation g of the axes: the mean
# over all g U tells the mean over Haar frames.


def signed_permutations(size: int) -> list[list[list[int]]]:
    """Return every signed permutation matrix, as lists of rows."""
    return [
        [[sign * (column == place) for column in range(size)] for place, sign in zip(order, signs, strict=True)]
        for order in permutations(range(size))
        for signs in product((1, -1), repeat=size)
    ]


def mean(terms: Sequence[Any]) -> Any:
    """Return the mean of numbers or matrices."""
    return reduce(add, terms) / len(terms)


def moments(*, share: int = 1) -> Example:
    """Return the claim that g has mean 0 and g S g^T has mean share tr(S)/d I, which holds for `share` 1."""
    group = signed_permutations(3)

    def exact() -> Sequence[Expr]:
        square = Matrix(3, 3, symbols("s:9"))
        second = mean([Matrix(g) * square * Matrix(g).T for g in group])
        return [*mean([Matrix(g) for g in group]), *(second - share * square.trace() / 3 * eye(3))]

    def at_random(rng: Random) -> Sequence[tuple[Any, Any]]:
        square = Matrices(3, 3).draw(rng)
        second = mean([mpmath.matrix(g) * square * mpmath.matrix(g).T for g in group])
        trace = mpmath.fsum(square[i, i] for i in range(3))
        first = mpmath.eye(3) + mean([mpmath.matrix(g) for g in group])
        return [(first, mpmath.eye(3)), (second, share * trace / 3 * mpmath.eye(3))]

    wrong = f", with {share} tr(S)/d I" * (share != 1)
    return Example(f"d = 3, all 48 signed permutations g and any matrix S{wrong}", exact, at_random)


UNIT_VECTORS = ((5, 13), (12, 13)), ((8, 17), (15, 17))
"""Each as the fractions of its two entries."""


def level(*, share: int = 1) -> Example:
    """Return the claim that m_1^2 has mean 1 + share/d^2 |J_1|^2/s_1^2 for d = 2, which holds for `share` 1."""
    group = signed_permutations(2)

    def exact() -> Sequence[Expr]:
        block = Matrix([[Rational(3, 5), -Rational(4, 5)], [Rational(4, 5), Rational(3, 5)]]) * diag(3, 1)
        u, v = (Matrix([Rational(*cosine), Rational(*sine)]) for cosine, sine in UNIT_VECTORS)
        squares = [((Matrix(g) * u).T * block * Matrix(k) * v)[0] / 3 - 1 for g in group for k in group]
        return [mean([square**2 for square in squares]) - 1 - Rational(share * 10, 4 * 9)]

    def at_random(rng: Random) -> Sequence[tuple[Any, Any]]:
        block = Matrices(2, 2).draw(rng)
        largest = max(mpmath.svd(block, compute_uv=False))
        u, v = (
            mpmath.matrix([mpmath.cos(angle), mpmath.sin(angle)])
            for angle in (Reals(0, 6).draw(rng), Reals(0, 6).draw(rng))
        )
        turned = [((mpmath.matrix(g) * u).T * block * mpmath.matrix(k) * v)[0] for g in group for k in group]
        found = mean([(number / largest - 1) ** 2 for number in turned])
        return [(found, 1 + share * mpmath.norm(block) ** 2 / (2 * largest) ** 2)]

    wrong = f", with {share} times the second term" * (share != 1)
    return Example(f"d = 2, K = 1, all signed permutations of both vectors{wrong}", exact, at_random)


HAAR = (
    Step("E U = 0 and E U U^T = (K/d) I, from E g = 0 and E g S g^T = (tr S/d) I", moments(), moments(share=2)),
    on.equal(
        "|U^T J V - S|^2 = <U U^T J V V^T, J> - 2 <U^T J V, S> + |S|^2; the middle has mean 0",
        tr(T(T(U) * J * V - S) * (T(U) * J * V - S)),
        tr(U * T(U) * J * V * T(V) * T(J)) - 2 * tr(T(S) * T(U) * J * V) + tr(T(S) * S),
        spoilt=tr(T(T(U) * J * V) * (T(U) * J * V)),
    ),
    on.equal(
        "the first has mean <(K/d) J (K/d), J> = (K^2/d^2) |J|^2",
        tr(K / d * J * (K / d) * T(J)),
        K**2 / d**2 * tr(T(J) * J),
        spoilt=tr(K / d * J * T(J)),
    ),
    Step("so E m_K^2 = 1 + (K^2/d^2) |J_1|^2/|S_1|^2: a plain net's level", level(), level(share=2)),
)

STATEMENT = Statement(
    id="S17",
    title="Coupling",
    claim="m_K = 0 at S1(d), m_K <= 2 |J_1 - J_2|/|S_1|, E m_K^2 = 1 + (K^2/d^2) |J_1|^2/|S_1|^2 for Haar frames",
    assumptions="Frobenius, nuclear or white kinetic model for the zero; any pair for the bound; K <= rank J_1",
    status="proved",
    sections={"Where it vanishes": ZERO, "The bound": BOUND, "Independent Haar frames": HAAR},
)
