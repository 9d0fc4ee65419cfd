"""What every command is: a frozen record of its options that can run."""

from typing import Annotated, ClassVar, TypeVar, get_type_hints

import msgspec
from tyro.conf import Positional, arg

__all__ = ["Command", "Ids", "Maybe", "Switch"]

T = TypeVar("T")

Switch = Annotated[bool, arg(help_behavior_hint="")]
"""An option without a value; its help says what it does, so that a default of True or False adds nothing."""

Maybe = Annotated[T | None, arg(help_behavior_hint="")]
"""An option that may be left out; its help says what then happens."""

Ids = Annotated[tuple[str, ...], Positional, arg(metavar="[ID ...]", help_behavior_hint="")]
"""Any number of words, without the name of an option before them."""


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command of `ramodel`: its fields are its options, their docstrings the help."""

    EXAMPLE: ClassVar[str] = ""
    """One line that works, printed with the help and where a required option is missing."""

    ARGUMENTS: ClassVar[dict[str, str]] = {}
    """Names of the library's arguments, and the fields that set them, where the two differ."""

    OPTIONS: ClassVar[dict[str, str]] = {}
    """Options of fields that cannot be named like them, because Python reserves the word."""

    AFTER_INTERRUPT: ClassVar[str] = ""
    """What to tell someone who pressed Ctrl-C, such as how to continue."""

    def run(self) -> int:
        """Do it and return the exit code."""
        raise NotImplementedError

    @classmethod
    def arguments(cls) -> dict[str, str]:
        """Names that an error message may use, and the field each of them stands for."""
        return {**{field: field for field in cls.__struct_fields__}, **cls.ARGUMENTS}

    @classmethod
    def flag(cls, field: str) -> str:
        """Return the option that sets `field`; what is on by default has an option that turns it off."""
        if field in cls.OPTIONS:
            return cls.OPTIONS[field]
        is_on = any(info.default is True for info in msgspec.structs.fields(cls) if info.name == field)
        return ("--no-" if is_on else "--") + field.replace("_", "-")

    @classmethod
    def positional(cls) -> set[str]:
        """Fields given by position, without an option's name."""
        hints = get_type_hints(cls, include_extras=True)
        return {field for field in cls.__struct_fields__ if Positional in getattr(hints[field], "__metadata__", ())}
