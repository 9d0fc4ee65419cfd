"""S4: how s falls with depth at fixed T = m^2/rho: bounds by Lambert's W, the exponent, their limits.

W0 is the inverse of y e^y on y >= 0. x = ln(1 + s) is the log-gain of a block; the depth L is any positive real.
Limits are taken along curves on which L is explicit: in s, with L solved from S2, or in v = W0(nT), n = 2L+1.
"""

from sympy import Derivative, Expr, LambertW, Rational, asinh, cosh, exp, log, oo, sinh, sqrt, symbols

from proofs_check.evaluation import Reals
from proofs_check.s02_balance import slope
from proofs_check.sign import Divided, FromZero, Increasing, Manifest, Through, Written
from proofs_check.step import Statement
from proofs_check.writing import StepsOn

s, L, T, x, y, z, v, rho = symbols("s L T x y z v rho", positive=True)
omega = symbols("omega", positive=True)
on = StepsOn(
    {s: Reals(1e-6, 1e2), L: Reals(0.1, 64), T: Reals(1e-2, 1e2), z: Reals(1e-6, 1e6), v: Reals(1, 30)}
    | {x: Reals(1e-6, 5), y: Reals(1e-6, 3), omega: Reals(1e-6, 3)}
)

n, nu = 2 * L + 1, 2 * L + Rational(3, 2)
gain = s * (1 + s) ** n
"""T as a function of s (S2)."""

LAMBERT = (
    on.exceeds("y e^y increases for y > 0: W0 is its inverse", Derivative(y * exp(y), y), 0, spoilt=2 * exp(2 * y)),
    on.exceeds("1 + s < e^s, that is ln (1 + s) < s", s, log(1 + s), FromZero(s), spoilt=2 * log(1 + s)),
    on.exceeds(
        "lower bound: W0(nT)/n < s, since T = s (1 + s)^n < s e^(ns)",
        s,
        LambertW(n * gain) / n,
        Increasing(
            lambda a: a * exp(n * a),
            Divided(s, exp(n * s), (1 + s) ** n, Increasing(log, Divided(n, s, log(1 + s), FromZero(s)))),
        ),
        spoilt=2 * LambertW(n * gain) / n,
    ),
    on.exceeds(
        "upper bound: s < e^(W0(nT)/n) - 1, since ln (1 + s) e^(n ln (1 + s)) < T",
        LambertW(n * gain) / n,
        log(1 + s),
        Increasing(lambda a: a * exp(n * a), Divided((1 + s) ** n, s, log(1 + s), FromZero(s))),
        spoilt=s,
    ),
)

# --- The sharper bounds: x = ln (1 + s), so T = 2 sinh(x/2) e^(nu x) ------------------------------------------------

root = LambertW(nu * 2 * sinh(x / 2) * exp(nu * x)) / nu
"""omega = W0(nu T)/nu as a function of x."""

SHARPER = (
    on.equal(
        "S2 reads T = 2 sinh(x/2) e^((2L + 3/2) x)",
        gain.subs(s, exp(x) - 1),
        2 * sinh(x / 2) * exp(nu * x),
        spoilt=gain.subs(s, exp(x) - 1) * exp(x / 2),
    ),
    on.exceeds("x < 2 sinh(x/2)", 2 * sinh(x / 2), x, FromZero(x, (1, 1)), spoilt=x * cosh(x / 2)),
    on.exceeds(
        "ln (1 + s) < omega: s < e^omega - 1",
        root,
        x,
        Increasing(lambda a: a * exp(nu * a), Divided(exp(nu * x), 2 * sinh(x / 2), x, FromZero(x, (1, 1)))),
        spoilt=2 * sinh(x / 2),
    ),
    on.exceeds(
        "omega < 2 sinh(x/2): the value of a e^(nu a) there exceeds T",
        2 * sinh(x / 2),
        root,
        Increasing(
            lambda a: a * exp(nu * a),
            Divided(
                2 * sinh(x / 2),
                exp(2 * nu * sinh(x / 2)),
                exp(nu * x),
                Increasing(log, Divided(nu, 2 * sinh(x / 2), x, FromZero(x, (1, 1)))),
            ),
        ),
        spoilt=2 * root,
    ),
    on.equal(
        "2 sinh(x/2) = s/sqrt(1 + s), so s > e^(2 asinh(omega/2)) - 1",
        2 * sinh(x / 2),
        (s / sqrt(1 + s)).subs(s, exp(x) - 1),
        spoilt=2 * sinh(x / 2) * exp(x / 2),
    ),
)

# --- How far apart they are: with omega = 2 sinh y the bounds are e^(2 sinh y) - 1 and e^(2 y) - 1 -------------------

LEAST_DEPTH, LARGEST_T = 8, 10**4
widest = LambertW(LARGEST_T * nu.subs(L, LEAST_DEPTH)) / nu.subs(L, LEAST_DEPTH)
"""The largest omega for L >= 8 and T <= 1e4."""

WIDTH = (
    on.equal(
        "omega falls in nu at fixed T: d omega/d nu = -omega^2/(1 + nu omega)",
        -Derivative(log(omega) + z * omega, z) / Derivative(log(omega) + z * omega, omega),
        -(omega**2) / (1 + z * omega),
        spoilt=Derivative(log(omega) + z * omega, z) / Derivative(log(omega) + z * omega, omega),
    ),
    on.equal(
        "d/dy ln (upper/lower), omega = 2 sinh y: sign of sinh(2y) e^(-y) + e^(-2 sinh y) - 1",
        Derivative(log((exp(2 * sinh(y)) - 1) / (exp(2 * y) - 1)), y),
        (sinh(2 * y) * exp(-y) + exp(-2 * sinh(y)) - 1) / ((1 - exp(-2 * sinh(y))) * exp(-y) * sinh(y)),
        spoilt=Derivative(log((exp(2 * sinh(y)) - 1) / (exp(y) - 1)), y),
    ),
    on.exceeds(
        "that is positive: the bounds part as omega grows",
        sinh(2 * y) * exp(-y) + exp(-2 * sinh(y)),
        1,
        FromZero(
            y,
            last=Through(
                2 * cosh(y) * exp(-2 * y) - 2 * cosh(y) * exp(-2 * sinh(y)),
                above=Written(exp(-3 * y) * (exp(2 * y) - 1) ** 2 / 2),
                below=Divided(
                    2 * cosh(y),
                    exp(-2 * y),
                    exp(-2 * sinh(y)),
                    Increasing(log, Divided(2, sinh(y), y, FromZero(y, (1, 1)))),
                ),
            ),
        ),
        spoilt=2,
    ),
    on.exceeds(
        "for L >= 8 and T <= 1e4 the upper bound exceeds the lower by less than 1.7 %",
        Rational(1017, 1000) * (exp(2 * asinh(widest / 2)) - 1),
        exp(widest) - 1,
        spoilt=Rational(1018, 1000) * (exp(widest) - 1),
    ),
)

# --- The exponent across depth ------------------------------------------------------------------------------------

exponent = -2 * L * (1 + s) * log(1 + s) / slope
"""d ln s / d ln L at fixed T."""

level = log(s) + n * log(1 + s)
"""ln T."""

depth_at = (log(T / s) / log(1 + s) - 1) / 2
"""The depth at which T gives s."""

EXPONENT = (
    on.equal(
        "d ln s/d ln L = -2L (1+s) ln(1+s)/(1 + (2L+2) s) at fixed T",
        -L * Derivative(level, L) / (s * Derivative(level, s)),
        exponent,
        spoilt=-Derivative(level, L) / (s * Derivative(level, s)),
    ),
    on.equal(
        "it is steeper than -1 iff 2L ((1+s) ln(1+s) - s) > 1 + 2s",
        -1 - exponent,
        (2 * L * ((1 + s) * log(1 + s) - s) - (1 + 2 * s)) / slope,
        spoilt=1 - exponent,
    ),
    on.exceeds(
        "which happens at every s for L large: (1+s) ln(1+s) > s", (1 + s) * log(1 + s), s, FromZero(s), spoilt=2 * s
    ),
    on.tends(
        "the exponent tends to -1 as L -> oo at fixed T, that is s -> 0",
        exponent.subs(L, depth_at),
        s,
        at=0,
        to=-1,
        approach=("1e-50", "1e-500", "1e-2000"),
        within=1e-3,
        digits=2100,
        spoilt=-Rational(1, 2),
    ),
    on.tends(
        "from above and as slowly as a logarithm: (1 + exponent) ln L -> 1",
        (1 + exponent.subs(L, depth_at)) * log(depth_at),
        s,
        at=0,
        to=1,
        approach=("1e-50", "1e-500", "1e-2000"),
        within=1e-2,
        digits=2100,
        spoilt=2,
    ),
)

# --- Deep limits, along v = W0(nT): n = v e^v / T, and s between v/n and e^(v/n) - 1 --------------------------------

n_v = v * exp(v) / T
L_v = (n_v - 1) / 2
BOUNDS = (("below", v / n_v), ("above", exp(v / n_v) - 1))


def half_cost(gained: Expr) -> Expr:
    """Return c_L/2 per lam_J."""
    return (gained + (L_v + 1) * gained**2) / 2


def deep_law(w: Expr) -> Expr:
    """Return what c_L/2 per lam_J is claimed to approach, with w = W0(2LT)."""
    return w * (w + 2) / (8 * L_v)


APPROACH = ("1e2", "1e3", "2e3")
DIGITS_FAR_OUT = 2000
part_lambert = LambertW(v * exp(v) / (1 + s))
"""W0(2LT): 2LT = nT/(1 + 1/(2L)), here with s in place of 1/(2L)."""

DEEP = (
    *(
        on.tends(
            f"s ~ ln L/(2L) at fixed T: from {side}",
            gained / (log(L_v) / (2 * L_v)),
            v,
            at=oo,
            to=1,
            approach=APPROACH[1:],
            within=1e-2,
            digits=DIGITS_FAR_OUT,
            spoilt=Rational(1, 2),
        )
        for side, gained in BOUNDS
    ),
    *(
        on.exceeds(
            f"but far from it still: at L = 1000, T = {number}, s is below {ratio} ln L/(2L)",
            gain.subs({s: Rational(ratio) * log(1000) / 2000, L: 1000}),
            Rational(number),
            spoilt=2 * Rational(number),
        )
        for number, ratio in (("1/100", "0.32"), ("1", "0.85"), ("100", "1.44"))
    ),
    on.exceeds(
        "W0(2LT) < W0(nT)",
        v,
        part_lambert,
        Increasing(lambda a: a * exp(a), Manifest()),
        spoilt=2 * part_lambert,
    ),
    on.exceeds(
        "W0(2LT) > W0(nT) 2L/n",
        part_lambert,
        v / (1 + s),
        Increasing(
            lambda a: a * exp(a),
            Divided(v / (1 + s), exp(v), exp(v / (1 + s)), Increasing(log, Manifest())),
        ),
        spoilt=v,
    ),
    on.tends(
        "c_L/2 ~ (lam_J/8L) W0(2LT) (W0(2LT) + 2): from below",
        half_cost(BOUNDS[0][1]) / deep_law(v),
        v,
        at=oo,
        to=1,
        approach=("10", "30", "100"),
        within=1e-20,
        digits=DIGITS_FAR_OUT,
        spoilt=2,
    ),
    on.tends(
        "c_L/2 ~ (lam_J/8L) W0(2LT) (W0(2LT) + 2): from above",
        half_cost(BOUNDS[1][1]) / deep_law(v * (1 - 1 / n_v)),
        v,
        at=oo,
        to=1,
        approach=("10", "30", "100"),
        within=1e-20,
        digits=DIGITS_FAR_OUT,
        spoilt=2,
    ),
)

STATEMENT = Statement(
    id="S4",
    title="Depth law",
    claim="e^(2 asinh(omega/2)) - 1 <= s <= e^omega - 1, omega = W0(nu T)/nu, nu = 2L + 3/2; the exponent tends to -1",
    assumptions="Frobenius model, T = m^2/rho, real depth L > 0",
    status="proved",
    sections={
        "Lambert's W": LAMBERT,
        "Sharper bounds": SHARPER,
        "How far apart the bounds are": WIDTH,
        "The exponent across depth": EXPONENT,
        "Deep limits": DEEP,
    },
)
