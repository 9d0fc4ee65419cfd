"""`ramodel threshold`: the JSON, the table, bad input."""

import math
import re
from fractions import Fraction

import pytest

from tests.tolerances import ROOT


def test_json_has_exactly_the_agreed_keys_and_the_values_of_theory(ramodel):
    found = ramodel("threshold", "--classes", "6", "--decay", "0.01", "--json").json()
    assert list(found) == ["depth", "value"]
    assert (round(found["depth"], 4), round(found["value"], 8)) == (3.53, 0.07528386)


def test_table(ramodel):
    outcome = ramodel("threshold", "--classes", "4", "--decay", "0.01")
    assert (outcome.code, outcome.err) == (0, "")
    for part in ("C = 4, decay 0.01", "6.95358615", "0.0260774238", "7.193608", "13.542264", "at no depth"):
        assert part in outcome.out
    assert "from depth 6.591157" in ramodel("threshold", "--classes", "10", "--decay", "0.1").out


def test_certified_bounds_hold_what_is_printed_without(ramodel):
    words = ("threshold", "--classes", "4", "--decay", "0.01", "--json")
    plain, proven = ramodel(*words).json(), ramodel(*words, "--certified").json()
    assert list(proven) == ["depth", "value", "error"]
    for name, found in plain.items():
        assert list(proven[name]) == ["text", "lower", "upper"]
        lower, upper = proven[name]["lower"], proven[name]["upper"]
        assert lower <= found <= upper
        assert upper - lower <= 3e-14 * found
        middle, radius = map(Fraction, proven[name]["text"].split(" +/- "))
        # The text is true to the bounds, which are rounded outwards to the next float64.
        assert middle - radius < math.nextafter(lower, math.inf) <= math.nextafter(upper, 0.0) < middle + radius
    assert 0.0 < proven["error"] <= ROOT * plain["depth"]


def test_certified_table(ramodel):
    words = ("threshold", "--classes", "4", "--decay", "0.01", "--certified")
    outcome = ramodel(*words, "--digits", "25")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.search(r"^  threshold depth  6\.95358615\d{18,} \+/- \d\.\de-25$", outcome.out, re.MULTILINE)
    assert re.search(r"^  objective F      0\.0260774\d{18,} \+/- \d\.\de-27$", outcome.out, re.MULTILINE)
    assert re.search(r"^  error of depth   at most \d\.\de-\d\d in float64$", outcome.out, re.MULTILINE)
    assert ramodel(*words, "--json").json()["depth"]["text"][:16] in outcome.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--classes", "5", "--certified"], "--classes is 5; it must be even, so that classes can be paired."),
        (["--classes", "4", "--certified", "--digits", "0"], "--digits is 0; it must be at least 1."),
        (
            ["--classes", "4", "--digits", "20"],
            "--digits is 20; it says how sharp proven bounds are, so it needs --certified.",
        ),
    ],
)
def test_what_cannot_be_certified(ramodel, options, sentence):
    assert ramodel("threshold", "--decay", "0.01", *options) == (2, "", f"ramodel threshold: {sentence}\n")


@pytest.mark.parametrize(
    ("classes", "decay", "sentence"),
    [
        ("5", "0.01", "--classes is 5; it must be even, so that classes can be paired."),
        ("2", "0.01", "--classes is 2; it must be at least 4. Pairs differ from the simplex from four classes on."),
        ("6", "0", "--decay is 0.0; it must be greater than zero."),
        ("6", "inf", "--decay is inf; it must be finite."),
    ],
)
def test_bad_input(ramodel, classes, decay, sentence):
    outcome = ramodel("threshold", "--classes", classes, "--decay", decay)
    assert outcome == (2, "", f"ramodel threshold: {sentence}\n")
