"""`ramodel prove`: the proofs run in a process of their own and their exit code is passed on."""

import json
import os
import signal
import subprocess
import sys

import pytest

from ramodel.cli import main


def test_json_is_that_of_the_proofs(capfd):
    assert main(["prove", "S5", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["passed"]
    assert [entry["id"] for entry in found["statements"]] == ["S5"]


def test_list_checks_nothing(capfd):
    assert main(["prove", "--list"]) == 0
    assert "S1" in capfd.readouterr().out


def test_unknown_statement(capfd):
    assert main(["prove", "S99"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("ramodel prove: there is no proof of 'S99': choose from S1, ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("code", [0, 1, 2])
def test_exit_code_is_passed_on(ramodel, monkeypatch, code):
    ran = []

    def run(command, **options):
        ran.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", run)
    assert ramodel("prove", "S1", "S2", "--json").code == code
    called_as = ["--called-as", "ramodel prove"]
    assert ran[0][1:] == ["-m", "proofs_check", "S1", "S2", "--format", "json", *called_as]


def test_formats_exclude_each_other(ramodel):
    sentence = "ramodel prove: --list and --json exclude each other; give one of them.\n"
    assert ramodel("prove", "--list", "--json") == (2, "", sentence)


def test_pages_are_written(capfd, tmp_path):
    assert main(["prove", "S2", "--format", "markdown", "--out", str(tmp_path / "pages")]) == 0
    assert capfd.readouterr().out == f"1 page written to {tmp_path / 'pages'}\n"
    assert (tmp_path / "pages" / "S2.md").read_text().startswith("# S2: Balance\n")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--json", "--format", "markdown"), "--list and --json exclude --format; give one of them."),
        (("--out", "pages"), "--out is the folder for pages; add --format markdown."),
    ],
)
def test_options_that_do_not_go_together(ramodel, options, sentence):
    assert ramodel("prove", *options) == (2, "", f"ramodel prove: {sentence}\n")


def test_interrupt_ends_the_proofs_without_a_traceback():
    command = [sys.executable, "-m", "ramodel", "prove"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline()  # the proofs have begun
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "ramodel prove: interrupted.\n")
