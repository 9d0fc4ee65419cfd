"""Every step passes, and its spoilt twin is refused on every road."""

import dataclasses
import re
from pathlib import Path
from random import Random

import mpmath
import pytest

from proofs_check.claims import Tried
from proofs_check.evaluation import WORKING_DIGITS
from proofs_check.report import STEP_WIDTH
from proofs_check.statements import identifiers, load
from proofs_check.step import Step, check

BIBLIOGRAPHY = Path(__file__).parents[2] / "ramodel" / "refs.bib"
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
    books = set(re.findall(r"^@\w+{(\w+),", BIBLIOGRAPHY.read_text(), flags=re.MULTILINE))
    for _, step in STEPS:
        if isinstance(step.claim, Tried):
            kind, _, source = step.claim.method.partition(": ")
            assert kind == ("quoted" if source else "random cases")
            assert not source or source.split()[0] in books, f"{source} is not in refs.bib"


def test_titles_are_unique_and_fit_the_table() -> None:
    titles = [(identifier, step.title) for identifier, step in STEPS]
    assert len(set(titles)) == len(titles)
    assert max(len(title) for _, title in titles) <= STEP_WIDTH


@pytest.mark.parametrize("identifier", identifiers())
def test_statement_file_holds_the_statement_of_its_name(identifier: str) -> None:
    statement = load(identifier)
    assert statement.id == identifier
    assert statement.steps


@pytest.mark.parametrize("status", ["proved", "proved within the circulant family", "checked numerically"])
def test_a_status_is_one_of_three(status: str) -> None:
    assert dataclasses.replace(load("S2"), status=status).status == status


@pytest.mark.parametrize("status", ["", "Proved", "proved within ", "proved by hand", "checked"])
def test_another_status_is_refused(status: str) -> None:
    with pytest.raises(ValueError, match="'proved within <family>' or 'checked numerically'"):
        dataclasses.replace(load("S2"), status=status)


def test_random_points_repeat() -> None:
    step = load("S2").steps[1]
    reasons = {check("S2", Step(step.title, step.spoilt, step.claim)).numeric.reason for _ in range(2)}
    assert len(reasons) == 1
