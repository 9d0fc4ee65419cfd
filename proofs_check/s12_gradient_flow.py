# ruff: noqa: N816 - symbols are named as in the statement
"""S12: what gradient flow keeps of A_l A_l^T - A_(l+1)^T A_(l+1), and how decay wears it down.

F is that of S1, with decays that may be zero, and every variable follows dV/dt = -dF/dV. The gradients are those that
S1 proves. Block l and its neighbour l + 1 are written A and B (after the last block comes W), their rates rate_A,
rate_B and rate_W; H = H_(l-1) enters block l, and U = W A_L .. A_(l+2) is what follows the neighbour.
"""

from collections.abc import Sequence
from functools import partial
from random import Random

import mpmath
from sympy import Derivative, Expr, ImmutableMatrix, Matrix, exp, eye, log, symbols

from proofs_check.algebra import T, matrices
from proofs_check.claims import Equal
from proofs_check.evaluation import Matrices, Reals, Where
from proofs_check.known_theorems import singular_values
from proofs_check.step import Statement, Step
from proofs_check.writing import StepsOn, tried

lam_J, lam_W = symbols("lam_J lam_W", nonnegative=True)
omega, a = symbols("omega a", positive=True)
"""omega = |W_0| < 1, the spectral norm; a is a singular value."""

W, U, G, H, A, B, R = matrices("W U G H A B R")
W_0, rate_W, rate_A, rate_B, v = matrices("W_0 rate_W rate_A rate_B v")
WHERE: Where = {
    **dict.fromkeys((lam_J, lam_W), Reals(1e-3, 1e1)),
    **dict.fromkeys((omega, a), Reals(1e-2, 1)),
    **dict.fromkeys((W, U, W_0, rate_W), Matrices(2, 3)),
    **dict.fromkeys((A, B, R, rate_A, rate_B), Matrices(3, 3)),
    v: Matrices(3, 1),
    H: Matrices(3, 4),
    G: Matrices(2, 4),
}
on = StepsOn(WHERE)

in_W, in_A, in_B, conserved, balance, singular, root = matrices("in_W in_A in_B conserved balance singular root")

# --- Networks of two blocks -----------------------------------------------------------------------------------------


def flow_of_a_network(*, last_decay: int = 1) -> Equal:
    """Return the claim that dD_1/dt and dD_2/dt are as S12 says, entry by entry.

    Two blocks of width 2, two classes, one sample of class 1, softmax cross-entropy, every derivative in full. The
    formula has `last_decay` times lam_W: 1 is right.
    """
    head, first, second = (ImmutableMatrix(2, 2, symbols(f"{name}:4", real=True)) for name in "wab")
    inputs = Matrix(symbols("x:2", real=True))
    logits = head * second * first * inputs
    energy = lam_W * _square(head) + lam_J * (_square(first - eye(2)) + _square(second - eye(2)))
    objective = log(1 + exp(logits[1] - logits[0])) + energy / 2

    def symmetric(matrix: Matrix) -> Matrix:
        return matrix + matrix.T

    rate_head, rate_first, rate_second = (
        variable.applyfunc(lambda entry: -Derivative(objective, entry)) for variable in (head, first, second)
    )
    D_1, D_2 = first * first.T - second.T * second, second * second.T - head.T * head
    pairs = (
        (
            symmetric(rate_first * first.T) - symmetric(second.T * rate_second),
            -2 * lam_J * D_1 + lam_J * (symmetric(first) - symmetric(second)),
        ),
        (
            symmetric(rate_second * second.T) - symmetric(head.T * rate_head),
            -2 * lam_J * D_2 + lam_J * symmetric(second) - 2 * (lam_J - last_decay * lam_W) * head.T * head,
        ),
    )
    entries = ((0, 0), (0, 1), (1, 1))
    return Equal(
        tuple(rate[entry] for rate, _ in pairs for entry in entries),
        tuple(formula[entry] for _, formula in pairs for entry in entries),
        {symbol: Reals(0.1, 1) for symbol in objective.free_symbols},
        method="derivatives in full",
        points=2,
    )


def _square(matrix: Matrix) -> Expr:
    return sum(entry**2 for entry in matrix)


STEP, STEPS = mpmath.mpf("0.1"), 20
"""Of the integration by the method of Runge and Kutta."""


def flow_margin(rng: Random, *, without_head: bool = False) -> mpmath.mpf:
    """Least of sigma_min(A_l)^2 - (1 - |W_0|_2^2) along the flow of |W A_2 A_1 - Y|^2/2 from A_1 = A_2 = I."""
    head, target = Matrices(2, 2).draw(rng), 2 * Matrices(2, 2).draw(rng)
    head *= Reals(0.1, 0.9).draw(rng) / max(singular_values(head))
    bound = 1 if without_head else 1 - max(singular_values(head)) ** 2

    def rates(state: Sequence[mpmath.matrix]) -> list[mpmath.matrix]:
        head, first, second = state
        residual = head * second * first - target
        return [
            -residual * (second * first).T,
            -(head * second).T * residual,
            -head.T * residual * first.T,
        ]

    def moved(state: Sequence[mpmath.matrix], by: Sequence[mpmath.matrix], time: mpmath.mpf) -> list[mpmath.matrix]:
        return [part + time * rate for part, rate in zip(state, by, strict=True)]

    state, margin = [head, mpmath.eye(2), mpmath.eye(2)], mpmath.inf
    for _ in range(STEPS):
        start = rates(state)
        early = rates(moved(state, start, STEP / 2))
        late = rates(moved(state, early, STEP / 2))
        end = rates(moved(state, late, STEP))
        for by, weight in ((start, 1), (early, 2), (late, 2), (end, 1)):
            state = moved(state, by, weight * STEP / 6)
        margin = min(margin, *(min(singular_values(block)) ** 2 - bound for block in state[1:]))
    return margin


# --- The rates ------------------------------------------------------------------------------------------------------

FLOW = {
    in_A: rate_A + T(U * B) * G * T(H) + lam_J * (A - 1),
    in_B: rate_B + T(U) * G * T(A * H) + lam_J * (B - 1),
}
LAST_FLOW = {
    in_A: rate_A + T(W) * G * T(H) + lam_J * (A - 1),
    in_W: rate_W + G * T(A * H) + lam_W * W,
}


def doubled(product: Expr) -> Expr:
    """Return the sum of a matrix and its transpose."""
    return product + T(product)


def without_decay(expression: Expr) -> Expr:
    """Return the expression at lam_J = lam_W = 0."""
    return expression.subs({lam_J: 0, lam_W: 0})


D, D_last = A * T(A) - T(B) * B, A * T(A) - T(W) * W
D_rate = doubled(rate_A * T(A)) - doubled(T(B) * rate_B)
"""dD_l/dt for l < L, by the product rule."""

D_last_rate = doubled(rate_A * T(A)) - doubled(T(W) * rate_W)
"""dD_L/dt, by the product rule."""

decayed = D_rate + 2 * lam_J * D - lam_J * (doubled(A) - doubled(B))
decayed_last = D_last_rate + 2 * lam_J * D_last - lam_J * doubled(A) + 2 * (lam_J - lam_W) * T(W) * W

RATES = (
    on.follows(
        "without decay D_l = A_l A_l^T - A_(l+1)^T A_(l+1) is conserved: dD_l/dt = 0",
        D_rate,
        {name: without_decay(flow) for name, flow in FLOW.items()},
        doubled(in_A * T(A)) - doubled(T(B) * in_B),
        spoilt=doubled(T(A) * rate_A) - doubled(rate_B * T(B)),
    ),
    on.follows(
        "without decay D_L = A_L A_L^T - W^T W is conserved: dD_L/dt = 0",
        D_last_rate,
        {name: without_decay(flow) for name, flow in LAST_FLOW.items()},
        doubled(in_A * T(A)) - doubled(T(W) * in_W),
        spoilt=doubled(T(A) * rate_A) - doubled(T(W) * rate_W),
    ),
    on.follows(
        "l < L: dD_l/dt = -2 lam_J D_l + lam_J (A_l + A_l^T - A_(l+1) - A_(l+1)^T)",
        decayed,
        FLOW,
        doubled(in_A * T(A)) - doubled(T(B) * in_B),
        spoilt=D_rate + 2 * lam_J * D,
    ),
    on.follows(
        "l = L: dD_L/dt = -2 lam_J D_L + lam_J (A_L + A_L^T) - 2 (lam_J - lam_W) W^T W",
        decayed_last,
        LAST_FLOW,
        doubled(in_A * T(A)) - doubled(T(W) * in_W),
        spoilt=decayed_last - 2 * (lam_J - lam_W) * T(W) * W,
    ),
    Step(
        "the same, every derivative in full, for cross-entropy in a network of 2 blocks",
        flow_of_a_network(),
        flow_of_a_network(last_decay=2),
    ),
)

# --- No block becomes singular: from J = 0, without decay -----------------------------------------------------------

FROM_IDENTITY = (
    on.equal(
        "J = 0 at the start: D_l = 0 for l < L, and D_L = I - W_0^T W_0",
        D_last.subs({A: 1, W: W_0}),
        1 - T(W_0) * W_0,
        spoilt=D_last.subs({A: 1, W: W_0}) + 1,
    ),
    on.follows(
        "|A_L^T v|^2 = (1 - |W_0|^2)|v|^2 + |R v|^2 + |W v|^2, R^T R = |W_0|^2 I - W_0^T W_0",
        T(T(A) * v) * T(A) * v - (1 - omega**2) * T(v) * v - T(R * v) * R * v - T(W * v) * W * v,
        {conserved: D_last - (1 - T(W_0) * W_0), root: omega**2 - T(W_0) * W_0 - T(R) * R},
        T(v) * (conserved + root) * v,
        spoilt=T(T(A) * v) * T(A) * v - T(v) * v - T(R * v) * R * v - T(W * v) * W * v,
    ),
    on.follows(
        "l < L, D_l = 0: A_l A_l^T v = a^2 v gives B B^T (B v) = a^2 B v, B = A_(l+1)",
        B * T(B) * (B * v) - a**2 * B * v,
        {balance: D, singular: A * T(A) * v - a**2 * v},
        B * (singular - balance * v),
        spoilt=T(B) * B * (B * v) - a**2 * B * v,
    ),
    tried(
        "so every A_l has the singular values of A_L: sigma_min(A_l)^2 >= 1 - |W_0|^2",
        "gradient flow of two blocks from J = 0, integrated: sigma_min(A_l)^2 >= 1 - |W_0|_2^2 for l = 1, 2",
        flow_margin,
        spoilt=partial(flow_margin, without_head=True),
    ),
)

STATEMENT = Statement(
    id="S12",
    title="Gradient flow",
    claim="dD_l/dt = -2 lam_J D_l + lam_J (A_l + A_l^T - A_(l+1) - A_(l+1)^T), D_l = A_l A_l^T - A_(l+1)^T A_(l+1)",
    assumptions="Frobenius model under gradient flow, lam_J, lam_W >= 0, any differentiable loss",
    status="proved",
    sections={
        "The rates": RATES,
        "No block becomes singular": FROM_IDENTITY,
    },
)
