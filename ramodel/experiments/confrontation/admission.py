"""Which networks of a sweep a claim speaks of: of its arm, at a point of its axis, trained as far as it asks."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ramodel.experiments.confrontation.readings import ReadingSpec
from ramodel.experiments.sweeps.config import Claim, SweepConfig

__all__ = [
    "Nets",
    "admitted",
    "along",
    "at_point",
    "controls_at",
    "learnt_controls",
    "of_arm",
    "paired",
    "points",
    "read",
    "worst_stationarity",
]

Nets = dict[str, xr.Dataset]
"""Measured networks by name of their cell, with the attributes `arm`, `seed` and `axes` (JSON)."""


def of_arm(cells: Mapping[str, xr.Dataset], arm: str) -> Nets:
    """Return the networks of one arm."""
    return {name: cell for name, cell in cells.items() if cell.attrs.get("arm") == arm}


def points(config: SweepConfig, arm: str, nets: Nets, axis: str) -> list[Any]:
    """Return the values of an axis: those that the arm was to run through, measured or not, and any others measured."""
    planned = [one.axes if one.axes is not None else config.axes for one in config.arms if one.name == arm]
    values = [value for axes in planned for value in axes.get(axis, ())]
    values += [_axes(net)[axis] for net in nets.values() if axis in _axes(net)]
    distinct = [value for place, value in enumerate(values) if value not in values[:place]]
    return sorted(distinct) if all(isinstance(value, (int, float)) for value in distinct) else distinct


def at_point(nets: Nets, axis: str, point: Any) -> Nets:
    """Return the networks at one value of an axis."""
    return {name: net for name, net in nets.items() if _axes(net).get(axis) == point}


def controls_at(controls: Nets, axis: str, point: Any) -> Nets:
    """Return the controls at one value of an axis; all of them where they do not run through that axis."""
    runs = any(axis in _axes(net) for net in controls.values())
    return at_point(controls, axis, point) if runs else controls


def along(nets: Nets, axis: str) -> Nets:
    """Return the networks that have a place on an axis, in order of it, and the place as attribute `place`."""
    placed = {name: net.assign_attrs(place=float(_axes(net)[axis])) for name, net in nets.items() if axis in _axes(net)}
    return dict(sorted(placed.items(), key=lambda item: item[1].attrs["place"]))


def admitted(claim: Claim, nets: Nets) -> tuple[Nets, list[str]]:
    """Return the networks that are stationary and learnt enough to be judged, and what is to be said of the others.

    What was not measured was not reached.
    """
    stationary = {name: net for name, net in nets.items() if _is_stationary(claim, net)}
    judged = {name: net for name, net in stationary.items() if _has_learnt(claim, net)}
    notes = []
    if len(stationary) < len(nets):
        notes.append(f"{len(stationary)} of {len(nets)} networks reached a relative gradient <= {claim.stationary:g}")
    if len(judged) < len(stationary):
        notes.append(f"{len(judged)} of {len(stationary)} networks learnt to an accuracy >= {claim.learnt:g}")
    return judged, notes


def learnt_controls(claim: Claim, controls: Nets) -> tuple[Nets, list[str]]:
    """Leave out controls that were trained and did not learn: they differ from the claim's networks in that already."""
    kept = {
        name: net for name, net in controls.items() if not _scalar(net, "iterations") > 0 or _has_learnt(claim, net)
    }
    lost = len(controls) - len(kept)
    return kept, [f"{lost} of {len(controls)} controls did not learn and are none"] if lost else []


def read(spec: ReadingSpec, nets: Nets) -> dict[str, float]:
    """Return the reading of every network that has it."""
    found = {name: spec.function(net) for name, net in nets.items()}
    return {name: value for name, value in found.items() if not math.isnan(value)}


def paired(
    nets: Nets, readings: Mapping[str, float], controls: Nets, control_readings: Mapping[str, float]
) -> list[tuple[float, float]]:
    """Return readings beside those of the control of the same seed, at the same values of the axes that both have."""
    shared = {axis for net in nets.values() for axis in _axes(net)}
    shared &= {axis for net in controls.values() for axis in _axes(net)}

    def key(net: xr.Dataset) -> tuple[int, str]:
        axes = {axis: value for axis, value in _axes(net).items() if axis in shared}
        return int(net.attrs.get("seed", 0)), json.dumps(axes, sort_keys=True)

    against: dict[tuple[int, str], list[float]] = {}
    for name, value in control_readings.items():
        against.setdefault(key(controls[name]), []).append(value)
    own = ((key(nets[name]), value) for name, value in readings.items())
    return [(value, float(np.mean(against[place]))) for place, value in own if place in against]


def worst_stationarity(nets: Nets) -> float | None:
    """Return the largest relative gradient norm of some networks; None where none was measured."""
    known = [value for value in (_scalar(net, "stationarity") for net in nets.values()) if math.isfinite(value)]
    return max(known, default=None)


def _is_stationary(claim: Claim, net: xr.Dataset) -> bool:
    return math.isinf(claim.stationary) or _scalar(net, "stationarity") <= claim.stationary


def _has_learnt(claim: Claim, net: xr.Dataset) -> bool:
    return claim.learnt <= 0.0 or _scalar(net, "train_accuracy") >= claim.learnt


def _axes(net: xr.Dataset) -> dict[str, Any]:
    axes: dict[str, Any] = json.loads(net.attrs.get("axes", "{}"))
    return axes


def _scalar(net: xr.Dataset, name: str) -> float:
    return float(net[name]) if name in net else math.nan
