"""The statements as properties: every one holds, every spoilt twin is refuted, and each says what it needs to."""

import math

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from ramodel.statements import STATEMENTS
from ramodel.testing.claims import CLAIMS, Claim

EVERY = pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)


def explore(check, cases, examples):
    """Try `check` on so many cases; nothing is shrunk, as only the verdict counts."""

    @seeded(0)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def trial(case):
        check(**case)

    trial()


@EVERY
def test_property_holds(claim):
    explore(claim.check, claim.cases, max(1, round(8 * claim.share)))


@EVERY
def test_spoilt_twin_is_refuted(claim):
    with pytest.raises(AssertionError, match="spoilt"):
        explore(claim.check_spoilt, claim.cases, 100)


@EVERY
def test_claim_is_documented(claim):
    assert claim.sentence
    assert claim.reason
    assert claim.mistake
    assert claim.slip
    assert 0.0 < claim.share <= 1.0
    assert claim.tolerance > 0.0


def test_every_statement_has_a_claim_and_order_is_theirs():
    wanted = [id for id in STATEMENTS if id.startswith("S")]
    assert list(dict.fromkeys(claim.statement for claim in CLAIMS.values())) == wanted


def constant(value):
    return Claim(
        statement="S1",
        name="n",
        sentence="s",
        cases=st.fixed_dictionaries({}),
        departure=lambda shift=0.0: value + shift,
        tolerance=1.0,
        reason="r",
        slip={"shift": 2.0},
        mistake="two more",
    )


@pytest.mark.parametrize(("value", "holds"), [(0.0, True), (1.0, True), (1.0 + 1e-12, False), (math.inf, False)])
def test_departure_is_compared_with_the_tolerance(value, holds):
    if holds:
        constant(value).check()
    else:
        with pytest.raises(AssertionError, match=r"^S1 n: departure .*, allowed 1\.$"):
            constant(value).check()


def test_nan_never_passes():
    for check in (constant(math.nan).check, constant(math.nan).check_spoilt):
        with pytest.raises(AssertionError, match="departure nan"):
            check()


def test_the_twin_differs_in_the_slip_alone():
    with pytest.raises(AssertionError, match=r"^S1 n, spoilt \(two more\): departure 2\.5, allowed 1\.$"):
        constant(0.5).check_spoilt()
    constant(-2.0).check_spoilt()
