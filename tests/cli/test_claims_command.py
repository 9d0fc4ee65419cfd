"""`ramodel test-claims`: the table, the counterexamples, JSON, exit codes."""

import dataclasses

import pytest
from hypothesis import reject

from ramodel.testing.claims import CLAIMS


def test_table(ramodel):
    outcome = ramodel("test-claims", "S4", "S13", "--examples", "8", "--jobs", "1")
    assert (outcome.code, outcome.err) == (0, "")
    assert "S4  bracket " in " ".join(outcome.out.split("\n")).replace("S4   ", "S4  ")
    assert "4 (50% share)" in outcome.out
    assert outcome.out.splitlines()[-1].startswith("4 of 4 properties hold, on 28 examples; ")
    assert outcome.out.rstrip().endswith("seed 0.")
    assert "CLAIMS" not in outcome.out


def test_json(ramodel):
    outcome = ramodel("test-claims", "S14", "--examples", "5", "--seed", "7", "--jobs", "1", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json()
    assert {name: found[name] for name in ("passed", "examples", "seed", "spoilt")} == {
        "passed": True,
        "examples": 5,
        "seed": 7,
        "spoilt": False,
    }
    assert [(entry["statement"], entry["name"], entry["result"]) for entry in found["claims"]] == [
        ("S14", "singular values", "holds"),
        ("S14", "subspaces", "holds"),
    ]
    assert {entry["examples"] for entry in found["claims"]} == {5}


def test_spoilt_twins_are_refuted_with_lines_to_copy(ramodel):
    outcome = ramodel("test-claims", "S11", "--examples", "20", "--spoilt", "--jobs", "1")
    assert (outcome.code, outcome.err) == (0, "")
    assert "SPOILT: s the same in every block" in outcome.out
    assert 'CLAIMS["S11 equal steps"].check_spoilt(first=1.0, depth=2)\n' in outcome.out
    assert "2 of 2 spoilt twins are refuted" in outcome.out


@pytest.fixture
def broken(monkeypatch):
    """S4 with one property that fails and one that cannot be computed."""
    wrong = dataclasses.replace(CLAIMS["S4 bracket"], departure=lambda **case: 1.0)

    def crash(**case):
        raise FloatingPointError("left float64")

    monkeypatch.setitem(CLAIMS, "S4 bracket", wrong)
    monkeypatch.setitem(CLAIMS, "S4 exponent", dataclasses.replace(CLAIMS["S4 exponent"], departure=crash))


@pytest.mark.usefixtures("broken")
def test_failures_are_printed_and_end_with_1(ramodel):
    outcome = ramodel("test-claims", "S4", "--examples", "5", "--jobs", "1")
    assert outcome.code == 1
    assert 'CLAIMS["S4 bracket"].check(depth=1.0, jacobian_decay=1.0, head_decay=1.0, s=0.01)' in outcome.out
    assert "S4 bracket: departure 1, allowed 1e-10." in outcome.out
    assert "FloatingPointError: left float64" in outcome.out
    assert "0 of 2 properties hold" in outcome.out
    found = ramodel("test-claims", "S4", "--examples", "5", "--jobs", "1", "--json").json()
    assert not found["passed"]
    assert [entry["result"] for entry in found["claims"]] == ["refuted", "error"]
    assert found["claims"][0]["counterexample"]["s"] == 0.01


def test_an_error_without_a_case_gives_its_reason(ramodel, monkeypatch):
    monkeypatch.setitem(
        CLAIMS, "S4 bracket", dataclasses.replace(CLAIMS["S4 bracket"], departure=lambda **case: reject())
    )
    outcome = ramodel("test-claims", "S4", "--examples", "5", "--jobs", "1")
    assert outcome.code == 1
    assert "S4 bracket\n  Unsatisfiable: " in outcome.out
    assert "counterexamples" not in outcome.out


@pytest.mark.usefixtures("broken")
def test_a_twin_that_survives_ends_with_1(ramodel, monkeypatch):
    monkeypatch.setitem(CLAIMS, "S4 bracket", dataclasses.replace(CLAIMS["S4 bracket"], departure=lambda **case: 0.0))
    outcome = ramodel("test-claims", "S4", "--examples", "5", "--jobs", "1", "--spoilt")
    assert outcome.code == 1
    assert "0 of 2 spoilt twins are refuted" in outcome.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["S91"], "ramodel test-claims: statement is 'S91'; it must be one of 'S1', 'S2', "),
        (["S20"], "ramodel test-claims: statement is 'S20'; it must be one of 'S1', 'S2', "),
        (["RA1"], "ramodel test-claims: statement is 'RA1'; it has no claims to try. Choose from S1, S2, "),
        (["--examples", "0"], "ramodel test-claims: --examples is 0; it must be at least 1.\n"),
        (["--seed", "-1"], "ramodel test-claims: --seed is -1; it must be at least 0.\n"),
        (["--jobs", "0"], "ramodel test-claims: --jobs is 0; it must be at least 1.\n"),
        (["--example", "5"], "ramodel test-claims: --example is not an option; did you mean --examples?\n"),
    ],
)
def test_wrong_use(ramodel, words, sentence):
    outcome = ramodel("test-claims", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(sentence)
    assert outcome.err.count("\n") == 1
