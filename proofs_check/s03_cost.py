# ruff: noqa: N816 - symbols are named as in the statement
"""S3: the least decay that realises an end-to-end map M is sum_k c_L(m_k), c_L(m) = lam_J (s + (L+1) s^2).

The matrix part rests on the inequalities of Horn and Weyl, which are quoted; the scalar part is proved here, for any
real depth L > 0. x and y = 1 + q stand for factors 1 + s_l >= 1 of single blocks.
"""

from functools import partial
from random import Random

import mpmath
from sympy import Derivative, exp, log, symbols

from proofs_check.evaluation import Matrices, Reals
from proofs_check.known_theorems import horn_margin, majorisation_margin, singular_values, weyl_margin
from proofs_check.s02_balance import L, gain, rho, s, slope
from proofs_check.sign import Divided, FromZero
from proofs_check.step import Statement
from proofs_check.writing import StepsOn, quoted, tried

lam_J, lam_W, T, p, q, t = symbols("lam_J lam_W T p q t", positive=True)
on = StepsOn(
    {s: Reals(1e-6, 1e2), L: Reals(0.1, 64), rho: Reals(1e-6, 1e6), lam_J: Reals(1e-6, 1e3), lam_W: Reals(1e-6, 1e3)}
    | {T: Reals(1e-9, 1e9), p: Reals(1e-6, 1e2), q: Reals(1e-6, 1e2), t: Reals(1e-6, 10)}
)
y = 1 + q

decay = lam_J * T * (1 + s) ** (-2 * L) + lam_J * L * s**2
"""lam_W w^2 + lam_J L s^2 with w = m (1 + s)^(-L), as a function of s at fixed m^2 = rho T, rho = lam_J/lam_W."""

cost = lam_J * (s + (L + 1) * s**2)
rate = 2 * s * (1 + s) / slope
"""ds/d ln m of S2."""

SIZE, BLOCKS = 3, 3


def scalar_cost(m: mpmath.mpf) -> mpmath.mpf:
    """c_L(m) for lam_J = lam_W = 1 and L = `BLOCKS`, with s from S2 by bisection in ln s."""
    low, high = 2 * mpmath.log(m) - 60, 2 * mpmath.log(m)
    for _ in range(250):
        middle = (low + high) / 2
        above = middle + (2 * BLOCKS + 1) * mpmath.log1p(mpmath.exp(middle)) > 2 * mpmath.log(m)
        low, high = (low, middle) if above else (middle, high)
    found = mpmath.exp(low)
    return found + (BLOCKS + 1) * found**2


def factorisation_margin(rng: Random, *, excess: float = 1.0) -> mpmath.mpf:
    """Cost of W A_3 A_2 A_1 = M minus `excess` times sum_k c_3(sigma_k(M)), for blocks near the aligned ones."""
    head = Matrices(2, SIZE).draw(rng)
    squares, frame = mpmath.eigsy(head.T * head)
    aligned = frame * mpmath.diag([(mpmath.sqrt(1 + 4 * abs(square)) - 1) / 2 for square in squares]) * frame.T
    blocks = [aligned + Matrices(SIZE, SIZE).draw(rng) / 16 for _ in range(BLOCKS)]
    product = head
    for block in blocks:
        product = product * (mpmath.eye(SIZE) + block)
    energy = mpmath.norm(head) ** 2 + sum(mpmath.norm(block) ** 2 for block in blocks)
    return energy - excess * mpmath.fsum(scalar_cost(m) for m in singular_values(product))


SCALAR = (
    on.equal(
        "slope in s of lam_W m^2 (1 + s)^(-2L) + lam_J L s^2: it vanishes where S2 holds",
        Derivative(decay, s),
        2 * lam_J * L * (1 + s) ** (-2 * L - 1) * (gain - T),
        spoilt=Derivative(decay * (1 + s), s),
    ),
    on.exceeds(
        "its sign is that of s (1 + s)^(2L+1) - T, which increases: S2 is the minimum",
        Derivative(gain, s),
        0,
        spoilt=2 * (1 + s) ** (2 * L) * slope,
    ),
    on.equal(
        "the minimum is c_L = lam_J (s + (L+1) s^2)",
        decay.subs(T, gain),
        cost,
        spoilt=decay.subs(T, gain * (1 + s)),
    ),
    on.equal(
        "S1(d) attains it: lam_W w^2 + lam_J L s^2 with w^2 = rho s (1 + s)",
        lam_W * rho * s * (1 + s) + lam_W * rho * L * s**2,
        cost.subs(lam_J, rho * lam_W),
        spoilt=lam_W * rho * s * (1 + s) + lam_W * rho * (L + 1) * s**2,
    ),
    on.equal(
        "d c_L / d ln m = 2 lam_J s (1 + s)",
        Derivative(cost, s) * rate,
        2 * lam_J * s * (1 + s),
        spoilt=Derivative(cost, s) * 2 * rate,
    ),
    on.exceeds("c_L increases in ln m", Derivative(cost, s) * rate, 0, spoilt=2 * lam_J * s * (1 + s)),
    on.exceeds(
        "c_L is convex in ln m: its second derivative is positive",
        Derivative(2 * lam_J * s * (1 + s), s) * rate,
        0,
        spoilt=4 * lam_J * s * (1 + 2 * s),
    ),
)

UNEQUAL_LAYERS = (
    on.exceeds(
        "(e^t - 1)^2 is convex for t > 0",
        Derivative((exp(t) - 1) ** 2, t, 2),
        0,
        Divided(2 * exp(t), 2 * exp(t), 1, FromZero(t)),
        spoilt=4 * exp(2 * t),
    ),
    on.exceeds(
        "so (x - 1)^2 exceeds its tangent in ln x at y > 1: for x = y (1 + p)",
        (y * (1 + p) - 1) ** 2,
        (y - 1) ** 2 + 2 * y * (y - 1) * log(1 + p),
        FromZero(p),
        spoilt=(y - 1) ** 2 + 2 * y**2 * log(1 + p),
    ),
    on.exceeds(
        "and for x = y/(1 + p): summed at ln y = mean ln x_l, equal layers cost least",
        (y / (1 + p) - 1) ** 2,
        (y - 1) ** 2 - 2 * y * (y - 1) * log(1 + p),
        FromZero(p),
        spoilt=(y - 1) ** 2 - 2 * (y - 1) ** 2 * log(1 + p),
    ),
)

MATRICES = (
    quoted(
        "Weyl: sigma_k(I + J) <= 1 + sigma_k(J)",
        "sigma_k(A + B) <= sigma_k(A) + |B|_2",
        "HornJohnson1991 3.3.16",
        weyl_margin,
        spoilt=partial(weyl_margin, strength=2),
    ),
    quoted(
        "Horn: prod_(k<=r) sigma_k(M) <= prod_(k<=r) sigma_k(W) prod_l (1 + sigma_k(J_l))",
        "prod_(k<=r) sigma_k(A B) <= prod_(k<=r) sigma_k(A) sigma_k(B)",
        "HornJohnson1991 3.3.4",
        horn_margin,
        spoilt=partial(horn_margin, each=True),
    ),
    quoted(
        "so sum_k c_L(m_k) <= sum_k c_L(w_k prod_l (1 + sigma_k(J_l)))",
        "weak majorisation is kept by sums of an increasing convex function",
        "MarshallOlkin2011 4.B.2",
        majorisation_margin,
        spoilt=partial(majorisation_margin, increasing=False),
    ),
    tried(
        "together: W A_L .. A_1 = M costs at least sum_k c_L(sigma_k(M))",
        "lam_W |W|^2 + lam_J sum_l |J_l|^2 >= sum_k c_L(sigma_k(W A_L .. A_1))",
        factorisation_margin,
        spoilt=partial(factorisation_margin, excess=1.25),
    ),
)

STATEMENT = Statement(
    id="S3",
    title="Representation cost and the reduced problem",
    claim="the least decay that realises M is sum_k lam_J (s_k + (L+1) s_k^2)",
    assumptions="Frobenius model, real depth L > 0; the inequalities of Horn, Weyl and Karamata are quoted",
    status="proved",
    sections={
        "One direction": SCALAR,
        "Unequal layers": UNEQUAL_LAYERS,
        "Matrices": MATRICES,
    },
)
