"""The statements that have a file here: s01_critical_points.py holds S1, and so on."""

import inspect
import pkgutil
import re
from importlib import import_module

import proofs_check
from proofs_check.step import Statement

__all__ = ["identifiers", "load", "setting"]

_FILE = re.compile(r"s(\d\d)_\w+")


def identifiers() -> list[str]:
    """Return the ids of all statements with a file, in order, without importing any.

    Examples
    --------
    >>> identifiers()[:3]
    ['S1', 'S2', 'S3']
    """
    return list(_modules())


def load(identifier: str) -> Statement:
    """Return the statement with this id, such as "S1".

    Raises
    ------
    KeyError
        If it has no file.

    Examples
    --------
    >>> load("S2").title
    'Balance'
    """
    statement: Statement = import_module(f"proofs_check.{_modules()[identifier]}").STATEMENT
    return statement


def setting(identifier: str) -> list[str]:
    """Return the words at the head of a statement's file, by paragraphs: its setting and symbols.

    Examples
    --------
    >>> setting("S2")[-1]
    'The depth L may be any positive real number.'
    """
    text = inspect.cleandoc(import_module(f"proofs_check.{_modules()[identifier]}").__doc__ or "")
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.removeprefix(f"{identifier}: ").split("\n\n")]
    return [paragraph[:1].upper() + paragraph[1:] for paragraph in paragraphs]


def _modules() -> dict[str, str]:
    """Return the module of every statement by id."""
    names = (module.name for module in pkgutil.iter_modules(proofs_check.__path__))
    return {f"S{int(match[1])}": match[0] for name in sorted(names) if (match := _FILE.fullmatch(name))}
