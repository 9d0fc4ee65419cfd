"""The pages in docs/ do what they say, block by block."""

import re
from pathlib import Path

import pytest

from tests.docs.tables import with_tables
from tests.docs.tutorial import expected, printed

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


def without_numbers(text: str) -> str:
    """Training ends at other digits on other machines: words must agree to the letter, numbers need not."""
    return re.sub(r"\s+", " ", NUMBER.sub("#", text))


def test_there_are_pages() -> None:
    assert [page.name for page in PAGES] == ["experiments.md", "measuring.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs_and_prints_what_the_page_says(page: Path) -> None:
    text = page.read_text()
    assert [without_numbers(output) for output in printed(text)] == [without_numbers(said) for said in expected(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_are_as_the_code_is(page: Path) -> None:
    text = page.read_text()
    assert with_tables(text) == text, f"python -m tests.docs.tutorial docs/{page.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
