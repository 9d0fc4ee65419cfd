"""The metrics that need all inputs at once: RA4 with its intervals, and Neural Collapse at every state."""

import numpy as np
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.progress import Progress
from ramodel.spectra.properties.at_inputs import Named
from ramodel.spectra.properties.kept import kept, ordered
from ramodel.spectra.spectra import Spectra

__all__ = ["Interval", "inverse_slopes", "neural_collapse"]

_Array = NDArray[np.float64]

Interval = tuple[float, float]


def inverse_slopes(stage: Spectra) -> tuple[Named, dict[str, Interval]]:
    """Return the slopes of 1/s_1 against the layer (RA4), and the intervals of those that stand for all inputs.

    Nothing where there are fewer than three blocks or a Jacobian is zero.
    """
    largest = ordered(stage.singular_values)[..., 0]
    if len(largest) < 3 or not (largest > 0.0).all():
        return {}, {}
    lead = tuple(str(axis) for axis in stage.singular_values.dims if axis in ("input", "pair"))
    found: Named = {"inverse_slope": (lead, metrics.inverse_line(largest).slope)}
    intervals = {}
    if largest.shape[1] > 1:
        # Pairs of tokens of one input are drawn together with it: their median stands for them.
        each = largest if largest.ndim == 2 else np.median(largest, axis=-1)
        for name, fit in (
            ("inverse_slope_least_squares", metrics.resampled_inverse_line(each, method="least squares")),
            ("inverse_slope_theil_sen", metrics.resampled_inverse_line(each, method="Theil-Sen")),
        ):
            found[name] = (), fit.slope
            intervals[name] = float(fit.interval[0]), float(fit.interval[1])
    return found, intervals


def neural_collapse(stage: Spectra, labels: NDArray[np.int64], head: _Array | None, bar: Progress) -> Named:
    """Return NC1-NC4 of every state, of every token where there are tokens; nothing where states were not kept."""
    states = kept(stage, "states")
    if states is None:
        return {}
    width = states.sizes["coordinate"]
    repeated = np.unique(labels, return_counts=True)[1].max() > 1
    columns: dict[str, list[_Array]] = {}
    for state in range(states.sizes["state"]):
        here = ordered(states.isel(state=state))  # [input, [token,] coordinate]
        here = np.moveaxis(here, 0, -2)
        measured = {
            "equinorm_error": metrics.equinorm_error(here, labels),
            "equiangle_error": metrics.equiangle_error(here, labels),
            "coherence_error": metrics.coherence_error(here, labels),
        }
        if repeated:
            measured["variability_error"] = metrics.variability_error(here, labels)
            measured["nearest_centre_score"] = metrics.nearest_centre_score(here, labels, labels, leave_one_out=True)
        if head is not None and head.shape[1] == width:
            measured["self_duality_error"] = metrics.self_duality_error(here, labels, head)
        for name, value in measured.items():
            columns.setdefault(name, []).append(value)
        bar.advance()
    axes = ("state", "token") if "token" in states.dims else ("state",)
    return {name: (axes, np.stack(column)) for name, column in columns.items()}
