"""S16: where the decay sits at a critical point: lam_W |W|^2 = -<G, Z> = lam_J (tr J_l + |J_l|^2) for every l.

The symbols of blocks and gradients are those of S1. On the positive branch s, w and m are singular values of J_l, W
and M along one direction, and t is that of P - I in the kinetic model with white inputs. p is the probability that
the simplex of S10 gives to each wrong class.
"""

from sympy import Derivative, Expr, exp, log, symbols

from proofs_check.algebra import T, tr
from proofs_check.evaluation import Reals
from proofs_check.s01_critical_points import LAST, PAIR, WHERE, A, B, G, H, J, K, U, W, in_J, in_K, in_W, lam_J, lam_W
from proofs_check.s02_balance import L, gain, rho, s
from proofs_check.s03_cost import cost
from proofs_check.step import Statement
from proofs_check.writing import StepsOn

t, m, C = symbols("t m C", positive=True)
on = StepsOn(
    {**WHERE, s: Reals(1e-6, 1e2), L: Reals(0.1, 64), t: Reals(1e-6, 1e2), m: Reals(0.1, 20), C: Reals(2, 100)}
)

# --- Identities ---------------------------------------------------------------------------------------------------

head_energy = lam_W * tr(T(W) * W)


def block_energy(block: Expr) -> Expr:
    """Return lam_J (tr J + |J|^2)."""
    return lam_J * (tr(block) + tr(T(block) * block))


IDENTITIES = (
    on.follows(
        "head: lam_W |W|^2 = -<G, Z>, Z = W H_L, as lam_W W = -G H_L^T",
        head_energy + tr(T(G) * W * A * H),
        LAST,
        tr(T(W) * in_W),
        spoilt=head_energy - tr(T(G) * W * A * H),
    ),
    on.follows(
        "block: lam_J (tr J_l + |J_l|^2) = lam_J <J_l, A_l> = -<G, U A_l H_(l-1)> = -<G, Z>",
        block_energy(K) + tr(T(G) * U * B * A * H),
        PAIR,
        tr(T(B) * in_K),
        spoilt=lam_J * tr(T(K) * K) + tr(T(G) * U * B * A * H),
    ),
    on.follows(
        "so neighbours have the same: tr J_l + |J_l|^2 = tr J_(l+1) + |J_(l+1)|^2",
        block_energy(J) - block_energy(K),
        PAIR,
        tr(in_J * T(A)) - tr(T(B) * in_K),
        spoilt=lam_J * (tr(T(J) * J) - tr(T(K) * K)),
    ),
    on.follows(
        "and the last block has that of the head: lam_J (tr J_L + |J_L|^2) = lam_W |W|^2",
        block_energy(J) - head_energy,
        LAST,
        tr(in_J * T(A)) - tr(T(W) * in_W),
        spoilt=block_energy(J) - 2 * head_energy,
    ),
)

# --- How the decay is shared, per direction: lam_J = rho lam_W, w^2 = rho s (1+s), rho (1+s) or (rho/L) t (1+t) ------

SHARES = (
    on.equal(
        "Frobenius: blocks lam_J L s^2 to head lam_W w^2 as L s : (1 + s)",
        lam_W * rho * L * s**2 / (lam_W * rho * s * (1 + s)),
        L * s / (1 + s),
        spoilt=lam_W * rho * L * s / (lam_W * rho * s * (1 + s)),
    ),
    on.equal(
        "nuclear: blocks 2 lam_J L s to head lam_W w^2 as 2 L s : (1 + s)",
        2 * lam_W * rho * L * s / (lam_W * rho * (1 + s)),
        2 * L * s / (1 + s),
        spoilt=lam_W * rho * L * s / (lam_W * rho * (1 + s)),
    ),
    on.equal(
        "kinetic, white inputs: blocks lam_J t^2/L to head lam_W w^2 as t : (1 + t)",
        lam_W * rho * t**2 / L / (lam_W * rho / L * t * (1 + t)),
        t / (1 + t),
        spoilt=lam_W * rho * t**2 / L / (lam_W * rho * t * (1 + t)),
    ),
)


def elasticity(level: Expr) -> Expr:
    """Return d ln c_L/d ln lam_J at fixed m^2 = level(s, lam_J)."""
    ds = -Derivative(log(level), lam_J) / Derivative(log(level), s)
    return lam_J * (Derivative(log(cost), lam_J) + Derivative(log(cost), s) * ds)


ELASTICITY = (
    on.equal(
        "d ln c_L/d ln lam_J = L s/(1 + (L+1) s) at fixed m and lam_W, from S2 and S3",
        elasticity(lam_J / lam_W * gain),
        L * s / (1 + (L + 1) * s),
        spoilt=elasticity(gain / lam_W),
    ),
    on.equal(
        "that is the share of the blocks: L s^2 of s + (L+1) s^2",
        lam_J * L * s**2 / cost,
        L * s / (1 + (L + 1) * s),
        spoilt=lam_J * (L + 1) * s**2 / cost,
    ),
)

# --- The simplex: one class gains m over every other ----------------------------------------------------------------

p = 1 / (exp(m) + C - 1)

SIMPLEX = (
    on.equal(
        "simplex: the probability of the right class is 1 - (C - 1) p",
        exp(m) / (exp(m) + C - 1),
        1 - (C - 1) * p,
        spoilt=exp(m) / (exp(m) + C),
    ),
    on.equal(
        "so the train loss is ln (1 + (C-1) e^(-m)) = -ln (1 - (C-1) p)",
        1 + (C - 1) * exp(-m),
        1 / (1 - (C - 1) * p),
        spoilt=1 + C * exp(-m),
    ),
    on.equal(
        "and the logit margin is m = ln (1/p - C + 1)",
        log(1 / p - C + 1),
        m,
        spoilt=log(1 / p - C),
    ),
    on.equal(
        "p = lam_J s (1+s)/m: the optimum has c_L'/2 = p (S10), and m c_L'/2 = lam_J s (1+s)",
        Derivative(cost, s) / Derivative(log(gain), s),
        lam_J * s * (1 + s),
        spoilt=2 * Derivative(cost, s) / Derivative(log(gain), s),
    ),
)

STATEMENT = Statement(
    id="S16",
    title="Energy identities",
    claim="lam_W |W|^2 = -<G, Z> = lam_J (tr J_l + |J_l|^2) for every l",
    assumptions="any critical point of the Frobenius model, any differentiable loss; shares on the positive branch",
    status="proved",
    sections={
        "Identities": IDENTITIES,
        "How the decay is shared, per direction": SHARES,
        "What a change of the decay costs": ELASTICITY,
        "The simplex": SIMPLEX,
    },
)
