"""`ramodel prove`: the proofs, in a process of their own."""

import subprocess
import sys
from typing import ClassVar

from ramodel.cli.command import Command, Ids, Switch
from ramodel.cli.errors import UsageError

__all__ = ["Prove"]


class Prove(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prove statements by machine: symbolic steps, each confirmed at random points with 50 digits (takes up to 60 s).

    Prints a table of statement, step, method and time. The exit code is 1 if any step fails. The proofs use nothing
    of ramodel: this starts `python -m proofs_check`.
    """

    EXAMPLE: ClassVar[str] = "ramodel prove S2 S5"

    ids: Ids = ()
    """Statements to prove, such as S2; all that can be proved, by default."""

    list: Switch = False
    """List the steps of the proofs and check nothing."""

    json: Switch = False
    """Print JSON: whether all passed, and each statement with its steps."""

    def run(self) -> int:
        """Run the proofs and return their exit code."""
        if self.list and self.json:
            raise UsageError("ramodel prove: --list and --json exclude each other; give one of them.")
        options = ["--list"] * self.list + ["--json"] * self.json
        command = [sys.executable, "-m", "proofs_check", *self.ids, *options]
        sys.stdout.flush()
        # In a session of its own Ctrl-C reaches this process alone, which then ends the other without a traceback.
        return subprocess.run(command, check=False, start_new_session=True).returncode
