"""Predicted against measured numbers of many networks in one scatter, with what it says in three numbers."""

from collections.abc import Sequence

import msgspec
import numpy as np

from ramodel.experiments.confrontation.predictions import Pairs
from ramodel.experiments.confrontation.summaries import bootstrap_interval

__all__ = ["Scatter", "pooled"]


class Scatter(msgspec.Struct, frozen=True, kw_only=True):
    """Predicted against measured numbers, pooled over networks, layers and ranks.

    Parameters
    ----------
    statement, claim, subject
        As in the comparison that it belongs to.
    label
        What is predicted, in words.
    predicted, measured
        The numbers.
    networks
        Number of networks they are of.
    slope
        Of measured against predicted, on linear scales, through the origin (least squares; 1 where theory holds).
    r_squared
        ``1 - sum (measured - predicted)^2 / sum (measured - mean)^2``: of the prediction itself, with nothing fitted,
        so it may be negative. 1 where theory holds.
    median_error, interval
        Median of ``|measured - predicted| / predicted``, with its 95 % interval over networks (bootstrap; None of one).
    """

    statement: str
    claim: str
    subject: str
    label: str
    predicted: tuple[float, ...]
    measured: tuple[float, ...]
    networks: int
    slope: float
    r_squared: float
    median_error: float
    interval: tuple[float, float] | None


def pooled(found: Sequence[Pairs], *, statement: str, claim: str, subject: str, label: str) -> Scatter | None:
    """Return the scatter of several networks' pairs; None where there are no pairs.

    Examples
    --------
    >>> pairs = Pairs(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    >>> found = pooled([pairs], statement="S1", claim="s_k", subject="linear", label="s_k")
    >>> found.slope, found.r_squared, found.median_error
    (1.0, 1.0, 0.0)
    """
    kept = [pairs for pairs in found if pairs.predicted.size]
    if not kept:
        return None
    predicted, measured = (np.concatenate(column) for column in zip(*kept, strict=True))
    errors = [pairs.errors for pairs in kept]

    def at_drawn_networks(generator: np.random.Generator) -> float:
        drawn = generator.integers(len(errors), size=len(errors))
        return float(np.median(np.concatenate([errors[place] for place in drawn])))

    size, total = float(predicted @ predicted), float(np.sum((measured - measured.mean()) ** 2))
    left = float(np.sum((measured - predicted) ** 2))
    return Scatter(
        statement=statement,
        claim=claim,
        subject=subject,
        label=label,
        predicted=tuple(predicted.tolist()),
        measured=tuple(measured.tolist()),
        networks=len(kept),
        slope=float(predicted @ measured) / size if size > 0.0 else float("nan"),
        r_squared=1.0 - left / total if total > 0.0 else float("nan"),
        median_error=float(np.median(np.concatenate(errors))),
        interval=bootstrap_interval(at_drawn_networks) if len(kept) > 1 else None,
    )
