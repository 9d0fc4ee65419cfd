"""Sweeps, and anyone's own trained network, against the theory."""

from ramodel.experiments.confrontation.confrontation import (
    Confrontation,
    LawResult,
    confront_law,
    confront_sweeps,
    write_confrontation_json,
)
from ramodel.experiments.confrontation.judge import Judgement, judge, judgements
from ramodel.experiments.confrontation.network_result import Check, NetworkResult
from ramodel.experiments.confrontation.readings import READINGS, ReadingSpec
from ramodel.experiments.confrontation.scatter import Scatter

__all__ = [
    "READINGS",
    "Check",
    "Confrontation",
    "Judgement",
    "LawResult",
    "NetworkResult",
    "ReadingSpec",
    "Scatter",
    "confront_law",
    "confront_sweeps",
    "judge",
    "judgements",
    "write_confrontation_json",
]
