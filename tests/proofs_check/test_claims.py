"""The claims that are not about signs, on things that are nearly true."""

from random import Random

import mpmath
import pytest
from sympy import Derivative, Integer, Rational, S, exp, log, oo, sinh, symbols

from proofs_check.algebra import T, matrices
from proofs_check.claims import Computed, Equal, Example, Follows, Tends, Tried
from proofs_check.evaluation import DIGITS, WORKING_DIGITS, Matrices, Reals
from proofs_check.step import Claim, Road, Step, check

s, t = symbols("s t", positive=True)
WHERE = {s: Reals(0.1, 10), t: Reals(0.1, 10)}
X, Y, e = matrices("X Y e")
SQUARE = {X: Matrices(3, 3), Y: Matrices(3, 3)}


def numeric(claim: Claim) -> Road:
    with mpmath.workdps(WORKING_DIGITS):
        return claim.numeric(Random(0))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (exp(s) - exp(-s), 2 * sinh(s)),
        ((1 + s) ** (2 * t) * (1 + s), (1 + s) ** (2 * t + 1)),
        (Derivative(log(1 + s), s), 1 / (1 + s)),
        ((s, t), (s, t)),
    ],
)
def test_equal_holds(left: object, right: object) -> None:
    claim = Equal(left, right, WHERE)
    assert claim.symbolic().holds
    assert numeric(claim).holds


def test_equal_sees_a_slip_in_the_fiftieth_digit() -> None:
    slip = 1 + Rational(1, 10 ** (DIGITS - 1))
    claim = Equal(s * slip, s, WHERE)
    assert not claim.symbolic().holds
    assert not numeric(claim).holds


def test_equal_sees_one_wrong_entry_and_a_missing_one() -> None:
    assert not numeric(Equal((s, t), (s, s), WHERE)).holds
    assert not Equal((s, t), (s, s), WHERE).symbolic().holds
    with pytest.raises(ValueError, match="shorter"):
        Equal((s, t), (s,), WHERE).symbolic()


def test_matrices_do_not_commute() -> None:
    claim = Equal(X * Y, Y * X, SQUARE)
    assert not claim.symbolic().holds
    assert not numeric(claim).holds


def test_follows_refuses_a_certificate_that_does_not_vanish_with_the_hypotheses() -> None:
    vacuous = Follows(X - T(X), {e: X + T(X)}, certificate=X - T(X), where=SQUARE)
    assert not vacuous.symbolic().holds
    assert "does not vanish" in vacuous.symbolic().reason


def test_follows_refuses_a_hypothesis_that_is_too_weak() -> None:
    given = X + X * X
    claim = Follows(X - T(X), {e: given - T(given)}, certificate=e, where=SQUARE)
    assert not claim.symbolic().holds
    assert not numeric(claim).holds


@pytest.mark.parametrize("to", [S(1), S(0), oo])
def test_tends_refuses_wrong_limits(to: object) -> None:
    claim = Tends((exp(s) - 1) / (2 * s), s, S(0), to, (0.1, 0.01, 0.001), 1e-3, {})
    assert not claim.symbolic().holds
    assert not numeric(claim).holds


def test_tends_refuses_an_approach_that_goes_away_or_stops_short() -> None:
    away = Tends(exp(-s), s, oo, S(0), (10, 1), 1.0, {})
    short = Tends(exp(-s), s, oo, S(0), (1, 2), 1e-3, {})
    assert "does not decrease" in numeric(away).reason
    assert "off" in numeric(short).reason


@pytest.mark.parametrize(("residual", "number"), [(0, 2), (1, 1)])
def test_a_step_needs_both_roads(residual: int, number: int) -> None:
    claim = Example("1", exact=lambda: [Integer(residual)], random=lambda rng: [(mpmath.mpf(1), mpmath.mpf(number))])
    outcome = check("S0", Step("half true", claim, claim))
    assert not outcome.passed
    assert outcome.reason.startswith("symbolic" if residual else "numeric")


def test_example_tells_how_many_residuals_differ() -> None:
    wrong = Example("1", exact=lambda: [Integer(0), Integer(1)], random=lambda rng: [])
    assert "1 residuals" in wrong.symbolic().reason


@pytest.mark.parametrize("margin", [mpmath.mpf(-1), mpmath.mpf("nan")])
def test_tried_refuses_a_missed_or_undefined_margin(margin: mpmath.mpf) -> None:
    assert not numeric(Tried("a fact", lambda rng: margin)).holds


@pytest.mark.parametrize(
    ("printed", "holds"), [("0.67", True), ("0.667", True), ("0.6667", True), ("0.66", False), ("0.66666", False)]
)
def test_computed_asks_for_correct_rounding(printed: str, holds: bool) -> None:
    claim = Computed("two thirds", lambda: [mpmath.mpf(2) / 3], (printed,))
    assert numeric(claim).holds is holds
    assert claim.symbolic() is None


def test_computed_refuses_what_is_not_a_number_and_missing_numbers() -> None:
    assert not numeric(Computed("nan", lambda: [mpmath.nan], ("0.5",))).holds
    with pytest.raises(ValueError, match="longer"):
        numeric(Computed("two", lambda: [mpmath.mpf(1)], ("1", "2")))


def test_a_step_that_raises_has_failed_and_says_why() -> None:
    claim = Equal(s + t, t + s, {s: Reals(0.1, 1)})
    outcome = check("S0", Step("no domain for t", claim, claim))
    assert not outcome.passed
    assert outcome.reason == "numeric: raised ValueError: no domain is given for t"
