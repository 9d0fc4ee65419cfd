"""`ramodel prove`: the proofs, in a process of their own."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Literal

from ramodel.cli.command import Command, Ids, Maybe, Switch
from ramodel.cli.errors import UsageError

__all__ = ["Prove"]


class Prove(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prove statements by machine: symbolic steps, each confirmed at random points with 50 digits (takes a minute).

    Prints a table of statement, step, method and time. The exit code is 1 if any step fails. The proofs use nothing
    of ramodel: this starts `python -m proofs_check`. With --format markdown it writes the proofs, step by step with
    their formulas, as pages into a folder and checks nothing.
    """

    EXAMPLE: ClassVar[str] = "ramodel prove S2 S5"

    ids: Ids = ()
    """Statements to prove, such as S2; all that can be proved, by default."""

    list: Switch = False
    """List the steps of the proofs and check nothing."""

    json: Switch = False
    """Print JSON: whether all passed, and each statement with its steps."""

    format: Literal["table", "json", "list", "markdown"] = "table"
    """What to print, or markdown: pages of the proofs, written into --out."""

    out: Maybe[Path] = None
    """Folder for the pages of --format markdown; docs/theory by default."""

    def run(self) -> int:
        """Run the proofs and return their exit code."""
        if self.list and self.json:
            raise UsageError("ramodel prove: --list and --json exclude each other; give one of them.")
        if (self.list or self.json) and self.format != "table":
            raise UsageError("ramodel prove: --list and --json exclude --format; give one of them.")
        if self.out is not None and self.format != "markdown":
            raise UsageError("ramodel prove: --out is the folder for pages; add --format markdown.")
        chosen = "list" if self.list else "json" if self.json else self.format
        folder = ["--out", str(self.out)] if self.out is not None else []
        command = [sys.executable, "-m", "proofs_check", *self.ids, "--format", chosen, *folder]
        command += ["--called-as", "ramodel prove"]
        sys.stdout.flush()
        # In a session of its own Ctrl-C reaches this process alone, which then ends the other without a traceback.
        return subprocess.run(command, check=False, start_new_session=True).returncode
