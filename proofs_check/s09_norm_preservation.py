# ruff: noqa: N816 - symbols are named as in the statement
"""S9: no block of an aligned network shrinks a signal, and none stretches it by more than 1 + s_1.

J = J_l is the block of S1(d), or of the nuclear optimum (S6): symmetric, its eigenvalues between 0 and s_1, and at
least s_min on the row space of W. K, R and S are square roots that commute with J: K^T K = J, R^T R = s_1 I - J, and
S^T S = J - s_min I on that row space. G is the gradient of ell with respect to the logits, U = W A_L .. A_(l+1) is
what follows block l, and g = g_l = U^T G the gradient with respect to h_l.
"""

from functools import partial

from sympy import LambertW, Rational, exp, log, oo, sinh, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.evaluation import Matrices, Reals, Where
from proofs_check.known_theorems import square_root_margin
from proofs_check.s04_depth_law import L, nu, root, x
from proofs_check.sign import Divided, FromZero, Increasing
from proofs_check.step import Statement
from proofs_check.writing import StepsOn, quoted

s_1, s_min = symbols("s_1 s_min", nonnegative=True)
level, y, u, s = symbols("T y u s", positive=True)
"""T = m_1^2/rho; any positive number; u = W0(nu T); s = s_1 > 0."""

slide = symbols("epsilon", real=True)
J, K, R, S, U, G, H, dH = matrices("J K R S U G H dH")
g, h, v = matrices("g h v")
A = 1 + J
WHERE: Where = {
    **dict.fromkeys((s_1, s_min, s), Reals(1e-3, 1e1)),
    level: Reals(1.1, 1e4),
    y: Reals(1e-6, 1e6),
    x: Reals(1e-4, 3),
    L: Reals(1, 64),
    **dict.fromkeys((J, K, R, S), Matrices(3, 3)),
    **dict.fromkeys((H, dH), Matrices(3, 4)),
    U: Matrices(2, 3),
    G: Matrices(2, 4),
    **dict.fromkeys((g, h, v), Matrices(3, 1)),
}
on = StepsOn(WHERE)

positive, below, above, commuting, kernel = matrices("positive below above commuting kernel")

# --- The gradient ---------------------------------------------------------------------------------------------------

GRADIENT = (
    on.equal(
        "chain rule, d ell = <G, dZ>, Z = U (I + J_l) H_(l-1): g_(l-1) = (I + J_l)^T g_l",
        tr(T(G) * U * A * (H + slide * dH)).diff(slide).subs(slide, 0),
        tr(T(T(A) * (T(U) * G)) * dH),
        spoilt=tr(T(G) * U * (H + slide * dH)).diff(slide).subs(slide, 0),
    ),
    on.follows(
        "v in ker W = ker J_l (S1): v^T g_(l-1) = v^T g_l, and v^T g_L = (W v)^T dl/dz = 0",
        T(v) * T(A) * g - T(v) * g,
        {kernel: J * v},
        T(kernel) * g,
        spoilt=T(v) * T(A) * g + T(v) * g,
    ),
)

# --- The bounds -----------------------------------------------------------------------------------------------------

excess = (J - s_min) * g
symmetric = positive - T(positive)
"""J - J^T, since K^T K is symmetric."""

BOUNDS = (
    quoted(
        "J, s_1 I - J, and J - s_min I on the row space, have square roots commuting with J",
        "a positive semidefinite matrix has one positive semidefinite square root, a polynomial in it",
        "HornJohnson2013 7.2.6",
        square_root_margin,
        spoilt=partial(square_root_margin, sign=-1),
    ),
    on.follows(
        "below: |A g|^2 = (1 + s_min)^2 |g|^2 + 2 (1 + s_min)|S g|^2 + |(J - s_min I) g|^2",
        T(A * g) * A * g - (1 + s_min) ** 2 * T(g) * g - 2 * (1 + s_min) * T(S * g) * S * g - T(excess) * excess,
        {below: excess - T(S) * S * g},
        (1 + s_min) * (T(g) * below + T(below) * g),
        spoilt=T(A * g) * A * g - (1 + s_min) ** 2 * T(g) * g - T(excess) * excess,
    ),
    on.follows(
        "above: (1 + s_1)^2 |g|^2 = |A g|^2 + (2 + s_1)|R g|^2 + |K R g|^2",
        (1 + s_1) ** 2 * T(g) * g - T(A * g) * A * g - (2 + s_1) * T(R * g) * R * g - T(K * R * g) * K * R * g,
        {positive: J - T(K) * K, above: s_1 - J - T(R) * R, commuting: R * J - J * R},
        T(g) * (symmetric * A + above * (2 + s_1 + J) + T(R) * (commuting + positive * R)) * g,
        spoilt=(1 + s_1) ** 2 * T(g) * g - T(A * g) * A * g - s_1 * T(R * g) * R * g - T(K * R * g) * K * R * g,
    ),
    on.follows(
        "forward, h = h_(l-1): |A h|^2 = |h|^2 + 2 |K h|^2 + |J h|^2 below, above as for g",
        T(A * h) * A * h - T(h) * h - 2 * T(K * h) * K * h - T(J * h) * J * h,
        {positive: J - T(K) * K},
        T(h) * (positive + T(positive)) * h,
        spoilt=T(A * h) * A * h - T(h) * h - T(K * h) * K * h - T(J * h) * J * h,
    ),
)

# --- delta_L = s_1 --------------------------------------------------------------------------------------------------

nu_u = u * exp(u) / level
"""nu with W0(nu T) = u."""

L_u = (nu_u - Rational(3, 2)) / 2
n = 2 * L + 1

DEFECT = (
    on.exceeds(
        "Frobenius (S4): ln(1 + s_1) < W0(nu T)/nu, so delta_L = s_1 < e^(W0(nu T)/nu) - 1",
        root,
        x,
        Increasing(lambda a: a * exp(nu * a), Divided(exp(nu * x), 2 * sinh(x / 2), x, FromZero(x, (1, 1)))),
        spoilt=2 * sinh(x / 2),
    ),
    on.exceeds(
        "W0(y) < ln(1 + y), so delta_L < (1 + nu T)^(1/nu) - 1",
        log(1 + y),
        LambertW(y),
        Increasing(lambda a: a * exp(a), FromZero(y)),
        spoilt=2 * LambertW(y),
    ),
    on.tends(
        "the bound is c ln(2L)/L with c -> 1/2 at fixed T, along nu = u e^u/T",
        (exp(u / nu_u) - 1) * L_u / log(2 * L_u),
        u,
        at=oo,
        to=Rational(1, 2),
        approach=("1e2", "1e3", "2e3"),
        within=1e-2,
        digits=2000,
        spoilt=1,
    ),
    on.exceeds(
        "nuclear: T = (1 + s_1)^(2L+1) (S6) > 1 + (2L+1) s_1, so delta_L < (T - 1)/(2L+1)",
        (1 + s) ** n,
        1 + n * s,
        FromZero(s, (n, 2 * L)),
        spoilt=1 + 2 * n * s,
    ),
    on.tends(
        "nuclear: L delta_L -> ln(T)/2, so delta_L = O(1/L)",
        L * (level ** (1 / n) - 1),
        L,
        at=oo,
        to=log(level) / 2,
        approach=("1e6", "1e12", "1e24"),
        within=1e-20,
        spoilt=log(level),
    ),
)

STATEMENT = Statement(
    id="S9",
    title="Norm preservation",
    claim="1 + s_min <= |g_(l-1)|/|g_l| <= 1 + s_1, 1 <= |h_l|/|h_(l-1)| <= 1 + s_1, s_1 < e^(W0(nu T)/nu) - 1",
    assumptions="Frobenius model, positive branch, or nuclear model at its optimum; g_L not 0, T = m_1^2/rho fixed",
    status="proved",
    sections={
        "The gradient": GRADIENT,
        "The bounds": BOUNDS,
        "How far from 1": DEFECT,
    },
)
