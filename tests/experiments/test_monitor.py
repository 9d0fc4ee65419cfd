"""`AlignmentMonitor` in a loop written by hand: what it logs, what it leaves alone, how it goes on."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import ramodel
from ramodel.experiments import monitor as monitor_module
from ramodel.experiments.monitor import AlignmentMonitor
from ramodel.nets import NetworkConfig, ResidualNetwork, TrainingConfig, load_dataset, train


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner, self.norm = nn.Linear(width, width), nn.BatchNorm1d(width)
        self.drop, self.outer = nn.Dropout(0.2), nn.Linear(width, width)

    def forward(self, hidden):
        return hidden + self.drop(self.outer(torch.relu(self.norm(self.inner(hidden)))))


INPUTS = torch.randn(40, 5, generator=torch.Generator().manual_seed(1))
LABELS = (INPUTS[:, 0] > 0).long()


def new_model(width=6, depth=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, width), *(Block(width) for _ in range(depth)), nn.Linear(width, 2))


def trained(model, steps, watch=None):
    """Train with dropout and BatchNorm; `watch` sits between back-propagation and step, where most could go wrong."""
    torch.manual_seed(3)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    model[1].norm.eval()  # a frozen layer stays frozen
    model[0].bias.requires_grad_(False)
    for step in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(INPUTS), LABELS)
        loss.backward()
        if watch is not None:
            watch(step, loss=loss)
        optimiser.step()
    return model


def test_a_plain_loop(tmp_path):
    model = new_model()
    monitor = AlignmentMonitor(model, INPUTS[:6], LABELS[:6], every=4, file=tmp_path / "ra.nc")
    trained(model, 9, monitor)
    found = monitor.dataset
    assert found["iteration"].values.tolist() == [0, 4, 8]
    assert found["loss"].dims == ("look",)
    assert found["line_shape_ratio"].dims == ("look", "stage", "quartile")
    ordered = found["line_shape_ratio"].sel(quartile=["lower", "median", "upper"]).diff("quartile")
    assert bool((ordered >= 0).all())
    stored = ramodel.AlignmentMonitor(model, INPUTS[:6], LABELS[:6], every=4, file=tmp_path / "ra.nc")
    assert stored.dataset.identical(found)
    text = repr(monitor)
    assert "3 looks" in text
    assert "at 0" in text
    assert "share of energy outside the top C" in text


def test_a_look_is_what_the_instrument_says():
    model = new_model()
    monitor = AlignmentMonitor(model, INPUTS[:6], LABELS[:6])
    model.train()
    monitor(0)
    spectra = ramodel.measure(model.eval(), INPUTS[:6], rank=4, labels=LABELS[:6], progress=False)
    readings = ramodel.residual_alignment(spectra, progress=False).readings
    names = {}
    for reading in readings:
        name = f"{reading.metric}_{reading.where.replace(' ', '_')}"
        name = reading.metric if reading.metric in monitor.dataset else name
        names[name] = monitor.dataset[name].squeeze().values
        np.testing.assert_array_equal(names[name], [reading.lower, reading.median, reading.upper])
    assert set(names) == set(monitor.dataset.data_vars)


def test_training_goes_on_bit_for_bit():
    models = [trained(new_model(), 12), new_model()]
    trained(models[1], 12, AlignmentMonitor(models[1], INPUTS[:4], LABELS[:4], every=3))
    for (name, alone), (_, watched) in zip(models[0].state_dict().items(), models[1].state_dict().items(), strict=True):
        assert torch.equal(alone, watched), name
    for alone, watched in zip(models[0].modules(), models[1].modules(), strict=True):
        assert alone.training == watched.training
    for alone, watched in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert alone.requires_grad == watched.requires_grad
        assert (alone.grad is None) == (watched.grad is None)
        assert alone.grad is None or torch.equal(alone.grad, watched.grad)


class Noisy(nn.Module):
    """Draws random numbers in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 5)

    def forward(self, hidden):
        torch.randn(1)
        np.random.random()  # noqa: NPY002
        return hidden + self.linear(hidden)


def test_random_numbers_are_put_back():
    model = nn.Sequential(Noisy(), Noisy(), Noisy())
    monitor = AlignmentMonitor(model, INPUTS[:3])
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    monitor(0)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def test_a_training_set_back_goes_over_its_looks(tmp_path):
    file = tmp_path / "ra.nc"
    model = new_model()
    options = {"labels": LABELS[:4], "metrics": ["gap", "line_shape_ratio"], "file": file}
    first = AlignmentMonitor(model, INPUTS[:4], at=[0, 2, 4], **options)
    for step in range(5):
        first(step, loss=1.0)
    again = AlignmentMonitor(model, INPUTS[:4], at=range(2, 7, 4), **options)
    again(2, rate=0.5)
    assert again.dataset["iteration"].values.tolist() == [0, 2]
    again(6)
    assert again.dataset["iteration"].values.tolist() == [0, 2, 6]
    assert np.isnan(again.dataset["rate"].values).tolist() == [True, False, True]
    assert set(again.dataset.data_vars) == {"gap", "line_shape_ratio", "loss", "rate"}
    assert list(tmp_path.iterdir()) == [file]


def test_it_is_a_callback_of_train():
    data = load_dataset("digits", classes=[0, 1], train_size=60, test_size=10)
    config = TrainingConfig(optimiser="sgd", learning_rate=0.1, iterations=5, checkpoint_every=5)
    networks = [ResidualNetwork(NetworkConfig(kind="relu", inputs=64, classes=2, width=6, depth=3)) for _ in range(2)]
    monitor = AlignmentMonitor(networks[1], data.test_inputs, data.test_labels, every=2)
    train(networks[0], data, config, progress=False)
    train(networks[1], data, config, progress=False, callback=monitor)
    assert monitor.dataset["iteration"].values.tolist() == [0, 2, 4]
    for alone, watched in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(alone, watched)


@settings(max_examples=50, deadline=None)
@given(every=st.integers(1, 50), iteration=st.integers(0, 10**12))
def test_looks_are_due_at_multiples(every, iteration):
    monitor = AlignmentMonitor(nn.Linear(2, 2), np.ones((1, 2)), every=every)
    assert (iteration in monitor.iterations) == (iteration % every == 0)


def test_stages_stand_side_by_side():
    model = nn.Sequential(
        nn.Sequential(Block(5), Block(5), Block(5)), nn.Linear(5, 4), nn.Sequential(Block(4), Block(4), Block(4))
    )
    monitor = AlignmentMonitor(model, INPUTS[:3], rank=3)
    monitor(0)
    assert monitor.dataset.sizes["stage"] == 2
    assert monitor.dataset["line_shape_ratio"].notnull().all()
    assert all(f", {stage}" in monitor.table() for stage in monitor.dataset["stage"].values)


def test_many_looks_are_chosen_evenly():
    model = new_model()
    monitor = AlignmentMonitor(model, INPUTS[:2], every=1, rank=2)
    monitor(0)
    monitor.dataset = monitor.dataset.isel(look=np.zeros(30, dtype=int)).assign_coords(
        iteration=("look", np.arange(30))
    )
    heading = monitor.table(["stable_rank"]).splitlines()[0]
    assert heading.split()[-1] == "29"
    assert heading.count("at ") == 8


def test_slow_looks_are_said_once(monkeypatch):
    monkeypatch.setattr(monitor_module, "_SECONDS_BEFORE_WARNING", 0.0)
    model = new_model()
    monitor = AlignmentMonitor(model, INPUTS[:2], every=1, rank=2)
    monitor(0)
    with pytest.warns(RuntimeWarning, match="Look less often"):
        monitor(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor(2)


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    model = new_model()
    monitor = AlignmentMonitor(model, INPUTS[:2], every=1, rank=2, file=folder / "ra.nc")
    folder.rmdir()
    with pytest.warns(RuntimeWarning, match="could not be written"):
        monitor(0)
    assert monitor.dataset.sizes["look"] == 1
    folder.mkdir()
    monitor(1)
    assert (folder / "ra.nc").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "net"}, TypeError, "model is of type str"),
        ({"every": 0}, ValueError, "every is 0"),
        ({"every": 5, "at": [1]}, ValueError, "every is 5 and at is given too"),
        ({"at": []}, ValueError, "at is empty"),
        ({"at": [-1]}, ValueError, "at is -1"),
        ({"rank": 0}, ValueError, "rank is 0"),
        ({"labels": [0, 1]}, ValueError, r"labels has shape \(2,\)"),
        ({"metrics": ["gpa"]}, ValueError, "metrics is 'gpa'.*'gap'"),
        ({"inputs": [np.nan]}, ValueError, "inputs"),
    ],
)
def test_bad_arguments(options, error, message):
    arguments = {"model": nn.Linear(2, 2), "inputs": np.ones((3, 2))} | options
    with pytest.raises(error, match=message):
        AlignmentMonitor(**arguments)


def test_bad_calls():
    model = new_model()
    monitor = AlignmentMonitor(model, INPUTS[:2], rank=2)
    with pytest.raises(ValueError, match="not the model of this monitor"):
        monitor(new_model(), 0)
    with pytest.raises(TypeError, match="iteration is given twice"):
        monitor(0, 0)
    with pytest.raises(ValueError, match="loss"):
        monitor(0, loss=float("nan"))
    with pytest.raises(ValueError, match="stable_rank is the name of a metric"):
        monitor(0, stable_rank=1.0)
    with pytest.raises(ValueError, match="no look yet"):
        monitor.table()
    assert repr(monitor).endswith("0 looks yet")
    monitor.look(7)
    with pytest.raises(ValueError, match="metrics is 'gpa'"):
        monitor.table(["gpa"])


def test_files_of_others_are_refused(tmp_path):
    file = tmp_path / "ra.nc"
    model = new_model()
    AlignmentMonitor(model, INPUTS[:2], rank=2, file=file)(0)
    with pytest.raises(ValueError, match="looks at other inputs or labels"):
        AlignmentMonitor(model, INPUTS[1:3], rank=2, file=file)
    with pytest.raises(ValueError, match="other settings"):
        AlignmentMonitor(model, INPUTS[:2], rank=3, file=file)
    file.write_bytes(b"no netCDF")
    with pytest.raises(ValueError, match="damaged"):
        AlignmentMonitor(model, INPUTS[:2], rank=2, file=file)
