"""RA1-RA4 of one network as checks: properties that any network may have or not, with the bands of the main job."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ramodel.comparison import Comparison
from ramodel.experiments.confrontation.network_result import Check
from ramodel.spectra import ResidualAlignment

__all__ = ["property_checks"]


class _Property(NamedTuple):
    """One of RA1-RA4 as a check: the metric of `residual_alignment`, what it is taken over, and its band."""

    statement: str
    metric: str
    where: str
    question: str
    meaning: str
    band: tuple[float | None, float | None]


_PROPERTIES = (
    _Property("RA1", "line_shape_ratio", "", "on a line: line-shape ratio", "1: a line", (None, 1.10)),
    _Property("RA1", "step_cv", "", "equispaced: CV of step lengths", "0: steps of one length", (None, 0.50)),
    _Property(
        "RA2",
        "right_affinity_score",
        "all pairs of blocks",
        "affinity of top-C subspaces, all pairs",
        "1: all blocks act on the same directions",
        (0.60, None),
    ),
    _Property("RA2", "asymmetry_error", "", "left = right: asymmetry of J", "0: a symmetric Jacobian", (None, 0.50)),
    _Property("RA3", "energy_outside_error", "", "energy of J outside its top C", "0: rank at most C", (None, 0.01)),
    _Property(
        "RA4",
        "inverse_slope_theil_sen",
        "",
        "1/s_l against l within the net, slope",
        "1 by S7, 0 by S1 and S6",
        (0.5, 1.5),
    ),
)
"""Bands as in the claims of the main job."""


def property_checks(found: ResidualAlignment) -> Iterator[Check]:
    """Yield RA1-RA4, stage by stage, each with the untrained network as control, or else the level of no structure."""
    readings = {(one.stage, one.metric, one.where): one for one in found.readings}
    several = len(found.stages) > 1
    for row in _PROPERTIES:
        fields: dict[str, Any] = {"statement": row.statement, "assumes": "nothing", "meaning": row.meaning}
        ours = [
            one for (_, metric, where), one in readings.items() if metric == row.metric and row.where in ("", where)
        ]
        if not ours:
            yield Check(**fields, question=row.question, reason="it could not be measured: see the notes")
        for reading in ours:
            question = f"{row.question} ({reading.stage})" if several else row.question
            control, name = (
                (reading.untrained, "untrained")
                if reading.untrained is not None
                else (reading.baseline, "no structure")
            )
            over_inputs = reading.where == "95 % interval"
            comparison = Comparison(
                statement=row.statement,
                claim=question,
                subject="network",
                kind="empirical",
                numeric=reading.median,
                band=row.band,
                control=control,
                control_name=None if control is None else name,
                interval=(reading.lower, reading.upper) if over_inputs else None,
                note="interval over inputs"
                if over_inputs
                else f"over {reading.where}: middle half {reading.lower:.3g} .. {reading.upper:.3g}",
            )
            yield Check(**fields, question=question, comparison=comparison)
