"""Markdown: its tables; and the templates of READMEs and pages."""

from collections.abc import Iterable, Sequence

import jinja2

__all__ = ["markdown_table", "template"]


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Return a table in Markdown; bars inside cells are escaped.

    Examples
    --------
    >>> print(markdown_table(["metric", "median"], [["|J|", "0.5"]]))
    | metric | median |
    |---|---|
    | \|J\| | 0.5 |
    """
    lines = [" | ".join(cell.replace("|", r"\|") for cell in cells) for cells in (headings, *rows)]
    return "\n".join([f"| {lines[0]} |", "|" + "---|" * len(headings), *(f"| {line} |" for line in lines[1:])])


def template(name: str) -> jinja2.Template:
    """Return a template of this package; what it lacks is an error. In HTML all that is filled in is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ramodel.report"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
        trim_blocks=name.endswith(".html.j2"),
        lstrip_blocks=name.endswith(".html.j2"),
    )
    return environment.get_template(name)
