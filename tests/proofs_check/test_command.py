"""`python -m proofs_check` run as a process: output, exit codes, one-sentence errors, independence of ramodel."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proofs_check.statements import identifiers

ALONE = """
import sys, proofs_check.__main__
from proofs_check.statements import identifiers, load
for identifier in identifiers(): load(identifier)
print(sorted(name for name in sys.modules if name.split(".")[0] in {"ramodel", "torch", "numpy"}))
"""

SPOILT = """
import dataclasses, sys
from proofs_check import __main__, s02_balance
first, *others = s02_balance.STATEMENT.steps
spoilt = dataclasses.replace(first, claim=first.spoilt)
s02_balance.STATEMENT = dataclasses.replace(s02_balance.STATEMENT, sections={"Balance": (spoilt, *others)})
sys.exit(__main__.main(sys.argv[1:]))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)


def proofs_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "proofs_check", *arguments)


def test_table_of_one_statement() -> None:
    done = proofs_check("s2")
    assert done.returncode == 0, done.stdout + done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["id", "step", "method", "time", "result"]
    assert all(row.startswith("S2") for row in rows if row and "steps in" not in row)
    assert "S2   Balance: proved" in done.stdout
    assert done.stdout.rstrip().endswith("all passed")


def test_json_has_every_road_of_every_step() -> None:
    done = proofs_check("S2", "--json")
    assert done.returncode == 0
    whole = json.loads(done.stdout)
    (entry,) = whole["statements"]
    assert whole["passed"] is True
    assert (entry["id"], entry["status"]) == ("S2", "proved")
    assert all(step["symbolic"] and step["numeric"] and step["claim"] for step in entry["steps"])


def test_list_names_every_statement_without_checking() -> None:
    done = proofs_check("--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines() if line[0] == "S"] == identifiers()


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_failed_step_gives_exit_code_1_and_its_reason(form: tuple[str, ...]) -> None:
    done = run("-c", SPOILT, "S2", *form)
    assert done.returncode == 1
    assert "not proved" in done.stdout
    assert "symbolic: (" in done.stdout
    assert "numeric: a matrix of norm" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("S99",), "python -m proofs_check: there is no proof of 'S99': choose from S1, "),
        (("balance",), "python -m proofs_check: there is no proof of 'BALANCE'"),
        (("--jsn",), "python -m proofs_check: unrecognized arguments: --jsn."),
        (("--json", "--list"), "python -m proofs_check: argument --list: not allowed with argument --json."),
        (("--format", "pdf"), "python -m proofs_check: argument --format: invalid choice: 'pdf'"),
        (("S2", "--out", "pages"), "python -m proofs_check: --out is for --format markdown only."),
        (("S99", "--called-as", "ramodel prove"), "ramodel prove: there is no proof of 'S99'"),
    ],
)
def test_a_wrong_command_is_one_sentence_and_exit_code_2(arguments: tuple[str, ...], sentence: str) -> None:
    done = proofs_check(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_pages_need_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = proofs_check("S2", "--format", "markdown", "--out", str(tmp_path / "file"))
    assert done.returncode == 2
    assert done.stderr == f"python -m proofs_check: {tmp_path / 'file'} cannot be written: File exists.\n"


def test_interrupt_is_one_line() -> None:
    command = [sys.executable, "-m", "proofs_check", "S6"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()  # the proofs have begun
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "python -m proofs_check: interrupted.\n")


def test_it_stands_alone() -> None:
    done = run("-c", ALONE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
