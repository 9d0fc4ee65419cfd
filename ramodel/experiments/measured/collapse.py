"""Neural Collapse at every state of a stage, over training samples."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.experiments.measured.variables import put

__all__ = ["measured_collapse"]


def measured_collapse(
    states: NDArray[np.float64],
    labels: NDArray[np.int64],
    predictions: NDArray[np.int64],
    head: NDArray[np.float64] | None,
) -> xr.Dataset:
    """Return NC1 to NC4 of the states ``[L + 1, N, d]`` of one stage.

    Parameters
    ----------
    labels, predictions
        ``[N]``, of the samples and by the network.
    head
        W [C, d] where it reads such states; None leaves NC3 out.
    """
    found = xr.Dataset()
    if np.unique(labels).size < 2:
        return found
    axes = ("state",)
    if np.unique(labels, return_counts=True)[1].max() > 1:
        put(found, "variability_error", axes, metrics.variability_error(states, labels), "NC1, tr(Sigma_W Sigma_B^+)/C")
    put(found, "equinorm_error", axes, metrics.equinorm_error(states, labels), "NC2, std |m_c| / mean |m_c|")
    put(found, "equiangle_error", axes, metrics.equiangle_error(states, labels), "NC2, std cos(m_c, m_c')")
    put(found, "coherence_error", axes, metrics.coherence_error(states, labels), "NC2, mean |cos(m_c, m_c') + 1/(C-1)|")
    if head is not None:
        put(found, "self_duality_error", axes, metrics.self_duality_error(states, labels, head), "NC3, |W/|W| - M/|M||")
    nearest = metrics.nearest_centre_score(states, labels, predictions)
    put(found, "nearest_centre_score", axes, nearest, "NC4, share whose nearest class mean is the predicted class")
    return found
