# ruff: noqa: N816 - symbols are named as in the statement
"""S14: from a measured Jacobian to a verdict. J_l = J + E: how far singular values and subspaces move.

U, V are the top k singular vectors of J as columns and S their singular values; U', V' (written P, Q) are all but
the top k of J_l, and S' (written R) their singular values. The sines of the angles between the top-k subspaces are the
singular values of X = P^T U on the left and of Y = Q^T V on the right. alpha = sigma_k(J), beta = sigma_(k+1)(J_l),
x and y are |X|_2 and |Y|_2, epsilon = |E|_2, and slack is what an inequality leaves.
"""

from functools import partial

from sympy import Matrix, cos, diag, eye, sin, sqrt, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.evaluation import Matrices, Reals, Where
from proofs_check.known_theorems import perturbation_margin, product_margin, wedin_margin
from proofs_check.sign import Divided, Increasing, Manifest
from proofs_check.step import Statement
from proofs_check.writing import StepsOn, quoted

alpha, beta, gap, y, excess, slack, t, epsilon = symbols("alpha beta gap y excess slack t epsilon", positive=True)
theta = symbols("theta", positive=True)
J, E, U, V, S, P, Q, R = matrices("J E U V S P Q R")
in_U, in_V, in_P, in_Q, symmetric = matrices("in_U in_V in_P in_Q symmetric")

WHERE: Where = {
    **dict.fromkeys((beta, gap, y, excess, slack, t, epsilon), Reals(1e-2, 1e2)),
    theta: Reals(0.01, 0.78),
    **dict.fromkeys((J, E), Matrices(3, 3)),
    **dict.fromkeys((U, V), Matrices(3, 2)),
    S: Matrices(2, 2),
    **dict.fromkeys((P, Q), Matrices(3, 1)),
    R: Matrices(1, 1),
}
on = StepsOn(WHERE)

VALUES = (
    quoted(
        "Weyl: |sigma_k(J_l) - sigma_k(J)| <= |E|_2",
        "|sigma_k(A + B) - sigma_k(A)| <= |B|_2",
        "HornJohnson1991 3.3.16",
        perturbation_margin,
        spoilt=partial(perturbation_margin, strength=8),
    ),
)

# --- Subspaces: the theorem of Davis and Kahan, in the form of Wedin, with the mixed gap ------------------------------

bound = epsilon / gap
SUBSPACES = (
    on.follows(
        "left: X S - S' Y = -P^T E V, from J V = U S and P^T J_l = S' Q^T",
        T(P) * U * S - R * T(Q) * V + T(P) * E * V,
        {in_U: J * V - U * S, in_P: T(P) * (J + E) - R * T(Q)},
        in_P * V - T(P) * in_U,
        spoilt=T(P) * U * S - R * T(Q) * V - T(P) * E * V,
    ),
    on.follows(
        "right: Y S - S' X = -Q^T E^T U, from J^T U = V S and Q^T J_l^T = S' P^T",
        T(Q) * V * S - R * T(P) * U + T(Q) * T(E) * U,
        {in_V: T(J) * U - V * S, in_Q: T(Q) * T(J + E) - R * T(P)},
        in_Q * U - T(Q) * in_V,
        spoilt=T(Q) * V * S - R * T(P) * U + T(Q) * E * U,
    ),
    quoted(
        "so alpha x <= |X S|_2 <= epsilon + beta y, and alpha y <= epsilon + beta x",
        "|A B|_2 >= |A|_2 sigma_min(B), and |A B|_2 <= |A|_2 |B|_2",
        "HornJohnson1991 3.3.16",
        product_margin,
        spoilt=partial(product_margin, largest=True),
    ),
    on.equal(
        "say x = y + excess: the first of the two, alpha = beta + gap, leaves for epsilon",
        ((beta + gap) * (y + excess) - beta * y + slack) - gap * (y + excess),
        beta * excess + slack,
        spoilt=((beta + gap) * (y + excess) - beta * y + slack) - 2 * gap * (y + excess),
    ),
    on.exceeds(
        "so the larger sine is at most epsilon/gap, gap = sigma_k(J) - sigma_(k+1)(J_l) > 0",
        ((beta + gap) * (y + excess) - beta * y + slack) / gap,
        y + excess,
        spoilt=2 * (y + excess) + slack / gap + beta * excess / gap,
    ),
    quoted(
        "together: sin of the largest angle <= |E|_2/(sigma_k(J) - sigma_(k+1)(J_l))",
        "the sin theta theorem for singular subspaces, with the mixed gap",
        "Wedin1972",
        wedin_margin,
        spoilt=partial(wedin_margin, strength=8),
    ),
)

# --- The gap must be the mixed one ------------------------------------------------------------------------------------

plane = Matrix([[cos(theta), -sin(theta)], [sin(theta), cos(theta)]])
measured = plane * diag(cos(theta) ** 2, sin(theta) ** 2) * plane.T
"""J + E for J = diag(1, 0)."""

error = measured - diag(1, 0)

UNMIXED = (
    on.equal(
        "J_l with values cos^2, sin^2, turned by theta, J = diag(1, 0): |E|_2 = sin cos",
        tuple(error),
        tuple(sin(theta) * cos(theta) * Matrix([[-sin(2 * theta), cos(2 * theta)], [cos(2 * theta), sin(2 * theta)]])),
        spoilt=tuple(measured),
    ),
    on.equal(
        "the top vectors of J and J_l enclose theta",
        tuple(measured * Matrix([cos(theta), sin(theta)])),
        tuple(cos(theta) ** 2 * Matrix([cos(theta), sin(theta)])),
        spoilt=tuple(measured * Matrix([sin(theta), cos(theta)])),
    ),
    on.exceeds(
        "the gap sigma_1(J) - sigma_2(J) = 1 would not do: sin > sin cos = |E|_2 (t = tan)",
        t / sqrt(1 + t**2),
        t / (1 + t**2),
        Divided(t / (1 + t**2), sqrt(1 + t**2), 1, Increasing(lambda a: a**2, Manifest())),
        spoilt=t,
    ),
    on.exceeds(
        "with the mixed gap 1 - sin^2 = cos^2 it holds: sin < sin cos/cos^2 = tan",
        t,
        t / sqrt(1 + t**2),
        Divided(t / sqrt(1 + t**2), sqrt(1 + t**2), 1, Increasing(lambda a: a**2, Manifest())),
        spoilt=2 * t,
    ),
)

# --- Inside a cluster -------------------------------------------------------------------------------------------------

swap = Matrix([[0, 1], [1, 0]])
CLUSTER = (
    on.equal(
        "equal s: J = I, E = epsilon (0 1; 1 0) turns the top vector by 45 degrees",
        tuple((eye(2) + epsilon * swap) * Matrix([1, 1])),
        tuple((1 + epsilon) * Matrix([1, 1])),
        spoilt=tuple((eye(2) + epsilon * swap) * Matrix([1, 0])),
    ),
    on.equal(
        "while <J, J_l>/(|J| |J_l|) = 1/sqrt(1 + epsilon^2) hardly moves",
        (eye(2) + epsilon * swap).trace() / sqrt(2 * sum(entry**2 for entry in eye(2) + epsilon * swap)),
        1 / sqrt(1 + epsilon**2),
        spoilt=(eye(2) + epsilon * swap).trace() / sum(entry**2 for entry in eye(2) + epsilon * swap),
    ),
    on.follows(
        "J symmetric: J_l - J_l^T = E - E^T, whatever the basis",
        (J + E) - T(J + E) - (E - T(E)),
        {symmetric: J - T(J)},
        symmetric,
        spoilt=(J + E) - T(J + E) - E,
    ),
    on.equal(
        "|E - E^T|_F^2 = 4 |E|_F^2 - |E + E^T|_F^2: the asymmetry of J_l is at most 2 |E|_F",
        tr(T(E - T(E)) * (E - T(E))),
        4 * tr(T(E) * E) - tr(T(E + T(E)) * (E + T(E))),
        spoilt=tr(T(E + T(E)) * (E + T(E))),
    ),
)

STATEMENT = Statement(
    id="S14",
    title="From a measured Jacobian to a verdict",
    claim="|sigma_k(J_l) - s_k| <= |E_l|, and subspaces turn by at most |E_l| / mixed gap",
    assumptions="J_l = J + E_l, mixed gap sigma_k(J) - sigma_(k+1)(J_l) > 0; Weyl's inequalities are quoted",
    status="proved",
    sections={
        "Singular values": VALUES,
        "Subspaces": SUBSPACES,
        "The gap must be the mixed one": UNMIXED,
        "Inside a cluster of equal singular values": CLUSTER,
    },
)
