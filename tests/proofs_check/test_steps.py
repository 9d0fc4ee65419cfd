"""Every step passes, and its spoilt twin is refused on every road."""

from random import Random

import mpmath
import pytest

from proofs_check.claims import Tried
from proofs_check.evaluation import WORKING_DIGITS
from proofs_check.report import STEP_WIDTH
from proofs_check.statements import identifiers, load
from proofs_check.step import Step, check

STEPS = [(identifier, step) for identifier in identifiers() for step in load(identifier).steps]
each_step = pytest.mark.parametrize(
    ("identifier", "step"), STEPS, ids=lambda part: part if isinstance(part, str) else part.title
)


@each_step
def test_step_passes_on_every_road(identifier: str, step: Step) -> None:
    outcome = check(identifier, step)
    assert outcome.passed, outcome.reason


@each_step
def test_spoilt_twin_is_refused_on_every_road(identifier: str, step: Step) -> None:
    symbolic = step.spoilt.symbolic()
    assert symbolic is None or not symbolic.holds
    with mpmath.workdps(WORKING_DIGITS):
        numeric = step.spoilt.numeric(Random(step.title))
    assert not numeric.holds
    assert numeric.reason


def test_what_is_not_proved_is_quoted_with_its_source_or_gathers_the_steps_before() -> None:
    methods = sorted(step.claim.method for _, step in STEPS if isinstance(step.claim, Tried))
    assert methods == [
        "quoted: HornJohnson1991 3.3.16",
        "quoted: HornJohnson1991 3.3.4",
        "quoted: HornJohnson2013 4.1.5",
        "quoted: HornJohnson2013 7.2.6",
        "quoted: MarshallOlkin2011 4.B.2",
        "random cases",
    ]


def test_titles_are_unique_and_fit_the_table() -> None:
    titles = [(identifier, step.title) for identifier, step in STEPS]
    assert len(set(titles)) == len(titles)
    assert max(len(title) for _, title in titles) <= STEP_WIDTH


@pytest.mark.parametrize("identifier", identifiers())
def test_statement_file_holds_the_statement_of_its_name(identifier: str) -> None:
    statement = load(identifier)
    assert statement.id == identifier
    assert statement.steps


def test_random_points_repeat() -> None:
    step = load("S2").steps[1]
    reasons = {check("S2", Step(step.title, step.spoilt, step.claim)).numeric.reason for _ in range(2)}
    assert len(reasons) == 1
