# ruff: noqa: E741, N816 - symbols are named as in the statement
"""S11: with one logit every block is a multiple of v v^T, every trajectory a line, and equal steps one recursion.

W = w^T has one row, and v = w/|w|. What S1 proves at every critical point is supposed here: J_l = J_l^T,
J_l (I + J_l) = W^T W / rho and ker J_l = ker W. For two-class softmax a and -a are the rows of W, and v = a/|a|.
"""

from sympy import symbols

from proofs_check.algebra import T, matrices
from proofs_check.evaluation import Integers, Matrices, Reals, Where
from proofs_check.step import Statement
from proofs_check.writing import StepsOn

lam_W, norm, s = symbols("lam_W |w| s", positive=True)
l = symbols("l", integer=True, positive=True)
j, c, k, f, g = symbols("j c k s_l s_next", real=True)
"""j_l; what the blocks so far have gained along v; any factor; s_l and s_(l+1) of either sign, neither zero."""

J, G, W, H = matrices("J G W H")
v, x, a, b, ones = matrices("v x a b ones")
V = v * T(v)
"""The projector on v."""

WHERE: Where = {
    lam_W: Reals(1e-3, 1e3),
    **dict.fromkeys((norm, s), Reals(1e-3, 1e1)),
    **dict.fromkeys((j, c, k, f, g), Reals(-3, 3)),
    l: Integers(1, 30),
    J: Matrices(3, 3),
    W: Matrices(2, 3),
    G: Matrices(2, 4),
    H: Matrices(3, 4),
    **dict.fromkeys((v, x, a, b), Matrices(3, 1)),
    ones: Matrices(2, 1),
}
on = StepsOn(WHERE)

in_W, kernel, symmetric, unit, sumless, opposite = matrices("in_W kernel symmetric unit sumless opposite")
UNIT = {unit: T(v) * v - 1}

# --- The blocks -----------------------------------------------------------------------------------------------------

BLOCKS = (
    on.follows(
        "x - v v^T x lies in ker W = ker J_l (S1): w^T (I - v v^T) = 0, w = |w| v",
        norm * T(v) * (1 - V),
        UNIT,
        -norm * unit * T(v),
        spoilt=norm * T(v) * (1 + V),
    ),
    on.follows(
        "J_l (I - v v^T) = 0 and J_l = J_l^T: J_l = v (v^T J_l v) v^T = j_l v v^T",
        J - V * J * V,
        {kernel: J * (1 - V), symmetric: J - T(J)},
        kernel + (symmetric + T(kernel)) * V - V * symmetric * V,
        spoilt=J - V * J,
    ),
    on.follows(
        "J_l (I + J_l) = W^T W / rho then reads j_l (1 + j_l) = |w|^2 / rho",
        j * V * (1 + j * V) - j * (1 + j) * V,
        UNIT,
        j**2 * v * unit * T(v),
        spoilt=j * V * (1 + j * V) - j * V,
    ),
    on.equal(
        "so j_l = s on the positive branch and -(1 + s) on the other, s (1 + s) = |w|^2 / rho",
        j * (1 + j) - s * (1 + s),
        (j - s) * (j + 1 + s),
        spoilt=j * (1 + j) - s,
    ),
)

# --- Two classes ----------------------------------------------------------------------------------------------------

TWO_CLASSES = (
    on.follows(
        "cross-entropy: 1^T G = 0 (S1) and lam_W W = -G H_L^T make 1^T W = 0",
        lam_W * T(ones) * W,
        {in_W: lam_W * W + G * T(H), sumless: T(ones) * G},
        T(ones) * in_W - sumless * T(H),
        spoilt=lam_W * T(ones) * W + T(ones) * G * T(H),
    ),
    on.follows(
        "two classes: rows a and b = -a, so W^T W = a a^T + b b^T = 2 a a^T, and v = a/|a|",
        a * T(a) + b * T(b) - 2 * a * T(a),
        {opposite: a + b},
        opposite * T(b) - a * T(opposite),
        spoilt=a * T(a) + b * T(b) - a * T(a),
    ),
)

# --- Trajectories ---------------------------------------------------------------------------------------------------

state = x + c * V * x
"""h_(l-1): all that the blocks before have done lies along v."""

TRAJECTORIES = (
    on.follows(
        "h_l - h_(l-1) = j_l (1 + c) v v^T x if h_(l-1) = x + c v v^T x",
        j * V * state - j * (1 + c) * V * x,
        UNIT,
        j * c * v * unit * T(v) * x,
        spoilt=j * V * state - j * c * V * x,
    ),
    on.follows(
        "by induction h_l = x + (prod_(i<=l) (1 + j_i) - 1) v v^T x: a line for every x",
        (1 + j * V) * state - x - ((1 + j) * (1 + c) - 1) * V * x,
        UNIT,
        j * c * v * unit * T(v) * x,
        spoilt=(1 + j * V) * state - x - (1 + j) * (1 + c) * V * x,
    ),
    on.equal(
        "positive branch: h_l = x + ((1 + s)^l - 1) v v^T x, by induction",
        (1 + s) * (1 + ((1 + s) ** l - 1)) - 1,
        (1 + s) ** (l + 1) - 1,
        spoilt=(1 + s) * ((1 + s) ** l - 1),
    ),
    on.exceeds(
        "its steps grow: s_(l+1) (1 + s_l) > s_l at equal s",
        s * (1 + s),
        s,
        spoilt=s + 2 * s**2,
    ),
)

# --- Equal steps ----------------------------------------------------------------------------------------------------

profile = s / (1 + (l - 1) * s)
"""s_l, with s = s_1."""

EQUAL_STEPS = (
    on.equal(
        "steps k s_l and k (1 + s_l) s_(l+1) are equal iff 1/s_(l+1) = 1/s_l + 1",
        k * (1 + f) * g - k * f,
        k * f * g * (1 / f + 1 - 1 / g),
        spoilt=k * (1 + f) * g - k * g,
    ),
    on.equal(
        "1/s_l = 1/s_1 + l - 1 solves it",
        1 / profile.subs(l, l + 1),
        1 / profile + 1,
        spoilt=1 / profile.subs(l, l + 2),
    ),
    on.equal(
        "then prod_(i<=l) (1 + s_i) = 1 + l s_1, by induction: h_l = x + l s_1 v v^T x",
        (1 + (l - 1) * s) * (1 + profile),
        1 + l * s,
        spoilt=(1 + (l - 1) * s) * (1 + s),
    ),
)

STATEMENT = Statement(
    id="S11",
    title="Binary case",
    claim="J_l = j_l v v^T, every trajectory is a line, and its steps are equal iff 1/s_(l+1) = 1/s_l + 1",
    assumptions="Frobenius model, critical point, one logit or two-class softmax; S1",
    status="proved",
    sections={
        "The blocks": BLOCKS,
        "Two classes": TWO_CLASSES,
        "Trajectories": TRAJECTORIES,
        "Equal steps": EQUAL_STEPS,
    },
)
