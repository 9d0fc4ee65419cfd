"""The claims of a sweep against its cells: a comparison for every claim, arm and point that it speaks of."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import xarray as xr

from ramodel.comparison import Comparison
from ramodel.experiments.confrontation.predictions import Law, Pairs
from ramodel.experiments.confrontation.readings import READINGS, ReadingSpec
from ramodel.experiments.confrontation.scatter import Scatter, pooled
from ramodel.experiments.confrontation.summaries import Summarised, difference, extreme, mean, trend
from ramodel.experiments.sweeps.config import Claim, SweepConfig

__all__ = ["Judgement", "judge", "judgements"]

Cells = Mapping[str, xr.Dataset]
Nets = dict[str, xr.Dataset]

_LAW_OF_STATEMENT: dict[str, Law] = {"S1": "frobenius", "S2": "frobenius", "S6": "nuclear"}
"""Law by which a scatter predicts where the claim names one; else that of the network's own blocks."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One claim at one arm, and at one value of its axis: the comparison and what it was made from.

    Parameters
    ----------
    claim
        As the configuration has it.
    arm, point
        Where; `point` is the value of the claim's axis, None where the row is of all.
    comparison
        The verdict.
    readings, control_readings
        The reading of every network judged, and of every control, by the name of its cell.
    scatter
        For the summary "scatter".
    """

    claim: Claim
    arm: str
    point: Any
    comparison: Comparison
    readings: dict[str, float]
    control_readings: dict[str, float]
    scatter: Scatter | None = None


def judge(cells: Cells, config: SweepConfig) -> list[Comparison]:
    """Return every claim of `config` against `cells`, as `judgements` does, without what they were made from."""
    return [judgement.comparison for judgement in judgements(cells, config)]


def judgements(cells: Cells, config: SweepConfig) -> list[Judgement]:
    """Judge every claim of a sweep on its cells: a row for each arm, and each value of an axis where one is named.

    Parameters
    ----------
    cells
        Measured networks by name, with the attributes `arm`, `seed` and `axes` (JSON).
    config
        Of the sweep; its bands and tolerances were written before the run.

    Raises
    ------
    ValueError
        If a claim names no known reading, has no band, or speaks of predicted numbers that its reading does not have.

    Examples
    --------
    >>> config = SweepConfig(law="skips", title="", network={}, claims=(
    ...     Claim(statement="RA2", claim="accuracy", reading="test_accuracy", at_least=0.9),))
    >>> cells = {name: xr.Dataset({"test_accuracy": 0.95}, attrs={"arm": "trained", "seed": 0}) for name in "ab"}
    >>> judge(cells, config)[0].verdict
    'holds'
    """
    found = []
    for number, claim in enumerate(config.claims, start=1):
        _check(claim, f"claim {number} ({claim.claim!r})")
        for arm in claim.arms or [arm.name for arm in config.arms if not arm.control]:
            nets = _of_arm(cells, arm)
            controls = {} if claim.control is None else _of_arm(cells, claim.control)
            if claim.axis is None or claim.summary in ("exponent", "slope"):
                found.append(_judged(claim, arm, None, nets, controls))
                continue
            for point in _points(nets, claim.axis) or [None]:
                here = _at(nets, claim.axis, point)
                there = _at(controls, claim.axis, point) or controls
                found.append(_judged(claim, arm, point, here, there))
    return found


def _check(claim: Claim, where: str) -> None:
    for name in (claim.reading, claim.theory):
        if isinstance(name, str) and name not in READINGS:
            raise ValueError(f"{where} has the reading {name!r}; it must be one of {', '.join(READINGS)}.")
    if claim.kind == "empirical" and math.isinf(claim.at_least) and math.isinf(claim.at_most):
        raise ValueError(f"{where} is empirical without a band; give at_least or at_most.")
    if claim.kind != "empirical" and claim.theory is None:
        raise ValueError(f"{where} is of kind {claim.kind!r} without a theory; give the number, or a reading.")
    if claim.summary == "scatter" and READINGS[claim.reading].pairs is None:
        known = [name for name, spec in READINGS.items() if spec.pairs is not None]
        raise ValueError(f"{where} asks for a scatter of {claim.reading!r}; it must be one of {', '.join(known)}.")


def _judged(claim: Claim, arm: str, point: Any, nets: Nets, controls: Nets) -> Judgement:
    spec = READINGS[claim.reading]
    judged, notes = _admitted(claim, nets)
    controls, about_controls = _learnt_controls(claim, controls)
    readings, control_readings = _read(spec, judged), _read(spec, controls)
    if len(readings) < len(judged):
        notes.append(f"{len(judged) - len(readings)} of {len(judged)} networks have no such reading")
    subject = arm if point is None else f"{arm}, {str(claim.axis).rpartition('.')[2].replace('_', ' ')} = {point}"
    scatter = None
    if claim.summary == "scatter":
        scatter = _scatter(claim, spec, judged, subject)
        found = Summarised(math.nan) if scatter is None else Summarised(scatter.median_error, scatter.interval)
        against = _scatter(claim, spec, controls, str(claim.control))
        control = None if against is None else against.median_error
        if scatter is not None:
            notes.append(f"slope {scatter.slope:.3g}, R^2 {scatter.r_squared:.3g}, {len(scatter.predicted)} pairs")
    elif claim.summary == "difference":
        found, control = difference(_paired(judged, readings, controls, control_readings)), None
        notes.append(f"first minus {claim.control!r}, paired by seed")
    else:
        found = _summary(claim, spec, judged, readings)
        against_control = _summary(claim, spec, controls, control_readings, of_control=True)
        control = None if math.isnan(against_control.value) else against_control.value
    notes += [about_controls, found.note] if not math.isnan(found.value) or found.note else [about_controls]
    if not judged and not nets:
        notes.append("no such network was measured")
    comparison = _comparison(
        claim,
        subject,
        found,
        theory=_theory(claim, judged),
        control=control,
        stationarity=_worst_stationarity(judged),
        note="; ".join(note for note in notes if note),
    )
    return Judgement(
        claim=claim,
        arm=arm,
        point=point,
        comparison=comparison,
        readings=readings,
        control_readings=control_readings,
        scatter=scatter,
    )


def _comparison(
    claim: Claim,
    subject: str,
    found: Summarised,
    *,
    theory: float | None,
    control: float | None,
    stationarity: float | None,
    note: str,
) -> Comparison:
    fields: dict[str, Any] = {
        "statement": claim.statement,
        "claim": claim.claim,
        "subject": subject,
        "control": control,
        "control_name": claim.control if control is not None else None,
        "stationarity": stationarity,
    }
    band = (_end(claim.at_least), _end(claim.at_most))
    if claim.kind == "empirical":
        return Comparison(
            kind="empirical", numeric=found.value, interval=found.interval, band=band, note=note, **fields
        )
    if theory is None or not math.isfinite(theory):
        note = "; ".join(filter(None, [note, "the theory's number could not be found"]))
        return Comparison(kind="empirical", numeric=math.nan, band=(0.0, None), note=note, **fields)
    return Comparison(
        kind=claim.kind,
        numeric=found.value,
        interval=found.interval,
        theory=theory,
        tolerance=claim.tolerance,
        note=note,
        **fields,
    )


def _end(value: float) -> float | None:
    return None if math.isinf(value) else value


def _summary(
    claim: Claim, spec: ReadingSpec, nets: Nets, readings: Mapping[str, float], *, of_control: bool = False
) -> Summarised:
    """Return the number of a claim over networks; of controls the extreme that comes nearest to meeting it."""
    values = list(readings.values())
    if claim.summary in ("exponent", "slope"):
        sizes = [float(_axes(nets[name])[str(claim.axis)]) for name in readings if _has(nets[name], claim.axis)]
        values = [value for name, value in readings.items() if _has(nets[name], claim.axis)]
        return trend(sizes, values, logarithmic=claim.summary == "exponent")
    if claim.summary == "worst":
        low_is_worse = claim.kind == "lower_bound" or (claim.kind == "empirical" and math.isinf(claim.at_most))
        return extreme(values, smallest=low_is_worse != of_control)
    return mean(values, [nets[name] for name in readings], spec.function)


def _theory(claim: Claim, nets: Nets) -> float | None:
    """Return the predicted number: as given, or the same summary of the reading that predicts it."""
    if not isinstance(claim.theory, str):
        return claim.theory
    spec = READINGS[claim.theory]
    return _summary(claim, spec, nets, _read(spec, nets)).value


def _scatter(claim: Claim, spec: ReadingSpec, nets: Nets, subject: str) -> Scatter | None:
    assert spec.pairs is not None
    found: list[Pairs] = []
    for net in nets.values():
        try:
            found.append(spec.pairs(net, _LAW_OF_STATEMENT.get(claim.statement)))
        except KeyError:  # not measured in this network
            continue
    return pooled(found, statement=claim.statement, claim=claim.claim, subject=subject, label=spec.label)


def _admitted(claim: Claim, nets: Nets) -> tuple[Nets, list[str]]:
    """Return the networks that are stationary and learnt enough to be judged, and what is to be said of the others."""
    stationary = {name: net for name, net in nets.items() if not _scalar(net, "stationarity") > claim.stationary}
    judged = {name: net for name, net in stationary.items() if not _scalar(net, "train_accuracy") < claim.learnt}
    notes = []
    if len(stationary) < len(nets):
        notes.append(f"{len(stationary)} of {len(nets)} networks reached a relative gradient <= {claim.stationary:g}")
    if len(judged) < len(stationary):
        notes.append(f"{len(judged)} of {len(stationary)} networks learnt to an accuracy >= {claim.learnt:g}")
    return judged, notes


def _learnt_controls(claim: Claim, controls: Nets) -> tuple[Nets, str]:
    """Leave out controls that were trained and did not learn: they differ from the claim's networks in that already."""
    kept = {
        name: net
        for name, net in controls.items()
        if not (_scalar(net, "iterations") > 0 and _scalar(net, "train_accuracy") < claim.learnt)
    }
    lost = len(controls) - len(kept)
    return kept, f"{lost} of {len(controls)} controls did not learn and are none" if lost else ""


def _paired(
    nets: Nets, readings: Mapping[str, float], controls: Nets, control_readings: Mapping[str, float]
) -> list[tuple[float, float]]:
    against = {_key(controls[name]): value for name, value in control_readings.items()}
    own = {_key(nets[name]): value for name, value in readings.items()}
    return [(value, against[key]) for key, value in own.items() if key in against]


def _key(net: xr.Dataset) -> tuple[int, str]:
    return int(net.attrs.get("seed", 0)), json.dumps(_axes(net), sort_keys=True)


def _read(spec: ReadingSpec, nets: Nets) -> dict[str, float]:
    found = {name: spec.function(net) for name, net in nets.items()}
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _of_arm(cells: Cells, arm: str) -> Nets:
    return {name: cell for name, cell in cells.items() if cell.attrs.get("arm") == arm}


def _points(nets: Nets, axis: str) -> list[Any]:
    """Return the values of an axis in order; of words, in the order of the cells."""
    values = [_axes(net)[axis] for net in nets.values() if _has(net, axis)]
    distinct = [value for place, value in enumerate(values) if value not in values[:place]]
    return sorted(distinct) if all(isinstance(value, (int, float)) for value in distinct) else distinct


def _at(nets: Nets, axis: str, point: Any) -> Nets:
    return {name: net for name, net in nets.items() if _axes(net).get(axis) == point}


def _has(net: xr.Dataset, axis: str | None) -> bool:
    return axis in _axes(net)


def _axes(net: xr.Dataset) -> dict[str, Any]:
    axes: dict[str, Any] = json.loads(net.attrs.get("axes", "{}"))
    return axes


def _scalar(net: xr.Dataset, name: str) -> float:
    return float(net[name]) if name in net else math.nan


def _worst_stationarity(nets: Nets) -> float | None:
    reached: Sequence[float] = [_scalar(net, "stationarity") for net in nets.values()]
    known = [value for value in reached if math.isfinite(value)]
    return max(known) if known else None
