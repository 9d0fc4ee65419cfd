"""The registry: complete, consistent with the package, and the source of the README's table."""

import importlib
import re
from pathlib import Path

import pytest

from ramodel.statements import STATEMENTS, markdown_table, statement

ROOT = Path(__file__).parents[1]


def test_all_ids_in_order():
    assert list(STATEMENTS) == [f"S{n}" for n in range(1, 20)] + [f"RA{n}" for n in range(1, 5)]


def test_lookup_ignores_case_and_blanks():
    assert statement(" ra2 ").id == "RA2"


def test_unknown_statement_suggests():
    with pytest.raises(ValueError, match=r"^statement is 'S20'; it must be one of .*did you mean"):
        statement("S20")


@pytest.mark.parametrize("entry", STATEMENTS.values(), ids=lambda entry: entry.id)
def test_code_named_by_an_entry_exists(entry):
    for name in filter(None, (part.strip() for part in entry.code.split(","))):
        module, _, rest = name.split("(")[0].rpartition(".")
        try:
            owner = importlib.import_module(f"{module}.{rest}")
        except ModuleNotFoundError:
            parent, _, cls = module.rpartition(".")
            try:
                owner = getattr(importlib.import_module(module), rest)
            except ModuleNotFoundError:
                owner = getattr(getattr(importlib.import_module(parent), cls), rest)
        assert owner is not None


@pytest.mark.parametrize("entry", STATEMENTS.values(), ids=lambda entry: entry.id)
def test_sources_are_in_the_bibliography(entry):
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "ramodel" / "refs.bib").read_text(), re.MULTILINE))
    assert set(entry.sources) <= keys


def test_proved_statements_have_a_proof():
    proofs = {path.name[:3] for path in (ROOT / "proofs_check").glob("s[0-9][0-9]_*.py")}
    for entry in STATEMENTS.values():
        assert entry.status.split()[0] in ("proved", "checked", "observed")
        if entry.status.startswith("proved"):
            assert f"s{int(entry.id[1:]):02d}" in proofs


def test_readme_has_the_table():
    assert markdown_table() in (ROOT / "README.md").read_text()
