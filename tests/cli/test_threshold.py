"""`ramodel threshold`: the JSON, the table, bad input."""

import pytest


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
