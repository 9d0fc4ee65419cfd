"""Sweeps as text, as short as it can be."""

import json
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ramodel.experiments.sweeps.config import SweepConfig

__all__ = ["from_toml", "to_toml"]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(config: SweepConfig) -> str:
    """Return `config` as TOML, settings that are as by default left out; reading it gives an equal one.

    Examples
    --------
    >>> print(to_toml(SweepConfig(law="depth", title="How deep?", network={"family": "model"}, seeds=3)))
    law = "depth"
    title = "How deep?"
    network = {family = "model"}
    seeds = 3
    <BLANKLINE>
    """
    return "".join(f"{_key(name)} = {_value(value, 0)}\n" for name, value in _settings(config).items())


def from_toml(text: str) -> SweepConfig:
    """Return the sweep that `to_toml` wrote; its settings are checked, its names (laws, arms of claims) are not.

    Raises
    ------
    ValueError
        If it is not TOML or not a sweep.
    """
    return msgspec.convert(tomllib.loads(text), SweepConfig)


def _settings(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the fields that differ from their defaults."""
    return {
        field.name: value
        for field in msgspec.structs.fields(struct)
        if (value := getattr(struct, field.name)) != _default(field)
    }


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _value(value: Any, depth: int) -> str:
    if isinstance(value, msgspec.Struct):
        return _value(_settings(value), depth)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_value(entry, depth + 1)}" for name, entry in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        entries = [_value(entry, depth + 1) for entry in value]
        if depth == 0 and any(isinstance(entry, msgspec.Struct) for entry in value):
            return "[\n" + "".join(f"  {entry},\n" for entry in entries) + "]"
        return "[" + ", ".join(entries) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _value(name, 1)
