# ruff: noqa: N816 - symbols are named as in the statement
"""S8: a plain net h_l = A_l h_(l-1) with decay on A_l has a symmetry, so its layers share no frame.

F = ell(W A_L .. A_1 X) + (lam_W/2)|W|^2 + (lam_A/2) sum_l |A_l|^2. Layer l and its neighbour l + 1 are written A and B;
H = H_(l-1) enters layer l, U = W A_L .. A_(l+2) is what follows the neighbour, and G is the gradient of ell with
respect to the logits. Q and R are orthogonal, u and v singular vectors.
"""

from sympy import Expr, oo, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.evaluation import Integers, Matrices, Reals, Where
from proofs_check.sign import Written
from proofs_check.step import Statement
from proofs_check.writing import StepsOn

lam_A, lam_W, c, p = symbols("lam_A lam_W c p", positive=True)
a, t = symbols("a t", positive=True)
"""A singular value that all layers share; t = tan(theta/2) of a rotation by theta."""

L = symbols("L", integer=True, positive=True)
slide = symbols("epsilon", real=True)
W, U, G, H, A, B, Q, R, V, X, Y, dA = matrices("W U G H A B Q R V X Y dA")
u, v, y = matrices("u v y")
WHERE: Where = {
    **dict.fromkeys((lam_A, lam_W, a, c), Reals(1e-2, 1e2)),
    **dict.fromkeys((p, t), Reals(1e-3, 1e2)),
    L: Integers(1, 40),
    **dict.fromkeys((W, U), Matrices(2, 3)),
    **dict.fromkeys((A, B, Q, R, V, X, Y, dA), Matrices(3, 3)),
    **dict.fromkeys((u, v, y), Matrices(3, 1)),
    H: Matrices(3, 4),
    G: Matrices(2, 4),
}
on = StepsOn(WHERE)

in_W, in_A, in_B, in_Q, in_R, in_V = matrices("in_W in_A in_B in_Q in_R in_V")
balance, power, singular, unit_u, unit_v, orthogonal = matrices("balance power singular unit_u unit_v orthogonal")
ROTATION = {in_Q: T(Q) * Q - 1}
TWO_ROTATIONS = ROTATION | {in_R: T(R) * R - 1}

# --- The symmetry A_l -> Q_l A_l Q_(l-1)^T, Q_0 = I, W -> W Q_L^T ---------------------------------------------------

SYMMETRY = (
    on.follows(
        "A_(l+1) Q_l^T Q_l A_l = A_(l+1) A_l, and W Q_L^T Q_L A_L = W A_L: M stays",
        B * T(Q) * Q * A - B * A,
        ROTATION,
        B * in_Q * A,
        spoilt=B * Q * Q * A - B * A,
    ),
    on.follows(
        "|Q_l A_l Q_(l-1)^T|_F = |A_l|_F: the decay stays, and so does F",
        tr(T(Q * A * T(R)) * Q * A * T(R)) - tr(T(A) * A),
        TWO_ROTATIONS,
        tr(T(A * T(R)) * in_Q * A * T(R)) + tr(T(A) * A * in_R),
        spoilt=tr(T(Q * A * T(R)) * Q * A * T(R)) - tr(A * A),
    ),
    on.follows(
        "left and right singular vectors part: A v = a u gives (Q A R^T)(R v) = a Q u",
        Q * A * T(R) * R * v - a * Q * u,
        {in_R: T(R) * R - 1, singular: A * v - a * u},
        Q * A * in_R * v + Q * singular,
        spoilt=Q * A * T(R) * v - a * Q * u,
    ),
)

# --- Haar Q: the columns v_k of V are a frame, R is the reflection that swaps two of them ---------------------------

swap = 1 - (u - v) * T(u - v)
UNIT_VECTORS = {unit_u: T(u) * u - 1, unit_v: T(v) * v - 1, orthogonal: T(u) * v}

HAAR = (
    on.follows(
        "the squared cosines of y = Q u with the frame v_1, .., v_d sum to |y|^2 = 1",
        T(T(V) * y) * T(V) * y - T(y) * y,
        {in_V: V * T(V) - 1},
        T(y) * in_V * y,
        spoilt=T(T(V) * y) * y - T(y) * y,
    ),
    on.follows(
        "I - (v_j - v_k)(v_j - v_k)^T takes v_j to v_k ..",
        swap * u - v,
        UNIT_VECTORS,
        -(u - v) * (unit_u - T(orthogonal)),
        spoilt=swap * u + v,
    ),
    on.follows(
        ".. and is orthogonal, so Haar Q does not tell the d terms apart: E cos^2 = 1/d",
        T(swap) * swap - 1,
        UNIT_VECTORS,
        (u - v) * (unit_u + unit_v - orthogonal - T(orthogonal)) * T(u - v),
        spoilt=T(swap) * swap - swap,
    ),
)

# --- What the critical points do align: neighbours ------------------------------------------------------------------

moved = A + slide * dA
layer_slope = (tr(T(G) * U * B * moved * H) + lam_A / 2 * tr(T(moved) * moved)).diff(slide).subs(slide, 0)
ratio = lam_W / lam_A

NEIGHBOURS = (
    on.equal(
        "dF/dA_l = (W A_L .. A_(l+1))^T G H_(l-1)^T + lam_A A_l",
        layer_slope,
        tr(T(T(U * B) * G * T(H) + lam_A * A) * dA),
        spoilt=layer_slope.subs(H, A * H),
    ),
    on.follows(
        "neighbours at every critical point: A_l A_l^T = A_(l+1)^T A_(l+1)",
        lam_A * (A * T(A) - T(B) * B),
        {in_A: lam_A * A + T(U * B) * G * T(H), in_B: lam_A * B + T(U) * G * T(A * H)},
        in_A * T(A) - T(B) * in_B,
        spoilt=lam_A * (T(A) * A - B * T(B)),
    ),
    on.follows(
        "last layer: lam_A A_L A_L^T = lam_W W^T W",
        lam_A * A * T(A) - lam_W * T(W) * W,
        {in_A: lam_A * A + T(W) * G * T(H), in_W: lam_W * W + G * T(A * H)},
        in_A * T(A) - T(W) * in_W,
        spoilt=lam_A * T(A) * A - lam_W * T(W) * W,
    ),
    on.follows(
        "left singular vectors of A_l are right ones of A_(l+1), with the same a",
        T(B) * B * u - a**2 * u,
        {balance: A * T(A) - T(B) * B, singular: A * T(A) * u - a**2 * u},
        singular - balance * u,
        spoilt=B * T(B) * u - a**2 * u,
    ),
)

# --- The shared singular values -------------------------------------------------------------------------------------

VALUES = (
    on.follows(
        "B (B^T B)^l = (B B^T)^l B, by induction: X = (B^T B)^l, Y = (B B^T)^l",
        B * X * T(B) * B - Y * B * T(B) * B,
        {power: B * X - Y * B},
        power * T(B) * B,
        spoilt=B * T(B) * B * X - Y * B * T(B) * B,
    ),
    on.follows(
        "P_l P_l^T = (A_l A_l^T)^l, by induction: B X B^T = Y B B^T if A A^T = B^T B",
        B * T(B) * B * X * T(B) - B * A * T(A) * T(B) * Y,
        {power: X * T(B) - T(B) * Y, balance: A * T(A) - T(B) * B},
        B * T(B) * B * power - B * balance * T(B) * Y,
        spoilt=B * T(B) * B * X * T(B) - A * B * T(B) * T(A) * Y,
    ),
    on.equal(
        "m = w a^L and lam_W w^2 = lam_A a^2: m^2 lam_W/lam_A = a^(2(L+1)), so a^(L+1) = c",
        (a**2 / ratio) * a ** (2 * L) * ratio,
        a ** (2 * (L + 1)),
        spoilt=(a**2 / ratio) * a ** (2 * L) / ratio,
    ),
    on.tends(
        "a = c^(1/(L+1)) -> 1 as L -> oo, c = m sqrt(lam_W/lam_A): not 1/L",
        c ** (1 / (p + 1)),
        p,
        at=oo,
        to=1,
        approach=("1e3", "1e9", "1e27"),
        within=1e-20,
        spoilt=0,
    ),
)

# --- With a skip ----------------------------------------------------------------------------------------------------

turned = Q * A * T(R)
cosine = (1 - t**2) / (1 + t**2)
"""cos theta."""


def skip_decay(layer: Expr) -> Expr:
    """Return |J|_F^2 of the block I + J = `layer`."""
    return tr(T(layer - 1) * (layer - 1))


SKIP = (
    on.follows(
        "a skip, A = I + J: the decay |J|^2 moves by 2 tr A - 2 tr(Q A R^T)",
        skip_decay(turned) - skip_decay(A) - 2 * tr(A) + 2 * tr(turned),
        TWO_ROTATIONS,
        tr(T(A * T(R)) * in_Q * A * T(R)) + tr(T(A) * A * in_R),
        spoilt=skip_decay(turned) - skip_decay(A),
    ),
    on.exceeds(
        "the symmetry is broken: J = 0 and a rotation by theta cost 4 (1 - cos theta) > 0",
        4 * (1 - cosine),
        0,
        Written(8 * t**2 / (1 + t**2)),
        spoilt=8,
    ),
)

STATEMENT = Statement(
    id="S8",
    title="Without skips there is nothing to align",
    claim="F is invariant under A_l -> Q_l A_l Q_(l-1)^T, so only neighbours align: A_(l+1)^T A_(l+1) = A_l A_l^T",
    assumptions="plain linear net with decay on A_l, any differentiable loss; Q_l drawn from Haar measure for E cos^2",
    status="proved",
    sections={
        "The symmetry": SYMMETRY,
        "Haar rotations": HAAR,
        "Neighbours": NEIGHBOURS,
        "Shared singular values": VALUES,
        "With a skip": SKIP,
    },
)
