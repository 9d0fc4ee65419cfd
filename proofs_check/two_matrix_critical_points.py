# ruff: noqa: N816 - symbols are named as in the statement
"""The critical points of the nuclear model, with B_l and A'_l as unknowns: the matrix part of S6.

A block l and its neighbour l + 1 are written A = I + J and A_2 = I + J_2, J = B A'. U is what follows the neighbour,
H = H_(l-1) enters block l, G is the gradient of ell with respect to the logits, and K = K_l, with
lam_J K_l = -(W A_L .. A_(l+1))^T G H^T, is what the loss asks of block l.
"""

from functools import partial

from sympy import Expr, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.evaluation import Matrices, Reals, Where
from proofs_check.known_theorems import square_root_margin
from proofs_check.step import Step
from proofs_check.two_matrix_examples import factor_critical_point
from proofs_check.writing import StepsOn, quoted

__all__ = ["ALIGNMENT", "DEMAND", "FACTORISATION", "MINIMA"]

lam_J, lam_W, s = symbols("lam_J lam_W s", positive=True)
kappa, slide = symbols("kappa epsilon", real=True)
"""kappa is an eigenvalue of K or of W^T W / rho."""

W, U, G, H, B, K, S, Z, Y = matrices("W U G H B K S Z Y")
J, inner, J_2, B_2, inner_2, K_2, dB = matrices("J A' J_2 B_2 A'_2 K_2 dB")
v, unit = matrices("v u")
A, A_2 = 1 + J, 1 + J_2
WHERE: Where = {
    **dict.fromkeys((lam_J, lam_W), Reals(1e-2, 1e2)),
    s: Reals(1e-3, 1e1),
    **dict.fromkeys((kappa, slide), Reals(-3, 3)),
    **dict.fromkeys((W, U), Matrices(2, 3)),
    **dict.fromkeys((J, inner, J_2, B, B_2, inner_2, K, K_2, S, Z, Y, dB), Matrices(3, 3)),
    H: Matrices(3, 4),
    G: Matrices(2, 4),
    **dict.fromkeys((v, unit), Matrices(3, 1)),
}
on = StepsOn(WHERE)

# --- The factors ----------------------------------------------------------------------------------------------------

in_W, in_K, in_K_2, in_B, in_inner, in_B_2, in_inner_2 = matrices("in_W in_K in_K_2 in_B in_A' in_B_2 in_A'_2")
orthogonal, balance, neighbours, symmetric, symmetric_S = matrices("orthogonal balance neighbours symmetric sym_S")
product, turned, involution, spared, eigenvector, kernel, length = matrices(
    "product turned involution inverse eigenvector kernel length"
)
FACTORS = {in_B: B - K * T(inner), in_inner: inner - T(B) * K}
"""Stationarity in B and A', divided by lam_J."""


def factor_slope(outer: Expr, inside: Expr) -> Expr:
    """Slope of F along a path of the factors of one block."""
    energy = tr(T(outer) * outer) + tr(T(inside) * inside)
    return (tr(T(G) * U * (1 + outer * inside) * H) + lam_J / 2 * energy).diff(slide).subs(slide, 0)


B_slope, inner_slope = factor_slope(B + slide * dB, inner), factor_slope(B, inner + slide * dB)
polar = inner - T(B) * Z

FACTORISATION = (
    on.follows(
        "|A'|^2 + |B|^2 - 2 |J|_* = |A' - B^T Z|^2, |J|_* = tr(Z^T J), Z orthogonal (SVD)",
        tr(T(inner) * inner) + tr(T(B) * B) - 2 * tr(T(Z) * B * inner) - tr(T(polar) * polar),
        {orthogonal: Z * T(Z) - 1},
        -tr(B * T(B) * orthogonal),
        spoilt=tr(T(inner) * inner) + tr(T(B) * B) - tr(T(Z) * B * inner) - tr(T(polar) * polar),
    ),
    on.equal(
        "dF/dB_l = (W A_L .. A_(l+1))^T G H^T A'_l^T + lam_J B_l = lam_J (B_l - K_l A'_l^T)",
        B_slope,
        tr(T(lam_J * B + T(U) * G * T(H) * T(inner)) * dB),
        spoilt=B_slope.subs(U, U * B),
    ),
    on.equal(
        "dF/dA'_l = B_l^T (W A_L .. A_(l+1))^T G H^T + lam_J A'_l = lam_J (A'_l - B_l^T K_l)",
        inner_slope,
        tr(T(lam_J * inner + T(B) * T(U) * G * T(H)) * dB),
        spoilt=inner_slope.subs(U, U * B),
    ),
    on.follows(
        "both vanish: B_l^T B_l = A'_l A'_l^T",
        T(B) * B - inner * T(inner),
        FACTORS,
        T(B) * in_B - in_inner * T(inner),
        spoilt=B * T(B) - T(inner) * inner,
    ),
    on.follows(
        "so J J^T = (B B^T)^2: B B^T = (J J^T)^(1/2)",
        B * inner * T(B * inner) - (B * T(B)) ** 2,
        {balance: T(B) * B - inner * T(inner)},
        -B * balance * T(B),
        spoilt=B * inner * T(B * inner) - (T(B) * B) ** 2,
    ),
    on.follows(
        "and J^T J = (A'^T A')^2: A'^T A' = (J^T J)^(1/2)",
        T(B * inner) * B * inner - (T(inner) * inner) ** 2,
        {balance: T(B) * B - inner * T(inner)},
        T(inner) * balance * inner,
        spoilt=T(B * inner) * B * inner - (inner * T(inner)) ** 2,
    ),
    quoted(
        "where the root is the one that is positive semidefinite",
        "a positive semidefinite matrix has exactly one positive semidefinite square root",
        "HornJohnson2013 7.2.6",
        square_root_margin,
        spoilt=partial(square_root_margin, sign=-1),
    ),
)

# --- K_l at every critical point ------------------------------------------------------------------------------------

LAST = {in_W: lam_W * W + G * T(A * H), in_K: lam_J * K + T(W) * G * T(H)}
PAIR = {in_K: lam_J * K + T(U * A_2) * G * T(H), in_K_2: lam_J * K_2 + T(U) * G * T(A * H)}

DEMAND = (
    on.follows(
        "last block: lam_J K_L A_L^T = lam_W W^T W",
        lam_J * K * T(A) - lam_W * T(W) * W,
        LAST,
        in_K * T(A) - T(W) * in_W,
        spoilt=lam_J * K * A - lam_W * T(W) * W,
    ),
    on.follows(
        "last block: K_L A_L^T = K_L + B_L B_L^T, so K_L = W^T W/rho - B_L B_L^T is symmetric",
        K * T(1 + B * inner) - K - B * T(B),
        FACTORS,
        -in_B * T(B),
        spoilt=K * T(1 + B * inner) - K - T(B) * B,
    ),
    on.follows(
        "neighbours: K_l A_l^T = A_(l+1)^T K_(l+1)",
        lam_J * (K * T(A) - T(A_2) * K_2),
        PAIR,
        in_K * T(A) - T(A_2) * in_K_2,
        spoilt=lam_J * (K * T(A) - A_2 * K_2),
    ),
    on.follows(
        "so K_l + B_l B_l^T = K_(l+1) + A'_(l+1)^T A'_(l+1), and every K_l is symmetric",
        (K + B * T(B)) - (K_2 + T(inner_2) * inner_2),
        {
            neighbours: K * T(1 + B * inner) - T(1 + B_2 * inner_2) * K_2,
            in_B: B - K * T(inner),
            in_inner_2: inner_2 - T(B_2) * K_2,
        },
        neighbours + in_B * T(B) - T(inner_2) * in_inner_2,
        spoilt=(K + B * T(B)) - (K_2 + inner_2 * T(inner_2)),
    ),
)

# --- Alignment where the symmetric part of I + J_l is positive definite: S = B B^T, R = A'^T A', Q = K + S -----------

SYMMETRIC = {symmetric: K - T(K), symmetric_S: S - T(S)}
ALIGNED = SYMMETRIC | {involution: K * S - S}

commuted = symmetric_S * K + T(S) * symmetric + T(involution) - symmetric_S
"""S K - S in terms of the hypotheses `ALIGNED`."""

ALIGNMENT = (
    on.follows(
        "J_l = S K_l, with S = B B^T",
        B * inner - B * T(B) * K,
        FACTORS,
        B * in_inner,
        spoilt=B * inner - T(B) * B * K,
    ),
    on.follows(
        "K_l J_l^T = S",
        K * T(B * inner) - B * T(B),
        FACTORS,
        -in_B * T(B),
        spoilt=K * B * inner - B * T(B),
    ),
    on.follows(
        "so (K^2 - I) S = 0",
        K * K * S - S,
        SYMMETRIC | {product: J - S * K, turned: K * T(J) - S},
        turned - K * T(product) + K * symmetric * S + K * T(K) * symmetric_S,
        spoilt=K * S - S,
    ),
    on.follows(
        "K v = -v makes v^T Q v + v^T (I + J) v = 0, Q = K + S = W^T W/rho in the last block",
        T(v) * (K + S) * v + T(v) * A * v,
        {product: J - S * K, eigenvector: K * v + v},
        T(v) * product * v + T(v) * (1 + S) * eigenvector,
        spoilt=T(v) * (K + S) * v - T(v) * A * v,
    ),
    on.follows(
        "impossible as Q >= 0 and I + J + (I + J)^T > 0: K + I has an inverse Y, and K S = S",
        K * S - S,
        {involution: K * K * S - S, spared: Y * (K + 1) - 1},
        Y * involution - spared * (K * S - S),
        spoilt=K * S + S,
    ),
    on.follows(
        "J_l = S: symmetric and positive semidefinite",
        J - S,
        ALIGNED | {product: J - S * K},
        product + commuted,
        spoilt=J - S * K * K - S,
    ),
    on.follows(
        "and A'^T A' = S too: Q = K + S is the same in every block, Q = W^T W/rho",
        T(inner) * inner - S,
        ALIGNED | {in_inner: inner - T(B) * K, product: B * T(B) - S},
        T(in_inner) * inner + T(K) * (B * in_inner + product * K) + (involution - symmetric * S) * K + commuted,
        spoilt=T(inner) * inner + S,
    ),
    on.follows(
        "S v = s v, s > 0, makes Q v = (1 + s) v: J_l is a sum of (w_k^2/rho - 1) v_k v_k^T",
        s * (K + S) * v - s * (1 + s) * v,
        {involution: K * S - S, eigenvector: S * v - s * v},
        involution * v - K * eigenvector + (1 + s) * eigenvector,
        spoilt=s * (K + S) * v - s**2 * v,
    ),
    Step(
        "such a critical point, built: J_l = (W^T W/rho - I)_+",
        factor_critical_point(),
        factor_critical_point(slip=0.0625),
    ),
)

# --- Local minima with a spare hidden unit u ------------------------------------------------------------------------

spare_B, spare_inner = matrices("spare_B spare_A'")
SPARE = {spare_B: B * unit, spare_inner: T(unit) * inner, length: T(unit) * unit - 1}
grown_B, grown_inner = B + slide * v * T(unit), inner + slide * unit * T(v)
grown_energy = tr(T(grown_B) * grown_B) + tr(T(grown_inner) * grown_inner) - tr(T(B) * B) - tr(T(inner) * inner)

MINIMA = (
    on.follows(
        "more hidden units than rank: B u = 0 for some |u| = 1, and |A'^T u| = |B u| = 0",
        T(T(inner) * unit) * T(inner) * unit,
        {balance: T(B) * B - inner * T(inner), spare_B: B * unit},
        T(unit) * T(B) * spare_B - T(unit) * balance * unit,
        spoilt=T(inner * unit) * inner * unit,
    ),
    on.follows(
        "B + epsilon v u^T and A' + epsilon u v^T move J by epsilon^2 v v^T",
        grown_B * grown_inner - B * inner - slide**2 * v * T(v),
        SPARE,
        slide * (spare_B * T(v) + v * spare_inner) + slide**2 * v * length * T(v),
        spoilt=grown_B * grown_inner - B * inner - slide * v * T(v),
    ),
    on.follows(
        "and their energy by 2 epsilon^2 |v|^2",
        grown_energy - 2 * slide**2 * tr(T(v) * v),
        SPARE,
        2 * slide * (tr(T(spare_B) * v) + tr(spare_inner * v)) + 2 * slide**2 * tr(T(v) * v * length),
        spoilt=grown_energy - slide**2 * tr(T(v) * v),
    ),
    on.follows(
        "and ell by -epsilon^2 lam_J kappa |v|^2 + O(epsilon^4), K v = kappa v: so kappa <= 1",
        tr(T(G) * U * v * T(v) * H) + lam_J * kappa * tr(T(v) * v),
        {in_K: lam_J * K + T(U) * G * T(H), eigenvector: K * v - kappa * v},
        tr(T(v) * in_K * v) - lam_J * tr(T(v) * eigenvector),
        spoilt=tr(T(G) * U * v * T(v) * H) - lam_J * kappa * tr(T(v) * v),
    ),
    on.follows(
        "S v = 0 makes K v = Q v = kappa v, w_k^2/rho = kappa <= 1: J_l = (W^T W/rho - I)_+",
        K * v - kappa * v,
        {eigenvector: (K + S) * v - kappa * v, kernel: S * v},
        eigenvector - kernel,
        spoilt=K * v + kappa * v,
    ),
)
