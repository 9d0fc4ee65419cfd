"""residual_alignment: a network in which every property holds, all roads to RA2, levels, memory, notes, errors."""

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings

from ramodel import metrics
from ramodel.spectra import Spectra, measure
from ramodel.spectra.properties import kept, residual_alignment
from tests.spectra.networks import Network
from tests.spectra.properties.measured import equal_steps_network, random_network, spectra_of
from tests.strategies import seeds
from tests.tolerances import DENSE_FLOAT64

LABELS = [0, 1, 2, 0, 1, 2]


def test_every_property_that_holds_is_at_its_ideal():
    jacobians, states = equal_steps_network()
    found = residual_alignment(spectra_of(jacobians, states, rank=2, keep=("vectors",)), classes=1)
    for reading in found.readings:
        if reading.ideal in ("0", "1") and not reading.metric.startswith(("state_norm", "norm_growth")):
            expected = pytest.approx(float(reading.ideal), abs=1e-7)
            assert (reading.median, reading.lower, reading.upper) == (expected, expected, expected), reading
    readings = {reading.metric: reading for reading in found.readings}
    assert {"line_deviation_error", "coupling_error", "energy_outside_error", "inverse_slope_theil_sen"} <= set(
        readings
    )
    assert readings["stable_rank"].ideal == "<= 1"
    assert readings["gap"].median > 1e12


@pytest.mark.parametrize("rank", [7, 3])
def test_all_roads_to_ra2_agree_where_the_rank_is_kept(rank):
    """From triplets alone, from grids, from whole Jacobians; of rank 3, so that none is cut."""
    rng = np.random.default_rng(0)
    jacobians = rng.normal(size=(4, 6, 7, 3)) @ rng.normal(size=(4, 6, 3, 7))
    roads = [("vectors",), ("vectors", "alignment"), ("vectors", "jacobian")]
    first, *others = (
        residual_alignment(spectra_of(jacobians, rank=rank, keep=keep), classes=3).dataset for keep in roads
    )
    for other in others:
        for name in first:
            np.testing.assert_allclose(other[name], first[name], atol=1e-7, err_msg=name)
            assert other[name].attrs.get("baseline") == pytest.approx(first[name].attrs.get("baseline")), name


@settings(max_examples=10)
@given(seeds)
def test_numbers_are_those_of_the_metrics(seed):
    jacobians, states = random_network(seed=seed)
    spectra = spectra_of(jacobians, states, labels=LABELS, keep=("vectors", "jacobian"), statistics=("energies",))
    found = residual_alignment(spectra).dataset
    values, right = spectra.singular_values.values, spectra.right.values
    expected = {
        "step_cv": metrics.step_cv(states),
        "geodesic_ratio": metrics.geodesic_ratio(states),
        "asymmetry_error": metrics.asymmetry_error(jacobians),
        "jacobian_cosine": metrics.jacobian_cosine(jacobians),
        "right_affinity_score": metrics.subspace_affinity_score(right[:, None, :, :3], right[None, :, :, :3]),
        "coupling_error": metrics.coupling_error(
            spectra.left.values[..., :3, :], jacobians, right[..., :3, :], values[..., :3]
        ),
        "gap": values[..., 2] / values[..., 3],
        "branch_effective_rank": metrics.cumulative_effective_rank(jacobians, skip=False),
        "inverse_slope": metrics.inverse_line(values[..., 0]).slope,
        "variability_error": metrics.variability_error(states, LABELS),
        "nearest_centre_score": metrics.nearest_centre_score(states, LABELS, LABELS, leave_one_out=True),
    }
    for name, numbers in expected.items():
        np.testing.assert_allclose(found[name].values, numbers, rtol=1e-8, err_msg=name)
    assert found["largest_singular_value"].dims == ("block", "input")
    assert found["coupling_error"].dims == ("block", "other_block", "input")


def test_random_frames_are_at_the_level_that_stands_beside_them():
    jacobians, states = random_network(depth=5, inputs=60, width=20)
    labels = np.arange(60) % 4
    found = residual_alignment(spectra_of(jacobians, states, labels=labels, keep=("vectors", "jacobian")))
    compared = [reading for reading in found.readings if reading.baseline is not None]
    assert len(compared) > 20
    independent = {"line_deviation_error", "line_shape_ratio", "geodesic_ratio", "nearest_centre_score"}
    for reading in compared:
        if reading.metric not in independent:  # these states are no random walk, and leaving out biases the last
            assert reading.median == pytest.approx(reading.baseline, rel=0.35, abs=0.06), reading


def test_inputs_taken_in_pieces_or_in_another_order_give_the_same(monkeypatch):
    jacobians, states = random_network()
    spectra = spectra_of(jacobians, states, rank=4, labels=LABELS, keep=("vectors",))
    whole = residual_alignment(spectra)
    monkeypatch.setattr(kept, "_CHUNK", 1)
    pieces = residual_alignment(spectra)
    xr.testing.assert_allclose(pieces.dataset, whole.dataset, rtol=1e-12)
    order = [3, 1, 5, 0, 4, 2]
    moved = residual_alignment(spectra.isel(input=order))
    for first, second in zip(moved.readings, whole.readings, strict=True):
        if "interval" not in first.where:  # the draws of the bootstrap follow the order
            assert first == pytest.approx(second), first.metric


def test_untrained_network_stands_beside():
    jacobians, states = equal_steps_network()
    control, other_states = random_network(depth=5)
    keep = ("vectors",)
    trained = spectra_of(jacobians, states, labels=LABELS, keep=keep)
    untrained = spectra_of(control, other_states, labels=LABELS, keep=keep)
    found = residual_alignment(trained, untrained)
    alone = residual_alignment(untrained)
    for reading, other in zip(found.readings, alone.readings, strict=True):
        assert (reading.metric, reading.where, reading.untrained) == (other.metric, other.where, other.median)
        assert other.untrained is None
    assert "untrained" in repr(found)
    assert "untrained" not in repr(alone)


def test_rows_say_what_they_are_over():
    jacobians, states = random_network(depth=5)
    spectra = spectra_of(jacobians, states, labels=LABELS, keep=("vectors",))
    rows = {(row.metric, row.where): row for row in residual_alignment(spectra).readings}
    left, right = spectra.left.values[..., :3, :], spectra.right.values[..., :3, :]
    affinity = metrics.subspace_affinity_score(left[:, None], right[None])
    here = np.arange(5)
    entries = {
        "same block": affinity[here, here],
        "left with right of next block": affinity[here[:-1], here[1:]],
        "all pairs of blocks": affinity[~np.eye(5, dtype=bool)],
    }
    for where, chosen in entries.items():
        row = rows["left_right_affinity_score", where]
        measured = (row.lower, row.median, row.upper)
        assert measured == pytest.approx(np.quantile(chosen, [0.25, 0.5, 0.75]), rel=1e-8), where
    near = np.abs(here[:, None] - here) == 1
    cosine = metrics.jacobian_cosine(jacobians)
    assert rows["jacobian_cosine", "adjacent blocks"].median == pytest.approx(np.median(cosine[near]), abs=1e-8)
    collapse = metrics.variability_error(states, LABELS)
    assert rows["variability_error", "first state"].median == pytest.approx(collapse[0])
    assert rows["variability_error", "last state"].median == pytest.approx(collapse[-1])
    fit = metrics.resampled_inverse_line(spectra.singular_values.values[..., 0], method="Theil-Sen")
    row = rows["inverse_slope_theil_sen", "95 % interval"]
    assert (row.median, row.lower, row.upper) == pytest.approx((float(fit.slope), *map(float, fit.interval)))


def test_tokens_have_trajectories_and_collapse_of_their_own():
    jacobians, states = random_network(pairs=2)
    spectra = spectra_of(jacobians, states, labels=LABELS, keep=("vectors", "jacobian"))
    found = residual_alignment(spectra).dataset
    assert found["step_cv"].dims == ("input", "token")
    assert found["coupling_error"].dims == ("block", "other_block", "input", "pair")
    assert found["variability_error"].dims == ("state", "token")
    np.testing.assert_allclose(found["step_cv"].values, metrics.step_cv(states), rtol=1e-8)
    expected = metrics.variability_error(states[:, :, 1], LABELS)
    np.testing.assert_allclose(found["variability_error"].values[:, 1], expected, rtol=1e-8)
    assert "cumulative_effective_rank" not in found


def test_what_was_not_kept_is_left_out_and_named():
    jacobians, states = random_network()
    bare = residual_alignment(spectra_of(jacobians))
    assert set(bare.dataset) <= {
        "stable_rank",
        "numerical_rank",
        "effective_rank",
        "largest_singular_value",
        "inverse_slope",
        "inverse_slope_least_squares",
        "inverse_slope_theil_sen",
    }
    text = " ".join(bare.notes)
    for missing in ("no RA2", "no RA1", "no Neural Collapse", "Without classes"):
        assert missing in text
    few = residual_alignment(spectra_of(jacobians, states, rank=2, labels=LABELS, keep=("vectors",)))
    assert any("measure with rank=5" in note for note in few.notes)
    assert "gap" not in few.dataset
    unknown = spectra_of(jacobians, states, rank=2, keep=("vectors",))
    unknown.dataset["tail_energy"] = unknown.dataset["tail_energy"] * np.nan
    assert any("not known" in note for note in residual_alignment(unknown, classes=1).notes)
    unknown.dataset["converged"][0, 0, 0] = False
    assert any("1 of 48 triplets did not converge" in note for note in residual_alignment(unknown, classes=1).notes)


def test_shallow_networks_and_zero_blocks_are_measured():
    jacobians, states = random_network(depth=1)
    shallow = residual_alignment(spectra_of(jacobians, states, labels=LABELS, keep=("vectors", "jacobian")))
    wheres = {reading.where for reading in shallow.readings}
    assert "all pairs of blocks" not in wheres
    assert "same block" in wheres
    jacobians, states = random_network()
    jacobians[1] = 0.0
    states[2] = states[1]
    zero = residual_alignment(spectra_of(jacobians, states, keep=("vectors",)), classes=2)
    assert not any(np.isnan(reading.median) for reading in zero.readings)
    assert "inverse_slope" not in zero.dataset


def test_class_by_class():
    jacobians, states = random_network()
    found = residual_alignment(spectra_of(jacobians, states, labels=LABELS, keep=("vectors",)))
    quartiles = found.by_class()["all"]
    expected = metrics.class_quartiles(metrics.step_cv(states), LABELS)
    np.testing.assert_allclose(quartiles["step_cv"].sel(quartile="median"), expected.median)
    assert quartiles["class"].values.tolist() == [0, 1, 2]
    each = np.median(metrics.asymmetry_error(jacobians), axis=0)
    upper = quartiles["asymmetry_error"].sel(quartile="upper", **{"class": 2})
    assert float(upper) == pytest.approx(float(np.quantile(each[[2, 5]], 0.75)), rel=1e-6)
    with pytest.raises(ValueError, match="labels are not known"):
        residual_alignment(spectra_of(jacobians, states)).by_class()


def test_several_stages_are_kept_apart():
    first, second = spectra_of(*random_network(), stage="early"), spectra_of(*random_network(width=3), stage="late")
    numbers = xr.concat(
        [part.dataset.isel(rank=slice(3)) for part in (first, second)], "block", data_vars="all", join="exact"
    )
    parts = {name: part._stages[name].isel(rank=slice(3)) for name, part in (("early", first), ("late", second))}
    found = residual_alignment(Spectra(numbers, parts), classes=2)
    assert {reading.stage for reading in found.readings} == {"early", "late"}
    assert found.stages["late"]["largest_singular_value"].sizes["block"] == 4
    assert "early" in repr(found)
    with pytest.raises(AttributeError, match=r"stages 'early', 'late'; take one, such as .stages\['early'\]"):
        _ = found.dataset


def test_measured_saved_and_loaded(tmp_path):
    network, inputs = Network(width=5, activation=torch.nn.GELU()), torch.linspace(-1.0, 1.0, 30).reshape(6, 5)
    statistics = ("trace", "frobenius", "asymmetry", "normality")
    spectra = measure(
        network, inputs, rank=4, labels=LABELS, statistics=statistics, keep_jacobians=True, progress=False
    )
    spectra.save(tmp_path / "spectra.nc")
    found = residual_alignment(Spectra.load(tmp_path / "spectra.nc"), head=network.head.weight)
    assert "self_duality_error" in found.dataset
    for first, second in zip(
        found.readings, residual_alignment(spectra, head=network.head.weight).readings, strict=True
    ):
        assert first == second
    whole = metrics.normality_error(spectra.jacobian.values)
    np.testing.assert_allclose(found.dataset["normality_error"], whole, rtol=1e-8)
    found.dataset.to_netcdf(tmp_path / "numbers.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "numbers.nc", engine="h5netcdf") as stored:
        assert stored["step_cv"].attrs["label"] == "unevenness of the steps"
        assert stored["asymmetry_error"].attrs["baseline"] == pytest.approx(np.sqrt(2 - 2 / 5), rel=DENSE_FLOAT64)


def test_bad_arguments_are_refused():
    jacobians, states = random_network()
    spectra = spectra_of(jacobians, states, keep=("vectors",))
    with pytest.raises(ValueError, match=r"^classes is 0"):
        residual_alignment(spectra, classes=0)
    with pytest.raises(TypeError, match=r"^spectra is of type int; it must be a Spectra"):
        residual_alignment(3)
    with pytest.raises(TypeError, match=r"^untrained is of type int; it must be a Spectra"):
        residual_alignment(spectra, 3)
    with pytest.raises(ValueError, match=r"^untrained has the blocks"):
        residual_alignment(spectra, spectra.isel(block=[0, 1]))
    with pytest.raises(ValueError, match=r"^labels has 2 entries for 6 inputs"):
        residual_alignment(spectra, labels=[0, 1])
    with pytest.raises(ValueError, match=r"^head has shape \(3, 4\).*have 7 coordinates.*Leave it out"):
        residual_alignment(spectra, labels=LABELS, head=np.ones((3, 4)))


def test_subspaces_of_low_rank_are_compared_with_random_ones_of_that_rank():
    rng = np.random.default_rng(2)
    jacobians = rng.normal(size=(4, 30, 20, 2)) @ rng.normal(size=(4, 30, 2, 20))
    found = residual_alignment(spectra_of(jacobians, rank=8, keep=("vectors",)), classes=6)
    for name in ("left_affinity_score", "right_affinity_score", "left_right_affinity_score"):
        assert found.dataset[name].attrs["baseline"] == 2 / 20
        pairs = found.dataset[name].transpose("block", "other_block", ...).values[~np.eye(4, dtype=bool)]
        assert pairs.mean() == pytest.approx(2 / 20, rel=0.1)


def test_labels_of_a_single_class_tell_no_number_of_classes():
    jacobians, states = random_network()
    found = residual_alignment(spectra_of(jacobians, states, rank=4, labels=np.zeros(6, int), keep=("vectors",)))
    assert "energy_outside_error" not in found.dataset
    assert "variability_error" not in found.dataset
    assert sum("at least two" in note for note in found.notes) == 2
