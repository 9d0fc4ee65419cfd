"""The command line: `python -m proofs_check [S1 S2 ...] [--json | --list]`."""

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

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
    """Check the statements named (all by default), report, and return the exit code: 1 if any step fails."""
    parser = _OneSentence(
        prog="python -m proofs_check",
        description="Prove the statements of the theory by machine: every step by algebra, and again to 50 digits.",
        epilog="Exit code: 0 if every step passes, 1 if one fails, 2 for a wrong command.",
    )
    parser.add_argument("statements", nargs="*", metavar="S1", help="statements to prove (default: all)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="write JSON instead of a table")
    output.add_argument("--list", action="store_true", help="list the steps and check nothing")
    options = parser.parse_args(arguments)

    known = identifiers()
    wanted = [name.upper() for name in options.statements] or known
    for name in wanted:
        if name not in known:
            near = [] if re.fullmatch(r"S\d+|RA\d", name) else difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            parser.error(f"there is no proof of {name!r}: choose from {', '.join(known)}{hint}")
    statements = [load(name) for name in known if name in wanted]
    if options.list:
        sys.stdout.write(listing(statements) + "\n")
        return 0
    outcomes = (check(statement.id, step) for statement in statements for step in statement.steps)
    if options.json:
        done = list(outcomes)
        sys.stdout.write(as_json(statements, done) + "\n")
    else:
        done = write_table(statements, outcomes, sys.stdout)
    return 0 if all(outcome.passed for outcome in done) else 1


if __name__ == "__main__":
    sys.exit(main())
