"""Predicted against measured numbers of one network, with nothing fitted: the raw material of scatters."""

import json
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel.experiments.readings import PREDICTED_SHARE

__all__ = [
    "STAND_INS",
    "Law",
    "Pairs",
    "PairsOf",
    "gain_pairs",
    "head_pairs",
    "law_of",
    "median_error",
    "rank_error",
    "rank_found",
    "rank_predicted",
    "settings",
    "stand_in_pairs",
    "stand_in_values",
    "top_singular_value_predicted",
    "work_pairs",
]

Law = Literal["frobenius", "nuclear"]

STAND_INS: dict[str, tuple[str, str | None]] = {
    "input": ("singular_value", "input"),
    "class_mean": ("class_mean_singular_value", "class"),
    "mean": ("mean_jacobian_singular_value", None),
    "secant": ("secant_singular_value", None),
}
"""Linear stand-ins of a block: the variable with their singular values, and the axis over which a median is taken."""

_SMALL = 1e-4
"""Singular values below count as zero beside the identity of the skip."""


class Pairs(NamedTuple):
    """Predicted and measured numbers, one beside the other."""

    predicted: NDArray[np.float64]
    measured: NDArray[np.float64]

    @property
    def errors(self) -> NDArray[np.float64]:
        """``|measured - predicted| / predicted``; infinite where nothing is predicted and something measured."""
        departure = np.abs(self.measured - self.predicted)
        size = np.abs(self.predicted)
        return np.divide(departure, size, out=np.where(departure > 0.0, math.inf, 0.0), where=size > 0.0)


PairsOf = Callable[[xr.Dataset, Law | None], Pairs]
"""Pairs of one network by one law; None takes that of its own blocks."""


def settings(cell: xr.Dataset, section: str) -> dict[str, Any]:
    """Return the settings of a cell that its attribute `section` holds; none where there is no such attribute."""
    found = json.loads(cell.attrs.get(section, "{}"))
    return found if isinstance(found, dict) else {}


def law_of(cell: xr.Dataset) -> Law:
    """Return the law of the network's blocks: "frobenius" for one matrix, "nuclear" for two (S1, S6)."""
    return "frobenius" if settings(cell, "network").get("kind") == "linear" else "nuclear"


def head_pairs(cell: xr.Dataset, law: Law | None = None) -> Pairs:
    """Return s_k from the head alone (S1, S6), and s_k of every block: of its Jacobian, the median over inputs."""
    return stand_in_pairs(cell, "input", law)


def gain_pairs(cell: xr.Dataset, law: Law | None = None) -> Pairs:
    """Return s_k from the gain of the class means (S2, S6), and s_k of every block, the median over inputs."""
    return _spectral_pairs(cell, "gain_predicted", "input", law)


def stand_in_pairs(cell: xr.Dataset, stand_in: str, law: Law | None = None) -> Pairs:
    """Return s_k from the head alone, and s_k of a linear stand-in of every block; see `STAND_INS`."""
    return _spectral_pairs(cell, "head_predicted", stand_in, law)


def work_pairs(cell: xr.Dataset, law: Law | None = None) -> Pairs:
    """Return the weight energy of every block, and the work that it does against the loss (S19), whatever the law.

    Blocks without energy are left out: where no decay falls on what ends the branch, S19 has nothing to compare.
    """
    energy, work = cell["block_energy"].values, cell["block_work"].values
    known = (energy > 0.0) & np.isfinite(work)
    return Pairs(energy[known], work[known])


def stand_in_values(cell: xr.Dataset, stand_in: str) -> NDArray[np.float64]:
    """Return the singular values [layer, rank] of a linear stand-in of every block."""
    variable, axis = STAND_INS[stand_in]
    values = cell[variable]
    values = values if axis is None else values.median(axis)
    return np.asarray(values.transpose("layer", "rank").values, dtype=np.float64)


def median_error(pairs: Pairs) -> float:
    """Return the median of ``|measured - predicted| / predicted``; NaN without pairs."""
    return float(np.median(pairs.errors)) if pairs.predicted.size else math.nan


def rank_found(cell: xr.Dataset) -> float:
    """Return the largest rank of a block: singular values above a hundredth of the first, and above 1e-4."""
    return float(_ranks(cell).max())


def rank_predicted(cell: xr.Dataset) -> float:
    """Return the rank by the threshold ``w_k^2 > rho`` of S6, counted as `rank_found` counts."""
    return float(_counted(_predicted(cell, "head_predicted", "nuclear")))


def rank_error(cell: xr.Dataset) -> float:
    """Return the largest ``|rank found - rank predicted|`` over blocks, with the threshold of S6 (0: it holds)."""
    return float(np.abs(_ranks(cell) - rank_predicted(cell)).max())


def top_singular_value_predicted(cell: xr.Dataset) -> float:
    """Return s_1 from the end-to-end map of the network itself, with nothing fitted (S18; S6 for two matrices)."""
    return float(cell["balanced_singular_value"].values[0])


def _spectral_pairs(cell: xr.Dataset, variable: str, stand_in: str, law: Law | None) -> Pairs:
    predicted = _predicted(cell, variable, law_of(cell) if law is None else law)
    measured = stand_in_values(cell, stand_in)
    predicted, measured = np.broadcast_arrays(predicted, measured)
    largest = np.nanmax(predicted, initial=0.0)
    used = (predicted > PREDICTED_SHARE * largest) & np.isfinite(measured)
    return Pairs(predicted[used], measured[used])


def _predicted(cell: xr.Dataset, variable: str, law: Law) -> NDArray[np.float64]:
    return np.asarray(cell[variable].sel(law=law).values, dtype=np.float64)


def _ranks(cell: xr.Dataset) -> NDArray[np.int64]:
    """Return the rank of every block, of the singular values that were measured: all of them, or the leading ones."""
    values = cell["spectrum" if "spectrum" in cell else "singular_value"].median("input")
    return _counted(values.transpose("layer", ...).values)


def _counted(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many entries along the last axis are above a hundredth of the first, and not small."""
    floor = np.maximum(PREDICTED_SHARE * values[..., :1], _SMALL)
    return np.asarray((values > floor).sum(axis=-1), dtype=np.int64)
