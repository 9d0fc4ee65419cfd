"""Every parameter-free check of a trained network, judged as exact where its assumptions hold."""

import math
from collections.abc import Iterator
from typing import Any

from ramodel.comparison import Comparison
from ramodel.experiments.confrontation.network_numbers import Measured
from ramodel.experiments.confrontation.network_result import Check
from ramodel.experiments.confrontation.network_rules import RULES, Rule
from ramodel.theory import FrobeniusModel

__all__ = ["checks"]


def checks(trained: Measured, untrained: Measured | None) -> Iterator[Check]:
    """Yield every check of a network, with the untrained one as its control where there is one."""
    for rule in RULES:
        named = rule.statement
        if named == "S1/S6":
            named = "S1" if isinstance(trained.model, FrobeniusModel) else "S6"
        reason = rule.applies(trained)
        fields: dict[str, Any] = {
            "statement": named,
            "question": rule.question,
            "assumes": rule.assumes,
            "meaning": rule.meaning,
        }
        if reason:
            yield Check(**fields, reason=reason)
            continue
        number = rule.number(trained)
        if math.isnan(number):
            yield Check(**fields, reason=rule.missing)
            continue
        control = rule.number(untrained) if untrained is not None and rule.controlled else math.nan
        why_not_exact = rule.exact(trained)
        yield Check(
            **fields,
            comparison=_comparison(rule, named, number, control, trained, exact=not why_not_exact),
            reason=why_not_exact,
        )


def _comparison(
    rule: Rule, statement: str, number: float, control: float, trained: Measured, *, exact: bool
) -> Comparison:
    gradient = trained.value("gradient_error")
    return Comparison(
        statement=statement,
        claim=rule.question,
        subject="network",
        kind=("upper_bound" if rule.bound else "exact") if exact else "empirical",
        numeric=number,
        theory=rule.theory if exact else None,
        tolerance=rule.tolerance if exact else 0.0,
        band=None if exact else rule.band,
        control=None if math.isnan(control) else control,
        control_name=None if math.isnan(control) else "untrained",
        stationarity=None if math.isnan(gradient) else gradient,
    )
