"""`ramodel statements`: the registry in three forms."""

import msgspec
import pytest

from ramodel.statements import STATEMENTS, Statement, markdown_table


def test_table_has_every_statement(ramodel):
    outcome = ramodel("statements")
    assert (outcome.code, outcome.err) == (0, "")
    for entry in STATEMENTS.values():
        assert f"{entry.id:4} {entry.title}" in outcome.out


def test_json_is_the_registry(ramodel):
    found = msgspec.convert(ramodel("statements", "--json").json(), list[Statement])
    assert found == list(STATEMENTS.values())


def test_markdown_is_that_of_the_readme(ramodel):
    assert ramodel("statements", "--markdown").out == markdown_table() + "\n"


def test_chosen_ones_in_full(ramodel):
    outcome = ramodel("statements", "s4", "RA1")
    assert "Depth law" in outcome.out
    assert STATEMENTS["S4"].assumptions in outcome.out
    assert "LiPapyan2023" in outcome.out
    assert "Balance" not in outcome.out
    assert [row["id"] for row in ramodel("statements", "RA1", "s4", "--json").json()] == ["RA1", "S4"]
    assert len(ramodel("statements", "S1", "S10", "--markdown").out.splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        (["S20"], "ramodel statements: statement is 'S20'; it must be one of ", "did you mean 'S2'?\n"),
        (["--json", "--markdown"], "ramodel statements: --json and --markdown exclude", "give one of them.\n"),
        (["--jsn"], "ramodel statements: --jsn is not an option; ", "did you mean --json?\n"),
    ],
)
def test_bad_input(ramodel, words, start, end):
    outcome = ramodel("statements", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(start)
    assert outcome.err.endswith(end)
    assert outcome.err.count("\n") == 1
