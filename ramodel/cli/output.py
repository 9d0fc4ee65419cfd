"""What commands write: lines, tables for people, JSON for machines."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["columns", "number", "say", "say_json", "show", "warn"]

_WIDTH_WITHOUT_TERMINAL = 140


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


def show(*items: "RenderableType") -> None:
    """Write tables or text for people, as wide as the terminal, or 140 columns where there is none."""
    for item in items:
        _console().print(item)


def columns(rows: Iterable[Iterable[str]], headings: Iterable[str], *, title: str = "", note: str = "") -> Any:
    """Return a table of numbers: right-aligned columns under `headings`, `title` above, `note` below."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=SIMPLE_HEAD,
        title=Text(title) if title else None,
        title_justify="left",
        title_style="bold",
        caption=Text(note) if note else None,
        caption_justify="left",
    )
    for heading in headings:
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def number(value: float, digits: int = 6) -> str:
    """Return `value` with `digits` significant digits, a dash where it is not defined.

    Examples
    --------
    >>> number(0.43241597788), number(float("nan"))
    ('0.432416', '-')
    """
    return f"{value:.{digits}g}" if value == value else "-"


def _console() -> "Console":
    from rich.console import Console

    # A pipe or a file has no width of its own; rich's 80 columns would fold the wide tables.
    return Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False, soft_wrap=False)
