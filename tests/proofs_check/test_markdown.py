"""The pages of the proofs: as committed, complete, and such that GitHub shows them."""

import re
from pathlib import Path
from random import Random

import mpmath
import pytest

from proofs_check.markdown import index, page, write_pages
from proofs_check.statements import identifiers, load
from proofs_check.step import Road, Statement, Step

FOLDER = Path(__file__).parents[2] / "docs" / "theory"
PAGES = {identifier: page(load(identifier)) for identifier in identifiers()}
AGAIN = "write them anew: python -m proofs_check --format markdown"


@pytest.mark.parametrize("identifier", identifiers())
def test_committed_page_is_the_one_that_is_written(identifier: str) -> None:
    assert (FOLDER / f"{identifier}.md").read_text(encoding="utf-8") == PAGES[identifier], AGAIN


def test_committed_index_is_the_one_that_is_written() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == index(map(load, identifiers())), AGAIN
    assert {path.stem for path in FOLDER.glob("S*.md")} == set(identifiers())


@pytest.mark.parametrize("identifier", identifiers())
def test_page_has_every_step_with_its_proof_and_what_spoils_it(identifier: str) -> None:
    text, statement = PAGES[identifier], load(identifier)
    numbers = [int(number) for number in re.findall(r"^### (\d+)\. ", text, flags=re.MULTILINE)]
    assert numbers == list(range(1, len(statement.steps) + 1))
    assert text.count("*Proof*: ") == text.count("*Refused*") == len(statement.steps)
    assert all(f"## {heading}" in text for heading in statement.sections)


@pytest.mark.parametrize("identifier", identifiers())
def test_formulas_are_closed_and_survive_markdown(identifier: str) -> None:
    text = PAGES[identifier]
    blocks = re.findall(r"^\$\$\n(.*?)\n\$\$$", text, flags=re.MULTILINE | re.DOTALL)
    assert 2 * len(blocks) == len(re.findall(r"^\$\$$", text, flags=re.MULTILINE))
    inline = re.findall(r"(?<![\\$])\$([^$\n]+)\$", text)
    for formula in [*blocks, *inline]:
        assert not re.search(r"\\[^a-zA-Z]|operatorname|transpose|Derivative", formula), formula
        assert formula.count("{") == formula.count("}")
        assert formula.count(r"\left") == formula.count(r"\right")


def test_words_are_left_as_they_are() -> None:
    step = Step("a_b * c < |d|", load("S2").steps[1].claim, load("S2").steps[1].spoilt)
    statement = Statement("S2", "[x]", "1", "2", "proved", {"Balance": (step,)})
    assert r"### 1. a\_b \* c \< \|d\|" in page(statement)
    assert page(statement).startswith("# S2: \\[x\\]")


class Unknown:
    """A claim of a kind that no page knows."""

    method = "faith"

    def symbolic(self) -> Road:
        return Road(True)

    def numeric(self, rng: Random) -> Road:
        return Road(mpmath.mpf(1) > 0)


def test_a_claim_of_unknown_kind_is_an_error() -> None:
    statement = Statement("S2", "t", "c", "a", "proved", {"Balance": (Step("s", Unknown(), Unknown()),)})
    with pytest.raises(TypeError, match="type Unknown"):
        page(statement)


def test_pages_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "S2.md").write_text("old")

    def fail(*arguments: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no"):
        write_pages([load("S2")], tmp_path, whole=False)
    assert [path.name for path in tmp_path.iterdir()] == ["S2.md"]
    assert (tmp_path / "S2.md").read_text() == "old"


def test_only_the_whole_theory_has_an_index(tmp_path: Path) -> None:
    assert [path.name for path in write_pages([load("S2")], tmp_path, whole=False)] == ["S2.md"]
    assert [path.name for path in write_pages([load("S2")], tmp_path, whole=True)] == ["S2.md", "README.md"]
