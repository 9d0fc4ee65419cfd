"""The entry point: help, exit codes, what ends a command."""

import importlib
import os
import shlex
import subprocess
import sys
import time

import docstring_parser
import pytest

from ramodel import __version__
from ramodel.cli.application import COMMANDS
from ramodel.cli.errors import UsageError
from ramodel.cli.parsing import parse
from ramodel.cli.predict import Predict

PYTHON = [sys.executable, "-m", "ramodel"]
HEAVY = ("numpy", "torch", "scipy", "xarray", "matplotlib", "sympy", "tyro")


def command_class(name):
    module = {"test-claims": "claims"}.get(name, name)
    return getattr(importlib.import_module(f"ramodel.cli.{module}"), module.capitalize())


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]], ids=str)
def test_help_lists_every_command(ramodel, words):
    outcome = ramodel(*words)
    assert outcome.code == 0
    assert outcome.err == ""
    for name, purpose in COMMANDS.items():
        assert f"  {name}" in outcome.out
        assert purpose in outcome.out


def test_version(ramodel):
    assert ramodel("--version") == (0, f"ramodel {__version__}\n", "")


def test_help_is_fast_and_imports_nothing_heavy():
    code = (
        f"import sys; from ramodel.cli import main; main(['--help']); print([m for m in {HEAVY} if m in sys.modules])"
    )
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
    assert done.stdout.splitlines()[-1] == "[]"
    assert min(seconds) < 0.5


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(ramodel, name):
    command = command_class(name)
    described = {entry.arg_name for entry in docstring_parser.parse_from_object(command).params if entry.description}
    assert described >= set(command.__struct_fields__)
    outcome = ramodel(name, "--help")
    assert outcome.code == 0
    assert command.EXAMPLE in outcome.out
    for field in set(command.__struct_fields__) - command.positional():
        assert command.flag(field) in outcome.out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_in_the_help_is_accepted(name):
    words = shlex.split(command_class(name).EXAMPLE.partition(">")[0])
    assert words[:2] == ["ramodel", name]
    parse(command_class(name), name, words[2:])


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_needs_no_torch(name):
    code = f"import sys; from ramodel.cli import main; main(['{name}', '--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pedict"], "ramodel: pedict is not a command; did you mean predict?\n"),
        (["--verison"], "ramodel: --verison is not an option; did you mean --version?\n"),
        (["qqq"], "ramodel: qqq is not a command; see `ramodel --help`.\n"),
    ],
)
def test_unknown_command(ramodel, words, sentence):
    assert ramodel(*words) == (2, "", sentence)


def test_interrupt(ramodel, monkeypatch):
    def run(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Predict, "run", run)
    monkeypatch.setattr(Predict, "AFTER_INTERRUPT", "Start it again.")
    outcome = ramodel(*shlex.split(Predict.EXAMPLE)[1:])
    assert outcome == (130, "", "ramodel predict: interrupted. Start it again.\n")


def test_reader_that_went_away():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([*PYTHON, "statements", "--json"], stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_exit_code_of_the_process():
    done = subprocess.run([*PYTHON, "predict", "--depht", "3"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "ramodel predict: --depht is not an option; did you mean --depth?\n"


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("depth is a word of NumPy"), UsageError("said")])
def test_only_expected_errors_lose_their_traceback(ramodel, monkeypatch, error):
    def run(self):
        raise error

    monkeypatch.setattr(Predict, "run", run)
    if isinstance(error, UsageError):
        assert ramodel(*shlex.split(Predict.EXAMPLE)[1:]) == (2, "", "said\n")
    else:
        with pytest.raises(type(error)):
            ramodel(*shlex.split(Predict.EXAMPLE)[1:])
