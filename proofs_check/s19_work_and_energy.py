# ruff: noqa: N816 - symbols are named as in the statement
"""S19: work and energy in any trained residual network h_l = h_(l-1) + f_l(h_(l-1)).

H = H_l holds the states of all samples, one column for each, and G = G_l the slopes of the mean loss with respect to
them. The block is f_l = B_l Phi_l: its last operation is linear in B_l, and Phi_l, what B_l acts on, may be anything.
(Where a ReLU follows the sum h_(l-1) + f_l, G_l is taken at the sum.) Gamma holds the slopes with respect to the
logits Z = W H_L.

For ReLU blocks without biases, f_l(h) = B ReLU(V h), D_n is the diagonal matrix of ReLU' at sample n, so that
ReLU(V h_n) = D_n V h_n, and J = B D_n V is the Residual Jacobian there. Two samples, 1 and 2, stand for all.
"""

from sympy import Derivative, Expr, S, symbols

from proofs_check.algebra import T, matrices, tr
from proofs_check.claims import Equal
from proofs_check.evaluation import Matrices, Reals, Where
from proofs_check.step import Statement, Step
from proofs_check.writing import StepsOn

lam_J, lam_W, lam_E, E_W, e, s = symbols("lam_J lam_W lam_E E_W e s", positive=True)
"""E_W = lam_W |W|^2 and e = lam_J |B_l|^2 / E_W."""

t = symbols("t", real=True)
W, B, V, E, J, G, H, X, Y = matrices("W B V E J G H X Y")
Phi, Gamma, dB = matrices("Phi Gamma dB")
b, g, h, v, below = matrices("b g h v g_below")
g_1, g_2, h_1, h_2, D_1, D_2 = matrices("g_1 g_2 h_1 h_2 D_1 D_2")
in_W, in_B, in_V, in_E, in_b, in_G, chain, along = matrices("in_W in_B in_V in_E in_b in_G chain along")

WHERE: Where = {
    **dict.fromkeys((lam_J, lam_W, lam_E, E_W, s), Reals(1e-3, 1e3)),
    e: Reals(1e-3, 0.9),
    **dict.fromkeys((B, dB), Matrices(3, 2)),
    **dict.fromkeys((W, V), Matrices(2, 3)),
    **dict.fromkeys((D_1, D_2), Matrices(2, 2)),
    **dict.fromkeys((E, J), Matrices(3, 3)),
    **dict.fromkeys((Phi, Gamma), Matrices(2, 4)),
    **dict.fromkeys((G, H, X), Matrices(3, 4)),
    **dict.fromkeys((g, h, v, below, g_1, g_2, h_1, h_2), Matrices(3, 1)),
    Y: Matrices(3, 5),
    b: Matrices(5, 1),
}
on = StepsOn(WHERE)

# --- Work and energy ------------------------------------------------------------------------------------------------


def slope(decay: Expr) -> Expr:
    """Slope of the decayed loss along the direction dB; H_l enters it through <G_l, H_l>."""
    moved = B + t * dB
    return (tr(T(G) * (H + moved * Phi)) + decay / 2 * tr(T(moved) * moved)).diff(t).subs(t, 0)


def work_in_full(*, wrong: bool = False) -> Equal:
    """Return the claim that B_1 dF/dB_1 = <g_1, f_1> in a network of two nonlinear blocks, every slope in full.

    Width 1, two samples x, blocks b (v h)^2, squared error. y_n is added to the state of sample n after the first
    block, so that g_1 is the slope in y; if `wrong`, before it.
    """
    first, inner, last, beyond, head = symbols("b v c u w", real=True)
    samples = list(zip(symbols("x:2", real=True), symbols("y:2", real=True), strict=True))
    work, loss = S.Zero, S.Zero
    for x, y in samples:
        entering = x + y if wrong else x
        branch = first * (inner * entering) ** 2
        state = x + branch + y
        logit = head * (state + last * (beyond * state) ** 2)
        sample_loss = (logit - 1) ** 2 / 2
        work += branch * Derivative(sample_loss, y)
        loss += sample_loss
    return Equal(
        first * Derivative(loss, first),
        work,
        {symbol: Reals(-2, 2) for symbol in loss.free_symbols},
        method="derivatives in full",
        points=4,
    )


WORK = (
    on.equal(
        "slope in B_l of the loss and its decay: G_l Phi_l^T + lam_J B_l",
        slope(lam_J),
        tr(T(G * T(Phi) + lam_J * B) * dB),
        spoilt=slope(2 * lam_J),
    ),
    on.follows(
        "where it vanishes lam_J |B_l|^2 = -<G_l, f_l>, f_l = B_l Phi_l: energy is work",
        lam_J * tr(T(B) * B) + tr(T(G) * B * Phi),
        {in_B: lam_J * B + G * T(Phi)},
        tr(T(B) * in_B),
        spoilt=lam_J * tr(T(B) * B) - tr(T(G) * B * Phi),
    ),
    on.follows(
        "so for parameters b that enter linearly, f_l = Y b (biases, a norm's scale, shift)",
        lam_J * T(b) * b + T(g) * Y * b,
        {in_b: lam_J * T(b) + T(g) * Y},
        in_b * b,
        spoilt=lam_J * T(b) * b - T(g) * Y * b,
    ),
    Step(
        "B_1 dloss/dB_1 = <g_1, f_1> in a network of 2 quadratic blocks",
        work_in_full(),
        work_in_full(wrong=True),
    ),
    on.follows(
        "head: lam_W |W|^2 = -<Gamma, Z>, Z = W H_L",
        lam_W * tr(T(W) * W) + tr(T(Gamma) * W * H),
        {in_W: lam_W * W + Gamma * T(H)},
        tr(T(W) * in_W),
        spoilt=lam_W * tr(T(W) * W) - tr(T(Gamma) * W * H),
    ),
)

# --- Blocks that are positively 1-homogeneous -------------------------------------------------------------------------

work = T(g_1) * B * D_1 * V * h_1 + T(g_2) * B * D_2 * V * h_2
"""<g, f> over two samples."""

OUTER = lam_J * B + g_1 * T(D_1 * V * h_1) + g_2 * T(D_2 * V * h_2)
INNER = lam_J * V + T(B * D_1) * g_1 * T(h_1) + T(B * D_2) * g_2 * T(h_2)
HEAD = {in_W: lam_W * W + Gamma * T(H), in_G: G - T(W) * Gamma}

HOMOGENEOUS = (
    on.follows(
        "outer weights B: lam_J |B|^2 = -<g, f>",
        lam_J * tr(T(B) * B) + tr(work),
        {in_B: OUTER},
        tr(T(B) * in_B),
        spoilt=2 * lam_J * tr(T(B) * B) + tr(work),
    ),
    on.follows(
        "inner weights V: lam_J |V|^2 = -<g, f> too",
        lam_J * tr(T(V) * V) + tr(work),
        {in_V: INNER},
        tr(T(V) * in_V),
        spoilt=2 * lam_J * tr(T(V) * V) + tr(work),
    ),
    on.follows(
        "so both have the same energy, lam_J |V|^2 = lam_J |B|^2",
        lam_J * tr(T(V) * V) - lam_J * tr(T(B) * B),
        {in_V: INNER, in_B: OUTER},
        tr(T(V) * in_V) - tr(T(B) * in_B),
        spoilt=lam_J * tr(T(V) * V) - 2 * lam_J * tr(T(B) * B),
    ),
    on.follows(
        "Euler: g_(l-1) = (I + J)^T g_l and h_l = (I + J) h_(l-1) keep <g, h>, trained or not",
        T(below) * h - T(g) * (1 + J) * h,
        {chain: below - T(1 + J) * g},
        T(chain) * h,
        spoilt=T(below) * h - T(g) * J * h,
    ),
    on.follows(
        "at the top G_L = W^T Gamma: -<G_L, H_L> = lam_W |W|^2, and so at every l",
        lam_W * tr(T(W) * W) + tr(T(G) * H),
        HEAD,
        tr(T(W) * in_W) + tr(T(in_G) * H),
        spoilt=lam_W * tr(T(W) * W) - tr(T(G) * H),
    ),
    on.follows(
        "trained embedding H_0 = E X: lam_E |E|^2 = -<G_0, H_0>, the same number",
        lam_E * tr(T(E) * E) + tr(T(G) * E * X),
        {in_E: lam_E * E + G * T(X)},
        tr(T(E) * in_E),
        spoilt=lam_E * tr(T(E) * E) - tr(T(G) * E * X),
    ),
)

# --- The gain along the gradient, off the weights alone ---------------------------------------------------------------

nuclear_share = lam_J * s / (lam_W * (lam_J / lam_W) * (1 + s))
"""e of the rank-one nuclear model: lam_J |B|^2 = lam_J s and w^2 = rho (1 + s) (S6)."""

GAIN = (
    on.equal(
        "gain <g_l, f_l>/<g_l, h_(l-1)> = e/(1 - e): -<g_l, h_(l-1)> is E_W less the work",
        e * E_W / (E_W - e * E_W),
        e / (1 - e),
        spoilt=e * E_W / (E_W + e * E_W),
    ),
    on.follows(
        "rank-one linear blocks, J = s v v^T with g along v: the gain is s",
        s * T(g) * v * T(v) * h - s * T(g) * h,
        {along: g - v * T(v) * g},
        -s * T(along) * h,
        spoilt=s * T(g) * v * T(v) * h - T(g) * h,
    ),
    on.equal(
        "and in the nuclear model e = s/(1+s), so that e/(1 - e) = s",
        nuclear_share / (1 - nuclear_share),
        s,
        spoilt=nuclear_share,
    ),
)

STATEMENT = Statement(
    id="S19",
    title="Work and energy in any trained residual network",
    claim="lam_J |B_l|^2 = -<g_l, f_l(h_(l-1))>: a block's weight energy is its work against the loss",
    assumptions="stationary point of the decayed loss; the branch ends linearly in its decayed parameters B_l",
    status="proved",
    sections={
        "Work and energy": WORK,
        "Blocks that are positively 1-homogeneous": HOMOGENEOUS,
        "The gain along the gradient, off the weights alone": GAIN,
    },
)
