"""Linear stand-ins of the blocks of a network, and how near each comes to the laws of the linear models (S1, S6)."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.experiments.measured.head import LAWS, HeadPredictions
from ramodel.experiments.measured.variables import padded, put

__all__ = ["measured_stand_ins"]

_Array = NDArray[np.float64]

_SHOWN = 0.05
"""A stand-in shows a direction from this share of its largest singular value on."""

_PREDICTED = 0.01
"""Singular values predicted above this share of the largest are compared one by one."""


def measured_stand_ins(
    stand_ins: dict[str, _Array], classes: int, kept: int, predictions: HeadPredictions | None
) -> xr.Dataset:
    """Return singular values, rank and symmetry of every stand-in of every block, and its departure from S1 and S6.

    S1: ``J (I + J) = W^T W / rho``; S6: ``J = (W^T W / rho - I)_+``. A departure is a Frobenius norm, relative to the
    right-hand side. Medians over the matrices that a stand-in has for one block.

    Parameters
    ----------
    stand_ins
        ``[L, n, d, d]`` by name: n inputs, n classes, or n = 1.
    classes
        C.
    kept
        Length of the axis rank.
    predictions
        What the head predicts; None where it does not read these states.
    """
    found = xr.Dataset(coords={"stand_in": list(stand_ins)})
    each = ("stand_in", "layer")
    spectra: list[_Array] = [_singular_values(jacobians) for jacobians in stand_ins.values()]
    secant = padded(np.median(spectra[list(stand_ins).index("secant")], axis=1), kept)
    put(found, "secant_singular_value", ("layer", "rank"), secant, "s_k of the least-squares secant")
    ranks = [_middle(metrics.numerical_rank(singular, floor=_SHOWN)) for singular in spectra]
    put(found, "stand_in_rank", each, ranks, f"#{{k : s_k > {_SHOWN:g} s_1}}, directions that a stand-in shows")
    within = [min(max(classes - 1, 1), singular.shape[-1]) for singular in spectra]
    outside = [_middle(metrics.energy_outside_error(one, top)) for one, top in zip(spectra, within, strict=True)]
    put(found, "stand_in_energy_outside_error", each, outside, "share of |J|_F^2 outside the top C - 1")
    asymmetry = [_middle(metrics.asymmetry_error(jacobians)) for jacobians in stand_ins.values()]
    put(found, "stand_in_asymmetry_error", each, asymmetry, "|J - J^T| / |J|")
    if predictions is not None:
        found = found.assign_coords(law=list(LAWS))
        errors = [[_middle(predictions.departure(law, one)) for law in LAWS] for one in stand_ins.values()]
        axes = ("stand_in", "law", "layer")
        put(found, "stand_in_error", axes, errors, "departure from J(I+J) = W^T W/rho (S1), J = (W^T W/rho - I)_+ (S6)")
        errors = [[_middle(_value_error(one, predictions.values[law])) for law in LAWS] for one in spectra]
        put(found, "stand_in_value_error", axes, errors, "median over k of |s_k - predicted| / predicted by the head")
    return found


def _singular_values(jacobians: _Array) -> _Array:
    return np.linalg.svd(jacobians, compute_uv=False).astype(np.float64, copy=False)


def _middle(values: _Array) -> _Array:
    """Return the median over the matrices of each block, ``[L]``."""
    return np.asarray(np.median(values, axis=1))


def _value_error(values: _Array, predicted: _Array) -> _Array:
    """Return ``median_k |s_k - p_k| / p_k`` of values [L, n, d], NaN where nothing is predicted, ``[L, n]``."""
    counted = np.flatnonzero(predicted > _PREDICTED * predicted[0])
    if counted.size == 0:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(np.median(np.abs(values[..., counted] / predicted[counted] - 1.0), axis=-1))
