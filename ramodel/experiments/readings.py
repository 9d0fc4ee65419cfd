"""Readings: one number of one measured network, the raw material of every claim.

A reading takes the dataset of a cell and returns a float, NaN where the cell does not have what it needs.
"""

import math
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel.metrics import inverse_line

__all__ = [
    "PREDICTED_SHARE",
    "Reading",
    "asymmetry",
    "balance_error",
    "common_inverse_slope",
    "end_to_end_error",
    "energy_outside",
    "euler_error",
    "head_only_error",
    "inverse_slope",
    "layer_spread",
    "line_shape",
    "reduced_cost_error",
    "step_variation",
    "subspace_affinity",
    "top_singular_value",
    "trajectory_error",
    "unpredicted_share",
    "work_energy_error",
]

Reading = Callable[[xr.Dataset], float]

PREDICTED_SHARE = 0.01
"""Singular values predicted above this share of the largest enter the median relative error."""


def asymmetry(cell: xr.Dataset) -> float:
    """Largest ``|J_l - J_l^T| / |J_l|`` over layers, median over inputs (0 = symmetric, sqrt(2) = random)."""
    return float(cell["asymmetry_error"].max("layer").median())


def head_only_error(cell: xr.Dataset) -> float:
    """Median over layers and k of ``|s_lk - s_k| / s_k``, s_k predicted from the head alone (S1, S6)."""
    return _relative_error(cell, "predicted_singular_value")


def end_to_end_error(cell: xr.Dataset) -> float:
    """Median over layers and k of ``|s_lk - s_k| / s_k``, s_k predicted from the end-to-end map (S2, S6, S18)."""
    return _relative_error(cell, "balanced_singular_value")


def unpredicted_share(cell: xr.Dataset) -> float:
    """Largest measured s_lk where zero is predicted, in units of the largest predicted one."""
    if "predicted_singular_value" not in cell:
        return math.nan
    predicted, measured = _aligned(cell, "predicted_singular_value")
    nothing = predicted <= 1e-12 * predicted[0]
    if predicted[0] == 0.0 or not nothing.any():
        return math.nan
    return float(measured[:, nothing].max() / predicted[0])


def layer_spread(cell: xr.Dataset) -> float:
    """Largest ``|J_l - mean J| / |mean J|`` over the layers (S1d: all layers are equal)."""
    return _scalar(cell, "layer_spread")


def balance_error(cell: xr.Dataset) -> float:
    """Largest departure of a block from the matrix law of its head (S1b, S6), relative."""
    return _scalar(cell, "balance_error")


def trajectory_error(cell: xr.Dataset) -> float:
    """Departure of whole trajectories from S5 with Jacobian predicted by the head, relative to their length."""
    return _scalar(cell, "trajectory_error")


def reduced_cost_error(cell: xr.Dataset) -> float:
    """Relative departure of the decay terms from their least value at this end-to-end map (S3, S18)."""
    return _scalar(cell, "reduced_cost_error")


def work_energy_error(cell: xr.Dataset) -> float:
    """Largest ``|work_l - energy_l|`` over layers in units of the mean block energy (S19)."""
    work, energy = cell["block_work"].values, cell["block_energy"].values
    scale = float(energy.mean())
    return float(np.abs(work - energy).max() / scale) if scale > 0.0 else math.nan


def euler_error(cell: xr.Dataset) -> float:
    """Largest ``|-<g_l, h_l> - lam_W |W|^2|`` over layers in units of ``lam_W |W|^2`` (S19, 1-homogeneous nets)."""
    head = float(cell["head_energy"])
    return float(np.abs(cell["euler_work"].values - head).max() / head) if head > 0.0 else math.nan


def line_shape(cell: xr.Dataset) -> float:
    """Median over inputs of the line-shape ratio (1 = a line)."""
    return float(cell["line_shape_ratio"].median())


def step_variation(cell: xr.Dataset) -> float:
    """Median over inputs of the coefficient of variation of the step lengths (0 = equispaced)."""
    return float(cell["step_cv"].median())


def subspace_affinity(cell: xr.Dataset) -> float:
    """Mean affinity of the top-C subspaces over all pairs of different layers (1 = same subspace)."""
    return _off_diagonal_mean(cell["subspace_affinity"].values)


def energy_outside(cell: xr.Dataset) -> float:
    """Median share of a Jacobian's energy outside its top C singular values (0 = rank at most C)."""
    return float(cell["energy_outside_error"].median())


def top_singular_value(cell: xr.Dataset) -> float:
    """Median over layers and inputs of the largest singular value of a block's Jacobian."""
    return float(cell["singular_value"].isel(rank=0).median())


def inverse_slope(cell: xr.Dataset) -> float:
    """Slope of 1/s_l against the layer index l, s_l the median over inputs (S7: 1; S1, S6: 0).

    Of several stages, the common slope within them; a stage of fewer than three blocks has none.
    """
    return common_inverse_slope(cell, cell["singular_value"].isel(rank=0).median("input"))


def common_inverse_slope(cell: xr.Dataset, top: xr.DataArray) -> float:
    """Return the common slope, within the stages of a network, of 1/value against the layer; NaN where there is none.

    Parameters
    ----------
    cell
        Its coordinate `stage` tells the stages apart; without it there is one.
    top
        A positive number for every layer.
    """
    stages = cell["stage"].values if "stage" in cell.coords else np.zeros(top.size)
    parts = [top.values[stages == stage] for stage in dict.fromkeys(stages.tolist())]
    lines = [(inverse_line(part).slope, part.size) for part in parts if part.size > 2 and (part > 0.0).all()]
    if len(lines) == 1:
        return float(lines[0][0])
    weight = sum(size**3 - size for _, size in lines)  # the squares of the layer indices about their mean, times 12
    return float(sum(slope * (size**3 - size) for slope, size in lines) / weight) if weight else math.nan


def _scalar(cell: xr.Dataset, name: str) -> float:
    return float(cell[name]) if name in cell else math.nan


def _relative_error(cell: xr.Dataset, name: str) -> float:
    if name not in cell:
        return math.nan
    predicted, measured = _aligned(cell, name)
    large = predicted > PREDICTED_SHARE * predicted[0]
    if not large.any():
        return math.nan
    return float(np.median(np.abs(measured[:, large] - predicted[large]) / predicted[large]))


def _aligned(cell: xr.Dataset, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predicted [rank] and measured [layer, rank], the latter at the first input: linear blocks have one Jacobian."""
    return cell[name].values, cell["singular_value"].isel(input=0).transpose("layer", "rank").values


def _off_diagonal_mean(grid: NDArray[np.float64]) -> float:
    """Mean over pairs of different layers; those of different stages are NaN and left out."""
    pairs = grid[~np.eye(grid.shape[0], dtype=bool)]
    known = pairs[~np.isnan(pairs)]
    return float(known.mean()) if known.size else math.nan
