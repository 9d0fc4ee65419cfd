"""NumPy, torch and the strict reference implementation of the array-API standard give the same numbers."""

import array_api_strict
import numpy as np
import pytest
import torch
import xarray as xr

from ramodel import metrics
from ramodel.metrics.arrays import norm, ratio, real_array
from tests.tolerances import DENSE_FLOAT64

DEPTH, SAMPLES, WIDTH, RANK = 5, 3, 7, 4


def calls(convert):
    """Every metric on the same data, as (name, result)."""
    rng = np.random.default_rng(0)
    states = convert(rng.normal(size=(DEPTH + 1, SAMPLES, WIDTH)))
    jacobians = rng.normal(size=(DEPTH, SAMPLES, WIDTH, WIDTH))
    columns, values, rows = np.linalg.svd(jacobians)
    left, right = convert(np.swapaxes(columns, -1, -2)[..., :RANK, :]), convert(rows[..., :RANK, :])
    jacobians, top = convert(jacobians), convert(values[..., :RANK])
    tail = convert(np.sum(values[..., RANK:] ** 2, axis=-1))
    yield "step_lengths", metrics.step_lengths(states)
    yield "step_cv", metrics.step_cv(states)
    yield "line_shape_ratio", metrics.line_shape_ratio(states)
    yield "line_deviation_error", metrics.line_deviation_error(states)
    for field, part in metrics.principal_plane(states)._asdict().items():
        yield f"principal_plane {field}", part
    yield "alignment_grid", metrics.alignment_grid(left, jacobians, right)
    pairs = (left[:, None, ...], right[None, ...])
    yield "subspace_affinity_score", metrics.subspace_affinity_score(*pairs)
    yield "leading_directions", metrics.leading_directions(left, top, 3, floor=0.5)
    yield "asymmetry_error", metrics.asymmetry_error(jacobians)
    yield "jacobian_cosine", metrics.jacobian_cosine(jacobians)
    yield "coupling_error", metrics.coupling_error(left, jacobians, right, top)
    yield "gradient_norm_ratio", metrics.gradient_norm_ratio(states)
    yield "state_norm_ratio", metrics.state_norm_ratio(states)
    yield "stable_rank", metrics.stable_rank(top, tail_energy=tail)
    yield "energy_outside_error", metrics.energy_outside_error(top, 3, tail_energy=tail)
    yield "gap", metrics.gap(top, 3)
    yield "numerical_rank", metrics.numerical_rank(top, floor=0.5)
    yield "effective_rank", metrics.effective_rank(top)
    yield "cumulative_effective_rank", metrics.cumulative_effective_rank(jacobians)
    yield "geodesic_ratio", metrics.geodesic_ratio(states)
    yield "norm_growth", metrics.norm_growth(states)
    yield "norm_growth_cv", metrics.norm_growth_cv(states)
    yield "normality_error", metrics.normality_error(jacobians)
    yield "principal_angles", metrics.principal_angles(left[:, None, ...], right[None, ...])
    grid = metrics.signed_grid(left, jacobians, right)
    yield "signed_grid", grid
    yield "diagonal_energy_score", metrics.diagonal_energy_score(grid)
    yield "sign_consistency_score", metrics.sign_consistency_score(grid)
    yield "grid_coupling_error", metrics.grid_coupling_error(grid, top)
    for field, part in metrics.pair_means(metrics.jacobian_cosine(jacobians))._asdict().items():
        yield f"pair_means {field}", part
    yield "compact_jacobians", metrics.asymmetry_error(metrics.compact_jacobians(left, top, right))
    yield "symmetry_cosine", metrics.symmetry_cosine(left, right)
    yield "low_rank_cosine", metrics.low_rank_cosine(left, top, right)
    yield "low_rank_grid", metrics.low_rank_grid(left, top, right, exchanged=True)
    traces, norms = convert(np.full((DEPTH, SAMPLES), 2.0)), top[..., 0]
    yield "energy_identity_error", metrics.energy_identity_error(traces, norms, head_energy=3.0)
    yield "class_quartiles", metrics.class_quartiles(states[..., 0], [0, 1, 0]).median
    yield from neural_collapse(convert)
    fit = metrics.inverse_line(top[..., 0])
    yield "inverse_line slope", fit.slope
    yield "inverse_line interval", fit.interval[0]
    yield "inverse_line r_squared", fit.r_squared
    for method in ("least squares", "Theil-Sen"):
        exponent = metrics.resampled_depth_exponent(convert(np.arange(2.0, 7.0)), top, method=method, resamples=100)
        slope = metrics.resampled_inverse_line(top, method=method, resamples=100)
        for name, fit in (("resampled_depth_exponent", exponent), ("resampled_inverse_line", slope)):
            yield name, fit.slope
            yield name, fit.interval[1]
    yield (
        "depth_exponent",
        convert(np.asarray(metrics.depth_exponent(convert(np.arange(1.0, 6.0)), top[..., 0]).interval)),
    )


def neural_collapse(convert):
    """The metrics of labelled states; labels come in any library."""
    rng = np.random.default_rng(1)
    states, known, head = convert(rng.normal(size=(3, 12, 5))), np.arange(12) % 3, convert(rng.normal(size=(3, 5)))
    for labels in (known, convert(known), known.tolist()):
        yield "class_centres", metrics.class_centres(states, labels)
        yield "variability_error", metrics.variability_error(states, labels)
        yield "equinorm_error", metrics.equinorm_error(states, labels)
        yield "equiangle_error", metrics.equiangle_error(states, labels)
        yield "coherence_error", metrics.coherence_error(states, labels)
        yield "self_duality_error", metrics.self_duality_error(states, labels, head)
        yield "nearest_centre_score", metrics.nearest_centre_score(states, labels, labels, leave_one_out=True)


LIBRARIES = [torch.asarray, array_api_strict.asarray]
if torch.cuda.is_available():
    LIBRARIES.append(lambda values: torch.asarray(values, device="cuda"))


@pytest.mark.parametrize("convert", LIBRARIES)
def test_libraries_agree_and_results_stay_in_theirs(convert):
    kind, device = type(convert(np.zeros(1))), convert(np.zeros(1)).device
    for (name, expected), (_, measured) in zip(calls(np.asarray), calls(convert), strict=True):
        assert type(measured) is kind, name
        assert measured.device == device, name
        moved = measured.cpu() if isinstance(measured, torch.Tensor) else measured
        assert np.allclose(np.asarray(moved), expected, rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64), name


def test_every_metric_is_compared():
    compared = {name.split()[0] for name, _ in calls(np.asarray)}
    assert compared == {name for name in metrics.__all__ if name[0].islower()} - {"baselines"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64])
def test_computed_in_float64_whatever_comes_in(dtype):
    states = torch.tensor([[0, 0], [3, 4], [3, 5]], dtype=dtype)
    lengths = metrics.step_lengths(states)
    assert lengths.dtype == torch.float64
    assert lengths.tolist() == [5.0, 1.0]


def test_lists_and_xarray_become_numpy():
    for states in ([[0, 0], [3, 4]], xr.DataArray([[0, 0], [3, 4]], dims=("state", "coordinate"))):
        assert isinstance(metrics.step_lengths(states), np.ndarray)


def test_tensors_with_gradients_are_measured():
    states = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    assert metrics.step_lengths(states).item() == 5.0


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_norm_neither_overflows_nor_vanishes(scale):
    assert norm(np.array([[3.0, 4.0], [0.0, 0.0]]) * scale, np, axis=-1) / scale == pytest.approx([5.0, 0.0])


def test_ratio_states_what_zero_over_zero_is():
    found = ratio(np.array([1.0, 1.0, 0.0]), np.array([2.0, 0.0, 0.0]), np, empty=7.0)
    assert found.tolist() == [0.5, np.inf, 7.0]


def test_axes_without_dots_are_exact():
    with pytest.raises(ValueError, match=r"^depths has shape \(2, 2\); its axes must be \[network\]\."):
        real_array("depths", np.ones((2, 2)), axes="network")
