"""`ramodel cite`: BibTeX."""

import re
from functools import cache
from importlib.resources import files
from typing import ClassVar

from ramodel.cli.command import Command, Ids
from ramodel.cli.output import say

__all__ = ["Cite", "bibliography"]


class Cite(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Print BibTeX: the entry of ramodel itself and, for the ids given, of what those statements rest on.

    The line of comment above the entries says which statement needs which keys.
    """

    EXAMPLE: ClassVar[str] = "ramodel cite S4 RA1 >> references.bib"

    ids: Ids = ()
    """Statements, such as S4 or RA1, or keys of the bibliography, such as LiPapyan2023; none for ramodel alone."""

    def run(self) -> int:
        """Print each entry once, in the order asked for."""
        from ramodel.statements import statement

        entries = bibliography()
        keys, comments = ["ramodel"], []
        for id in self.ids:
            if id in entries:
                keys.append(id)
                continue
            entry = statement(id)
            keys.extend(entry.sources)
            comments.append(
                f"% {entry.id} {entry.title} ({entry.provenance}): {', '.join(['ramodel', *entry.sources])}"
            )
        say("\n\n".join(["\n".join(comments)] * bool(comments) + [entries[key] for key in dict.fromkeys(keys)]))
        return 0


@cache
def bibliography() -> dict[str, str]:
    """Return the entries of refs.bib by key.

    Examples
    --------
    >>> print(bibliography()["Wedin1972"].splitlines()[0])
    @article{Wedin1972,
    """
    text = (files("ramodel") / "refs.bib").read_text(encoding="utf-8")
    return {entry[1]: entry[0] for entry in re.finditer(r"^@\w+\{(\w+),\n.*?^\}", text, flags=re.MULTILINE | re.DOTALL)}
