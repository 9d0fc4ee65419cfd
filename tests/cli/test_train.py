"""`ramodel train` and `ramodel measure`: a network is trained, saved, continued, measured."""

import json

import msgspec
import numpy as np
import pytest
import xarray as xr

from ramodel.cli.train import Train
from ramodel.nets import NetworkConfig, TrainingConfig, load_checkpoint, load_dataset
from tests.tolerances import DENSE_FLOAT64

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


def test_measure_writes_what_numpy_finds(ramodel, folder, tmp_path):
    target = tmp_path / "made" / "spectra.nc"
    outcome = ramodel("measure", "--checkpoint", str(folder), "--out", str(target), "--inputs", "9", "--rank", "4")
    assert (outcome.code, outcome.err) == (0, "")
    assert str(target) in outcome.out
    with xr.open_dataset(target, engine="h5netcdf") as found:
        assert dict(found["singular_value"].sizes) == {"layer": 3, "input": 9, "rank": 4}
        jacobians = load_checkpoint(folder).network.jacobians().detach().numpy()
        expected = np.linalg.svd(jacobians, compute_uv=False)[:, None, :4]
        values = found["singular_value"].values
        assert np.abs(values - expected).max() <= DENSE_FLOAT64 * expected.max()
        assert "jacobian" not in found
        assert found.attrs["checkpoint"] == str(folder)
        data = load_dataset("digits", classes=[0, 1, 2], train_size=80, test_size=20)
        start = load_checkpoint(folder).network.embedding.weight.detach().numpy() @ data.test_inputs.T
        nearest = np.abs(found["states"].values[0][:, None] - start.T[None]).max(axis=2).min(axis=1)
        assert nearest.max() < DENSE_FLOAT64


def test_measure_json(ramodel, folder, tmp_path):
    rows = ramodel("measure", "--checkpoint", str(folder), "--out", str(tmp_path / "s.nc"), "--json").json()
    keys = ["property", "metric", "median", "lower_quartile", "upper_quartile", "if_it_holds"]
    assert all(list(row) == keys for row in rows)
    assert {row["property"] for row in rows} == {"RA1", "RA2", "RA3", "RA4"}
    found = {row["metric"]: row for row in rows}
    assert found["asymmetry |J - J^T| / |J|"]["median"] < 1e-4  # stationary to 1e-6: S1 holds
    assert found["affinity of top-3 subspaces between layers"]["median"] > 1.0 - 1e-6
    for row in rows:
        if row["median"] is not None:
            assert row["lower_quartile"] <= row["median"]


@pytest.mark.parametrize("rank", ["1", "3"])
def test_what_the_rank_cannot_show_is_a_dash(ramodel, folder, tmp_path, rank):
    words = ["measure", "--checkpoint", str(folder), "--out", str(tmp_path / "s.nc"), "--rank", rank]
    found = {row["metric"]: row["median"] for row in ramodel(*words, "--json").json()}
    assert found["gap s_C / s_(C+1)"] is None
    assert (found["share of energy outside the top C"] is None) == (rank == "1")
    assert ramodel(*words).code == 0


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"checkpoint": "missing"}, "--checkpoint is '"),
        ({"inputs": "0"}, "--inputs is 0; it must be at least 1."),
        ({"rank": "0"}, "--rank is 0; it must be at least 1."),
        ({"out": "."}, "--out is '"),
    ],
)
def test_measure_bad_input(ramodel, folder, tmp_path, options, start):
    given = {"checkpoint": str(folder), "out": str(tmp_path / "s.nc")} | options
    if "out" in options:
        given["out"] = str(tmp_path)
    outcome = ramodel("measure", *(part for name, value in given.items() for part in (f"--{name}", value)))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ramodel measure: {start}")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"{}", b'{"data": {"dataset": 3}}'])
def test_measure_refuses_a_foreign_summary(ramodel, folder, tmp_path, content):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "summary.json").write_bytes(content)
    outcome = ramodel("measure", "--checkpoint", str(tmp_path), "--out", str(tmp_path / "s.nc"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(
        f"ramodel measure: --checkpoint is '{tmp_path / 'summary.json'}'; it is not a summary"
    )


def test_damaged_weights(ramodel, folder, tmp_path):
    for path in folder.iterdir():
        content = path.read_bytes()
        (tmp_path / path.name).write_bytes(content[:100] if path.suffix == ".safetensors" else content)
    outcome = ramodel("measure", "--checkpoint", str(tmp_path), "--out", str(tmp_path / "s.nc"))
    assert (outcome.code, outcome.out) == (2, "")
    assert "does not hold the tensors of its network" in outcome.err
    assert outcome.err.count("\n") == 1
