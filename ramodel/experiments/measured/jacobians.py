"""Singular values and vectors of the Residual Jacobians of one stage: RA2, RA3, RA4, S7 and S17."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.experiments.measured.mean_jacobian import (
    LowRankMean,
    leading_eigenvalues,
    leading_singular_values,
    low_rank_mean,
    whitened,
)
from ramodel.experiments.measured.variables import padded, put
from ramodel.spectra import Spectra

__all__ = ["measured_jacobians"]

_Array = NDArray[np.float64]


def measured_jacobians(spectra: Spectra, classes: int, kept: int, *, second_moment: _Array | None) -> xr.Dataset:
    """Return what the Jacobians of one stage show, at every input, at the class means and averaged over inputs.

    Parameters
    ----------
    spectra
        Of one stage. With all singular values and the Jacobians themselves; or with the leading triplets and the
        statistics "frobenius" and "asymmetry": grids and means are those of the parts of rank K then.
    classes
        C.
    kept
        Length of the axis rank.
    second_moment
        ``Sigma = mean of h h^T`` [d, d] of the states that enter the stage; None leaves whitened coordinates out.
    """
    found = xr.Dataset()
    values = spectra.singular_values.values.astype(np.float64, copy=False)
    left, right = (array.values[:, :, :kept].astype(np.float64, copy=False) for array in (spectra.left, spectra.right))
    leading = padded(values, kept)
    axes, pairs = ("layer", "input"), ("layer", "other_layer")
    put(found, "singular_value", (*axes, "rank"), leading, "s_k, singular value of the Residual Jacobian")
    tail: _Array | float = 0.0
    mean: _Array | LowRankMean
    if "frobenius" not in spectra.dataset:
        put(found, "spectrum", (*axes, "index"), values, "every singular value of the Residual Jacobian")
        jacobians = spectra.jacobian.values.astype(np.float64, copy=False)
        asymmetry = metrics.asymmetry_error(jacobians)
        grid = metrics.signed_grid(left, jacobians, right)
        mean = jacobians.mean(axis=1)
    else:
        asymmetry = spectra.dataset["asymmetry_error"].values
        tail = np.maximum(spectra.dataset["frobenius"].values ** 2 - np.sum(values**2, axis=-1), 0.0)
        grid = metrics.low_rank_grid(left, values, right)
        mean = low_rank_mean(left, values, right)
    if spectra.class_means is not None:
        means = padded(spectra.class_means.singular_values.values, kept)
        put(found, "class_mean_singular_value", ("layer", "class", "rank"), means, "s_k at the mean state of a class")
    put(found, "asymmetry_error", axes, asymmetry, "|J - J^T| / |J|")
    largest = values[None, :, :, :1, None]
    relative = np.divide(np.abs(grid), largest, out=np.zeros_like(grid), where=largest > 0.0)
    grid_axes = (*pairs, "rank", "other_rank")
    shown = padded(padded(relative.mean(axis=2), kept).swapaxes(2, 3), kept).swapaxes(2, 3).astype(np.float32)
    put(found, "alignment_grid", grid_axes, shown, "mean over inputs of |u_i^T J_m v_j| / s_1(J_m)")
    top = min(classes, left.shape[2])
    coupling = metrics.grid_coupling_error(grid[..., :top, :top], values[..., :top]).mean(axis=-1)
    put(found, "coupling_error", pairs, coupling, "m_K, mean over inputs of |U_i^T J_m V_i - S_m| / |S_m|, K = C")
    directions = metrics.leading_directions(right, values[..., : left.shape[2]], top)
    affinity = metrics.subspace_affinity_score(directions[:, None], directions[None, :]).mean(axis=-1)
    put(found, "subspace_affinity", pairs, affinity, "affinity of the top-C right subspaces")
    put(found, "stable_rank", axes, metrics.stable_rank(values, tail_energy=tail), "stable rank |J|_F^2 / |J|_2^2")
    if classes <= values.shape[-1]:
        outside = metrics.energy_outside_error(values, classes, tail_energy=tail)
        put(found, "energy_outside_error", axes, outside, "share of |J|_F^2 outside the top C")
    if classes < values.shape[-1]:
        put(found, "gap", axes, metrics.gap(values, classes), "s_C / s_(C+1)")
    _mean_jacobian(found, mean, kept, second_moment)
    return found


def _mean_jacobian(found: xr.Dataset, mean: _Array | LowRankMean, kept: int, second_moment: _Array | None) -> None:
    axes = ("layer", "rank")
    values = padded(leading_singular_values(mean, kept), kept)
    put(found, "mean_jacobian_singular_value", axes, values, "s_k of the Jacobian averaged over inputs")
    eigenvalues = padded(leading_eigenvalues(mean, kept), kept)
    put(found, "eigenvalue", axes, eigenvalues, "largest real parts of eigenvalues of the mean Jacobian")
    if second_moment is None or isinstance(mean, tuple):
        return
    values = padded(leading_singular_values(whitened(mean, second_moment), kept), kept)
    meaning = "s_k of Sigma^(-1/2) J Sigma^(1/2), J the mean Jacobian, Sigma the second moment of h_0"
    put(found, "whitened_singular_value", axes, values, meaning)
