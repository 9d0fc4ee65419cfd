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
    assert main(["prove", "S9"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "'S9'" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("code", [0, 1, 2])
def test_exit_code_is_passed_on(ramodel, monkeypatch, code):
    ran = []

    def run(command, **options):
        ran.append(command)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", run)
    assert ramodel("prove", "S1", "S2", "--json").code == code
    assert ran[0][1:] == ["-m", "proofs_check", "S1", "S2", "--json"]


def test_formats_exclude_each_other(ramodel):
    sentence = "ramodel prove: --list and --json exclude each other; give one of them.\n"
    assert ramodel("prove", "--list", "--json") == (2, "", sentence)


def test_interrupt_ends_the_proofs_without_a_traceback():
    command = [sys.executable, "-m", "ramodel", "prove"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline()  # the proofs have begun
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "ramodel prove: interrupted.\n")
