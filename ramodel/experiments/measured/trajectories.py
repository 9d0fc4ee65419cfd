"""The walk of every input through one stage: RA1, and the norms of its states (S9)."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.experiments.measured.variables import put

__all__ = ["measured_trajectories"]


def measured_trajectories(states: NDArray[np.float64]) -> xr.Dataset:
    """Return what the states h_0, ..., h_L of one stage, ``[L + 1, N, d]``, show of RA1 and of norms."""
    found = xr.Dataset()
    put(found, "step_length", ("layer", "input"), metrics.step_lengths(states), "|h_l - h_(l-1)|")
    put(found, "line_deviation_error", ("input",), metrics.line_deviation_error(states), "departure from a line")
    put(found, "line_shape_ratio", ("input",), metrics.line_shape_ratio(states), "L / |sum of unit steps|")
    put(found, "step_cv", ("input",), metrics.step_cv(states), "coefficient of variation of the step lengths")
    plane = metrics.principal_plane(states).coordinates
    put(found, "trajectory", ("state", "input", "axis"), plane, "state along the first two principal axes")
    growth = np.median(metrics.state_norm_ratio(states), axis=1)
    put(found, "state_norm_ratio", ("layer",), growth, "median over inputs of |h_l| / |h_(l-1)|")
    if states.any(axis=-1).all():
        put(found, "norm_growth", ("input",), metrics.norm_growth(states), "(1/L) ln(|h_L| / |h_0|)")
    return found
