"""Options of a command from the words on the command line, by tyro; what is refused becomes one sentence."""

import inspect
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import tyro

from ramodel.cli.command import Command
from ramodel.cli.errors import UsageError, did_you_mean
from ramodel.cli.output import say

__all__ = ["parse"]

C = TypeVar("C", bound=Command)

_KINDS = (("FLOAT", "a number", float), ("INT", "a whole number", int))


def parse(command: type[C], name: str, arguments: Sequence[str]) -> C:
    """Return `command` with the options in `arguments`; print the help and leave (SystemExit) on --help.

    Raises
    ------
    UsageError
        If the words do not make a `command`.
    """

    def refuse(event: Any) -> None:
        reason = _reason(event, command, arguments)
        if reason is not None:
            raise UsageError(f"ramodel {name}: {reason}")

    if not {"-h", "--help"}.isdisjoint(arguments):
        # Printed here, because tyro joins the lines of a description; usage and options, by tyro, follow.
        say(_description(command))
        arguments = ["--help"]
    with _on_refusal(refuse):
        return tyro.cli(
            command,
            prog=f"ramodel {name}",
            description="",
            args=list(arguments),
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone),
        )


def _description(command: type[Command]) -> str:
    """Return the docstring and the example, folded to the terminal."""
    width = min(shutil.get_terminal_size().columns, 100)
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join([*(textwrap.fill(text, width) for text in paragraphs), f"Example:\n  {command.EXAMPLE}\n"])


def _on_refusal(hook: Callable[[Any], None]) -> AbstractContextManager[None]:
    """Call `hook` with what tyro refuses, before tyro draws its box.

    The hook is tyro's, but not yet part of its stable interface: where it is missing, tyro's box is shown instead.
    """
    try:
        from tyro._errors import on_parse_error
    except ImportError:
        return nullcontext()
    return on_parse_error(hook)


def _reason(event: Any, command: type[Command], arguments: Sequence[str]) -> str | None:
    """Return what is wrong in half a sentence and the way out; None for kinds of refusal that are not known here."""
    kind = type(event).__name__
    example = f"for example `{command.EXAMPLE}`."
    if kind == "UnrecognizedArgs":
        return _unknown(event.tokens, command, event.prog)
    if kind == "MissingArgs":
        if event.unrecognized_tokens:
            return _unknown(event.unrecognized_tokens, command, event.prog)
        names = [_name(context.arg) for context in event.missing_arguments]
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        return f"{listed} {'is' if len(names) == 1 else 'are'} missing; {example}"
    if kind == "InvalidChoice":
        advice = did_you_mean(event.value, event.choices)
        listed = ", ".join(event.choices)
        return f"{_name(event.argument)} is {event.value!r}; it must be one of {listed}" + (
            f"; {advice}" if advice else "."
        )
    if kind == "BadValue":
        return f"{_name(event.argument)} has no value; {example}"
    if kind == "InstantiationFailure":
        if event.argument is None:
            return " ".join(str(event.message).split())
        return _bad_value(event.argument, arguments)
    return None


def _unknown(words: Sequence[str], command: type[Command], program: str) -> str:
    word = next((word for word in words if word.startswith("-")), words[0])
    flag = word.partition("=")[0]
    if not flag.startswith("-"):
        return f"{flag!r} is one word too many; see `{program} --help`."
    known = [command.flag(field) for field in command.__struct_fields__ if field not in command.positional()]
    return f"{flag} is not an option; " + (
        did_you_mean(flag.replace("_", "-"), [*known, "--help"]) or f"see `{program} --help`."
    )


def _bad_value(argument: Any, arguments: Sequence[str]) -> str:
    """Name the first of the values given to `argument` that cannot be read."""
    for metavar, what, convert in _KINDS:
        if metavar not in str(argument.lowered.metavar):
            continue
        for value in _values(argument.lowered.name_or_flags, arguments):
            try:
                convert(value)
            except ValueError:
                return f"{_name(argument)} is {value!r}; it must be {what}."
    return f"{_name(argument)} cannot be read; it must be {argument.lowered.metavar}."


def _values(flags: Sequence[str], arguments: Sequence[str]) -> Iterator[str]:
    """Go through the words that follow one of `flags`, up to the next option."""
    ours = False
    for word in arguments:
        flag, equals, value = word.partition("=")
        if flag.startswith("--"):
            ours = flag.replace("_", "-") in flags
            if ours and equals:
                yield value
        elif ours:
            yield word


def _name(argument: Any) -> str:
    name: str = argument.field.intern_name if argument.is_positional() else argument.lowered.name_or_flags[-1]
    return name
