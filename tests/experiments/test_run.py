"""One cell: what is measured agrees with a slow road, and what is predicted holds where it should and only there."""

import numpy as np
import pytest
import torch

from ramodel.experiments import Cell, readings, run_cell
from ramodel.experiments.measurement import measure_network
from ramodel.nets import NetworkConfig, ResidualNetwork, load_dataset, spread_over_classes
from tests.tolerances import DENSE_FLOAT64, TRAINED

SMALL = {"depth": 3, "seed": 0, "width": 14, "train_size": 200, "test_size": 60, "inputs": 12}
PREDICTIONS = [
    readings.head_only_error,
    readings.end_to_end_error,
    readings.balance_error,
    readings.layer_spread,
    readings.trajectory_error,
    readings.reduced_cost_error,
    readings.unpredicted_share,
    readings.work_energy_error,
    readings.euler_error,
    readings.asymmetry,
]


@pytest.mark.parametrize("kind", ["linear", "factored"])
def test_predictions_hold_for_a_trained_network_and_not_for_an_untrained_one(kind):
    trained = run_cell(Cell(kind=kind, arm="trained", **SMALL))
    untrained = run_cell(Cell(kind=kind, arm="untrained", **SMALL))
    assert float(trained["stationarity"]) <= 1e-7
    for reading in PREDICTIONS:
        assert reading(trained) < TRAINED, reading.__name__
        assert reading(untrained) > 100 * TRAINED, reading.__name__


def test_unequal_decays_are_told_apart():
    cell = Cell(kind="linear", arm="trained", jacobian_decay=0.02, head_decay=0.005, embedding_decay=0.01, **SMALL)
    found = run_cell(cell)
    for reading in PREDICTIONS:
        assert reading(found) < TRAINED, reading.__name__


def test_networks_without_skips_are_trained_but_not_predicted():
    found = run_cell(Cell(kind="linear", arm="no-skip", **SMALL))
    assert float(found["train_accuracy"]) > 0.9
    assert "predicted_singular_value" not in found
    assert found.attrs["arm"] == "no-skip"


def test_mini_batches_come_near_the_prediction():
    found = run_cell(Cell(kind="linear", arm="sgd", iterations=300, **SMALL))
    assert TRAINED < readings.head_only_error(found) < 0.1


def test_measurement_agrees_with_finite_differences_and_plain_numpy():
    data = load_dataset("digits", train_size=100, test_size=40)
    network = ResidualNetwork(NetworkConfig(kind="gelu", inputs=64, classes=10, width=13, depth=2, seed=1))
    found = measure_network(network, data, inputs=5, jacobian_decay=0.1, head_decay=0.2)
    rows = spread_over_classes(data.test_labels, 5)
    states = network.states(torch.as_tensor(data.test_inputs[rows])).detach().numpy()

    step = 1e-6
    for layer, block in enumerate(network.blocks):
        for sample in range(5):
            h = torch.as_tensor(states[layer, sample])
            shifts = step * torch.eye(13, dtype=torch.float64)
            columns = (block.branch(h + shifts) - block.branch(h - shifts)).detach().numpy() / (2 * step)
            s = np.linalg.svd(columns.T, compute_uv=False)
            np.testing.assert_allclose(found["spectrum"].values[layer, sample], s, rtol=1e-6, atol=1e-8)
            asymmetry = np.linalg.norm(columns - columns.T) / np.linalg.norm(columns)
            assert found["asymmetry_error"].values[layer, sample] == pytest.approx(asymmetry, rel=1e-6)
        lengths = np.linalg.norm(states[layer + 1] - states[layer], axis=1)
        np.testing.assert_allclose(found["step_length"].values[layer], lengths, rtol=DENSE_FLOAT64)
        energy = 0.1 * float(block.outer.weight.detach().square().sum())
        assert found["block_energy"].values[layer] == pytest.approx(energy, rel=DENSE_FLOAT64)
    assert float(found["head_energy"]) == pytest.approx(0.2 * float(network.head.weight.detach().square().sum()))
    np.testing.assert_array_equal(found["singular_value"], found["spectrum"][:, :, :12])
    np.testing.assert_array_equal(found["input_class"], data.test_labels[rows])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 0}, "depth is 0"),
        ({"width": 0}, "width is 0"),
        ({"inputs": 0}, "inputs is 0"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
    ],
)
def test_bad_cells_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Cell(kind="linear", arm="trained", **(SMALL | change))
