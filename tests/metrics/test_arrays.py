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
    fit = metrics.inverse_line(top[..., 0])
    yield "inverse_line slope", fit.slope
    yield "inverse_line interval", fit.interval[0]
    yield "inverse_line r_squared", fit.r_squared
    yield (
        "depth_exponent",
        convert(np.asarray(metrics.depth_exponent(convert(np.arange(1.0, 6.0)), top[..., 0]).interval)),
    )


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
    assert compared == {name for name in metrics.__all__ if name[0].islower()}


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
