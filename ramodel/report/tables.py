"""Verdicts as tables: for the terminal, for Markdown, for machines."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from ramodel.comparison import Comparison, Verdict
from ramodel.report.formatting import bound, measured, number
from ramodel.report.markdown import markdown_table

__all__ = ["control", "predicted", "verdict_markdown", "verdict_rows", "verdict_table"]

_NARROW = 100
"""Width in columns below which a column is left out."""

_VERDICT_STYLES: dict[Verdict, str] = {
    "holds": "green",
    "does not hold": "bold red",
    "control agrees": "yellow",
    "not decided": "dim",
}


def verdict_table(comparisons: Sequence[Comparison]) -> Table:
    """Return the verdicts as a table for the terminal, made for 120 columns and readable from 80 on.

    Below 100 columns the column `kind` is left out. Under the table stand the relative gradient norm that each kind of
    network reached, since exact statements can be off by as much as that leaves, and the notes.

    Examples
    --------
    >>> row = Comparison(statement="S1", claim="blocks symmetric", subject="linear", kind="exact", numeric=2.1e-6,
    ...                  theory=0.0, tolerance=1e-4, control=0.98, control_name="untrained")
    >>> table = verdict_table([row])
    >>> [column.header for column in table.columns]
    ['id', 'claim', 'nets', 'kind', 'predicted', 'measured [95 %]', 'control', 'verdict']
    """
    table = _VerdictTable(
        box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold underline", caption_justify="left"
    )
    table.add_column("id", no_wrap=True, style="bold")
    table.add_column("claim", min_width=9)
    table.add_column("nets", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("predicted", min_width=9)
    table.add_column("measured [95 %]", min_width=8)
    table.add_column("control", min_width=11)
    table.add_column("verdict", min_width=8)
    for row in comparisons:
        table.add_row(
            row.statement,
            Text(row.claim),
            Text(row.subject),
            _kind(row),
            predicted(row),
            Text(measured(row.numeric, row.interval)),
            Text(control(row)),
            Text(row.verdict, style=_VERDICT_STYLES[row.verdict]),
        )
    reached = _stationarity(comparisons)
    remarks = (
        ["relative gradient norm reached: " + ", ".join(f"{kind} {text}" for kind, text in reached)] if reached else []
    )
    remarks += _notes(comparisons)
    if remarks:
        table.caption = Text("\n".join(remarks), style="dim")
    return table


def _notes(comparisons: Sequence[Comparison]) -> list[str]:
    """Return each note once, with its claim where it belongs to one alone."""
    claims: dict[tuple[str, str], list[str]] = {}
    for row in comparisons:
        if row.note:
            claims.setdefault((row.subject, row.note), []).append(row.claim)
    return [
        f"{subject}, {named[0]}: {note}" if len(named) == 1 else f"{subject}: {note}"
        for (subject, note), named in claims.items()
    ]


def verdict_markdown(comparisons: Iterable[Comparison]) -> str:
    """Return the verdicts as a Markdown table, with the gradient norm reached beside each number.

    Examples
    --------
    >>> row = Comparison(statement="RA2", claim="affinity", subject="relu", kind="empirical", numeric=0.86,
    ...                  band=(0.6, None), control=0.17, control_name="no skip", stationarity=0.1)
    >>> print(verdict_markdown([row]))
    | id | claim | nets | kind | predicted | measured [95 %] | control | gradient | verdict |
    |---|---|---|---|---|---|---|---|---|
    | RA2 | affinity | relu | empirical | >= 0.6 | 0.86 | 0.17 (no skip) | 0.10 | holds |
    """
    headings = ("id", "claim", "nets", "kind", "predicted", "measured [95 %]", "control", "gradient", "verdict")
    lines = []
    for row in comparisons:
        verdict = row.verdict if row.verdict == "holds" else f"**{row.verdict}**"
        note = f" ({row.note})" if row.note else ""
        cells = (
            row.statement,
            row.claim + note,
            row.subject,
            _kind(row),
            predicted(row),
            measured(row.numeric, row.interval),
            control(row),
            number(row.stationarity),
            verdict,
        )
        lines.append(cells)
    return markdown_table(headings, lines)


def verdict_rows(comparisons: Iterable[Comparison]) -> list[dict[str, Any]]:
    """Return the verdicts as plain rows for JSON: all fields, with `error` and `verdict`; non-finite numbers are None.

    Examples
    --------
    >>> row = Comparison(statement="S1", claim="blocks symmetric", subject="linear", kind="exact",
    ...                  numeric=float("nan"), theory=0.0)
    >>> [(entry["numeric"], entry["verdict"]) for entry in verdict_rows([row])]
    [(None, 'not decided')]
    """
    return [
        {key: _finite(value) for key, value in msgspec.structs.asdict(row).items()}
        | {"error": _finite(row.error), "verdict": row.verdict}
        for row in comparisons
    ]


class _VerdictTable(Table):
    """A table that does without its column `kind` where there is no room for it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = self.columns
        if options.max_width < _NARROW:
            kept = [column for column in columns if column.header != "kind"]
            self.columns = [replace(column, _index=index) for index, column in enumerate(kept)]
        yield from super().__rich_console__(console, options)
        self.columns = columns


def _kind(row: Comparison) -> str:
    """Kind in one word; which bound is meant shows in the column `predicted`."""
    return "bound" if row.kind.endswith("_bound") else row.kind


def predicted(row: Comparison) -> str:
    """Write what a claim accepts: a number, a bound, or a band."""
    if row.kind == "empirical":
        assert row.band is not None
        return bound(*row.band)
    prefix = {"upper_bound": "<= ", "lower_bound": ">= "}.get(row.kind, "")
    return prefix + number(row.theory)


def control(row: Comparison) -> str:
    """Write the number of the control, with its name."""
    if row.control is None:
        return "-"
    return number(row.control) + (f" ({row.control_name})" if row.control_name else "")


def _stationarity(comparisons: Iterable[Comparison]) -> list[tuple[str, str]]:
    """Worst gradient norm for each kind of network, in order of appearance."""
    worst: dict[str, float] = {}
    for row in comparisons:
        if row.stationarity is not None and math.isfinite(row.stationarity):
            worst[row.subject] = max(row.stationarity, worst.get(row.subject, 0.0))
    return [(subject, number(value)) for subject, value in worst.items()]


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple):
        return [_finite(entry) for entry in value]
    return value
