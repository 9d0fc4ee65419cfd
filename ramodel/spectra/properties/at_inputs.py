"""The metrics that are taken at each input by itself: RA1, RA2, RA3, S9, S16 and S17."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.spectra.properties.kept import kept, ordered, tail_energies
from ramodel.spectra.spectra import Spectra

__all__ = ["Named", "metrics_at_inputs"]

_Array = NDArray[np.float64]
_Triplets = tuple[_Array, _Array, _Array]
"""Left vectors, singular values, right vectors."""

Named = dict[str, tuple[tuple[str, ...], NDArray[Any]]]
"""Axes and values by name."""


def metrics_at_inputs(part: Spectra, classes: int | None, top: int) -> Named:
    """Return every metric that what was kept of one stage allows; `top` triplets enter the grids and the subspaces.

    Where neither Jacobians nor grids were kept, RA2 is that of the rank-K parts, from singular triplets alone.
    """
    lead = tuple(str(axis) for axis in part.singular_values.dims if axis in ("input", "pair"))
    found: Named = {}
    states = kept(part, "states")
    if states is not None:
        found |= _trajectories(ordered(states), ("input", "token") if "token" in states.dims else ("input",))
    jacobians = None if (whole := kept(part, "jacobian")) is None else ordered(whole)
    if kept(part, "left") is not None:
        triplets = ordered(part.left), ordered(part.singular_values), ordered(part.right)
        found |= _single_blocks(part, triplets, jacobians, top, ("block", *lead))
        found |= _pairs_of_blocks(part, triplets, jacobians, top, ("block", "other_block", *lead))
    found |= _ranks(part, jacobians, classes, ("block", *lead))
    found |= _energies(part, ("block", *lead))
    return found


def _trajectories(states: _Array, lead: tuple[str, ...]) -> Named:
    found: Named = {}
    if len(states) > 2:  # a single step is a line
        found["line_deviation_error"] = lead, metrics.line_deviation_error(states)
        found["line_shape_ratio"] = lead, metrics.line_shape_ratio(states)
        found["step_cv"] = lead, metrics.step_cv(states)
        found["geodesic_ratio"] = lead, metrics.geodesic_ratio(states)
    found["state_norm_ratio"] = ("block", *lead), metrics.state_norm_ratio(states)
    if len(states) > 2 and states.any(axis=-1).all():
        found["norm_growth_cv"] = lead, metrics.norm_growth_cv(states)
    return found


def _single_blocks(
    part: Spectra, triplets: _Triplets, jacobians: _Array | None, top: int, axes: tuple[str, ...]
) -> Named:
    left, _, right = triplets
    whole = metrics.compact_jacobians(*triplets) if jacobians is None else jacobians
    found: Named = {}
    for name, function in (
        ("asymmetry_error", metrics.asymmetry_error),
        ("normality_error", metrics.normality_error),
    ):
        # Measured by products with J itself, tail included, where that was asked for.
        found[name] = axes, ordered(part.dataset[name]) if name in part.dataset else function(whole)
    left, right = left[..., :top, :], right[..., :top, :]
    cosine = metrics.symmetry_cosine(left, right)
    found["symmetry_score"] = (*axes, "rank"), np.abs(cosine)
    found["symmetry_cosine"] = (*axes, "rank"), cosine
    found["left_right_angle"] = axes, metrics.principal_angles(left, right)[..., -1]
    return found


def _pairs_of_blocks(
    part: Spectra, triplets: _Triplets, jacobians: _Array | None, top: int, axes: tuple[str, ...]
) -> Named:
    left, values, right = triplets
    found: Named = {}
    u, v = (metrics.leading_directions(vectors, values, top) for vectors in (left, right))
    for name, first, second in (("left_right", u, v), ("left", u, u), ("right", v, v)):
        found[f"{name}_affinity_score"] = axes, metrics.subspace_affinity_score(first[:, None], second[None])
    if jacobians is None:
        found["jacobian_cosine"] = axes, metrics.low_rank_cosine(*triplets)
    else:
        found["jacobian_cosine"] = axes, metrics.jacobian_cosine(jacobians)
    for prefix, exchanged in (("", False), ("exchanged_", True)):
        stored = kept(part, "alignment_right_left" if exchanged else "alignment_left_right")
        if stored is not None:
            grid = ordered(stored)
        elif jacobians is None:
            grid = metrics.low_rank_grid(*triplets, exchanged=exchanged)
        else:
            grid = metrics.signed_grid(*((right, jacobians, left) if exchanged else (left, jacobians, right)))
        grid = grid[..., :top, :top]
        found[f"{prefix}diagonal_energy_score"] = axes, metrics.diagonal_energy_score(grid)
        found[f"{prefix}sign_consistency_score"] = axes, metrics.sign_consistency_score(grid)
        found[f"{prefix}coupling_error"] = axes, metrics.grid_coupling_error(grid, values[..., :top])
    return found


def _ranks(part: Spectra, jacobians: _Array | None, classes: int | None, axes: tuple[str, ...]) -> Named:
    values, tail = ordered(part.singular_values), tail_energies(part)
    beyond = 0.0 if tail is None else tail
    found: Named = {
        "stable_rank": (axes, metrics.stable_rank(values, tail_energy=beyond)),
        "numerical_rank": (axes, metrics.numerical_rank(values)),
        "effective_rank": (axes, metrics.effective_rank(values)),
    }
    if classes is not None and classes <= values.shape[-1]:
        found["energy_outside_error"] = axes, metrics.energy_outside_error(values, classes, tail_energy=beyond)
    if classes is not None and classes < values.shape[-1]:
        found["gap"] = axes, metrics.gap(values, classes)
    if jacobians is not None and "pair" not in axes:  # a token's Jacobians do not follow one another
        found["cumulative_effective_rank"] = axes, metrics.cumulative_effective_rank(jacobians)
        found["branch_effective_rank"] = axes, metrics.cumulative_effective_rank(jacobians, skip=False)
    found["largest_singular_value"] = axes, values[..., 0]
    return found


def _energies(part: Spectra, axes: tuple[str, ...]) -> Named:
    if not {"trace", "frobenius"} <= set(part.dataset.data_vars):
        return {}
    traces, norms = ordered(part.dataset["trace"]), ordered(part.dataset["frobenius"])
    if not (np.mean(traces + norms**2, axis=0) > 0.0).all():  # S16 speaks of blocks that do work
        return {}
    return {"energy_identity_error": (axes, metrics.energy_identity_error(traces, norms))}
