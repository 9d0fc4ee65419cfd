"""Readings by name: every one that a configuration names exists, none raises where something is missing."""

import json
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from ramodel.experiments.confrontation import READINGS
from ramodel.experiments.confrontation.predictions import law_of
from tests.tolerances import EPS

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*/*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_reading_that_a_configuration_names_exists(path):
    content = tomllib.loads(path.read_text())
    named = {claim["reading"] for claim in content.get("claims", [])} | set(
        content.get("measure", {}).get("during", [])
    )
    named |= {claim["theory"] for claim in content.get("claims", []) if isinstance(claim.get("theory"), str)}
    assert named <= set(READINGS)


@pytest.mark.parametrize("name", READINGS)
def test_what_was_not_measured_is_nan(name):
    assert math.isnan(READINGS[name].function(xr.Dataset()))


def value(name, variables, *, coords=None, **attributes):
    cell = xr.Dataset(variables, coords or {}, {key: json.dumps(entry) for key, entry in attributes.items()})
    return READINGS[name].function(cell)


def test_inverse_slope_of_several_stages_is_that_within_them():
    top = 1.0 / np.array([1.0, 2.0, 3.0, 11.0, 12.0, 13.0, 14.0])  # a jump between stages is no slope
    values = {"singular_value": (("layer", "input", "rank"), np.broadcast_to(top[:, None, None], (7, 2, 1)))}
    assert value("inverse_slope", values, coords={"stage": ("layer", [1, 1, 1, 2, 2, 2, 2])}) == pytest.approx(1.0)
    assert value("inverse_slope", values) > 1.5
    assert math.isnan(value("inverse_slope", values, coords={"stage": ("layer", [1, 1, 2, 2, 3, 3, 4])}))


def test_asymmetry_rate_is_the_slope_on_the_clock_of_the_decay():
    iterations = np.array([0, 10, 100, 1000, 2000, 4000])
    training = {"jacobian_decay": 0.02, "learning_rate": 0.1}
    fading = np.exp(-0.7 * 0.002 * iterations)
    fading[0] = 3.0  # the beginning does not count
    cell = {"asymmetry_during": ("look", fading), "iteration": ("look", iterations)}
    assert value("asymmetry_rate", cell, training=training) == pytest.approx(0.7)
    faster = training | {"momentum": 0.5}  # the same run in half the time
    assert value("asymmetry_rate", cell, training=faster) == pytest.approx(0.35)
    for other in ({"jacobian_decay": 0.0}, {"schedule": "cosine"}, {"optimiser": "adam"}):
        assert math.isnan(value("asymmetry_rate", cell, training=training | other))


def spectrum(values, predicted):
    """Three equal layers at two inputs, and what the head predicts by both laws."""
    measured = np.broadcast_to(np.asarray(values, float), (3, 2, len(values)))
    laws = {"law": ["frobenius", "nuclear"]}
    return {
        "singular_value": (("layer", "input", "rank"), measured),
        "head_predicted": (("law", "rank"), predicted),
    }, laws


def test_rank_by_the_threshold_counts_as_the_rank_found():
    cell, laws = spectrum([0.5, 0.4, 1e-6], [[0.5, 0.4, 0.3], [0.5, 0.4, 0.0]])
    assert value("rank_error", cell, coords=laws) == 0.0
    assert value("rank_found", cell, coords=laws) == value("rank_predicted", cell, coords=laws) == 2.0
    cell, laws = spectrum([0.5, 0.4, 0.3], [[0.5, 0.4, 0.3], [0.5, 0.0, 0.0]])
    assert value("rank_error", cell, coords=laws) == 2.0


def test_rank_counts_every_singular_value_that_was_measured():
    cell, laws = spectrum([0.5, 0.4], [[0.5, 0.4], [0.5, 0.4]])
    cell["spectrum"] = (("layer", "input", "index"), np.broadcast_to([0.5, 0.4, 0.3, 0.2, 1e-6], (3, 2, 5)))
    assert value("rank_found", cell, coords=laws) == 4.0
    assert value("rank_error", cell, coords=laws) == 2.0


def test_affinity_and_rank_count_the_classes_and_the_numbers_of_a_state():
    grid = np.full((4, 4), 0.75)
    grid[:2, 2:] = grid[2:, :2] = np.nan  # two stages
    cell = {
        "subspace_affinity": (("layer", "other_layer"), grid),
        "state_size": ("layer", [8, 8, 4, 4]),
        "singular_value": (("layer", "input", "rank"), np.ones((4, 3, 4))),
    }
    data = xr.Dataset(cell, {"class": [0]}, {"classes": 2})  # inputs of one class of two
    assert READINGS["affinity_excess"].function(data) == pytest.approx(0.75 - (2 / 8 + 2 / 4) / 2)
    assert READINGS["effective_rank_ratio"].function(data) == pytest.approx(2.0)


def test_a_scatter_takes_the_law_of_the_blocks():
    cell, laws = spectrum([0.5, 0.4], [[0.5, 0.4], [1.0, 0.8]])
    assert value("head_scatter", cell, coords=laws, network={"kind": "linear"}) == 0.0
    assert value("head_scatter", cell, coords=laws, network={"kind": "factored"}) == pytest.approx(0.5)
    assert value("head_only_error_input_frobenius", cell, coords=laws) == 0.0
    assert law_of(xr.Dataset()) == "nuclear"


def test_gradient_bound_and_spread():
    cell = {
        "singular_value": (("layer", "input", "rank"), np.broadcast_to([[0.1], [0.5]], (2, 2, 1))),
        "gradient_norm_ratio": ("layer", [1.5, 1.25]),
    }
    assert value("gradient_bound_excess", cell) == pytest.approx(0.0, abs=EPS)
    for ratios, departure in (([1.2, 1.5], 0.0), ([1.7, 1.2], 0.2), ([1.2, 0.8], 0.3)):  # bounds 1.1 .. 1.5
        found = cell | {"gradient_norm_ratio": ("layer", ratios)}
        assert value("gradient_bound_departure", found) == pytest.approx(departure, abs=EPS)
    assert value("gradient_norm_spread", cell) == pytest.approx(math.log(1.5))


def test_effective_rank_over_classes():
    cell = {"singular_value": (("layer", "input", "rank"), np.ones((2, 3, 4)))}
    assert value("effective_rank_ratio", cell, coords={"class": [0, 1]}) == pytest.approx(2.0)


def test_coupling_leaves_out_pairs_of_different_stages():
    grid = np.array([[0.0, 0.5, np.nan], [0.5, 0.0, np.nan], [np.nan, np.nan, 0.0]])
    assert value("coupling", {"coupling_error": (("layer", "other_layer"), grid)}) == 0.5


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("collapse_gain", {"variability_error": ("state", [math.e, 5.0, 1.0])}, -1.0),
        ("variability_error", {"variability_error": ("state", [2.0, 1.0])}, 1.0),
        ("euler_spread", {"euler_work": ("state", [1.0, 2.0, 3.0, np.nan])}, 1.0),
        ("generalisation_gap", {"train_accuracy": 1.0, "test_accuracy": 0.75}, 0.25),
        ("work_scatter", {"block_energy": ("layer", [1.0, 2.0]), "block_work": ("layer", [1.5, 3.0])}, 0.5),
        ("work_scatter", {"block_energy": ("layer", [0.0, 2.0]), "block_work": ("layer", [1.5, 3.0])}, 0.5),
        ("norm_growth", {"norm_growth": ("input", [0.1, 0.2, 0.4])}, 0.2),
    ],
)
def test_single_numbers(name, variables, expected):
    assert value(name, variables) == pytest.approx(expected)
