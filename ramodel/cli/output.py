"""What commands write: lines, tables for people, JSON for machines."""

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ramodel.certified import Enclosure

__all__ = [
    "SHARP_DIGITS",
    "bounds",
    "columns",
    "number",
    "pairs",
    "proven_digits",
    "say",
    "say_json",
    "show",
    "warn",
]

_WIDTH_WITHOUT_TERMINAL = 140

_PROVEN_DIGITS = 14
"""Digits of the enclosures that --certified prints, unless told."""

SHARP_DIGITS = 30
"""Digits of the enclosures against which errors of float64 are proven."""


def say(text: str) -> None:
    """Write one line (or several) to standard output."""
    sys.stdout.write(f"{text}\n")


def warn(text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"{text}\n")


def say_json(value: Any) -> None:
    """Write `value` as one line of JSON; numbers that are not finite become null."""
    import msgspec

    say(msgspec.json.encode(value).decode())


def show(*items: "RenderableType", gap: bool = False) -> None:
    """Write tables or text for people, as wide as the terminal, or 140 columns where there is none.

    With `gap`, an empty line stands between items.
    """
    from rich.console import Console

    # A pipe or a file has no width of its own, and rich's 80 columns would fold the wide tables.
    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if has_width else _WIDTH_WITHOUT_TERMINAL, highlight=False, markup=False)
    with console.capture() as captured:
        for place, item in enumerate(items):
            if gap and place:
                console.print()
            console.print(item, soft_wrap=isinstance(item, str))
    sys.stdout.write(captured.get())


def columns(
    rows: Iterable[Iterable[str]],
    headings: Iterable[str],
    *,
    title: str = "",
    note: str = "",
    left: int = 0,
    folding: int | None = None,
) -> "RenderableType":
    """Return a table: the first `left` columns hold words, the others, right-aligned, numbers; `note` stands below.

    Where the terminal is too narrow, the words of the column `folding` go over several lines.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(Text(heading), justify="left" if place < left else "right", no_wrap=place != folding)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    above = [Text(title, style="bold"), Text()] if title else []
    below = [Text(), Text(note, style="dim")] if note else []
    return Group(*above, table, *below)


def pairs(lines: Mapping[str, str], *, title: str) -> "RenderableType":
    """Return a table of names and what they are, a line for each, under a title."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    for name, value in lines.items():
        grid.add_row(name.replace("_", " "), Text(value))
    return Group(Text(title, style="bold"), grid)


def proven_digits(digits: int | None, *, certified: bool) -> int:
    """Return how sharp enclosures shall be, from --digits; refuse that option where nothing is proven."""
    if digits is None:
        return _PROVEN_DIGITS
    if not certified:
        raise ValueError(f"digits is {digits}; it says how sharp proven bounds are, so it needs --certified.")
    return digits


def bounds(enclosure: "Enclosure") -> dict[str, str | float]:
    """Return what JSON says of a proven number."""
    return {"text": str(enclosure), "lower": enclosure.lower, "upper": enclosure.upper}


def number(value: float, digits: int = 6) -> str:
    """Return `value` with `digits` significant digits, a dash where it is not defined.

    Examples
    --------
    >>> number(0.43241597788), number(float("nan"))
    ('0.432416', '-')
    """
    return f"{value:.{digits}g}" if value == value else "-"
