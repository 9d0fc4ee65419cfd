# ruff: noqa: N816 - symbols are named as in the statement
"""S1: every critical point of the Frobenius model is aligned.

F = ell(W A_L ... A_1 X) + (lam_W/2)|W|^2 + (lam_J/2) sum_l |J_l|^2 with A_l = I + J_l, for any differentiable ell.

A block l < L and its neighbour l + 1 are written J, A = 1 + J and K, B = 1 + K. H = H_(l-1) enters block l, and
U = W A_L ... A_(l+2) is what follows the neighbour. G is the gradient of ell with respect to the logits.
"""

from functools import partial

from sympy import Expr, exp, log, sqrt, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.critical_point import critical_point, cross_entropy_gradient
from proofs_check.evaluation import Matrices, Reals, Where
from proofs_check.known_theorems import spectral_margin, square_root_margin
from proofs_check.sign import Increasing, Manifest
from proofs_check.step import Statement, Step
from proofs_check.writing import StepsOn, quoted

lam_J, lam_K, lam_W, lam_E, lam_b, rho, partition = symbols("lam_J lam_K lam_W lam_E lam_b rho Z", positive=True)
s, kappa = symbols("s kappa", positive=True)
j, t, label_logit = symbols("j t z_y", real=True)
W, U, G, X, H, J, K, E, P = matrices("W U G X H J K E P")
dW, dJ = matrices("dW dJ")
u, v, b, c, ones = matrices("u v b c ones")
A, B = 1 + J, 1 + K

C_, D_, N_ = 2, 3, 4
"""Classes, width and samples at which matrices are evaluated; the symbolic road knows no sizes."""

WHERE: Where = {
    **dict.fromkeys((lam_J, lam_K, lam_W, lam_E, lam_b, rho, partition), Reals(1e-3, 1e3)),
    **dict.fromkeys((s, kappa), Reals(1e-6, 1e3)),
    **dict.fromkeys((j, t, label_logit), Reals(-3, 3)),
    **dict.fromkeys((W, U, dW), Matrices(C_, D_)),
    **dict.fromkeys((H, X), Matrices(D_, N_)),
    **dict.fromkeys((J, K, E, P, dJ), Matrices(D_, D_)),
    **dict.fromkeys((u, v, b), Matrices(D_, 1)),
    G: Matrices(C_, N_),
    c: Matrices(C_, 1),
    ones: Matrices(N_, 1),
}

# Names of hypotheses, each an expression that a step supposes to vanish. in_J is the residual of stationarity in J.
in_W, in_J, in_K, in_E, in_b = matrices("in_W in_J in_K in_E in_b")
neighbours, symmetric, commuting, balance, kernel, image = matrices(
    "neighbours symmetric commuting balance kernel image"
)


on = StepsOn(WHERE)

# --- Stationarity: d ell = <G, dZ> defines G, so F varies as <G, Z> and the decay do, with G held fixed. -------------


def head_slope(decay: Expr, bias: Expr = 0) -> Expr:
    """Slope of F along the direction dW, with `bias` added to the logits."""
    moved = W + t * dW
    return (tr(T(G) * (moved * H + bias)) + decay / 2 * tr(T(moved) * moved)).diff(t).subs(t, 0)


def block_slope(decay: Expr) -> Expr:
    """Slope of F along the direction dJ, with U what follows block l."""
    moved = J + t * dJ
    return (tr(T(G) * U * (1 + moved) * H) + decay / 2 * tr(T(moved) * moved)).diff(t).subs(t, 0)


STATIONARITY = (
    on.equal(
        "dF/dW = G H_L^T + lam_W W",
        head_slope(lam_W),
        tr(T(G * T(H) + lam_W * W) * dW),
        spoilt=head_slope(2 * lam_W),
    ),
    on.equal(
        "dF/dJ_l = (W A_L .. A_(l+1))^T G H_(l-1)^T + lam_J J_l",
        block_slope(lam_J),
        tr(T(T(U) * G * T(H) + lam_J * J) * dJ),
        spoilt=block_slope(lam_J).subs(H, A * H),
    ),
    Step(
        "both, for softmax cross-entropy in a network of 2 blocks",
        cross_entropy_gradient(),
        cross_entropy_gradient(head_decay_power=2),
    ),
)

# --- (a), (b): from the last block backwards ----------------------------------------------------------------------

LAST = {in_W: lam_W * W + G * T(A * H), in_J: lam_J * J + T(W) * G * T(H)}
PAIR = {in_J: lam_J * J + T(U * B) * G * T(H), in_K: lam_J * K + T(U) * G * T(A * H)}
LAST_BLOCK = {balance: J * T(A) - T(W) * W / rho}
INDUCTION = {neighbours: J * T(A) - T(B) * K, symmetric: K - T(K)}
asymmetry = neighbours - T(neighbours) + symmetric
"""J_l - J_l^T in terms of the hypotheses `INDUCTION`."""

ALIGNMENT = (
    on.follows(
        "last block: lam_J J_L A_L^T = lam_W W^T W",
        lam_J * J * T(A) - lam_W * T(W) * W,
        LAST,
        in_J * T(A) - T(W) * in_W,
        spoilt=lam_J * J * A - lam_W * T(W) * W,
    ),
    on.follows(
        "neighbours: J_l A_l^T = A_(l+1)^T J_(l+1)",
        lam_J * (J * T(A) - T(B) * K),
        PAIR,
        in_J * T(A) - T(B) * in_K,
        spoilt=lam_J * (J * T(A) - B * K),
    ),
    on.follows(
        "X + X X^T symmetric makes X symmetric",
        J - T(J),
        {symmetric: (J + J * T(J)) - T(J + J * T(J))},
        symmetric,
        spoilt=J + T(J),
    ),
    on.follows(
        "last block: J_L = J_L^T",
        J - T(J),
        LAST_BLOCK,
        balance - T(balance),
        spoilt=J - T(J) * J,
    ),
    on.follows(
        "last block: J_L (I + J_L) = W^T W / rho",
        J * A - T(W) * W / rho,
        LAST_BLOCK,
        balance + J * (balance - T(balance)),
        spoilt=J * A - T(W) * W * rho,
    ),
    on.follows(
        "induction, (a): J_(l+1) symmetric makes J_l symmetric",
        J - T(J),
        INDUCTION,
        asymmetry,
        spoilt=J + T(J),
    ),
    on.follows(
        "induction, (b): J_l (I + J_l) = J_(l+1) (I + J_(l+1))",
        J * A - K * B,
        INDUCTION,
        neighbours - symmetric * K + J * asymmetry,
        spoilt=J * A - K * K,
    ),
    Step("an actual critical point, built from (b)", critical_point(), critical_point(slip=0.0625)),
)

# --- (c): ranks and kernels ---------------------------------------------------------------------------------------

RANKS = (
    on.follows(
        "rank J_l <= rank G: lam_J J_l = -U^T G H^T has the factor G",
        lam_J * J + T(U) * G * T(H),
        {in_J: lam_J * J + T(U) * G * T(H)},
        in_J,
        spoilt=lam_J * J - T(U) * G * T(H),
    ),
    on.equal(
        "cross-entropy is blind to a shift of all logits: 1^T G = 0, so rank G <= C - 1",
        log(exp(t) * partition) - (label_logit + t),
        log(partition) - label_logit,
        spoilt=log(exp(t) * partition) - label_logit,
    ),
    on.follows(
        "A_l commutes with W^T W = rho J_l (I + J_l)",
        A * T(W) * W - T(W) * W * A,
        {balance: T(W) * W - rho * J * A},
        A * balance - balance * A,
        spoilt=A * T(W) * W - T(W) * W * T(A),
    ),
    on.follows(
        "W v = 0 makes W A_l v = 0, and so W A_L .. A_(l+1) v = 0",
        T(W * A * v) * (W * A * v),
        {kernel: W * v, commuting: A * T(W) * W - T(W) * W * A},
        T(v) * T(A) * (A * T(W) * kernel - commuting * v),
        spoilt=T(W * A * v) * (W * J * v),
    ),
    on.follows(
        "W A_L .. A_(l+1) v = 0 makes J_l v = 0: ker W lies in ker J_l",
        lam_J * J * v,
        {in_J: lam_J * J + T(U) * G * T(H), symmetric: J - T(J), kernel: U * v},
        T(in_J) * v - H * T(G) * kernel + lam_J * symmetric * v,
        spoilt=lam_J * A * v,
    ),
    on.follows(
        "J_l v = 0 makes |W v|^2 = 0: ker J_l = ker W, and rank J_l = rank W",
        T(W * v) * (W * v),
        {kernel: J * v, balance: T(W) * W - rho * J * A},
        T(v) * balance * v + rho * T(v) * A * kernel,
        spoilt=T(W * v) * (W * A * v),
    ),
    on.follows(
        "(I + J_l) v = 0 makes |W v|^2 = 0, and so J_l v = 0",
        T(W * v) * (W * v),
        {image: A * v, balance: T(W) * W - rho * J * A},
        T(v) * balance * v + rho * T(v) * J * image,
        spoilt=T(W * v) * (W * v) - rho * T(v) * v,
    ),
    on.follows(
        "-1 is no eigenvalue: (I + J_l) v = 0 and J_l v = 0 make v = 0",
        v,
        {image: A * v, kernel: J * v},
        image - kernel,
        spoilt=v - u,
    ),
    on.follows(
        "rank W = rank (G X^T), rank M: lam_W W = -(G X^T) P_L^T, P_L invertible, M = W P_L",
        lam_W * W + (G * T(X)) * T(P),
        {in_W: lam_W * W + G * T(P * X)},
        in_W,
        spoilt=lam_W * W + (G * T(X)) * P,
    ),
)

# --- (d): the positive branch -------------------------------------------------------------------------------------

root = (sqrt(1 + 4 * kappa) - 1) / 2


BRANCH = (
    quoted(
        "spectral theorem: J_l = J_l^T has an orthonormal frame of eigenvectors",
        "a real symmetric matrix is V diag(e) V^T with V orthogonal",
        "HornJohnson2013 4.1.5",
        spectral_margin,
        spoilt=partial(spectral_margin, eigenvalue_shift=0.125),
    ),
    on.equal(
        "j^2 + j = kappa has the roots j_+ = (sqrt(1 + 4 kappa) - 1)/2 and -(1 + j_+)",
        j**2 + j - kappa,
        (j - root) * (j + 1 + root),
        spoilt=j**2 - j - kappa,
    ),
    on.exceeds(
        "j_+ > 0, as sqrt(1 + 4 kappa) > 1, and the other root breaks 1 + j > 0",
        sqrt(1 + 4 * kappa),
        1,
        Increasing(lambda y: y**2, Manifest()),
        spoilt=2,
    ),
    on.equal(
        "on any branch an eigenvalue is s_k or -(1 + s_k)",
        j * (1 + j) - s * (1 + s),
        (j - s) * (j + 1 + s),
        spoilt=j * (1 + j) - s * (2 + s),
    ),
    on.follows(
        "(d): (2 J + I)^2 = I + 4 W^T W / rho",
        (2 * J + 1) ** 2 - 1 - 4 * T(W) * W / rho,
        {balance: J * A - T(W) * W / rho},
        4 * balance,
        spoilt=(2 * J + 1) ** 2 - 1 - 2 * T(W) * W / rho,
    ),
    quoted(
        "the positive root is unique: J_l = ((I + 4 W^T W / rho)^(1/2) - I)/2 for every l",
        "a positive definite matrix has exactly one positive definite square root",
        "HornJohnson2013 7.2.6",
        square_root_margin,
        spoilt=partial(square_root_margin, sign=-1),
    ),
    on.equal(
        "w^2 = rho s (1 + s) inverts it: 1 + 4 w^2/rho = (1 + 2 s)^2",
        1 + 4 * s * (1 + s),
        (1 + 2 * s) ** 2,
        spoilt=1 + 2 * s * (1 + s),
    ),
    on.exceeds(
        "enough: |J_l|_2 <= 1, or no eigenvalue below -1, since -(1 + s) < -1",
        -1,
        -(1 + s),
        spoilt=-(1 + s) / 2,
    ),
    on.exceeds(
        "enough: F - inf ell < lam_J/2, since one eigenvalue -(1 + s) costs more",
        lam_J * (1 + s) ** 2 / 2,
        lam_J / 2,
        spoilt=lam_J,
    ),
)

# --- Extensions ---------------------------------------------------------------------------------------------------

EMBEDDED = {in_E: lam_E * E + T(U * A) * G * T(X), in_J: lam_J * J + T(U) * G * T(E * X)}
LAYERED = {in_J: lam_J * J + T(U * B) * G * T(H), in_K: lam_K * K + T(U) * G * T(A * H)}
BIASED = {in_J: lam_J * J + T(U * B) * G * T(H), in_K: lam_J * K + T(U) * G * T(A * H + b * T(ones))}
BIASED_LAST = {in_W: lam_W * W + G * T(A * H + b * T(ones)), in_J: lam_J * J + T(W) * G * T(H)}
pair_residual = lam_J * (J * T(A) - T(B) * K)
last_residual = lam_J * J * T(A) - lam_W * T(W) * W
bias_energy = lam_b * b * T(b)

EXTENSIONS = (
    on.follows(
        "embedding h_0 = E x: lam_E E E^T = lam_J (I + J_1)^T J_1",
        lam_E * E * T(E) - lam_J * T(A) * J,
        EMBEDDED,
        in_E * T(E) - T(A) * in_J,
        spoilt=lam_E * T(E) * E - lam_J * T(A) * J,
    ),
    on.follows(
        "undecayed block biases change nothing between neighbours",
        pair_residual,
        BIASED | {in_b: T(U * B) * G * ones},
        in_J * T(A) - T(B) * in_K + in_b * T(b),
        spoilt=pair_residual + b * T(b),
    ),
    on.follows(
        "undecayed block biases change nothing in the last block",
        last_residual,
        BIASED_LAST | {in_b: T(W) * G * ones},
        in_J * T(A) - T(W) * in_W + in_b * T(b),
        spoilt=last_residual + b * T(b),
    ),
    on.equal(
        "a head bias, Z = W H_L + c 1^T, leaves dF/dW as it is",
        head_slope(lam_W, bias=c * T(ones)),
        tr(T(G * T(H) + lam_W * W) * dW),
        spoilt=head_slope(lam_W, bias=t * c * T(ones)),
    ),
    on.follows(
        "decayed block biases: lam_J J_l A_l^T = lam_J A_(l+1)^T J_(l+1) - lam_b b_l b_l^T",
        pair_residual + bias_energy,
        BIASED | {in_b: lam_b * b + T(U * B) * G * ones},
        in_J * T(A) - T(B) * in_K + in_b * T(b),
        spoilt=pair_residual - bias_energy,
    ),
    on.follows(
        "decayed block biases, last block: lam_J J_L A_L^T = lam_W W^T W - lam_b b_L b_L^T",
        last_residual + bias_energy,
        BIASED_LAST | {in_b: lam_b * b + T(W) * G * ones},
        in_J * T(A) - T(W) * in_W + in_b * T(b),
        spoilt=last_residual - bias_energy,
    ),
    on.follows(
        "decayed block biases: J_l stays symmetric",
        J - T(J),
        {neighbours: (pair_residual + bias_energy) / lam_J, symmetric: K - T(K)},
        asymmetry,
        spoilt=J - T(J) + bias_energy,
    ),
    on.follows(
        "decayed block biases: J_l (I + J_l) loses (lam_b/lam_J) b_l b_l^T at every block",
        J * A - K * B + bias_energy / lam_J,
        {neighbours: (pair_residual + bias_energy) / lam_J, symmetric: K - T(K)},
        neighbours - symmetric * K + J * asymmetry,
        spoilt=J * A - K * B,
    ),
    on.follows(
        "decays by layer: lam_l J_l A_l^T = lam_(l+1) A_(l+1)^T J_(l+1)",
        lam_J * J * T(A) - lam_K * T(B) * K,
        LAYERED,
        in_J * T(A) - T(B) * in_K,
        spoilt=lam_K * J * T(A) - lam_J * T(B) * K,
    ),
    on.follows(
        "decays by layer: J_l stays symmetric",
        lam_J * (J - T(J)),
        {neighbours: lam_J * J * T(A) - lam_K * T(B) * K, symmetric: K - T(K)},
        neighbours - T(neighbours) + lam_K * symmetric,
        spoilt=lam_K * (J - T(J)),
    ),
    on.follows(
        "fixed W: J_l - J_l^T is the same for every l",
        (J - T(J)) - (K - T(K)),
        {neighbours: J * T(A) - T(B) * K},
        neighbours - T(neighbours),
        spoilt=(J - T(J)) + (K - T(K)),
    ),
)

STATEMENT = Statement(
    id="S1",
    title="Every critical point is aligned",
    claim="J_l = J_l^T and J_l (I + J_l) = W^T W / rho for every l; on the positive branch all J_l are equal",
    assumptions="Frobenius model, lam_J, lam_W > 0, any differentiable loss",
    status="proved",
    sections={
        "Stationarity": STATIONARITY,
        "(a), (b): from the last block backwards": ALIGNMENT,
        "(c): ranks and kernels": RANKS,
        "(d): the positive branch": BRANCH,
        "Extensions": EXTENSIONS,
    },
)
