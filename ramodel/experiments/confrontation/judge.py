"""The claims of a sweep against its cells: a comparison for every claim, arm and point that it speaks of."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import xarray as xr

from ramodel.comparison import Comparison
from ramodel.experiments.confrontation import admission
from ramodel.experiments.confrontation.admission import Nets
from ramodel.experiments.confrontation.predictions import Law, Pairs
from ramodel.experiments.confrontation.readings import READINGS, ReadingSpec
from ramodel.experiments.confrontation.scatter import Scatter, pooled
from ramodel.experiments.confrontation.summaries import Summarised, difference, extreme, mean, trend
from ramodel.experiments.sweeps.config import Claim, SweepConfig

__all__ = ["Judgement", "judge", "judgements"]

Cells = Mapping[str, xr.Dataset]

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
            nets = admission.of_arm(cells, arm)
            controls = {} if claim.control is None else admission.of_arm(cells, claim.control)
            if claim.axis is None or claim.summary in ("exponent", "slope"):
                found.append(_judged(claim, arm, None, nets, controls))
                continue
            for point in admission.points(config, arm, nets, claim.axis) or [None]:
                here = admission.at_point(nets, claim.axis, point)
                there = admission.controls_at(controls, claim.axis, point)
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
    judged, notes = admission.admitted(claim, nets)
    controls, about_controls = admission.learnt_controls(claim, controls)
    readings, control_readings = admission.read(spec, judged), admission.read(spec, controls)
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
        pairs = admission.paired(judged, readings, controls, control_readings)
        found, control = difference(pairs), None
        notes.append(f"first minus {claim.control!r}, paired by seed")
        if len(pairs) < len(readings):
            notes.append(f"{len(readings) - len(pairs)} of {len(readings)} networks have no partner")
    else:
        found = _summary(claim, spec, judged, readings)
        against_control = _summary(claim, spec, controls, control_readings, of_control=True)
        control = None if math.isnan(against_control.value) else against_control.value
    notes += [*about_controls, found.note]
    if not nets:
        notes.append("no such network was measured")
    if claim.control is not None and claim.summary != "difference" and control is None:
        notes.append(f"without its control {claim.control!r}, which gave no number")
    comparison = _comparison(
        claim,
        subject,
        found,
        theory=_theory(claim, judged),
        control=control,
        stationarity=admission.worst_stationarity(judged),
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
    if claim.summary in ("exponent", "slope"):
        placed = admission.along({name: nets[name] for name in readings}, str(claim.axis))
        sizes = [net.attrs["place"] for net in placed.values()]
        return trend(sizes, [readings[name] for name in placed], logarithmic=claim.summary == "exponent")
    if claim.summary == "worst":
        return extreme(list(readings.values()), _farness(claim), nearest=of_control)
    return mean(list(readings.values()), [nets[name] for name in readings], spec.function)


def _farness(claim: Claim) -> Callable[[float], float]:
    """Return how far a reading is from meeting a claim, up to a constant: above, below, or from the middle of it."""
    low, high = (claim.at_least, claim.at_most) if claim.kind == "empirical" else (-math.inf, math.inf)
    if claim.kind == "upper_bound" or (claim.kind == "empirical" and math.isinf(low)):
        return lambda value: value
    if claim.kind == "lower_bound" or (claim.kind == "empirical" and math.isinf(high)):
        return lambda value: -value
    if claim.kind == "empirical":
        return lambda value: abs(value - (low + high) / 2.0)
    # Worst where the theory is a reading too: each network has its own, and the largest number stands for them.
    theory = claim.theory
    return lambda value: value if theory is None or isinstance(theory, str) else abs(value - theory)


def _theory(claim: Claim, nets: Nets) -> float | None:
    """Return the predicted number: as given, or the same summary of the reading that predicts it."""
    if not isinstance(claim.theory, str):
        return claim.theory
    spec = READINGS[claim.theory]
    return _summary(claim, spec, nets, admission.read(spec, nets)).value


def _scatter(claim: Claim, spec: ReadingSpec, nets: Nets, subject: str) -> Scatter | None:
    assert spec.pairs is not None
    found: list[Pairs] = []
    for net in nets.values():
        try:
            found.append(spec.pairs(net, _LAW_OF_STATEMENT.get(claim.statement)))
        except KeyError:  # not measured in this network
            continue
    return pooled(found, statement=claim.statement, claim=claim.claim, subject=subject, label=spec.label)
