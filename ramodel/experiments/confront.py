"""The confrontation: every claim against the measured cells, with its interval and its control."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import xarray as xr

from ramodel.comparison import Comparison
from ramodel.experiments import readings
from ramodel.experiments.claims import CLAIMS, DEPTH_CLAIMS, LEARNT, Claim, DepthClaim
from ramodel.experiments.intervals import exponent, mean_interval
from ramodel.metrics import Fit
from ramodel.statements import STATEMENTS

__all__ = ["DepthRow", "confront", "depth_rows", "in_order", "mean_interval"]

Cells = Mapping[str, xr.Dataset]

_ARMS = ("trained", "sgd", "untrained", "no-skip")


class DepthRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was reached at one depth by one kind of network, over its seeds: medians, the gradient norm at its worst."""

    kind: str
    depth: int
    networks: int
    gradient_norm: float
    test_accuracy: float
    top_singular_value: float
    head_only_error: float
    unpredicted_share: float
    work_energy_error: float
    euler_error: float


def confront(cells: Cells) -> list[Comparison]:
    """Judge every claim of `ramodel.experiments.claims` on the measured `cells`, in the order of the statements."""
    found = [_single(claim, kind, cells) for claim in CLAIMS for kind in claim.kinds]
    found += [_across_depth(claim, kind, cells) for claim in DEPTH_CLAIMS for kind in claim.kinds]
    return in_order(found)


def in_order(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return comparisons in the order of the registry; those of one statement stay as they are."""
    places = list(STATEMENTS)
    return sorted(comparisons, key=lambda row: places.index(row.statement))


def depth_rows(cells: Cells) -> list[DepthRow]:
    """Return what trained networks reached, a row for each kind and depth."""
    rows = []
    for kind in dict.fromkeys(cell.attrs["kind"] for cell in cells.values()):
        trained = _select(cells, kind, "trained")
        for depth in sorted({int(cell.attrs["depth"]) for cell in trained}):
            group = [cell for cell in trained if int(cell.attrs["depth"]) == depth]
            rows.append(
                DepthRow(
                    kind=kind,
                    depth=depth,
                    networks=len(group),
                    gradient_norm=max(float(cell["stationarity"]) for cell in group),
                    test_accuracy=_median(group, lambda cell: float(cell["test_accuracy"])),
                    top_singular_value=_median(group, readings.top_singular_value),
                    head_only_error=_median(group, readings.head_only_error),
                    unpredicted_share=_median(group, readings.unpredicted_share),
                    work_energy_error=_median(group, readings.work_energy_error),
                    euler_error=_median(group, readings.euler_error),
                )
            )
    return rows


def _single(claim: Claim, kind: str, cells: Cells) -> Comparison:
    trained = _select(cells, kind, "trained")
    nets = [cell for cell in trained if not float(cell["stationarity"]) > claim.stationary]
    values = _finite(claim.reading, nets)
    control, control_name, about_control = _control(claim, kind, cells)
    notes = [about_control] if about_control else []
    if len(nets) < len(trained):
        notes.append(
            f"judged on the {len(nets)} of {len(trained)} networks with a relative gradient <= {claim.stationary:g}"
        )
    if len(values) < len(nets):
        notes.append(f"{len(nets) - len(values)} of {len(nets)} networks have no such reading")
    if not values:
        numeric, interval = math.nan, None
        notes = notes or ["no trained network of this kind was measured"]
    elif claim.worst:
        numeric, interval = max(values), None
    else:
        numeric, interval = float(np.mean(values)), mean_interval(values)
    return Comparison(
        statement="S6" if claim.statement == "S1" and kind == "factored" else claim.statement,
        claim=claim.claim,
        subject=kind,
        kind=claim.kind,
        numeric=numeric,
        theory=claim.theory,
        tolerance=claim.tolerance,
        band=claim.band,
        interval=interval,
        control=control,
        control_name=control_name,
        stationarity=_stationarity(nets),
        note="; ".join(notes),
    )


def _control(claim: Claim, kind: str, cells: Cells) -> tuple[float | None, str | None, str]:
    if claim.control is None:
        return None, None, ""
    name: str = claim.control.replace("-", " ")
    nets = _select(cells, kind, claim.control) if claim.control in _ARMS else _select(cells, claim.control, "trained")
    note = ""
    if claim.control == "no-skip":
        trained = [cell for cell in nets if float(cell["train_accuracy"]) >= LEARNT]
        if len(trained) < len(nets):
            note = f"{len(nets) - len(trained)} of {len(nets)} networks without skips do not train and are no control"
        if not trained:
            nets, name = _select(cells, kind, "untrained"), "untrained"
        else:
            nets = trained
    values = _finite(claim.reading, nets)
    if not values:
        return None, None, note
    return float(min(values) if claim.worst else np.mean(values)), name, note


def _across_depth(claim: DepthClaim, kind: str, cells: Cells) -> Comparison:
    nets = _select(cells, kind, "trained")
    measured = _exponent(nets, [readings.top_singular_value(cell) for cell in nets])
    control_kind, control_arm = claim.control
    controls = _select(cells, control_kind, control_arm)
    control = _exponent(controls, [readings.top_singular_value(cell) for cell in controls])
    theory = None
    if claim.band is None:
        predicted = _exponent(nets, [float(cell["balanced_singular_value"][0]) for cell in nets])
        theory = predicted.slope if predicted is not None else None
    fields: dict[str, Any] = {
        "statement": "S6" if claim.statement == "S4" and kind == "factored" else claim.statement,
        "claim": claim.claim,
        "subject": kind,
        "control": control.slope if control is not None else None,
        "control_name": f"{control_kind}, {control_arm.replace('-', ' ')}" if control is not None else None,
        "stationarity": _stationarity(nets),
    }
    if measured is None or (claim.band is None and theory is None):
        return Comparison(
            kind="empirical",
            numeric=math.nan,
            band=claim.band or (None, 0.0),
            note="an exponent needs networks of three depths",
            **fields,
        )
    return Comparison(
        kind=claim.kind,
        numeric=measured.slope,
        interval=measured.interval,
        theory=theory,
        tolerance=claim.tolerance,
        band=claim.band,
        **fields,
    )


def _exponent(nets: Sequence[xr.Dataset], values: Sequence[float]) -> Fit | None:
    return exponent([float(cell.attrs["depth"]) for cell in nets], values)


def _select(cells: Cells, kind: str, arm: str) -> list[xr.Dataset]:
    return [cell for cell in cells.values() if cell.attrs["kind"] == kind and cell.attrs["arm"] == arm]


def _finite(reading: readings.Reading, nets: Iterable[xr.Dataset]) -> list[float]:
    return [value for value in map(reading, nets) if not math.isnan(value)]


def _median(nets: Iterable[xr.Dataset], reading: readings.Reading) -> float:
    values = _finite(reading, nets)
    return float(np.median(values)) if values else math.nan


def _stationarity(nets: Iterable[xr.Dataset]) -> float | None:
    reached = [float(cell["stationarity"]) for cell in nets]
    return max(reached) if reached else None
