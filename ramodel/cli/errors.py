"""Wrong use, said in one sentence: from what the parser refuses and from what the library refuses."""

import difflib
import opcode
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ramodel.cli.command import Command

__all__ = ["CommandError", "UsageError", "did_you_mean", "library_errors"]

_RAISE = opcode.opmap["RAISE_VARARGS"]


class CommandError(Exception):
    """What ends a command: a sentence to print, and an exit code."""

    code = 1


class UsageError(CommandError):
    """The command cannot be carried out as it was given."""

    code = 2


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "did you mean X?" for the nearest of `known`, or "" where none is near.

    Examples
    --------
    >>> did_you_mean("--depht", ["--depth", "--model"])
    'did you mean --depth?'
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""


@contextmanager
def library_errors(command: "type[Command]", name: str) -> Iterator[None]:
    """Turn bad arguments that the library refuses, and files it cannot reach, into `UsageError`.

    An ArithmeticError other than an overflow of the arguments, such as a computation that left the range of numbers or
    a root that could not be proven, becomes a `CommandError` with exit code 1; so does a lack of memory.

    Only errors that ramodel raises on purpose count: a ValueError that escapes from NumPy, or from an operation in
    ramodel's own code, is a bug and keeps its traceback.
    """
    try:
        yield
    except (BrokenPipeError, CommandError):
        raise
    except OSError as error:
        raise UsageError(f"ramodel {name}: {_with_options(_describe(error), command)}") from error
    except (ValueError, TypeError, ArithmeticError, MemoryError, ModuleNotFoundError) as error:
        if not _raised_on_purpose(error):
            raise
        failed = isinstance(error, (ArithmeticError, MemoryError)) and not isinstance(error, OverflowError)
        kind = CommandError if failed else UsageError
        raise kind(f"ramodel {name}: {_with_options(str(error), command)}") from error


def _describe(error: OSError) -> str:
    if error.strerror is None or error.filename is None:
        return str(error)
    return f"{error.filename}: {error.strerror}."


def _raised_on_purpose(error: Exception) -> bool:
    """Tell whether a `raise` statement in ramodel's own code made `error`, rather than an operation that failed."""
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    if innermost is None:
        return False
    module: str = innermost.tb_frame.f_globals.get("__name__", "")
    instruction = innermost.tb_frame.f_code.co_code[innermost.tb_lasti]
    return module.partition(".")[0] == "ramodel" and instruction == _RAISE


def _with_options(message: str, command: "type[Command]") -> str:
    """Return `message` in one line, with the names of arguments replaced by the options that set them."""
    text = " ".join(message.split())
    for argument, field in command.arguments().items():
        if field in command.positional():
            continue
        # A library says how to set an argument; here a switch is an option of its own, and a word follows its option.
        text = re.sub(rf"\b{argument}=(True|False)\b", command.flag(field), text)
        text = re.sub(rf"\b{argument}='([\w.-]+)'", rf"{command.flag(field)} \1", text)
        # A short name such as `depth` is also a word: it counts only where the sentence opens with it.
        place = rf"\b{argument}\b" if "_" in argument else rf"^{argument}\b"
        text = re.sub(place, command.flag(field), text)
    return re.sub(r"^(--[\w-]+)\[(\d+)\]", lambda hit: f"{hit[1]} value {int(hit[2]) + 1}", text)
