"""S2: on the positive branch m^2 = rho s (1 + s)^(2L+1), and every m >= 0 has exactly one s >= 0.

The depth L may be any positive real number.
"""

from sympy import Derivative, log, sqrt, symbols

from proofs_check.algebra import T, matrices
from proofs_check.evaluation import Matrices, Reals
from proofs_check.sign import Divided, FromZero
from proofs_check.step import Statement
from proofs_check.writing import StepsOn

s, L, rho = symbols("s L rho", positive=True)
W, J, Y = matrices("W J Y")
balance, symmetric = matrices("balance symmetric")
on = StepsOn(
    {s: Reals(1e-6, 1e2), L: Reals(0.1, 64), rho: Reals(1e-6, 1e6)}
    | {W: Matrices(2, 3), J: Matrices(3, 3), Y: Matrices(3, 3)}
)

head = sqrt(rho * s * (1 + s))
gain = s * (1 + s) ** (2 * L + 1)
"""T = m^2/rho as a function of s."""

slope = 1 + (2 * L + 2) * s
"""d ln T / d ln s, times 1 + s."""

STEPS = (
    on.follows(
        "M = W P_L, P_L = P_L^T, W^T W = rho J (I + J): M^T M = rho P_L J (I + J) P_L",
        T(W * Y) * W * Y - rho * Y * J * (1 + J) * Y,
        {balance: T(W) * W - rho * J * (1 + J), symmetric: T(Y) - Y},
        T(Y) * balance * Y + symmetric * rho * J * (1 + J) * Y,
        spoilt=T(W * Y) * W * Y - rho * Y * J * Y,
    ),
    on.equal(
        "along v_k: m = w (1 + s)^L and w^2 = rho s (1 + s) give m^2 = rho s (1 + s)^(2L+1)",
        (head * (1 + s) ** L) ** 2,
        rho * gain,
        spoilt=(head * (1 + s) ** (L + 1)) ** 2,
    ),
    on.tends(
        "existence: T -> 0 as s -> 0",
        gain,
        s,
        at=0,
        to=0,
        approach=(1e-3, 1e-9, 1e-27),
        within=1e-20,
        spoilt=1,
    ),
    on.exceeds(
        "existence: T > s, so T passes every value (intermediate value theorem)",
        gain,
        s,
        Divided(s, (1 + s) ** (2 * L + 1), 1, FromZero(s)),
        spoilt=2 * s,
    ),
    on.equal(
        "dT/ds = (1 + s)^(2L) (1 + (2L+2) s)",
        Derivative(gain, s),
        (1 + s) ** (2 * L) * slope,
        spoilt=Derivative(gain * (1 + s), s),
    ),
    on.exceeds("uniqueness: dT/ds > 0", (1 + s) ** (2 * L) * slope, 0, spoilt=(1 + s) ** (2 * L) * (2 + slope)),
    on.equal(
        "d ln s / d ln m = 2 (1 + s)/(1 + (2L+2) s), from d ln T = 2 d ln m",
        2 / (s * Derivative(log(gain), s)),
        2 * (1 + s) / slope,
        spoilt=1 / (s * Derivative(log(gain), s)),
    ),
    on.exceeds("s increases strictly in m", 2 * (1 + s) / slope, 0, spoilt=2),
    on.exceeds(
        "s decreases strictly in L at fixed m: ds/dL = -(dT/dL)/(dT/ds), dT/dL > 0",
        Derivative(gain, L),
        0,
        spoilt=2 * gain * s,
    ),
)

STATEMENT = Statement(
    id="S2",
    title="Balance",
    claim="m^2 = rho s (1 + s)^(2L+1), with exactly one s >= 0 for every m >= 0, strictly increasing in m",
    assumptions="Frobenius model, positive branch, real depth L > 0",
    status="proved",
    sections={
        "Balance": STEPS,
    },
)
