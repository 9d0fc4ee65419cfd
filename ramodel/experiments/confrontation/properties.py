"""Readings beside those of `ramodel.experiments.readings`: one number each of one measured network."""

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.experiments.confrontation.predictions import settings
from ramodel.experiments.readings import PREDICTED_SHARE, common_inverse_slope

__all__ = [
    "affinity_excess",
    "asymmetry_rate",
    "collapse_gain",
    "coupling",
    "effective_rank_ratio",
    "euler_spread",
    "generalisation_gap",
    "gradient_bound_departure",
    "gradient_bound_excess",
    "gradient_norm_spread",
    "inverse_slope_eigen",
    "last_state",
    "norm_growth",
    "secant_advantage",
    "token_coupling",
    "top_value_spread",
]

_ROUNDING = 1e-12
"""Asymmetry below which nothing but rounding is left."""


def affinity_excess(cell: xr.Dataset) -> float:
    """Return the affinity of top-C subspaces minus ``C/d``, that of random ones in states of d numbers (RA2)."""
    sizes = cell["state_size"].values if "state_size" in cell else np.array([cell["spectrum"].sizes["index"]])
    return _mean_of_pairs(cell["subspace_affinity"].values - _classes(cell) / sizes[:, None])


def asymmetry_rate(cell: xr.Dataset) -> float:
    """Return the rate at which the asymmetry fades in training, in units of lam_J (S12: the slowest rate, at most 2).

    Slope of ``-ln asymmetry`` against time, ``lam_J * learning rate * iteration``, over the later half of the looks;
    of gradient descent at a constant rate. Momentum lets time run ``1/(1 - momentum)`` times as fast. NaN without
    decay, or with another optimiser or schedule: there is then no such clock.
    """
    training = settings(cell, "training")
    if training.get("optimiser", "sgd") != "sgd" or training.get("schedule", "constant") != "constant":
        return math.nan
    rate = float(training.get("learning_rate", 0.0)) / (1.0 - float(training.get("momentum", 0.0)))
    clock = float(training.get("jacobian_decay", 0.0)) * rate
    asymmetry = cell["asymmetry_during"].values
    later = slice(len(asymmetry) // 2, None)
    time, values = clock * cell["iteration"].values[later], asymmetry[later]
    kept = values > _ROUNDING
    if clock == 0.0 or kept.sum() < 2:
        return math.nan
    return -float(np.polyfit(time[kept], np.log(values[kept]), 1)[0])


def collapse_gain(cell: xr.Dataset) -> float:
    """Return ``ln NC1`` of the last state minus that of the first (below 0: classes draw together along depth)."""
    values = cell["variability_error"].values
    return float(np.log(values[-1] / values[0])) if values[0] > 0.0 and values[-1] > 0.0 else math.nan


def coupling(cell: xr.Dataset) -> float:
    """Return the mean coupling m_K over pairs of different layers (S17: 0)."""
    return _mean_of_pairs(cell["coupling_error"].values)


def effective_rank_ratio(cell: xr.Dataset) -> float:
    """Return the effective rank of a Jacobian over C, the median over layers and inputs (RA3: at most 1)."""
    variable = cell["spectrum"] if "spectrum" in cell else cell["singular_value"]
    values = variable.values.reshape(-1, variable.shape[-1])
    values = values[np.isfinite(values).all(axis=-1) & (values[:, 0] > 0.0)]
    return float(np.median(metrics.effective_rank(values))) / _classes(cell) if len(values) else math.nan


def euler_spread(cell: xr.Dataset) -> float:
    """Return ``(max - min) / |mean|`` over layers of ``-<g_l, h_l>`` (0 in bias-free 1-homogeneous networks, S19)."""
    values = cell["euler_work"].values
    values = values[np.isfinite(values)]
    mean = abs(float(values.mean())) if values.size else 0.0
    return float(np.ptp(values)) / mean if mean > 0.0 else math.nan


def generalisation_gap(cell: xr.Dataset) -> float:
    """Return training accuracy minus test accuracy."""
    return float(cell["train_accuracy"]) - float(cell["test_accuracy"])


def gradient_bound_departure(cell: xr.Dataset) -> float:
    """Return how far ``|g_(l-1)|/|g_l|`` leaves ``1 + s_min .. 1 + s_1`` at most, over blocks (S9: 0 or less).

    s_min is the smallest value above one hundredth of s_1, that of the active directions, over the inputs measured. For
    blocks as at a critical point of S1; without skips the ratio lies between the singular values themselves.
    """
    values = cell["singular_value"]
    largest = values.isel(rank=0).max("input")
    least = values.where(values > PREDICTED_SHARE * largest).min(("input", "rank"))
    ratio = cell["gradient_norm_ratio"]
    return float(np.maximum(ratio - (1.0 + largest), (1.0 + least) - ratio).max())


def gradient_bound_excess(cell: xr.Dataset) -> float:
    """Return the largest ``|g_(l-1)|/|g_l| - (1 + s_1)`` over blocks (S9: at most 0).

    The ratio is the median over training samples, s_1 the largest over the inputs measured: of linear blocks, which
    have one s_1, the bound holds for every sample and so for the median.
    """
    bound = 1.0 + cell["singular_value"].isel(rank=0).max("input")
    return float((cell["gradient_norm_ratio"] - bound).max())


def gradient_norm_spread(cell: xr.Dataset) -> float:
    """Return the largest ``|ln(|g_(l-1)|/|g_l|)|`` over blocks (0: norms are preserved, S9)."""
    ratios = cell["gradient_norm_ratio"].values
    ratios = ratios[ratios > 0.0]
    return float(np.abs(np.log(ratios)).max()) if ratios.size else math.nan


def inverse_slope_eigen(cell: xr.Dataset) -> float:
    """Return the slope of 1/eig_l against l, eig_l the largest eigenvalue of the mean Jacobian (S7: 1; S1, S6: 0).

    S7 is about eigenvalues, which no change of coordinates moves; singular values follow it in whitened ones alone.
    """
    return common_inverse_slope(cell, cell["eigenvalue"].isel(rank=0))


def last_state(cell: xr.Dataset, variable: str) -> float:
    """Return a Neural Collapse metric at the last state."""
    return float(cell[variable].values[-1])


def norm_growth(cell: xr.Dataset) -> float:
    """Return the mean growth of the norm of the state in a block, the median over inputs."""
    return float(cell["norm_growth"].median())


def secant_advantage(cell: xr.Dataset) -> float:
    """Return the departure from S6's law of the secant minus that of the Jacobian at an input, medians over layers.

    Below 0 the secant obeys the law better.
    """
    errors = cell["stand_in_error"].sel(law="nuclear").median("layer")
    return float(errors.sel(stand_in="secant") - errors.sel(stand_in="input"))


def token_coupling(cell: xr.Dataset) -> float:
    """Return the mean coupling m_K of a block at two tokens, over pairs of different tokens and over layers (S17)."""
    return _mean_of_pairs(cell["token_coupling_error"].values)


def top_value_spread(cell: xr.Dataset) -> float:
    """Return the coefficient of variation of s_1 over layers, s_1 the median over inputs (S1, S6: 0)."""
    top = cell["singular_value"].isel(rank=0).median("input").values
    return float(np.std(top) / np.mean(top)) if np.mean(top) > 0.0 else math.nan


def _classes(cell: xr.Dataset) -> int:
    """Return C: the axis class has the classes of the inputs alone."""
    return int(cell.attrs["classes"]) if "classes" in cell.attrs else cell.sizes["class"]


def _mean_of_pairs(grid: NDArray[np.float64]) -> float:
    """Return the mean over what lies off the diagonal of the last two axes, NaN left out."""
    pairs = grid[..., ~np.eye(grid.shape[-1], dtype=bool)]
    known = pairs[np.isfinite(pairs)]
    return float(known.mean()) if known.size else math.nan
