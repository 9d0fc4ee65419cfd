"""What the laws of the linear models predict for every block from the head alone, or from the gain of class means."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.experiments.measured.variables import padded, put
from ramodel.theory import FrobeniusModel, NuclearModel

__all__ = ["LAWS", "HeadPredictions", "measured_head"]

_Array = NDArray[np.float64]

LAWS: dict[str, type[FrobeniusModel] | type[NuclearModel]] = {"frobenius": FrobeniusModel, "nuclear": NuclearModel}
"""By what a block costs: one free matrix (S1, S2), or two factors (S6)."""


class HeadPredictions:
    """What S1 and S6 say of every block in front of a trained head, with nothing fitted.

    Parameters
    ----------
    head
        W [C, d], which reads the states as they are.
    jacobian_decay, head_decay
        lam_J, lam_W > 0.
    depth
        Number of blocks, L.

    Attributes
    ----------
    values
        s_k by law, for the min(C, d) directions of W, decreasing.
    directions
        Right singular vectors v_k of W, in rows.
    """

    def __init__(self, head: _Array, jacobian_decay: float, head_decay: float, depth: int) -> None:
        self.models = {law: model(depth, jacobian_decay, head_decay) for law, model in LAWS.items()}
        _, self.head_values, self.directions = np.linalg.svd(head, full_matrices=False)
        self.values = {law: model.from_head(self.head_values) for law, model in self.models.items()}
        self._targets = {
            "frobenius": head.T @ head * (head_decay / jacobian_decay),
            "nuclear": self.models["nuclear"].predicted_jacobian(head),
        }

    def departure(self, law: str, jacobians: _Array) -> _Array:
        """Return the departure of ``[..., d, d]`` from J(I+J) = W^T W/rho (S1), or from J = (W^T W/rho - I)_+ (S6).

        Frobenius norms, relative to the right-hand side, ``[...]``; NaN where that is zero.
        """
        target = self._targets[law]
        side = jacobians + jacobians @ jacobians if law == "frobenius" else jacobians
        departures = np.linalg.norm(side - target, axis=(-2, -1))
        size = np.linalg.norm(target)
        return np.asarray(departures / size) if size > 0.0 else np.full_like(departures, np.nan)


def measured_head(predictions: HeadPredictions, kept: int, states: _Array, labels: NDArray[np.int64]) -> xr.Dataset:
    """Return what is predicted from the head, the gain of class means along its directions, and what that predicts.

    ``gain_k = sum_c <v_k, m_c(L)> <v_k, m_c(0)> / sum_c <v_k, m_c(0)>^2`` with m_c(l) the mean state of class c after
    block l, less the mean over classes. The end-to-end map stretches v_k by ``m_k = w_k gain_k``, from which S2 and S6
    give s_k. NaN where a gain is not positive.

    Parameters
    ----------
    kept
        Length of the axis rank; beyond the directions of W the laws say 0, and there is no gain.
    states, labels
        Of training samples, ``[L + 1, N, d]`` and ``[N]``.
    """
    found = xr.Dataset(coords={"law": list(LAWS)})
    missing = max(kept - predictions.head_values.size, 0)
    values = [np.pad(predictions.values[law], (0, missing))[:kept] for law in LAWS]
    put(found, "head_predicted", ("law", "rank"), values, "s_k predicted by the head alone (S1, S6)")
    centres = metrics.class_centres(states[[0, -1]], labels) @ predictions.directions.T
    weight = np.sum(centres[0] ** 2, axis=0)
    gain = np.divide(
        np.sum(centres[0] * centres[1], axis=0), weight, out=np.full_like(weight, np.nan), where=weight > 0.0
    )
    put(
        found, "class_mean_gain", ("rank",), padded(gain, kept), "gain of the class means along v_k, right vectors of W"
    )
    grown = gain > 0.0
    end_to_end = predictions.head_values * np.where(grown, gain, 0.0)
    values = [
        padded(np.where(grown, model.jacobian_singular_value(end_to_end), np.nan), kept)
        for model in predictions.models.values()
    ]
    put(found, "gain_predicted", ("law", "rank"), values, "s_k predicted from w_k and the gain of class means (S2, S6)")
    return found
