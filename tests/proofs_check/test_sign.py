"""Arguments about signs: what they prove, and above all what they must not."""

from random import Random

import mpmath
import pytest
from sympy import Expr, LambertW, S, cos, exp, log, symbols

from proofs_check.evaluation import WORKING_DIGITS, Reals
from proofs_check.sign import Argument, Divided, Exceeds, FromZero, Increasing, Manifest, Through, Written

s, q = symbols("s q", positive=True)
x, y = symbols("x y", real=True)
WHERE = {s: Reals(1e-6, 1e2), q: Reals(1e-6, 1e2), x: Reals(-2, 2), y: Reals(-2, 2)}


def holds(greater: Expr, smaller: Expr, argument: Argument, *, strict: bool = True) -> tuple[bool, bool]:
    claim = Exceeds(S(greater), S(smaller), WHERE, argument, strict)
    with mpmath.workdps(WORKING_DIGITS):
        return claim.symbolic().holds, claim.numeric(Random(0)).holds


@pytest.mark.parametrize(
    ("greater", "smaller", "argument"),
    [
        ((1 + s) ** 2, 1 + s, Manifest()),
        (exp(s), 1 + s + s**2 / 2, FromZero(s, (1, 1, 1))),
        (q * exp(s), q * (1 + s), Divided(q, exp(s), 1 + s, FromZero(s, (1, 1)))),
        (LambertW(s * exp(s) * (1 + q)), s, Increasing(lambda a: a * exp(a), Manifest())),
        (1 + s, exp(-s), Through(1, Manifest(), FromZero(s))),
        (exp(2 * s) + 2, 2 * exp(s), Written((exp(s) - 1) ** 2 + 1)),
    ],
    ids=["manifest", "from zero", "divided", "increasing", "through", "written"],
)
def test_argument_proves(greater: Expr, smaller: Expr, argument: Argument) -> None:
    assert holds(greater, smaller, argument) == (True, True)


@pytest.mark.parametrize(
    ("greater", "smaller", "argument"),
    [
        (s, q, Manifest()),
        (x**2, 0, Manifest()),
        (exp(s), 2 + s, FromZero(s, (1, 1))),
        (exp(s), 1 + 2 * s, FromZero(s, (1, 1))),
        (s, log(1 + s) * 2, FromZero(s)),
        (2 * s, s, Written(2 * s)),
        (-s, -2 * s, Divided(-s, 1, 2, Manifest())),
        (s, 1 + s, Increasing(lambda a: 1 / a, Manifest())),
        (-2 * s, -s, Increasing(lambda a: a**2, Manifest())),
        (1 + s, exp(s), Through(1, Manifest(), Manifest())),
    ],
    ids=[
        "sign unknown",
        "zero is not positive",
        "negative at zero",
        "slope negative at zero",
        "false near zero",
        "another form",
        "negative factor",
        "decreasing function",
        "negative sides",
        "middle above",
    ],
)
def test_argument_refuses(greater: Expr, smaller: Expr, argument: Argument) -> None:
    assert not holds(greater, smaller, argument)[0]


def test_from_zero_asks_for_a_positive_variable() -> None:
    assert not holds(x**2 + 1, 1, FromZero(x, (1, 1)))[0]


def test_from_zero_divides_by_positive_factors_only() -> None:
    assert not holds(1 - cos(s), 0, FromZero(s, (-1,)))[0]


def test_a_square_is_not_negative_but_not_positive() -> None:
    assert holds((x - y) ** 2, 0, Manifest(), strict=False) == (True, True)
    assert not holds((x - y) ** 2, 0, Manifest())[0]


def test_numeric_road_refuses_rounding_noise() -> None:
    noise = exp(log(s)) * (1 + exp(log(s))) - s - s**2
    claim = Exceeds(noise + (s - exp(log(s), evaluate=False)), S(0), WHERE)
    with mpmath.workdps(WORKING_DIGITS):
        assert not claim.numeric(Random(0)).holds
