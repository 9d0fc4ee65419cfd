"""The entry point: finds the command, reads its options, runs it, and turns what goes wrong into an exit code."""

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ramodel.cli.errors import CommandError, UsageError, did_you_mean, library_errors
from ramodel.cli.output import say, warn

if TYPE_CHECKING:
    from ramodel.cli.command import Command

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "reproduce": "the main job: train on real digits, measure, confront with the theory, draw",
    "predict": "closed forms: singular values of the blocks from those of the end-to-end map",
    "optimum": "the best configuration of the logits: simplex, pairs, polygons, free search",
    "threshold": "the depth from which classes in opposite pairs are better than the simplex",
    "phase": "draw the rank of the best configuration over depth and decay",
    "simulate": "minimise a random problem without the closed forms, then compare with them",
    "train": "train one residual network and save it",
    "sweep": "train and measure many networks from one file; what interrupts it does not matter",
    "measure": "singular values and RA1-RA4 of a trained network, also your own",
    "confront": "theory against sweeps, or against your own trained network",
    "figures": "draw figures of the theory, and of a run of `reproduce`",
    "prove": "prove statements by machine",
    "test-claims": "try the statements on made-up cases and look for counterexamples",
    "statements": "list the statements S1-S19 and RA1-RA4, what they claim and what backs them",
    "cite": "print BibTeX entries: the project's own and those a statement rests on",
}
"""Commands and what they do, in the order of the help; command `x` is class `X` of module `ramodel.cli.x`."""

_MODULES = {"test-claims": "claims"}
"""Modules that are not named like their command, because pytest would take them for tests."""

_HELP = """\
usage: ramodel [-h] [--version] COMMAND [OPTIONS]

A laboratory for Residual Alignment: how does a residual network build up its answer, block by block?

commands:
{commands}

start here:
  ramodel reproduce --quick --out runs/first
  ramodel predict --depth 8 --jacobian-decay 0.01 --head-decay 0.01 --end-to-end 13.94885 0.1024

`ramodel COMMAND --help` explains the options of a command. Tables are for people; --json prints the same for machines.
exit codes: 0 success, 1 did not converge / a claim or proof failed, 2 wrong use, 130 interrupted.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv
        Arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        0 success; 1 a negative result; 2 wrong use, said in one sentence on standard error; 130 interrupted;
        141 the reader of the output went away.

    Examples
    --------
    >>> main(["--version"])
    ramodel 0.1.0
    0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        warn(str(error))
        return error.code
    except SystemExit as done:  # tyro, after --help
        return done.code if isinstance(done.code, int) else 0
    except KeyboardInterrupt as interrupt:
        warn(interrupt.args[0] if interrupt.args else "ramodel: interrupted.")
        return 130
    except BrokenPipeError:
        # The interpreter flushes standard output once more at exit: give it somewhere to go.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        width = max(map(len, COMMANDS))
        lines = (f"  {name:{width}}  {purpose}" for name, purpose in COMMANDS.items())
        say(_HELP.format(commands="\n".join(lines)).rstrip())
        return 0
    if arguments[0] == "--version":
        from ramodel import __version__

        say(f"ramodel {__version__}")
        return 0
    name, *options = arguments
    if name not in COMMANDS:
        kind = "an option" if name.startswith("-") else "a command"
        known = ["--help", "--version"] if name.startswith("-") else list(COMMANDS)
        advice = did_you_mean(name, known) or "see `ramodel --help`."
        raise UsageError(f"ramodel: {name} is not {kind}; {advice}")

    from ramodel.cli.parsing import parse

    module = _MODULES.get(name, name)
    command: type[Command] = getattr(importlib.import_module(f"ramodel.cli.{module}"), module.capitalize())
    try:
        with library_errors(command, name):
            return parse(command, name, options).run()
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"ramodel {name}: interrupted. {command.AFTER_INTERRUPT}".rstrip()) from interrupt
