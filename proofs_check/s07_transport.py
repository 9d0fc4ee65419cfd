# ruff: noqa: E741, N816 - symbols are named as in the statement
"""S7: where a block costs what it moves, every input moves on a line in equal steps, and 1/eig(J_l) grows by 1.

F = ell(W P X) + (lam_W/2)|W|^2 + (lam_J/2) sum_l (1/N)|J_l H_(l-1)|^2, with P_l = (I + J_l) .. (I + J_1) and P = P_L.
Sigma = X X^T / N is invertible. O, P and Q are P_(l-1), P_l and P_(l+1) where steps are compared; D = P_L - I.
kappa = lam_W L / lam_J is L/rho.
"""

from sympy import Expr, S, symbols

from proofs_check import s02_balance, s03_cost
from proofs_check.algebra import T, matrices, tr
from proofs_check.evaluation import Integers, Matrices, Reals, Where
from proofs_check.step import Statement
from proofs_check.writing import StepsOn

lam_J, lam_W, N, t, x = symbols("lam_J lam_W N t x", positive=True)
"""1 + t is an eigenvalue of P."""

alpha, beta, c = symbols("alpha beta c", positive=True)
l, L = symbols("l L", integer=True, positive=True)
slide, sigma = symbols("epsilon sigma", real=True)
"""sigma is an eigenvalue of P Sigma, or t while its sign is not known."""

kappa = lam_W * L / lam_J

J, K, O, P, Q, W, G, X, Y, Z, R = matrices("J K O P Q W G X Y Z R")
D, E, dP = matrices("D E dP")
u, v, y, p, q = matrices("u v y p q")
Sigma = X * T(X) / N
WHERE: Where = {
    **dict.fromkeys((lam_J, lam_W, N, t, x, alpha, beta, c), Reals(1e-2, 1e2)),
    L: Integers(2, 40),
    l: Integers(1, 40),
    **dict.fromkeys((slide, sigma), Reals(-3, 3)),
    **dict.fromkeys((J, K, O, P, Q, Y, Z, R, D, E, dP), Matrices(3, 3)),
    W: Matrices(2, 3),
    G: Matrices(2, 4),
    X: Matrices(3, 4),
    **dict.fromkeys((u, v, y, p, q), Matrices(3, 1)),
}
on = StepsOn(WHERE)

in_W, in_P, in_O, in_inverse, in_R, in_p, in_q = matrices("in_W in_P in_O in_inverse in_R in_p in_q")
stationary, step, eigenvector, head, symmetric, unit, kernel = matrices(
    "stationary step eigenvector head symmetric unit kernel"
)


def energy(matrix: Expr) -> Expr:
    """Return <matrix Sigma, matrix>, the mean of |matrix x|^2 over the inputs."""
    return tr(matrix * Sigma * T(matrix))


def slope(expression: Expr) -> Expr:
    """Return the derivative at epsilon = 0."""
    return expression.diff(slide).subs(slide, 0)


# --- The path P_0 = I, .., P_L = P ----------------------------------------------------------------------------------

moved = P + slide * dP

PATH = (
    on.equal(
        "J_l H_(l-1) = (P_l - P_(l-1)) X, since P_l = (I + J_l) P_(l-1)",
        J * P * X,
        ((1 + J) * P - P) * X,
        spoilt=J * (1 + J) * P * X,
    ),
    on.follows(
        "P_l moves alone, by dP: dJ_l = dP P_(l-1)^-1 and dJ_(l+1) = -A_(l+1) dP P_l^-1",
        -(1 + K) * dP * Z * P + (1 + K) * (dP * Y) * O,
        {in_O: Y * O - 1, in_inverse: Z * P - 1},
        (1 + K) * dP * (in_O - in_inverse),
        spoilt=(1 + K) * dP * Z * P + (1 + K) * (dP * Y) * O,
    ),
    on.equal(
        "so dF/dP_l = lam_J (2 P_l - P_(l-1) - P_(l+1)) Sigma vanishes, l < L",
        slope(lam_J / 2 * (energy(moved - O) + energy(Q - moved))),
        lam_J * tr(T((2 * P - O - Q) * Sigma) * dP),
        spoilt=slope(lam_J / 2 * (energy(moved - O) + energy(Q + moved))),
    ),
    on.follows(
        "Sigma invertible: P_(l+1) - P_l = P_l - P_(l-1), and P_l = I + (l/L)(P - I)",
        2 * P - O - Q,
        {stationary: (2 * P - O - Q) * Sigma, in_inverse: Sigma * Y - 1},
        stationary * Y - (2 * P - O - Q) * in_inverse,
        spoilt=2 * P - O + Q,
    ),
    on.equal(
        "any path: steps D/L + E_l, sum E_l = 0, cost |D|^2/L^2 + (2/L)<D, E_l> + |E_l|^2",
        energy(D / L + E),
        energy(D) / L**2 + 2 / L * tr(D * Sigma * T(E)) + energy(E),
        spoilt=energy(D / L + E) + energy(E),
    ),
    on.equal(
        "so equal steps cost least, (lam_J/2L) mean |(P-I)x|^2, and h_l = x + (l/L)(P-I)x",
        lam_J / 2 * L * energy(D / L),
        lam_J / (2 * L) * energy(D),
        spoilt=lam_J / 2 * energy(D / L),
    ),
)

# --- The Jacobians: J_l P_(l-1) = P_l - P_(l-1) = D/L ----------------------------------------------------------------

STEP = {step: J * (1 + (l - 1) / L * D) - D / L}

JACOBIANS = (
    on.follows(
        "J_l^-1 = (l - 1) I + L (P - I)^-1 where P - I has the inverse Y",
        J * ((l - 1) + L * Y) - 1,
        STEP | {in_inverse: D * Y - 1},
        L * step * Y - (l - 1) * J * in_inverse + in_inverse,
        spoilt=J * (l + L * Y) - 1,
    ),
    on.follows(
        "(P - I) v = t v makes (1 + (l-1) t/L) J_l v = (t/L) v",
        (1 + (l - 1) * t / L) * J * v - t / L * v,
        STEP | {eigenvector: D * v - t * v},
        step * v - (l - 1) / L * J * eigenvector + eigenvector / L,
        spoilt=(1 + l * t / L) * J * v - t / L * v,
    ),
    on.equal(
        "1/eig(J_l) = (l - 1) + L/t, a line of slope 1 in l",
        (L + l * t) / t - (L + (l - 1) * t) / t,
        S.One,
        spoilt=(L + l * t) / t - (L - (l - 1) * t) / t,
    ),
    on.equal(
        "P_l v = (1 + l t/L) v is 0 iff 1 + t = 1 - L/l",
        1 + l * t / L,
        l / L * ((1 + t) - (1 - L / l)),
        spoilt=1 + (l + 1) * t / L,
    ),
    on.equal(
        "P_l v = 0, but P_(l+1) v = -v/l: feasible iff no eigenvalue 1 + t is 1 - L/l, l < L",
        1 + (l + 1) / L * (-L / l),
        -1 / l,
        spoilt=1 + l / L * (-L / l),
    ),
)

# --- The head -------------------------------------------------------------------------------------------------------

end_to_end = tr(T(G) * W * moved * X) + lam_J / (2 * L) * energy(moved - 1)
SLOPES = {
    in_W: lam_W * W + G * T(P * X),
    in_P: T(W) * G * T(X) + lam_J / L * (P - 1) * Sigma,
}

HEAD = (
    on.equal(
        "dF/dP = W^T G X^T + (lam_J/L)(P - I) Sigma, and dF/dW = G (P X)^T + lam_W W (S1)",
        slope(end_to_end),
        tr(T(T(W) * G * T(X) + lam_J / L * (P - 1) * Sigma) * dP),
        spoilt=slope(end_to_end * L),
    ),
    on.follows(
        "both vanish: (P - I) Sigma P^T = (L/rho) W^T W",
        (P - 1) * Sigma * T(P) - kappa * T(W) * W,
        SLOPES,
        L / lam_J * (in_P * T(P) - T(W) * in_W),
        spoilt=P * Sigma * T(P) - kappa * T(W) * W,
    ),
    on.follows(
        "W^T W is symmetric, so P Sigma = Sigma P^T is",
        P * Sigma - Sigma * T(P),
        {head: (P - 1) * Sigma * T(P) - kappa * T(W) * W},
        head - T(head),
        spoilt=P * Sigma + Sigma * T(P),
    ),
    on.follows(
        "W^T W = (rho/L)(P - I) P Sigma",
        (P - 1) * P * Sigma - kappa * T(W) * W,
        {head: (P - 1) * Sigma * T(P) - kappa * T(W) * W, symmetric: P * Sigma - Sigma * T(P)},
        head + (P - 1) * symmetric,
        spoilt=P * P * Sigma - kappa * T(W) * W,
    ),
    on.follows(
        "Sigma = R^2, Y = R^-1: Y P R is symmetric, so all eigenvalues 1 + t of P are real",
        Y * P * R - R * T(P) * Y,
        {symmetric: P * R * R - R * R * T(P), in_inverse: R * Y - 1, in_R: Y * R - 1},
        Y * symmetric * Y - Y * P * R * in_inverse + in_R * R * T(P) * Y,
        spoilt=Y * P * R - Y * T(P) * R,
    ),
)

# --- The global minimum in W and P: P Sigma > 0, so that t >= 0 and the path is feasible ----------------------------

reflection = 1 - 2 * u * T(u)
HEAD_LAW = {head: (P - 1) * P * Sigma - kappa * T(W) * W}

GLOBAL = (
    on.follows(
        "P Sigma u = sigma u: P -> Q P, Q = I - 2 u u^T, moves mean |(P-I)x|^2 by 4 sigma",
        energy(reflection * P - 1) - energy(P - 1) - 4 * sigma * tr(T(u) * u),
        {unit: T(u) * u - 1, eigenvector: P * Sigma * u - sigma * u},
        4 * tr(P * Sigma * T(P) * u * unit * T(u)) + 4 * tr(eigenvector * T(u)),
        spoilt=energy(reflection * P - 1) - energy(P - 1),
    ),
    on.follows(
        "Q Q = I: with W -> W Q it keeps M = W P and |W|, so no sigma < 0 at the minimum",
        reflection * reflection - 1,
        {unit: T(u) * u - 1},
        4 * u * unit * T(u),
        spoilt=reflection * (1 - u * T(u)) - 1,
    ),
    on.follows(
        "sigma = 0: W u = 0, since |W u|^2 = (rho/L) u^T (P - I) P Sigma u",
        kappa * T(W * u) * W * u,
        HEAD_LAW | {kernel: P * Sigma * u},
        T(u) * (P - 1) * kernel - T(u) * head * u,
        spoilt=kappa * T(W * u) * W * u + T(u) * P * u,
    ),
    on.follows(
        "then P + epsilon u u^T keeps M, and mean |(P-I)x|^2 falls at rate 2 u^T Sigma u",
        slope(energy(P + slide * u * T(u) - 1)) + 2 * tr(T(u) * Sigma * u),
        {kernel: P * Sigma * u},
        2 * tr(kernel * T(u)),
        spoilt=slope(energy(P + slide * u * T(u) - 1)) + tr(T(u) * Sigma * u),
    ),
    on.follows(
        "y^T P = (1 + t) y^T: (L/rho)|W y|^2 = t (1 + t) y^T Sigma y",
        kappa * T(W * y) * W * y - sigma * (1 + sigma) * T(y) * Sigma * y,
        HEAD_LAW | {eigenvector: T(y) * P - (1 + sigma) * T(y)},
        (eigenvector * P + sigma * eigenvector) * Sigma * y - T(y) * head * y,
        spoilt=kappa * T(W * y) * W * y - sigma * T(y) * Sigma * y,
    ),
    on.exceeds(
        "so 1 + t > 0, t >= 0: above all 1 - L/l, L = l + x > l, and the minimum is feasible",
        t + 1,
        1 - (l + x) / l,
        spoilt=1 + 2 * t,
    ),
)

# --- White inputs, and others ---------------------------------------------------------------------------------------

squared_head = lam_J / (lam_W * L) * t * (1 + t)
"""w^2 for Sigma = I."""

one_block = {s02_balance.L: 1, s02_balance.s: t}

WHITE = (
    on.equal(
        "Sigma = I: P = P^T, w^2 = (rho/L) t (1+t), m^2 = w^2 (1+t)^2: S2 with L = 1, rho/L",
        squared_head * (1 + t) ** 2,
        lam_J / (lam_W * L) * s02_balance.gain.subs(one_block),
        spoilt=squared_head * (1 + t),
    ),
    on.equal(
        "Sigma = I: lam_W w^2 + (lam_J/L) t^2 is the cost of S3 with L = 1 and lam_J/L",
        lam_W * squared_head + lam_J / L * t**2,
        s03_cost.cost.subs({**one_block, s03_cost.lam_J: lam_J / L}, simultaneous=True),
        spoilt=lam_W * squared_head + lam_J * t**2,
    ),
    on.follows(
        "Sigma not I: J_l = c p q^T with eigenvalue c (q^T p = 1) has singular value c |p||q|",
        T(c * p * T(q)) * (c * p * T(q)) * q - (c * alpha * beta) ** 2 * q,
        {in_p: T(p) * p - alpha**2, in_q: T(q) * q - beta**2},
        c**2 * (q * in_p * T(q) * q + alpha**2 * q * in_q),
        spoilt=T(c * p * T(q)) * (c * p * T(q)) * q - c**2 * q,
    ),
    on.exceeds(
        "so 1/(singular value) has slope 1/(|p||q|) < 1: Sigma = diag(1, r^2), p = (1, r)",
        (1 + (1 + x) ** 2) / (2 * (1 + x)),  # |p||q| with r = 1 + x > 1
        1,
        spoilt=1 + x**2,
    ),
)

STATEMENT = Statement(
    id="S7",
    title="Transport cost: RA1 and RA4 within a network",
    claim="P_l = I + (l/L)(P - I), J_l^-1 = (l-1) I + L (P - I)^-1 and W^T W = (rho/L)(P - I) P Sigma",
    assumptions="kinetic model, Sigma > 0, critical point with P_1 .. P_(L-1) invertible, as at the global minimum",
    status="proved",
    sections={
        "The path": PATH,
        "The Jacobians": JACOBIANS,
        "The head": HEAD,
        "The global minimum": GLOBAL,
        "White inputs, and others": WHITE,
    },
)
