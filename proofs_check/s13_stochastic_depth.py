"""S13: blocks kept at random, each with probability q, penalise s through the variance of what they predict.

All blocks are J = s v v^T, and b_l is 1 if block l is kept and 0 if not. In the usual convention a kept block is
divided by q, so that s/q takes the place of s.
"""

from itertools import product

from sympy import Derivative, Expr, Mul, symbols

from proofs_check.algebra import T, matrices
from proofs_check.evaluation import Matrices, Reals
from proofs_check.sign import Increasing, Manifest
from proofs_check.step import Statement
from proofs_check.writing import StepsOn

s, p, w, z, L = symbols("s p w z L", positive=True)
"""z is the variable of a generating function; the depth L may be any positive real number."""

q = 1 / (1 + p)
"""Between 0 and 1."""

b, y, mean, second = symbols("b y mean second", real=True)
v, J, eigenvector = matrices("v J eigenvector")
on = StepsOn(
    {s: Reals(1e-3, 1e1), p: Reals(1e-2, 1e2), z: Reals(1e-2, 1e1), w: Reals(1e-2, 1e2), L: Reals(1, 40)}
    | {b: Reals(-2, 2), y: Reals(-9, 9), mean: Reals(-9, 9), second: Reals(-9, 9)}
    | {v: Matrices(3, 1), J: Matrices(3, 3)}
)

kept_mean, kept_square = 1 + q * s, 1 + q * (2 * s + s**2)
"""E(1 + b s) and E(1 + b s)^2."""

scaled_mean, scaled_square = 1 + s, 1 + 2 * s + s**2 / q
"""E(1 + b s/q) and E(1 + b s/q)^2."""

DEPTH = 3
"""Blocks of which all patterns are enumerated."""


def enumerated_loss(gain: Expr) -> Expr:
    """Return E (w prod_l (1 + b_l gain) - y)^2 for `DEPTH` blocks as a sum over all patterns of kept blocks."""
    return sum(
        Mul(*(q if kept else 1 - q for kept in pattern)) * (w * (1 + gain) ** sum(pattern) - y) ** 2
        for pattern in product((0, 1), repeat=DEPTH)
    )


def closed_loss(one_mean: Expr, one_square: Expr) -> Expr:
    """Return (w E P - y)^2 + w^2 Var P for `DEPTH` blocks from the moments of one."""
    return (w * one_mean**DEPTH - y) ** 2 + w**2 * (one_square**DEPTH - one_mean ** (2 * DEPTH))


# --- Moments --------------------------------------------------------------------------------------------------------

one_block = 1 - q + q * z
"""E z^b."""

MOMENTS = (
    on.follows(
        "along v a block multiplies by 1 + b_l s: v^T (I + b_l J) = (1 + b_l s) v^T",
        T(v) * (1 + b * J) - (1 + b * s) * T(v),
        {eigenvector: T(v) * J - s * T(v)},
        b * eigenvector,
        spoilt=T(v) * (1 + J) - (1 + b * s) * T(v),
    ),
    on.equal(
        "E z^(b_1 + .. + b_L) = (1 - q + q z)^L, by induction: one more block is kept or not",
        (1 - q) * one_block**L + q * z * one_block**L,
        one_block ** (L + 1),
        spoilt=(1 - q) * one_block**L + q * one_block**L,
    ),
    on.equal(
        "z = 1 + s: E prod_l (1 + b_l s) = (1 + q s)^L",
        one_block.subs(z, 1 + s) ** L,
        kept_mean**L,
        spoilt=one_block.subs(z, s) ** L,
    ),
    on.equal(
        "z = (1 + s)^2: E prod_l (1 + b_l s)^2 = (1 + q (2 s + s^2))^L",
        one_block.subs(z, (1 + s) ** 2) ** L,
        kept_square**L,
        spoilt=one_block.subs(z, 1 + s**2) ** L,
    ),
)

# --- The expected loss ----------------------------------------------------------------------------------------------

relative = kept_square / kept_mean**2
"""E(1 + b s)^2 / (E(1 + b s))^2."""

LOSS = (
    on.equal(
        "E (w P - y)^2 = (w E P - y)^2 + w^2 (E P^2 - (E P)^2), P = prod_l (1 + b_l s)",
        w**2 * second - 2 * w * y * mean + y**2,
        (w * mean - y) ** 2 + w**2 * (second - mean**2),
        spoilt=w**2 * second - w * y * mean + y**2,
    ),
    on.equal(
        "E (w P - y)^2, the 8 patterns of 3 blocks one by one",
        enumerated_loss(s),
        closed_loss(kept_mean, kept_square),
        spoilt=enumerated_loss(s / q),
    ),
    on.equal(
        "variance of one block: 1 + q (2 s + s^2) - (1 + q s)^2 = q (1 - q) s^2",
        kept_square - kept_mean**2,
        q * (1 - q) * s**2,
        spoilt=kept_square - kept_mean,
    ),
    on.exceeds(
        "so the variance term is positive: (1 + q (2 s + s^2))^L > (1 + q s)^(2L)",
        kept_square**L,
        kept_mean ** (2 * L),
        Increasing(lambda power: power ** (1 / L), Manifest()),
        spoilt=2 * kept_square**L,
    ),
    on.equal(
        "relative to the mean: E(1 + b s)^2/(1 + q s)^2 = 1 + q (1 - q) s^2/(1 + q s)^2",
        relative,
        1 + q * (1 - q) * s**2 / kept_mean**2,
        spoilt=relative * kept_mean,
    ),
    on.exceeds(
        "it increases in s, so at a given mean prediction the variance term penalises s",
        Derivative(relative, s),
        0,
        spoilt=2 * s * q,
    ),
    on.tends(
        "for small s the variance term is L q (1 - q) w^2 s^2",
        (kept_square**L - kept_mean ** (2 * L)) / s**2,
        s,
        at=0,
        to=L * q * (1 - q),
        approach=("1e-6", "1e-12", "1e-18"),
        within=1e-12,
        spoilt=L * q,
    ),
)

# --- The usual convention -------------------------------------------------------------------------------------------

RESCALED = (
    on.equal(
        "divided by q: E(1 + b s/q) = 1 + s, so E P = (1 + s)^L",
        one_block.subs(z, 1 + s / q),
        scaled_mean,
        spoilt=one_block.subs(z, 1 + s),
    ),
    on.equal(
        "divided by q: E(1 + b s/q)^2 = 1 + 2 s + s^2/q, so E P^2 is its L-th power",
        one_block.subs(z, (1 + s / q) ** 2),
        scaled_square,
        spoilt=one_block.subs(z, 1 + (s / q) ** 2),
    ),
    on.equal(
        "divided by q: E (w P - y)^2, the 8 patterns of 3 blocks one by one",
        enumerated_loss(s / q),
        closed_loss(scaled_mean, scaled_square),
        spoilt=enumerated_loss(s),
    ),
    on.exceeds(
        "divided by q: the variance term is positive",
        scaled_square**L,
        scaled_mean ** (2 * L),
        Increasing(lambda power: power ** (1 / L), Manifest()),
        spoilt=2 * scaled_square**L,
    ),
    on.exceeds(
        "and at a given mean prediction it penalises s here too",
        Derivative(scaled_square / scaled_mean**2, s),
        0,
        spoilt=4 / q,
    ),
)

STATEMENT = Statement(
    id="S13",
    title="Stochastic depth",
    claim="E(w P - y)^2 = (w(1 + q s)^L - y)^2 + w^2 [(1 + q(2s + s^2))^L - (1 + q s)^(2L)], P = prod_l (1 + b_l s)",
    assumptions="aligned rank-one blocks with equal s, kept independently with probability 0 < q < 1",
    status="proved within the family of aligned blocks with equal s",
    sections={
        "Moments": MOMENTS,
        "The expected loss": LOSS,
        "Kept blocks divided by q": RESCALED,
    },
)
