"""Running the command line inside the test's process."""

import json
from typing import Any, NamedTuple

import pytest

from ramodel.cli import main


class Outcome(NamedTuple):
    """Exit code, standard output and standard error of one command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return what was printed as JSON; every number in it is finite or null."""

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def ramodel(capsys):
    """Return a function that runs `ramodel WORD ...` and gives its `Outcome`."""

    def run(*words: str) -> Outcome:
        code = main(words)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
