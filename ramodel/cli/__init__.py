"""The command line `ramodel`: one module for each command, nothing heavy imported before a command needs it."""

from ramodel.cli.application import main

__all__ = ["main"]
