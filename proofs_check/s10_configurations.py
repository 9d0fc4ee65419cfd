"""S10: which optimum? Cross-entropy, orthonormal class inputs X = [e_1 .. e_C], Frobenius model.

By S3 the objective is F(M) = (mean over classes c of ln sum_j exp(M_jc - M_cc)) + sum_k phi(sigma_k(M)) with
phi = c_L/2. A circulant M = sum_k a_k Pi_k has Pi_k with entries (mu_k/C) cos(2 pi k (i - j)/C), k = 1 .. floor(C/2),
mu_k = 2, or 1 where 2 k = C. The same number added to all logits changes no loss and only costs, so k = 0 is absent.
Pi = I - 1 1^T/C. At the simplex m Pi every wrong class has probability p = 1/(e^m + C - 1), and s is that of m (S2).
The pair family has a on odd modes and b on even ones, C even; p_1 is then the probability of the opposite class and
p_2 that of every other wrong one. D is a direction in which M is moved.

Proved here: simplex and pair are critical points of F with the values stated, and the whole curvature of the simplex.
The depths at which the two cross are computed with 50 digits, not proved. Which configuration is the best is a matter
of search: that nothing lies lower is not proved.
"""

from collections.abc import Sequence
from functools import partial

from sympy import Derivative, Expr, Rational, cos, exp, log, pi, sin, sqrt, symbols

from proofs_check.algebra import T, matrices
from proofs_check.circulant import curvature_margin, logits, orthogonal_projectors
from proofs_check.configuration_values import OPTIMA, STABILITIES, THRESHOLDS
from proofs_check.evaluation import Integers, Matrices, Reals, Where
from proofs_check.s02_balance import L, gain, rho, s
from proofs_check.s03_cost import cost, lam_J
from proofs_check.sign import FromZero
from proofs_check.step import Statement, Step
from proofs_check.writing import StepsOn, tried

C, n = symbols("C n", integer=True, positive=True)
m, p, p_1, p_2, a, b, t, rest, q = symbols("m p p_1 p_2 a b t rest q", positive=True)
phase, angle, other, x, xi, eta = symbols("phase angle other x xi eta", real=True)
swap, mean, Pi, D, r, one = matrices("swap mean Pi D r one")
in_swap, in_mean, absorbed, absorbs, skew, kernel, projector, symmetric, size = matrices(
    "in_swap in_mean absorbed absorbs skew kernel projector symmetric size"
)
WHERE: Where = {
    C: Integers(4, 40),
    n: Integers(1, 20),
    **dict.fromkeys((m, a, b), Reals(0.1, 20)),
    **dict.fromkeys((p, p_1, p_2), Reals(1e-6, 0.02)),
    L: Reals(0.1, 64),
    **dict.fromkeys((s, rest, t, q), Reals(1e-2, 1e1)),
    **dict.fromkeys((lam_J, rho), Reals(1e-4, 1e2)),
    **dict.fromkeys((phase, angle, other, x, xi, eta), Reals(-3, 3)),
    **dict.fromkeys((swap, mean, Pi, D), Matrices(4, 4)),
    **dict.fromkeys((r, one), Matrices(4, 1)),
}
on = StepsOn(WHERE)

# --- The circulant family -----------------------------------------------------------------------------------------

CIRCULANT = (
    on.equal(
        "2 cos(f + 2 j h) sin h = sin(f + (2j+1) h) - sin(f + (2j-1) h): cosines telescope",
        2 * cos(phase) * sin(angle),
        sin(phase + angle) - sin(phase - angle),
        spoilt=cos(phase) * sin(angle),
    ),
    on.equal(
        "h = pi n/C: j = C - 1 ends where j = 0 began, so sum_j cos(f + 2 pi n j/C) = 0",
        sin(phase + (2 * C - 1) * pi * n / C),
        sin(phase - pi * n / C),
        spoilt=sin(phase + (C - 1) * pi * n / C),
    ),
    on.equal(
        "Pi_k Pi_l sums cos(k..) cos(l..), half the cosines of sum and difference",
        cos(angle) * cos(other),
        (cos(angle + other) + cos(angle - other)) / 2,
        spoilt=2 * cos(angle) * cos(other),
    ),
    Step(
        "so the Pi_k are orthogonal projectors of rank mu_k with sum I - 1 1^T/C",
        orthogonal_projectors(),
        orthogonal_projectors(first=2),
    ),
    Step(
        "class 0 has z_j = sum_k a_k (mu_k/C) cos(2 pi k j/C), others its shifts; sigma = a_k",
        logits(),
        logits(multiplicity=2),
    ),
)

# --- The simplex: all a_k = m -----------------------------------------------------------------------------------------

wrong = 1 / (exp(m) + C - 1)
"""p as a function of m."""

end_to_end = sqrt(rho * gain)
"""m as a function of s."""

SIMPLEX = (
    on.equal(
        "simplex: z_0 - z_j = m, so the loss is ln (1 + (C-1) e^(-m))",
        1 + (C - 1) * exp(-m / C) / exp(m * (1 - 1 / C)),
        1 + (C - 1) * exp(-m),
        spoilt=1 + C * exp(-m / C) / exp(m * (1 - 1 / C)),
    ),
    on.equal(
        "its slope in m is -(C-1) p",
        Derivative(log(1 + (C - 1) * exp(-m)), m),
        -(C - 1) * wrong,
        spoilt=Derivative(log(1 + C * exp(-m)), m),
    ),
    on.equal(
        "phi'(m) = lam_J s (1+s)/m: stationary iff lam_J s (1+s) = p m = m/(e^m + C - 1)",
        Derivative(cost / 2, s) / Derivative(end_to_end, s),
        lam_J * s * (1 + s) / end_to_end,
        spoilt=Derivative(cost, s) / Derivative(end_to_end, s),
    ),
    on.equal(
        "among all M: the loss has the gradient (softmax - I)/C = -p Pi, the cost phi'(m) Pi",
        ((1 - (C - 1) * p - 1) / C, p / C),
        (-p * (1 - 1 / C), p / C),
        spoilt=((1 - C * p - 1) / C, p / C),
    ),
)

# --- The pair family --------------------------------------------------------------------------------------------------

SWAP = {
    in_swap: swap * swap - 1,
    in_mean: mean * mean - mean,
    absorbed: swap * mean - mean,
    absorbs: mean * swap - mean,
}
odd, even = (1 - swap) / 2, (1 + swap) / 2 - mean
pair_loss = log(1 + exp(-a) + (C - 2) * exp(-(a + b) / 2))
total = 1 + exp(-a) + (C - 2) * exp(-(a + b) / 2)
slope_a, slope_b = -(2 * p_1 + (C - 2) * p_2) / C, -p_2
"""-phi'(a) and -phi'(b) at a critical point of the family."""

PAIR = (
    on.follows(
        "swap c with c + C/2: odd modes have the projector (I - swap)/2",
        odd * odd - odd,
        {in_swap: swap * swap - 1},
        in_swap / 4,
        spoilt=odd * odd - 2 * odd,
    ),
    on.follows(
        "even modes have (I + swap)/2 - 1 1^T/C, here `mean`",
        even * even - even,
        SWAP,
        in_swap / 4 + in_mean - absorbed / 2 - absorbs / 2,
        spoilt=even * even - 2 * even,
    ),
    on.follows(
        "and the two are orthogonal",
        odd * even,
        SWAP,
        -in_swap / 4 + absorbed / 2,
        spoilt=odd * even + odd,
    ),
    on.equal(
        "z_0 - z_(C/2) = a, z_0 - z_j = (a+b)/2: loss ln (1 + e^-a + (C-2) e^(-(a+b)/2))",
        ((a + b) / 2 - b / C - (-a + b) / 2 + b / C, (a + b) / 2 - b / C + b / C),
        (a, (a + b) / 2),
        spoilt=((a + b) / 2 - b / C - (-a + b) / 2, (a + b) / 2 - b / C + b / C),
    ),
    on.equal(
        "its slopes are -(p_1 + (C/2 - 1) p_2) in a, -(C/2 - 1) p_2 in b",
        (Derivative(pair_loss, a), Derivative(pair_loss, b)),
        (
            -(exp(-a) + (C / 2 - 1) * exp(-(a + b) / 2)) / total,
            -(C / 2 - 1) * exp(-(a + b) / 2) / total,
        ),
        spoilt=(Derivative(pair_loss, b), Derivative(pair_loss, a)),
    ),
    on.equal(
        "among all M: the loss has the gradient -phi'(a) Pi_odd - phi'(b) Pi_even: critical",
        (
            slope_a / 2 + slope_b * (Rational(1, 2) - 1 / C),
            -slope_a / 2 + slope_b * (Rational(1, 2) - 1 / C),
            -slope_b / C,
        ),
        (-(p_1 + (C - 2) * p_2) / C, p_1 / C, p_2 / C),
        spoilt=(
            slope_b / 2 + slope_a * (Rational(1, 2) - 1 / C),
            -slope_b / 2 + slope_a * (Rational(1, 2) - 1 / C),
            -slope_a / C,
        ),
    ),
)

# --- The curvature of the simplex along D -----------------------------------------------------------------------------

right = 1 - (C - 1) * p
"""Probability of the right class."""

bend = p / m * (1 - 2 * (L - 1) * s) / (1 + 2 * (L + 1) * s)
"""phi''(m)."""

CURVATURE = (
    on.equal(
        "loss: variance over a column of D with sum 0, x at its class, rest the other squares",
        right * x**2 + p * rest - (right * x - p * x) ** 2,
        p * (x**2 + rest) + C * p * (1 - C * p) * x**2,
        spoilt=right * x**2 + p * rest - (right * x) ** 2,
    ),
    on.equal(
        "cost, D symmetric, D 1 = 0: values m + t delta, phi bends by phi''(m) |D|^2",
        Derivative(lam_J * s * (1 + s) / end_to_end, s) / Derivative(end_to_end, s),
        bend.subs(p, lam_J * s * (1 + s) / m).subs(m, end_to_end),
        spoilt=Derivative(lam_J * s / end_to_end, s) / Derivative(end_to_end, s),
    ),
    on.follows(
        "cost, D skew, D 1 = 0: (m I + t D)^T (m I + t D) = m^2 I + t^2 D^T D",
        T(m + t * D) * (m + t * D) - m**2 - t**2 * T(D) * D,
        {skew: D + T(D)},
        m * t * skew,
        spoilt=T(m + t * D) * (m + t * D) - m**2 - t**2 * D * D,
    ),
    on.follows(
        "cost, D = r 1^T with 1^T r = 0: (m Pi + t D)(m Pi + t D)^T = m^2 Pi + t^2 C r r^T",
        (m * Pi + t * r * T(one)) * T(m * Pi + t * r * T(one)) - m**2 * Pi - t**2 * C * r * T(r),
        {projector: Pi * Pi - Pi, symmetric: Pi - T(Pi), kernel: Pi * one, size: T(one) * one - C},
        m**2 * (projector - Pi * symmetric) + m * t * (kernel * T(r) + r * T(kernel)) + t**2 * r * size * T(r),
        spoilt=(m * Pi + t * r * T(one)) * T(m * Pi + t * r * T(one)) - m**2 * Pi - t**2 * r * T(r),
    ),
    on.equal(
        "phi in m^2 has slope p/(2m): both bend by (p/m) |D|^2, and so does D = 1 r^T",
        Derivative(cost / 2, s) / Derivative(rho * gain, s),
        lam_J * s * (1 + s) / end_to_end / (2 * end_to_end),
        spoilt=Derivative(cost, s) / Derivative(rho * gain, s),
    ),
    on.tends(
        "D = 1 1^T leaves 0: twice that slope at 0 is lam_W = lam_J/rho",
        lam_J * s * (1 + s) / (rho * gain),
        s,
        at=0,
        to=lam_J / rho,
        approach=("1e-10", "1e-30", "1e-60"),
        within=1e-50,
        spoilt=lam_J,
    ),
    tried(
        "together, any D: second difference of F, C = 5, L = 3, is the sum of these parts",
        "(p/C)|Pi D|^2 + p(1-Cp) sum_c (Pi D)_cc^2 + phi''|sym|^2 + (p/m)(|skew|^2 + |across|^2) + lam_W (1^T D 1/C)^2",
        curvature_margin,
        spoilt=partial(curvature_margin, excess=1),
    ),
)

# --- Directions of each symmetry: columns as (how many, entry at the class, [(how many, other entry)]) ----------------

Column = tuple[Expr, Expr, Sequence[tuple[Expr, Expr]]]


def loss_curvature(columns: Sequence[Column]) -> Expr:
    """Return the mean over classes of the variance of D's column under the softmax of the simplex."""
    total = 0
    for count, own, others in columns:
        first = right * own + p * sum(number * entry for number, entry in others)
        second = right * own**2 + p * sum(number * entry**2 for number, entry in others)
        total += count * (second - first**2)
    return total / C


def standard(along: Expr, across: Expr) -> list[Column]:
    """Return the columns of along Pi diag(r) Pi + across r 1^T with r = e_1 - e_2; the second is minus the first."""
    own, shift = along * (1 - 2 / C) + across, along / C - across
    return [
        (2, own, [(1, -across), (C - 2, -along / C)]),
        (C - 2, 0, [(1, shift), (1, -shift)]),
    ]


def unit_standard(first: Expr, second: Expr) -> Expr:
    """Return the loss's curvature along both directions scaled to length 1, with C = q^2 + 2."""
    along, across = first * sqrt(C) / (sqrt(2) * q), second / sqrt(2 * C)
    return loss_curvature(standard(along, across)).subs(C, q**2 + 2)


TYPES = (
    on.equal(
        "D = (e_1-e_2)(e_3-e_4)^T + its transpose, C >= 4, |D|^2 = 8, has p/C + phi''",
        loss_curvature([(4, 0, [(1, t), (1, -t)])]) / (8 * t**2),
        p / C,
        spoilt=loss_curvature([(4, t, [(1, -t)])]) / (8 * t**2),
    ),
    on.equal(
        "D = Pi, |D|^2 = C - 1, has p/C + phi'' + p (1-Cp)(C-1)/C",
        loss_curvature([(C, 1 - 1 / C, [(C - 1, -1 / C)])]) / (C - 1),
        p / C + p * (1 - C * p) * (C - 1) / C,
        spoilt=loss_curvature([(C, 1 - 1 / C, [(C - 1, 0)])]) / (C - 1),
    ),
    on.equal(
        "skew D: e_1, e_2, e_3 in a cycle, |D|^2 = 6, has p/C + p/m",
        loss_curvature([(3, 0, [(1, t), (1, -t)])]) / (6 * t**2),
        p / C,
        spoilt=loss_curvature([(3, t, [(1, -t)])]) / (6 * t**2),
    ),
    on.equal(
        "Pi diag(r) Pi and r 1^T mix: p/C + (p (1-Cp)/C) (q, 1)(q, 1)^T, q = sqrt(C-2)",
        unit_standard(xi, eta),
        (p / C * (xi**2 + eta**2) + p * (1 - C * p) / C * (q * xi + eta) ** 2).subs(C, q**2 + 2),
        spoilt=unit_standard(xi, -eta),
    ),
)

STABILITY = (
    on.equal(
        "1 - Cp = (e^m - 1) p, and so what is added to p/C is positive",
        1 - C * wrong,
        (exp(m) - 1) * wrong,
        spoilt=1 - (C - 1) * wrong,
    ),
    on.exceeds("e^m > 1", exp(m), 1, FromZero(m), spoilt=1 + 2 * m * exp(m)),
    on.exceeds(
        "phi'' < p/m: no direction bends less than p/C + phi'', and for C >= 4 one bends so",
        p / m,
        bend,
        spoilt=bend + p / m,
    ),
    on.equal(
        "for C >= 4 stable iff p/C + phi'' > 0, that is m (1 + 2(L+1) s) > C (2(L-1) s - 1)",
        p / C + bend,
        p / (C * m * (1 + 2 * (L + 1) * s)) * (m * (1 + 2 * (L + 1) * s) - C * (2 * (L - 1) * s - 1)),
        spoilt=p / C - bend,
    ),
)

STATEMENT = Statement(
    id="S10",
    title="Low rank beats the simplex",
    claim="beyond a threshold depth the pair family has lower objective than Neural Collapse's simplex",
    assumptions="cross-entropy, orthonormal class inputs, Frobenius model; crossings computed, optimum searched",
    status="proved within the circulant family",
    sections={
        "The circulant family": CIRCULANT,
        "The simplex": SIMPLEX,
        "The pair family": PAIR,
        "The curvature of the simplex": CURVATURE,
        "Directions of each symmetry": TYPES,
        "Stability": STABILITY,
        "Numbers: thresholds": THRESHOLDS,
        "Numbers: values": OPTIMA,
        "Numbers: stability": STABILITIES,
    },
)
