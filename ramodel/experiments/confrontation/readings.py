"""Every reading that a claim may speak of, by name: one number of one measured network."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import xarray as xr

from ramodel.experiments import readings
from ramodel.experiments.confrontation import predictions, properties
from ramodel.experiments.confrontation.predictions import PairsOf

__all__ = ["READINGS", "ReadingSpec"]

Function = Callable[[xr.Dataset], float]


class ReadingSpec(NamedTuple):
    """One reading.

    Examples
    --------
    >>> cell = xr.Dataset({"train_accuracy": 1.0, "test_accuracy": 0.75})
    >>> READINGS["generalisation_gap"].function(cell), READINGS["asymmetry"].function(cell)
    (0.25, nan)
    """

    name: str
    function: Function
    """Takes a measured network; NaN where it lacks what the reading needs."""
    label: str
    """A few plain words, as on an axis."""
    ideal: float | None = None
    """Its value if the property holds exactly; None where there is no such number."""
    pairs: PairsOf | None = None
    """Predicted and measured numbers, where the reading is the median relative error between them."""


def _spec(
    name: str, function: Function, label: str, ideal: float | None = None, pairs: PairsOf | None = None
) -> ReadingSpec:
    def known(cell: xr.Dataset) -> float:
        try:
            return function(cell)
        except KeyError:  # a variable, or a coordinate of one, that was not measured
            return math.nan

    known.__doc__ = function.__doc__
    return ReadingSpec(name, known, label, ideal, pairs)


def _scatter(name: str, pairs: PairsOf, label: str) -> ReadingSpec:
    return _spec(name, lambda cell: predictions.median_error(pairs(cell, None)), label, 0.0, pairs)


def _scalar(name: str, label: str) -> ReadingSpec:
    return _spec(name, lambda cell: float(cell[name]), label)


def _stand_in(stand_in: str, law: predictions.Law) -> ReadingSpec:
    def pairs(cell: xr.Dataset, _: predictions.Law | None = None) -> predictions.Pairs:
        return predictions.stand_in_pairs(cell, stand_in, law)

    words = {"input": "Jacobian at an input", "class_mean": "at class means", "mean": "mean Jacobian"}
    label = f"error of $s_k$ from the head, {law}, {words.get(stand_in, stand_in)}"
    return _scatter(f"head_only_error_{stand_in}_{law}", pairs, label)


_COLLAPSE = {
    "variability_error": "NC1: variability within classes",
    "equinorm_error": "NC2: unequal norms of class means",
    "equiangle_error": "NC2: unequal angles of class means",
    "coherence_error": "NC2: class means short of widest angles",
    "self_duality_error": "NC3: head against class means",
}

_ALL = (
    _spec("line_shape", readings.line_shape, "line-shape ratio", 1.0),
    _spec("step_variation", readings.step_variation, "CV of step lengths", 0.0),
    _spec("asymmetry", readings.asymmetry, "asymmetry of $J$", 0.0),
    _spec("subspace_affinity", readings.subspace_affinity, "affinity of top-$C$ subspaces", 1.0),
    _spec("affinity_excess", properties.affinity_excess, "affinity above chance"),
    _spec("energy_outside", readings.energy_outside, "energy of $J$ outside its top $C$", 0.0),
    _spec("effective_rank_ratio", properties.effective_rank_ratio, "effective rank of $J$ over $C$"),
    _spec("rank_found", predictions.rank_found, "rank of $J$"),
    _spec("rank_predicted", predictions.rank_predicted, "rank by the threshold of S6"),
    _spec("rank_error", predictions.rank_error, "rank found minus rank predicted", 0.0),
    _spec("top_singular_value", readings.top_singular_value, "$s_1$"),
    _spec("top_singular_value_predicted", predictions.top_singular_value_predicted, "$s_1$ from the end-to-end map"),
    _spec("top_value_spread", properties.top_value_spread, "CV of $s_1$ over layers", 0.0),
    _spec("inverse_slope", readings.inverse_slope, r"slope of $1/s_l$ against $l$"),
    _spec("inverse_slope_eigen", properties.inverse_slope_eigen, r"slope of $1/\mathrm{eig}_l$ against $l$"),
    _scatter("head_scatter", predictions.head_pairs, "error of $s_k$ from the head"),
    _scatter("gain_scatter", predictions.gain_pairs, "error of $s_k$ from the class-mean gain"),
    _scatter("work_scatter", predictions.work_pairs, "error of block energy against work"),
    *(_stand_in(stand_in, law) for stand_in in predictions.STAND_INS for law in ("frobenius", "nuclear")),
    _scatter("head_only_error", predictions.head_pairs, "error of $s_k$ from the head"),
    _spec("end_to_end_error", readings.end_to_end_error, "error of $s_k$ from the end-to-end map", 0.0),
    _spec("unpredicted_share", readings.unpredicted_share, "$s_k / s_1$ where 0 is predicted", 0.0),
    _spec("layer_spread", readings.layer_spread, "departure of a block from their mean", 0.0),
    _spec("balance_error", readings.balance_error, "departure of a block from its head's law", 0.0),
    _spec("trajectory_error", readings.trajectory_error, "departure of trajectories from S5", 0.0),
    _spec("reduced_cost_error", readings.reduced_cost_error, "decay above its least value", 0.0),
    _spec("work_energy_error", readings.work_energy_error, "largest error of block energy against work", 0.0),
    _spec("euler_error", readings.euler_error, r"$-\langle g_l, h_l\rangle$ against head energy", 0.0),
    _spec("euler_spread", properties.euler_spread, r"spread of $-\langle g_l, h_l\rangle$ over layers", 0.0),
    _spec("gradient_bound_departure", properties.gradient_bound_departure, "gradient norm ratio outside its bounds"),
    _spec("gradient_bound_excess", properties.gradient_bound_excess, "gradient norm ratio above $1 + s_1$"),
    _spec("gradient_norm_spread", properties.gradient_norm_spread, r"largest $|\ln|$ of gradient norm ratio", 0.0),
    _spec("norm_growth", properties.norm_growth, "growth of the state's norm in a block"),
    _spec("coupling", properties.coupling, "coupling $m_K$ across depth", 0.0),
    _spec("token_coupling", properties.token_coupling, "coupling $m_K$ across tokens", 0.0),
    _spec("secant_advantage", properties.secant_advantage, "error of secant minus that at an input"),
    _spec("asymmetry_rate", properties.asymmetry_rate, r"rate of alignment over $\lambda_J$"),
    _spec("collapse_gain", properties.collapse_gain, "$\\ln$ NC1, last minus first state"),
    *(_spec(name, partial(properties.last_state, variable=name), label, 0.0) for name, label in _COLLAPSE.items()),
    _spec(
        "nearest_centre_score",
        partial(properties.last_state, variable="nearest_centre_score"),
        "NC4: nearest class mean agrees",
        1.0,
    ),
    _scalar("test_accuracy", "test accuracy"),
    _scalar("train_accuracy", "training accuracy"),
    _scalar("test_loss", "test loss"),
    _scalar("train_loss", "training loss"),
    _scalar("stationarity", "relative gradient norm"),
    _spec("generalisation_gap", properties.generalisation_gap, "training minus test accuracy"),
)

READINGS: dict[str, ReadingSpec] = {spec.name: spec for spec in _ALL}
"""By name."""
