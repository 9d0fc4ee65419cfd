"""`ramodel simulate`: what the optimiser finds agrees with the closed forms; exit codes; bad input."""

import numpy as np
import pytest

from tests.tolerances import OPTIMISER

KEYS = [
    "objective",
    "gradient_norm",
    "asymmetry",
    "balance_error",
    "layer_spread",
    "singular_values",
    "predicted",
    "max_relative_error",
]
SMALL = ["--classes", "3", "--width", "5", "--depth", "3", "--samples", "12", "--starts", "2", "--seed", "1"]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--model", "nuclear"],
        ["--loss", "squared", "--jacobian-decay", "0.02"],
        ["--loss", "logistic", "--classes", "1"],
        ["--embedding-decay", "0.03"],
        ["--model", "nuclear", "--embedding-decay", "0.03"],
    ],
    ids=" ".join,
)
def test_found_agrees_with_predicted(ramodel, options):
    outcome = ramodel("simulate", *SMALL, *options, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json()
    assert list(found) == KEYS
    assert found["gradient_norm"] <= 1e-10
    for name in ("asymmetry", "balance_error", "layer_spread", "max_relative_error"):
        assert 0.0 <= found[name] < OPTIMISER
    layers, predicted = np.array(found["singular_values"]), np.array(found["predicted"])
    assert layers.shape == (3, 5)
    assert predicted[0] > 0.0
    large = predicted > 0.01 * predicted[0]
    assert found["max_relative_error"] == np.abs(layers[:, large] / predicted[large] - 1.0).max()


def test_blocks_below_the_threshold_are_zero(ramodel):
    decays = ["--jacobian-decay", "50", "--head-decay", "50"]
    outcome = ramodel("simulate", *SMALL, "--model", "nuclear", *decays, "--json")
    assert outcome.code == 0
    found = outcome.json()
    assert np.abs(found["singular_values"]).max() < 1e-12
    assert [found[name] for name in KEYS[2:5]] == [0.0, 0.0, 0.0]
    assert found["max_relative_error"] == 0.0


def test_table(ramodel):
    outcome = ramodel("simulate", *SMALL)
    assert (outcome.code, outcome.err) == (0, "")
    found = ramodel("simulate", *SMALL, "--json").json()
    assert f"{found['predicted'][0]:.6g}" in outcome.out
    for name in KEYS[:5] + KEYS[7:]:
        assert name in outcome.out


def test_not_converged_is_said(ramodel):
    outcome = ramodel("simulate", *SMALL, "--time-budget", "0", "--json")
    assert outcome.code == 1
    assert list(outcome.json()) == KEYS
    assert outcome.err.startswith("ramodel simulate: not converged: relative gradient norm ")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--depth 0", "--depth is 0; it must be at least 1."),
        ("--depth 2.5", "--depth is '2.5'; it must be a whole number."),
        ("--samples 2", "--samples is 2; "),
        ("--loss logistic", "--classes is 3; it must be at most 2."),
        ("--jacobian-decay 0", "--jacobian-decay is 0.0; it must be greater than zero."),
        ("--head-decay nan", "--head-decay is nan; it must be finite."),
        ("--starts 0", "--starts is 0; it must be at least 1."),
        ("--seed -1", "--seed is -1; it must be at least 0."),
        ("--tolerance 0", "--tolerance is 0.0; it must be greater than zero."),
        ("--time-budget -1", "--time-budget is -1.0; it must not be negative"),
        ("--device gpu", "--device is 'gpu'; "),
        ("--loss hinge", "--loss is 'hinge'; it must be one of squared, cross-entropy, logistic."),
    ],
)
def test_bad_input(ramodel, options, sentence):
    outcome = ramodel("simulate", *SMALL, *options.split())
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ramodel simulate: {sentence}")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--white"], ["--white", "--embedding-decay", "0.03"]], ids=" ".join)
def test_kinetic_blocks_are_compared_by_eigenvalues(ramodel, options):
    outcome = ramodel("simulate", *SMALL, "--model", "kinetic", *options, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json()
    keys = ["asymmetry", "balance_error", "slope_error", "eigenvalues", "predicted", "max_relative_error"]
    assert list(found) == [*KEYS[:2], *keys]
    assert all(found[name] < OPTIMISER for name in ("asymmetry", "balance_error", "slope_error", "max_relative_error"))
    assert np.shape(found["eigenvalues"]) == np.shape(found["predicted"]) == (3, 5)
    table = ramodel("simulate", *SMALL, "--model", "kinetic", *options).out
    assert f"{1.0 / found['eigenvalues'][2][0]:.6g}" in table
    assert "slope_error" in table


def test_plain_layers_are_compared_with_neighbours(ramodel):
    outcome = ramodel("simulate", *SMALL, "--model", "plain", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    found = outcome.json()
    keys = ["balance_error", "neighbour_alignment", "own_alignment", "singular_values", "predicted"]
    assert list(found) == [*KEYS[:2], *keys, "max_relative_error"]
    assert found["balance_error"] < OPTIMISER
    assert found["max_relative_error"] < OPTIMISER
    assert found["neighbour_alignment"] == pytest.approx(1.0, abs=OPTIMISER)
    assert found["own_alignment"] < 0.95
    assert "neighbour_alignment  1.000000" in ramodel("simulate", *SMALL, "--model", "plain").out


def test_kinetic_embeddings_need_white_inputs(ramodel):
    outcome = ramodel("simulate", *SMALL, "--model", "kinetic", "--embedding-decay", "0.03")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("ramodel simulate: --embedding-decay is 0.03; a kinetic model with an embedding ")
