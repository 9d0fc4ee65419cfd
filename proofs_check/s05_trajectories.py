# ruff: noqa: E741, N816 - symbols are named as in the statement
"""S5: trajectories of equal symmetric blocks, when they are lines, and how unequal their steps then are.

P and Q are the projectors on two eigenspaces of J with eigenvalues p and q; the terms of further eigenspaces are
alike. On a line the steps grow by r = 1 + s from one to the next, and a = L ln r.
"""

from sympy import Derivative, Expr, Sum, cosh, coth, exp, sinh, symbols, tanh

from proofs_check.algebra import T, matrices
from proofs_check.evaluation import Integers, Matrices, Reals, Where
from proofs_check.sign import Divided, FromZero
from proofs_check.step import Statement
from proofs_check.writing import StepsOn

r, a, u, q = symbols("r a u q", positive=True)
l, L = symbols("l L", integer=True, positive=True)
s, z = symbols("s z", real=True)
"""Eigenvalues of J, of either sign."""

ratio = symbols("ratio", real=True)
J, P, Q, x, v = matrices("J P Q x v")
in_P, in_Q, in_PQ, in_QP, in_v, parallel = matrices("in_P in_Q in_PQ in_QP in_v parallel")
WHERE: Where = {
    r: Reals(1.001, 8),
    l: Integers(1, 20),
    L: Integers(2, 40),
    ratio: Reals(-2, 4),
    **dict.fromkeys((a, u, q), Reals(1e-3, 20)),
    **dict.fromkeys((s, z), Reals(-0.9, 3)),
    **dict.fromkeys((J, P, Q), Matrices(3, 3)),
    **dict.fromkeys((x, v), Matrices(3, 1)),
}
on = StepsOn(WHERE)

# --- The states ---------------------------------------------------------------------------------------------------

SPECTRUM = {in_P: P * P - P, in_Q: Q * Q - Q, in_PQ: P * Q, in_QP: Q * P}
"""P and Q are projectors with P Q = Q P = 0."""


def passed(blocks: Expr) -> Expr:
    """Return I + ((1+s)^l - 1) P + ((1+z)^l - 1) Q, the map of l blocks."""
    return 1 + ((1 + s) ** blocks - 1) * P + ((1 + z) ** blocks - 1) * Q


P_coefficient, Q_coefficient = (1 + s) ** l - 1, (1 + z) ** l - 1
STATES = (
    on.follows(
        "h_l = x + sum_k ((1+s_k)^l - 1) v_k v_k^T x, by induction: one more block",
        (1 + s * P + z * Q) * passed(l) - passed(l) - (s * P + z * Q + s * P_coefficient * P + z * Q_coefficient * Q),
        SPECTRUM,
        s * P_coefficient * in_P + z * Q_coefficient * in_Q + s * Q_coefficient * in_PQ + z * P_coefficient * in_QP,
        spoilt=(1 + s * P + z * Q) * passed(l) - passed(l) - (s * P + z * Q),
    ),
    on.equal(
        "where s + s ((1+s)^l - 1) = (1+s)^(l+1) - (1+s)^l",
        s + s * ((1 + s) ** l - 1),
        (1 + s) ** (l + 1) - (1 + s) ** l,
        spoilt=s + s * (1 + s) ** l,
    ),
)

# --- Lines --------------------------------------------------------------------------------------------------------

LINES = (
    on.follows(
        "on a line if J y = s y, y = J x the first step: the next is (I + J) y = (1+s) y",
        (1 + J) * J * x - (1 + s) * J * x,
        {parallel: J * J * x - s * J * x},
        parallel,
        spoilt=(1 + J) * J * x - s * J * x,
    ),
    on.follows(
        "only then: (I + J) y = ratio y makes y an eigenvector, s = ratio - 1",
        J * J * x - (ratio - 1) * J * x,
        {parallel: (1 + J) * J * x - ratio * J * x},
        parallel,
        spoilt=J * J * x - ratio * J * x,
    ),
    on.follows(
        "then v_k^T x = 0 for every other eigenvalue z = s_k, neither 0 nor s",
        z * (z - s) * T(v) * x,
        {parallel: J * J * x - s * J * x, in_v: T(v) * J - z * T(v)},
        T(v) * parallel - in_v * J * x - (z - s) * in_v * x,
        spoilt=z * (z + s) * T(v) * x,
    ),
)

# --- Step lengths on a line: r^0, ..., r^(L-1) times the first -----------------------------------------------------

first_sum = (r**L - 1) / (r - 1)
second_sum = (r ** (2 * L) - 1) / (r**2 - 1)
squared_cv = L * tanh(a / (2 * L)) * coth(a / 2) - 1


def raised(total: Expr) -> Expr:
    """Return the difference that one more step makes."""
    return total.subs(L, L + 1) - total


STEPS_ON_A_LINE = (
    on.equal(
        "lengths r^l sum to (r^L - 1)/(r - 1): one more step adds r^L (and 1 at L = 1)",
        raised(first_sum),
        r**L,
        spoilt=raised(first_sum * r),
    ),
    on.equal(
        "squares sum to (r^(2L) - 1)/(r^2 - 1): one more step adds r^(2L) (and 1 at L = 1)",
        raised(second_sum),
        r ** (2 * L),
        spoilt=raised(first_sum),
    ),
    on.equal(
        "the sum of lengths, term by term, with r = 1 + u",
        Sum((1 + u) ** l, (l, 0, L - 1)),
        first_sum.subs(r, 1 + u),
        spoilt=Sum((1 + u) ** l, (l, 1, L)),
    ),
    on.equal(
        "CV^2 = L sum r^(2l)/(sum r^l)^2 - 1 = L tanh(a/2L) coth(a/2) - 1, a = L ln r",
        (L * second_sum / first_sum**2 - 1).subs(r, exp(a / L)),
        squared_cv,
        spoilt=(L * second_sum / first_sum**2 - 1).subs(r, exp(2 * a / L)),
    ),
    on.equal(
        "it is (a/2) coth(a/2) tanh(q)/q - 1 with q = a/2L",
        squared_cv.subs(a, 2 * L * q),
        (a / 2 * coth(a / 2) * tanh(q) / q - 1).subs(a, 2 * L * q),
        spoilt=squared_cv.subs(a, L * q),
    ),
    on.exceeds(
        "CV^2 increases in L at fixed a: d/dq tanh(q)/q < 0, since sinh(2q) > 2q",
        0,
        Derivative(tanh(q) / q, q),
        Divided(1 / (2 * q**2 * cosh(q) ** 2), sinh(2 * q), 2 * q, FromZero(q, (1, 1))),
        spoilt=Derivative(-tanh(q) / q, q),
    ),
    on.tends(
        "its limit is (a/2) coth(a/2) - 1: tanh(q)/q -> 1",
        tanh(q) / q,
        q,
        at=0,
        to=1,
        approach=("1e-2", "1e-6", "1e-12"),
        within=1e-20,
        spoilt=2,
    ),
    on.exceeds(
        "below a^2/12: with u = a/2, (3 + u^2) sinh u > 3 u cosh u",
        u**2 / 3,
        u * coth(u) - 1,
        Divided(1 / (3 * sinh(u)), (3 + u**2) * sinh(u), 3 * u * cosh(u), FromZero(u, (u, 1))),
        spoilt=u * coth(u) - 1 + u**2 / 12,
    ),
)

STATEMENT = Statement(
    id="S5",
    title="Trajectories",
    claim="h_l = x + sum_k ((1 + s_k)^l - 1) v_k v_k^T x; on a line CV^2 = L tanh(a/2L) coth(a/2) - 1, a = L ln(1 + s)",
    assumptions="equal symmetric Jacobians; the CV on a line",
    status="proved",
    sections={
        "The states": STATES,
        "Lines": LINES,
        "Step lengths on a line": STEPS_ON_A_LINE,
    },
)
