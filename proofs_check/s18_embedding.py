# ruff: noqa: N816 - symbols are named as in the statement
"""S18: the reduced problem with a trained embedding: F = ell(W A_L .. A_1 E X) + decay of W, the J_l and E.

Per direction the singular values are e of E, 1 + s of every A_l and w of W, so m = e (1 + s)^L w. mu is short for
m sqrt(lam_W lam_E)/lam_J. The depth L is any positive real number.
"""

from functools import partial
from random import Random

import mpmath
from sympy import Derivative, S, log, sqrt, symbols

from proofs_check.evaluation import Matrices, Reals
from proofs_check.known_theorems import horn_margin, singular_values
from proofs_check.s02_balance import L, s
from proofs_check.sign import Divided, FromZero
from proofs_check.step import Statement
from proofs_check.writing import StepsOn, quoted, tried

lam_J, lam_W, lam_E, e, w, mu = symbols("lam_J lam_W lam_E e w mu", positive=True)
on = StepsOn(
    {s: Reals(1e-6, 1e2), L: Reals(0.1, 64), mu: Reals(1e-6, 1e6)}
    | dict.fromkeys((lam_J, lam_W, lam_E), Reals(1e-6, 1e3))
    | dict.fromkeys((e, w), Reals(1e-3, 1e3))
)

ends = 2 * lam_J * mu * (1 + s) ** (-L)
"""The least decay of both ends at a given s: 2 sqrt(lam_W lam_E) m (1 + s)^(-L)."""

# --- Frobenius ------------------------------------------------------------------------------------------------------

frobenius_decay = ends + lam_J * L * s**2
frobenius_gain = s * (1 + s) ** (L + 1)
"""mu as a function of s."""

frobenius_cost = lam_J * (2 * s + (L + 2) * s**2)
slope = 1 + (L + 2) * s
"""d ln mu/d ln s, times 1 + s."""

FROBENIUS = (
    on.equal(
        "lam_W w^2 + lam_E e^2 = 2 sqrt(lam_W lam_E) w e + (sqrt(lam_W) w - sqrt(lam_E) e)^2",
        lam_W * w**2 + lam_E * e**2,
        2 * sqrt(lam_W * lam_E) * w * e + (sqrt(lam_W) * w - sqrt(lam_E) * e) ** 2,
        spoilt=lam_W * w**2 - lam_E * e**2,
    ),
    on.exceeds(
        "so the ends cost at least 2 sqrt(lam_W lam_E) w e, reached at lam_W w^2 = lam_E e^2",
        (sqrt(lam_W) * w - sqrt(lam_E) * e) ** 2,
        0,
        strict=False,
        spoilt=S.One,
    ),
    on.equal(
        "slope in s of 2 lam_J mu (1+s)^(-L) + lam_J L s^2: it vanishes at mu = s (1+s)^(L+1)",
        Derivative(frobenius_decay, s),
        2 * lam_J * L * (1 + s) ** (-L - 1) * (frobenius_gain - mu),
        spoilt=Derivative(frobenius_decay * (1 + s), s),
    ),
    on.exceeds(
        "s (1+s)^(L+1) increases: that is the minimum, one s for every m",
        Derivative(frobenius_gain, s),
        0,
        spoilt=2 * (1 + s) ** L * slope,
    ),
    on.exceeds(
        "it passes every value, since it exceeds s",
        frobenius_gain,
        s,
        Divided(s, (1 + s) ** (L + 1), 1, FromZero(s)),
        spoilt=2 * s,
    ),
    on.equal(
        "the minimum is lam_J (2 s + (L+2) s^2)",
        frobenius_decay.subs(mu, frobenius_gain),
        frobenius_cost,
        spoilt=frobenius_decay.subs(mu, frobenius_gain * (1 + s)),
    ),
    on.equal(
        "both ends then have lam_W w^2 = lam_E e^2 = lam_J s (1+s), as S1 asks",
        (ends / 2).subs(mu, frobenius_gain),
        lam_J * s * (1 + s),
        spoilt=ends.subs(mu, frobenius_gain),
    ),
    on.equal(
        "d cost / d ln m = 2 lam_J s (1 + s)",
        Derivative(frobenius_cost, s) / Derivative(log(frobenius_gain), s),
        2 * lam_J * s * (1 + s),
        spoilt=2 * Derivative(frobenius_cost, s) / Derivative(log(frobenius_gain), s),
    ),
    on.exceeds(
        "it increases in m: the cost is an increasing convex function of ln m",
        Derivative(2 * lam_J * s * (1 + s), s) / Derivative(log(frobenius_gain), s),
        0,
        spoilt=4 * lam_J * s * (1 + 2 * s),
    ),
)

# --- Nuclear: a block costs 2 lam_J s instead of lam_J s^2 ------------------------------------------------------------

nuclear_decay = ends + 2 * lam_J * L * s
nuclear_gain = (1 + s) ** (L + 1)
nuclear_cost = lam_J * (2 + (2 * L + 2) * s)

NUCLEAR = (
    on.equal(
        "slope in s of 2 lam_J mu (1+s)^(-L) + 2 lam_J L s: it vanishes at mu = (1+s)^(L+1)",
        Derivative(nuclear_decay, s),
        2 * lam_J * L * (1 + s) ** (-L - 1) * (nuclear_gain - mu),
        spoilt=Derivative(nuclear_decay * (1 + s), s),
    ),
    on.exceeds(
        "(1+s)^(L+1) increases from 1: for mu > 1 that is the minimum",
        Derivative(nuclear_gain, s),
        0,
        spoilt=2 * (L + 1) * (1 + s) ** L,
    ),
    on.exceeds(
        "for mu <= 1 the slope is positive, as (1+s)^(L+1) > 1: s = 0 is the minimum",
        nuclear_gain,
        1,
        FromZero(s),
        spoilt=1 + 2 * (L + 1) * s,
    ),
    on.equal(
        "above the threshold the minimum is lam_J (2 + (2L+2) s)",
        nuclear_decay.subs(mu, nuclear_gain),
        nuclear_cost,
        spoilt=nuclear_decay.subs(mu, nuclear_gain * (1 + s)),
    ),
    on.equal(
        "below it is 2 sqrt(lam_W lam_E) m, proportional to m: the nuclear norm of M",
        nuclear_decay.subs(s, 0),
        2 * lam_J * mu,
        spoilt=nuclear_decay,
    ),
    on.equal(
        "both meet at m = lam_J/sqrt(lam_W lam_E), that is mu = 1, s = 0",
        nuclear_cost.subs(s, 0),
        (2 * lam_J * mu).subs(mu, 1),
        spoilt=nuclear_cost,
    ),
    on.equal(
        "d cost / d ln m = 2 lam_J (1 + s) above, and 2 lam_J mu below: equal there",
        Derivative(nuclear_cost, s) / Derivative(log(nuclear_gain), s),
        2 * lam_J * (1 + s),
        spoilt=2 * Derivative(nuclear_cost, s) / Derivative(log(nuclear_gain), s),
    ),
    on.exceeds(
        "it increases in m above the threshold",
        Derivative(2 * lam_J * (1 + s), s) / Derivative(log(nuclear_gain), s),
        0,
        spoilt=4 * lam_J * (1 + s),
    ),
    on.exceeds(
        "and below: so the cost is an increasing convex function of ln m",
        mu * Derivative(2 * lam_J * mu, mu),
        0,
        spoilt=4 * lam_J * mu,
    ),
)

# --- Matrices: as in S3, with one factor more ------------------------------------------------------------------------

SIZE, BLOCKS = 3, 3


def scalar_cost(m: mpmath.mpf) -> mpmath.mpf:
    """Return the Frobenius cost of m for all decays 1 and L = `BLOCKS`, by bisection in ln s."""
    low, high = mpmath.log(m) - 60, mpmath.log(m)
    for _ in range(250):
        middle = (low + high) / 2
        above = middle + (BLOCKS + 1) * mpmath.log1p(mpmath.exp(middle)) > mpmath.log(m)
        low, high = (low, middle) if above else (middle, high)
    found = mpmath.exp(low)
    return 2 * found + (BLOCKS + 2) * found**2


def factorisation_margin(rng: Random, *, excess: float = 1.0) -> mpmath.mpf:
    """Cost of W A_3 A_2 A_1 E = M minus `excess` times the sum of the costs of sigma_k(M), near the aligned factors."""
    head = Matrices(2, SIZE).draw(rng)
    squares, frame = mpmath.eigsy(head.T * head)
    gains = [(mpmath.sqrt(1 + 4 * abs(square)) - 1) / 2 for square in squares]
    embedding = frame * mpmath.diag([mpmath.sqrt(abs(square)) for square in squares])
    factors = [frame * mpmath.diag(gains) * frame.T + Matrices(SIZE, SIZE).draw(rng) / 16 for _ in range(BLOCKS)]
    product = head
    for block in factors:
        product = product * (mpmath.eye(SIZE) + block)
    energy = sum(mpmath.norm(factor) ** 2 for factor in (head, embedding, *factors))
    return energy - excess * mpmath.fsum(scalar_cost(m) for m in singular_values(product * embedding))


MATRICES = (
    quoted(
        "Horn, as in S3: prod_(k<=r) m_k <= prod_(k<=r) w_k e_k prod_l (1 + sigma_k(J_l))",
        "prod_(k<=r) sigma_k(A B) <= prod_(k<=r) sigma_k(A) sigma_k(B)",
        "HornJohnson1991 3.3.4",
        horn_margin,
        spoilt=partial(horn_margin, each=True),
    ),
    tried(
        "together: W A_L .. A_1 E = M costs at least the sum over its singular values",
        "lam_W |W|^2 + lam_E |E|^2 + lam_J sum_l |J_l|^2 >= sum_k cost(sigma_k(W A_L .. A_1 E))",
        factorisation_margin,
        spoilt=partial(factorisation_margin, excess=1.25),
    ),
)

STATEMENT = Statement(
    id="S18",
    title="Reduced problem with an embedding",
    claim="m = (lam_J / sqrt(lam_W lam_E)) s (1 + s)^(L+1), cost lam_J (2 s + (L+2) s^2)",
    assumptions="trained input embedding with decay lam_E > 0; the inequalities of Horn, Weyl and Karamata are quoted",
    status="proved",
    sections={"Frobenius model": FROBENIUS, "Nuclear model": NUCLEAR, "Matrices": MATRICES},
)
