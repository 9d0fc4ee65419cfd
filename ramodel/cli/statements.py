"""`ramodel statements`: the registry."""

from typing import TYPE_CHECKING, ClassVar

from ramodel.cli.command import Command, Ids, Switch
from ramodel.cli.errors import UsageError
from ramodel.cli.output import pairs, say, say_json, show

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from ramodel.statements import Statement

__all__ = ["Statements"]

_STYLES = {"proved": "green", "checked": "cyan", "observed": "yellow"}


class Statements(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """List the statements S1-S19 of the provable model and the properties RA1-RA4: claim, origin, status.

    Status: `proved`, or proved within a family that its card names, by machine (see `ramodel prove`); `checked`
    numerically by the tests; `observed` in trained networks, where it is measured.
    With ids it prints all there is to know of those: assumptions, sources (see `ramodel cite`), where the code is.
    """

    EXAMPLE: ClassVar[str] = "ramodel statements S2 S4"

    ids: Ids = ()
    """Statements to print in full, such as S4 or RA2; all of them, in one table, by default."""

    json: Switch = False
    """Print JSON: a list of id, title, claim, assumptions, provenance, status, sources, code."""

    markdown: Switch = False
    """Print the table in Markdown, as it stands in the README."""

    def run(self) -> int:
        """Print the statements asked for."""
        from ramodel.statements import STATEMENTS, markdown_table, statement

        if self.json and self.markdown:
            raise UsageError("ramodel statements: --json and --markdown exclude each other; give one of them.")
        chosen = [statement(id) for id in self.ids] or list(STATEMENTS.values())
        if self.json:
            say_json(chosen)
        elif self.markdown:
            heading, rule, *rows = markdown_table().splitlines()
            wanted = {entry.id for entry in chosen}
            say("\n".join([heading, rule, *(row for row in rows if row.split()[1] in wanted)]))
        elif self.ids:
            show(*map(_card, chosen), gap=True)
        else:
            show(_table(chosen))
        return 0


def _table(chosen: "list[Statement]") -> "Table":
    """Return one row for each statement."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "id",
        "statement",
        "claim",
        "origin",
        "status",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for entry in chosen:
        first, *rest = entry.status.split()
        status = Text(f"{first} (family)" if rest[:1] == ["within"] else first, style=_STYLES[first])
        table.add_row(entry.id, entry.title, Text(entry.claim), entry.provenance, status)
    return table


def _card(entry: "Statement") -> "RenderableType":
    """Return all there is to know of one statement, a line for each thing."""
    lines = {
        "claim": entry.claim,
        "assumes": entry.assumptions,
        "origin": entry.provenance,
        "status": entry.status,
        "sources": ", ".join(entry.sources) or "-",
        "code": entry.code or "-",
    }
    return pairs(lines, title=f"{entry.id} {entry.title}")
