"""What msgspec finds wrong in the file of a sweep, in the words of such a file: key, value, rule."""

import re
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from ramodel.experiments.sweeps.cells import SECTIONS
from ramodel.experiments.sweeps.config import Arm, Claim, SweepConfig

__all__ = ["TABLES", "worded"]

TABLES: dict[str, type[msgspec.Struct]] = {**SECTIONS, "arms": Arm, "claims": Claim}
"""Tables of the file, and lists of tables, whose keys are fields."""

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list in [...]",
    "object": "a table",
}


def worded(message: str, content: Mapping[str, Any]) -> str:
    """Return a message of msgspec about `content` as one sentence; what it takes over from checks of ours stays.

    Examples
    --------
    >>> worded("Expected `int`, got `str` - at `$.training.iterations`", {"training": {"iterations": "many"}})
    "training.iterations is 'many'; it must be a whole number."
    >>> worded("Object missing required field `name` - at `$.arms[0]`", {"arms": [{}]})
    "key 'name' of arms[0] is missing; give it."
    """
    what, _, place = message.partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", what):
        return f"key {missing[1]!r} of {path or 'a sweep'} is missing; give it."
    if expected := re.fullmatch(r"Expected `(.+)`, got `.+`", what):
        kinds = [_KINDS.get(kind, kind) for kind in expected[1].split(" | ") if kind != "null"]
        return f"{_with_value(path, content)}; it must be {' or '.join(kinds)}."
    if what.startswith("Invalid enum value"):
        return f"{_with_value(path, content)}; it must be one of {', '.join(map(repr, _options(path)))}."
    return f"{path}: {what}" if path else what


def _with_value(path: str, content: Mapping[str, Any]) -> str:
    """Return "KEY is VALUE"; the key alone where msgspec does not tell which value of a table it means."""
    found: Any = content
    for step in re.findall(r"\w+|\.\.\.", path):
        if step == "...":
            return f"a value of {path.removesuffix('[...]')} is of the wrong kind"
        found = found[int(step) if step.isdigit() else step]
    return f"{path} is {found!r}"


def _options(path: str) -> list[Any]:
    """Return the words that the key at `path` may be."""
    table, _, key = path.rpartition(".")
    struct = TABLES.get(table.partition("[")[0], SweepConfig)
    kind = msgspec.inspect.type_info(typing.get_type_hints(struct)[key])
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return [value for one in kinds if isinstance(one, msgspec.inspect.LiteralType) for value in one.values]
