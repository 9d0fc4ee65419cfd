"""Markdown: its tables, and the templates of the READMEs."""

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
    """Return a template of this package; what it lacks is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ramodel.report"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
    )
    return environment.get_template(name)
