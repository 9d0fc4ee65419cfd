"""`ramodel confront`: a tiny checkpoint, an untrained one, and what goes wrong."""

import json

import pytest

TRAINED = ["--width", "8", "--depth", "3", "--train-size", "80", "--test-size", "20", "--labels", "0", "1", "2"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    from ramodel.cli import main

    folder = tmp_path_factory.mktemp("checkpoints") / "linear"
    assert main(["train", *TRAINED, "--out", str(folder)]) == 0
    return folder


def test_a_trained_linear_network_obeys_every_exact_statement(ramodel, checkpoint, tmp_path):
    out = tmp_path / "found"
    found = ramodel("confront", "--checkpoint", str(checkpoint), "--inputs", "6", "--out", str(out), "--json")
    assert (found.code, found.err) == (0, "")
    content = found.json()
    rows = [check["comparison"] for check in content["network"]["checks"] if check["comparison"]]
    exact = [row for row in rows if row["kind"] == "exact"]
    assert len(exact) > 10
    assert {row["verdict"] for row in exact} == {"holds"}
    assert any(row["control_name"] == "untrained" for row in exact)
    assert json.loads((out / "confrontation.json").read_bytes()) == content
    assert (out / "index.html").is_file()
    assert "--checkpoint" in (out / "README.md").read_text()


def test_the_untrained_network_misses(ramodel, tmp_path):
    folder = tmp_path / "untrained"
    ramodel("train", *TRAINED, "--iterations", "0", "--out", str(folder))
    found = ramodel("confront", "--checkpoint", str(folder), "--inputs", "6", "--no-untrained", "--out", str(folder))
    head = next(line for line in found.out.splitlines() if line.startswith("S1 "))
    assert "does not hold" in head
    assert "not a stationary point" in " ".join(found.out.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give sweeps, or one network"),
        (["sweep", "--checkpoint", "b"], "give sweeps, or one network"),
        (["sweep", "--jacobian-decay", "0.1"], "--jacobian-decay is for a network, and sweeps are given."),
        (["no-such-sweep"], "no-such-sweep"),
        (["--checkpoint", "no-such-folder"], "no-such-folder"),
        (["--model-file", "no.py:build", "--jacobian-decay", "1", "--head-decay", "1"], "no.py"),
        (["--model", "cifar10-resnet20", "--inputs", "0"], "--inputs is 0"),
    ],
)
def test_wrong_use_is_said_in_one_line(ramodel, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    found = ramodel("confront", *words, "--out", str(tmp_path / "out"))
    assert found.code == 2
    assert said in found.err
    assert found.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_decays_must_be_told(ramodel, tmp_path):
    file = tmp_path / "my.py"
    file.write_text("import torch\n\n\ndef build():\n    return torch.nn.Linear(2, 2)\n")
    found = ramodel("confront", "--model-file", f"{file}:build", "--head-decay", "1", "--out", str(tmp_path / "out"))
    assert found.code == 2
    assert "--jacobian-decay is missing" in found.err
