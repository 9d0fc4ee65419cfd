"""The command line: `python -m proofs_check [S1 S2 ...] [--format table|json|list|markdown] [--out FOLDER]`."""

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from proofs_check.markdown import write_pages
from proofs_check.report import as_json, listing, write_table
from proofs_check.statements import identifiers, load
from proofs_check.step import check

__all__ = ["main"]


class _OneSentence(argparse.ArgumentParser):
    """A parser whose errors are one sentence and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Write the sentence and leave."""
        self.exit(2, f"{self.prog}: {message}{'' if message.endswith(('.', '?')) else '.'}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks and return the exit code."""
    caller = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    caller.add_argument("--called-as", default="python -m proofs_check")
    known, rest = caller.parse_known_args(arguments)
    try:
        return _run(rest, known.called_as)
    except KeyboardInterrupt:
        sys.stderr.write(f"{known.called_as}: interrupted.\n")
        return 130


def _run(arguments: Sequence[str], name: str) -> int:
    """Check the statements named (all by default) and report, or write them; return 1 if any step fails."""
    parser = _OneSentence(
        prog=name,
        description="Prove the statements of the theory by machine: every step by algebra, and again to 50 digits.",
        epilog="Exit code: 0 if every step passes, 1 if one fails, 2 for a wrong command, 130 after Ctrl-C.",
    )
    parser.add_argument("statements", nargs="*", metavar="S1", help="statements to prove (default: all)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument(
        "--format",
        choices=("table", "json", "list", "markdown"),
        default="table",
        help="table or JSON of checked steps (table by default); list of the steps, or pages of Markdown with the "
        "steps in LaTeX, which check nothing",
    )
    output.add_argument("--json", action="store_const", dest="format", const="json", help="the same as --format json")
    output.add_argument("--list", action="store_const", dest="format", const="list", help="the same as --format list")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder for Markdown (default: docs/theory)")
    options = parser.parse_args(arguments)
    if options.out and options.format != "markdown":
        parser.error("--out is for --format markdown only")

    known = identifiers()
    wanted = [name.upper() for name in options.statements] or known
    for name in wanted:
        if name not in known:
            near = [] if re.fullmatch(r"S\d+|RA\d", name) else difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            parser.error(f"there is no proof of {name!r}: choose from {', '.join(known)}{hint}")
    statements = [load(name) for name in known if name in wanted]
    if options.format == "list":
        sys.stdout.write(listing(statements) + "\n")
        return 0
    if options.format == "markdown":
        folder = options.out or Path("docs", "theory")
        try:
            pages = write_pages(statements, folder, whole=len(statements) == len(known))
        except OSError as error:
            parser.error(f"{folder} cannot be written: {error.strerror}")
        sys.stdout.write(f"{len(pages)} page{'s' * (len(pages) > 1)} written to {folder}\n")
        return 0
    outcomes = (check(statement.id, step) for statement in statements for step in statement.steps)
    if options.format == "json":
        done = list(outcomes)
        sys.stdout.write(as_json(statements, done) + "\n")
    else:
        done = write_table(statements, outcomes, sys.stdout)
    return 0 if all(outcome.passed for outcome in done) else 1


if __name__ == "__main__":
    sys.exit(main())
