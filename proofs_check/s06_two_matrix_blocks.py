# ruff: noqa: N816 - symbols are named as in the statement
"""S6: blocks of two matrices, J_l = B_l A'_l, both decayed: a hard rank, and 1/depth without a logarithm.

F = ell(W A_L .. A_1 X) + (lam_W/2)|W|^2 + (lam_J/2) sum_l (|A'_l|^2 + |B_l|^2), A_l = I + J_l. T = m^2/rho, n = 2L+1,
and the depth L may be any positive real number. The matrix part is in `two_matrix_critical_points`.
"""

from functools import partial

from sympy import Derivative, Integer, exp, log, oo, sqrt, symbols

from proofs_check.evaluation import Integers, Reals, Where
from proofs_check.known_theorems import von_neumann_margin
from proofs_check.sign import Divided, FromZero, Manifest, Through
from proofs_check.step import Statement
from proofs_check.two_matrix_critical_points import ALIGNMENT, DEMAND, FACTORISATION, MINIMA
from proofs_check.two_matrix_examples import factorisation_margin
from proofs_check.writing import StepsOn, quoted, tried

lam_J, lam_W, L, s, t, m, y, z = symbols("lam_J lam_W L s T m y z", positive=True)
"""T = m^2/rho, z = m/sqrt(rho); y is a singular value of the target Y."""

p, q = symbols("p q", positive=True)
C = symbols("C", integer=True, positive=True)
n = 2 * L + 1
rho = lam_J / lam_W

WHERE: Where = {
    **dict.fromkeys((lam_J, lam_W, t, m, y, z), Reals(1e-2, 1e2)),
    **dict.fromkeys((s, p, q), Reals(1e-3, 1e1)),
    L: Reals(1, 64),
    C: Integers(2, 100),
}
on = StepsOn(WHERE)

# --- One direction: w (1 + s)^L = m at least cost -------------------------------------------------------------------

decay = lam_J * t * (1 + s) ** (-2 * L) + 2 * lam_J * L * s
"""lam_W w^2 + 2 lam_J L s with w = m (1 + s)^(-L), as a function of s at fixed m."""

gain = (1 + s) ** n
"""T = m^2/rho above the threshold."""

cost = lam_J * (1 + n * s)
"""c_L above the threshold."""

rate = 2 * (1 + s) / n
"""ds/d ln m above the threshold, from 2 d ln m = n ds/(1 + s)."""

DIRECTION = (
    on.equal(
        "slope in s of lam_W m^2 (1 + s)^(-2L) + 2 lam_J L s: the sign of (1 + s)^(2L+1) - T",
        Derivative(decay, s),
        2 * lam_J * L * (1 + s) ** (-n) * (gain - t),
        spoilt=Derivative(decay * (1 + s), s),
    ),
    on.exceeds(
        "T = 1/(1 + p) <= 1: positive slope for s > 0, so s = 0, w = m and c_L = lam_W m^2",
        gain,
        1 / (1 + p),
        Through(1, above=FromZero(s), below=Manifest()),
        spoilt=2 * gain,
    ),
    on.exceeds(
        "T > 1: the slope changes sign once, from - to +, where (1 + s)^(2L+1) = m^2/rho",
        Derivative(gain, s),
        0,
        spoilt=2 * Derivative(gain, s),
    ),
    on.equal(
        "T > 1: c_L = lam_J (1 + (2L+1) s)",
        decay.subs(t, gain),
        cost,
        spoilt=decay.subs(t, gain / (1 + s)),
    ),
    on.equal(
        "T > 1: w^2 = m^2 (1 + s)^(-2L) = rho (1 + s)",
        rho * gain * (1 + s) ** (-2 * L),
        rho * (1 + s),
        spoilt=rho * gain * (1 + s) ** (-L),
    ),
    on.equal(
        "depth law: (2L+1) ln (1 + s) = ln(m^2/rho)",
        n * log(1 + s),
        log(gain),
        spoilt=2 * L * log(1 + s),
    ),
    on.tends(
        "no logarithm of L: L s -> ln(T)/2 at fixed T = 1 + p > 1",
        L * ((1 + p) ** (1 / n) - 1),
        L,
        at=oo,
        to=log(1 + p) / 2,
        approach=("1e6", "1e12", "1e24"),
        within=1e-20,
        spoilt=log(1 + p),
    ),
)

# --- The cost at the threshold, and as a function of ln m -----------------------------------------------------------

beyond = lam_J * (n * z ** (2 / n) - (n - 1))
"""c_L above the threshold as a function of z = m/sqrt(rho), since 1 + s = z^(2/n)."""

block = 1 + q

COST = (
    on.equal(
        "c_L is continuous: lam_J (1 + (2L+1) s) at s = 0 is lam_W m^2 at m^2 = rho",
        cost.subs(s, 0),
        (lam_W * m**2).subs(m, sqrt(rho)),
        spoilt=cost.subs(s, 1),
    ),
    on.equal(
        "above the threshold d c_L/d ln m = 2 lam_J (1 + s)",
        Derivative(cost, s) * rate,
        2 * lam_J * (1 + s),
        spoilt=Derivative(cost, s) * 2 * rate,
    ),
    on.equal(
        "once differentiable: at the threshold both slopes d c_L/dm are 2 lam_J/sqrt(rho)",
        (2 * lam_W * m).subs(m, sqrt(rho)),
        (2 * lam_J * (1 + s) / m).subs({s: 0, m: sqrt(rho)}),
        spoilt=(lam_W * m).subs(m, sqrt(rho)),
    ),
    on.equal(
        "not twice: d^2 c_L/dz^2, z^2 = T, falls from 2 lam_J to -2 lam_J (2L-1)/(2L+1)",
        Derivative(beyond, z, 2),
        -2 * lam_J * (2 * L - 1) / n * z ** (2 / n - 2),
        spoilt=Derivative(beyond, z, 2) * z,
    ),
    on.exceeds(
        "convex in ln m below the threshold: d c_L/d ln m = 2 lam_W m^2 increases",
        m * Derivative(2 * lam_W * m**2, m),
        0,
        spoilt=8 * lam_W * m**2,
    ),
    on.exceeds(
        "convex in ln m above it: 2 lam_J (1 + s) increases; so S3's majorisation applies",
        Derivative(2 * lam_J * (1 + s), s) * rate,
        0,
        spoilt=4 * lam_J * (1 + s),
    ),
    on.exceeds(
        "unequal layers: x - 1 exceeds its tangent in ln x at b > 1, for x = b (1 + p)",
        block * (1 + p) - 1,
        block - 1 + block * log(1 + p),
        Divided(block, 1 + p, 1 + log(1 + p), FromZero(p)),
        spoilt=block - 1 + 2 * block * (1 + p) * log(1 + p),
    ),
    on.exceeds(
        "and for x = b/(1 + p): summed at ln b = mean ln x_l, equal layers cost least",
        block / (1 + p) - 1,
        block - 1 - block * log(1 + p),
        Divided(block, 1 / (1 + p) + log(1 + p), 1, FromZero(p)),
        spoilt=block - 1 - block * log(1 + p) / (1 + p) / 2,
    ),
    tried(
        "together, as in S3: W A_L .. A_1 = M costs at least sum_k c_L(sigma_k(M))",
        "lam_W |W|^2 + 2 lam_J sum_l |J_l|_* >= sum_k c_L(sigma_k(W A_L .. A_1))",
        factorisation_margin,
        spoilt=partial(factorisation_margin, excess=1.25),
    ),
)

# --- Duality with a plain net of 2L inner layers (S8), each with singular value a = sqrt(1 + s) ----------------------

squared = 1 + s
"""a^2."""

DUALITY = (
    on.equal(
        "plain net (S8) of 2L inner layers: lam_W w^2 = lam_J a^2, m = w a^(2L): a^2 = 1 + s",
        lam_J / lam_W * squared * squared ** (2 * L),
        rho * gain,
        spoilt=lam_J / lam_W * squared * squared**L,
    ),
    on.equal(
        "it costs lam_W w^2 + 2L lam_J a^2 = c_L + 2L lam_J",
        lam_J * squared + 2 * L * lam_J * squared,
        cost + 2 * L * lam_J,
        spoilt=lam_J * squared + L * lam_J * squared,
    ),
    on.exceeds(
        "below the threshold the ridge lam_W m^2 is dearer than that, T = (1 + p)^(-n) < 1",
        lam_J * (1 + p) ** (-n),
        lam_J * (n / (1 + p) - 2 * L),
        Divided(lam_J, (1 + p) ** (-n) - n / (1 + p) + 2 * L, 0, FromZero(p, (n * (1 + p) ** (-n - 1),), FromZero(p))),
        spoilt=lam_J * (n - 2 * L),
    ),
)

# --- Rank drop: |M - Y|^2/2 + sum_k c_L(sigma_k(M))/2 ---------------------------------------------------------------

tightest = n / ((2 * L - 1) * (1 + p))
"""lam_W <= (2L+1)/(2L-1)."""

RANK_DROP = (
    quoted(
        "von Neumann: tr(M^T Y) <= sum_k m_k y_k, so one scalar problem for each y_k",
        "tr(A^T B) <= sum_k sigma_k(A) sigma_k(B)",
        "HornJohnson2013 7.4.1.1",
        von_neumann_margin,
        spoilt=partial(von_neumann_margin, crossed=True),
    ),
    on.equal(
        "below the threshold (m - y)^2/2 + c_L/2 has the slope (1 + lam_W) m - y",
        Derivative((m - y) ** 2 / 2 + lam_W * m**2 / 2, m),
        (1 + lam_W) * m - y,
        spoilt=Derivative((m - y) ** 2 / 2 + lam_W * m**2, m),
    ),
    on.equal(
        "at the threshold, from both sides, sqrt(rho)(1 + lam_W) - y",
        ((m - y) + lam_J * (1 + s) / m).subs({s: 0, m: sqrt(rho)}),
        ((1 + lam_W) * m - y).subs(m, sqrt(rho)),
        spoilt=((m - y) + lam_J * (1 + s) / m).subs({s: 1, m: sqrt(rho)}),
    ),
    on.equal(
        "above it the second derivative is 1 - lam_W (2L-1)/(2L+1) (1 + s)^(-2L)",
        1 + Derivative(beyond, z, 2) / (2 * rho),
        1 - lam_W * (2 * L - 1) / n * z ** (2 / n - 2),
        spoilt=1 + Derivative(beyond, z, 2) / rho,
    ),
    on.exceeds(
        "positive if lam_W <= (2L+1)/(2L-1): convex, so s > 0 iff y > sqrt(rho)(1 + lam_W)",
        1,
        tightest * (2 * L - 1) / n * (1 + s) ** (-2 * L),
        Divided((1 + s) ** (-2 * L) / (1 + p), (1 + p) * (1 + s) ** (2 * L), 1, FromZero(s)),
        spoilt=2,
    ),
)

# --- Cross-entropy at the simplex M = m (I - 1 1^T/C), classes as orthonormal inputs ---------------------------------

partition = exp(m) + C - 1
"""Its inverse p is the probability of each wrong class."""

SIMPLEX = (
    on.equal(
        "mean cross-entropy: d ell/dZ = -p (I - 1 1^T/C), p = 1/(e^m + C - 1), diagonal ..",
        (exp(m) / partition - 1) / C,
        -(1 - 1 / C) / partition,
        spoilt=exp(m) / partition - 1,
    ),
    on.equal(
        ".. where p e^m + (C - 1) p = 1, else p/C: W = M is stationary iff lam_W m = p",
        exp(m) / partition + (C - 1) / partition,
        Integer(1),
        spoilt=exp(m) / partition + C / partition,
    ),
    on.exceeds(
        "m (e^m + C - 1) increases: one m",
        Derivative(m * partition, m),
        0,
        FromZero(m),
        spoilt=2 * m * exp(m) + 2 * partition,
    ),
    on.equal(
        "m <= sqrt(rho), K = W^T W/rho <= I, iff sqrt(lam_J lam_W)(e^sqrt(rho) + C - 1) >= 1",
        (lam_W * m * partition).subs(m, sqrt(rho)),
        sqrt(lam_J * lam_W) * (exp(sqrt(rho)) + C - 1),
        spoilt=(lam_J * m * partition).subs(m, sqrt(rho)),
    ),
)

STATEMENT = Statement(
    id="S6",
    title="Two-matrix blocks: hard rank and an exact depth law",
    claim="(1 + s)^(2L+1) = m^2/rho above the threshold m = sqrt(rho), s = 0 below it",
    assumptions="nuclear model, global minimum; Horn, Weyl, Karamata and von Neumann are quoted",
    status="proved",
    sections={
        "One direction": DIRECTION,
        "The cost": COST,
        "The factors at every critical point": FACTORISATION,
        "What the loss asks of each block": DEMAND,
        "Alignment at critical points": ALIGNMENT,
        "Local minima with spare hidden width": MINIMA,
        "Duality": DUALITY,
        "Rank drop": RANK_DROP,
        "The simplex without blocks": SIMPLEX,
    },
)
