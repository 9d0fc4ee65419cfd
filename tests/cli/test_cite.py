"""`ramodel cite` and the bibliography it prints."""

import re
from importlib.resources import files

import pytest

from ramodel import __version__
from ramodel.cli.cite import bibliography
from ramodel.statements import STATEMENTS

REQUIRED = {
    "article": {"title", "author", "journal", "volume", "pages", "year"},
    "book": {"title", "author", "publisher", "year"},
    "inproceedings": {"title", "author", "booktitle", "year"},
    "misc": {"title", "author", "year", "eprint"},
    "software": {"title", "author", "year", "version"},
}


def keys(text):
    return re.findall(r"^@\w+\{(\w+),$", text, flags=re.MULTILINE)


def test_bibliography_reads_every_entry():
    text = (files("ramodel") / "refs.bib").read_text(encoding="utf-8")
    assert list(bibliography()) == keys(text)
    assert len(set(keys(text))) == len(keys(text)) == text.count("\n@")


@pytest.mark.parametrize(("key", "entry"), bibliography().items(), ids=list(bibliography()))
def test_entry_is_complete_and_balanced(key, entry):
    kind = re.match(r"@(\w+)", entry)[1]
    fields = dict(re.findall(r"^  (\w+) += \{(.*)\},$", entry, flags=re.MULTILINE))
    assert REQUIRED[kind] <= set(fields)
    assert entry.count("{") == entry.count("}")
    assert len(fields) == entry.count("\n") - 1
    if "eprint" in fields:
        assert re.fullmatch(r"\d{4}\.\d{4,5}", fields["eprint"])
        assert fields["archiveprefix"] == "arXiv"


def test_version_of_the_project_entry():
    assert f"version = {{{__version__}}}" in bibliography()["ramodel"]


@pytest.mark.parametrize("entry", STATEMENTS.values(), ids=lambda entry: entry.id)
def test_each_statement(ramodel, entry):
    outcome = ramodel("cite", entry.id.lower())
    assert (outcome.code, outcome.err) == (0, "")
    assert keys(outcome.out) == ["ramodel", *entry.sources]
    assert outcome.out.startswith(f"% {entry.id} {entry.title}")


def test_alone_it_is_the_project(ramodel):
    assert ramodel("cite").out == bibliography()["ramodel"] + "\n"


def test_each_entry_once_and_keys_as_they_are(ramodel):
    assert keys(ramodel("cite", "RA1", "RA2", "Wedin1972", "S14").out) == [
        "ramodel",
        "LiPapyan2023",
        "GaiZhang2021",
        "Wedin1972",
        "HornJohnson1991",
        "DavisKahan1970",
    ]


def test_unknown(ramodel):
    outcome = ramodel("cite", "RA5")
    assert (outcome.code, outcome.out) == (2, "")
    assert re.fullmatch(r"ramodel cite: statement is 'RA5'; .*did you mean 'RA\d'\?\n", outcome.err)
