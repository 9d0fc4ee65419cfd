"""`ramodel train`: a network is trained, saved, continued."""

import json

import msgspec
import pytest

from ramodel.cli.train import Train
from ramodel.nets import NetworkConfig, TrainingConfig, load_checkpoint

SMALL = ["--width", "8", "--depth", "3", "--train-size", "80", "--test-size", "20", "--labels", "0", "1", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a network that was trained once for all tests."""
    from ramodel.cli import main

    folder = tmp_path_factory.mktemp("train") / "net"
    assert main(["train", *SMALL, "--out", str(folder), "--json"]) == 0
    return folder


def test_summary_says_what_was_reached(folder):
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary) == ["data", "network", "training", "result"]
    assert summary["network"]["classes"] == 3
    assert summary["result"]["converged"]
    assert summary["result"]["gradient_norm"] <= 1e-6
    assert load_checkpoint(folder).network.config == msgspec.convert(summary["network"], NetworkConfig)


@pytest.mark.parametrize("config", [NetworkConfig, TrainingConfig])
def test_every_field_is_an_option_with_the_same_default(config):
    options = {field.name: field.default for field in msgspec.structs.fields(Train)}
    fields = {field.name: field.default for field in msgspec.structs.fields(config)}
    missing = set(fields) - set(options)
    assert missing == ({"inputs", "classes"} if config is NetworkConfig else set())
    for name in set(fields) - missing - {"kind", "width", "depth"}:
        assert options[name] == fields[name], name


def test_same_command_again_changes_nothing(ramodel, folder):
    before = (folder / "checkpoint.json").read_bytes()
    outcome = ramodel("train", *SMALL, "--out", str(folder))
    assert (outcome.code, outcome.err) == (0, "")
    assert "stopped by" in outcome.out
    assert "tolerance" in outcome.out
    assert json.loads(before)["history"] == json.loads((folder / "checkpoint.json").read_bytes())["history"]


def test_other_network_in_the_folder(ramodel, folder):
    outcome = ramodel("train", *SMALL, "--depth", "4", "--out", str(folder))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ramodel train: --out '{folder}' holds a checkpoint of another network (depth: 3")
    assert outcome.err.endswith("Choose another folder, or --no-resume to overwrite it.\n")


def test_divergence_is_said_with_exit_code_1(ramodel, tmp_path):
    wild = ["--optimiser", "sgd", "--learning-rate", "1e6", "--iterations", "50", "--checkpoint-every", "5"]
    outcome = ramodel("train", *SMALL, *wild, "--out", str(tmp_path))
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("ramodel train: the objective is ")
    assert "Lower --learning-rate" in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (["--depth", "0"], "--depth is 0; it must be at least 1."),
        (["--jacobian-decay", "-1"], "--jacobian-decay is -1.0; it must not be negative."),
        (["--dataset", "digit"], "--dataset is 'digit'; "),
        (["--dataset", "mnist", "--data", "/no/such/folder"], "--data is '/no/such/folder'; "),
        (["--train-size", "100000"], "--train-size is 100000; "),
        (["--labels", "0", "0"], "--labels "),
        (["--kind", "rleu"], "--kind is 'rleu'; it must be one of linear, factored, relu, gelu; did you mean relu?"),
        (["--momentum", "1"], "--momentum is 1.0; it must be less than 1."),
        (["--batch-size", "10"], "--batch-size is 10; 'lbfgs' takes the full training set."),
        (["--skip"], "--skip is not an option; did you mean --no-skip?"),
    ],
)
def test_bad_input(ramodel, tmp_path, options, start):
    outcome = ramodel("train", *SMALL, *options, "--out", str(tmp_path / "net"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ramodel train: {start}")
    assert outcome.err.count("\n") == 1


def test_folder_that_cannot_be_written(ramodel, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = ramodel("train", *SMALL, "--out", str(tmp_path / "file"))
    assert outcome.code == 2
    assert outcome.err.startswith(f"ramodel train: --out is '{tmp_path / 'file'}'; it must be a folder, not a file.")


PAPER = """
[network]
family = "paper"
stem = "fully-connected"
width = 6
depth = 2
[data]
labels = [0, 1]
train_size = 40
test_size = 10
[training]
optimiser = "sgd"
batch_size = 20
iterations = 4
"""


def test_any_family_from_a_file_stopped_and_continued(ramodel, tmp_path):
    file = tmp_path / "paper.toml"
    file.write_text(PAPER)
    words = ["train", "--config", str(file), "--seed", "3", "--json", "--out"]
    whole = json.loads(ramodel(*words, str(tmp_path / "whole")).out)
    assert (whole["network"]["family"], whole["network"]["seed"], whole["data"]["seed"]) == ("paper", 3, 3)
    first = json.loads(ramodel(*words, str(tmp_path / "sliced"), "--stop-after", "0.000001").out)
    assert first["result"]["stopped_by"] == "stop after"
    again = json.loads(ramodel(*words, str(tmp_path / "sliced")).out)
    assert again["result"] | {"seconds": 0} == whole["result"] | {"seconds": 0}


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (PAPER, ["--width", "9"], "--width is given beside --config"),
        (PAPER, ["--stop-after", "4x"], "--stop-after is '4x'; it must be a length of time"),
        ("network = 3", [], "--config is "),
        ("[network", [], "it is not a TOML file"),
        (PAPER + "epochs = 3", [], "unknown field `epochs`"),
    ],
)
def test_bad_files(ramodel, tmp_path, text, options, message):
    (tmp_path / "paper.toml").write_text(text)
    outcome = ramodel("train", "--config", str(tmp_path / "paper.toml"), *options, "--out", str(tmp_path / "net"))
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
