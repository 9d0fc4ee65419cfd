"""What a run found: rows, levels of accuracy, and the tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from measure.accuracy import Errors
from measure.ours import OURS, STACKED, WHOLE_CALL

__all__ = ["LENIENT", "STRICT", "Result", "Row", "print_result", "print_summary", "reaches"]


class Level(NamedTuple):
    """Errors at the median problem, and the angle at the worst, up to which a peer counts."""

    name: str
    value: float
    sine: float
    worst_sine: float


STRICT = Level("accurate (s 1e-6, angle 1e-5)", 1e-6, 1e-5, 1e-3)
LENIENT = Level("the less accurate too (s 2e-6, angle 1e-4)", 2e-6, 1e-4, 1e-2)
LEEWAY = 3.0
"""A peer may also be this much worse than ours on the same problems: near-equal values bound every method."""

GOALS = {"fc128": (4, 3), "fc512": (8, 2), "conv": (6, 2), "sequence": (12, 2), "token": (3, 3)}
"""Least ratio to the best peer, largest multiple of the arithmetic limit."""


_COLUMNS = (
    "method                       ms/problem  ours faster    passes  x limit     s median, max  angle median, max"
    "       peak"
)


@dataclass(frozen=True)
class Row:
    """What was measured of a method in a case; times in milliseconds per problem."""

    method: str
    milliseconds: float
    fastest: float
    rounds: int
    problems: int
    passes: float | None
    times_limit: float | None
    value_error: tuple[float, float] | None
    """Median and largest over problems."""
    sine: tuple[float, float] | None
    peak_mebibytes: float
    levels: tuple[str, ...]
    """The names of the levels of accuracy that it reaches."""

    @property
    def ours(self) -> bool:
        """Whether the method is ours."""
        return self.method.startswith("ours")


@dataclass(frozen=True)
class Result:
    """All rows of a case."""

    case: str
    title: str
    truth: str
    s10_over_s1: float
    s11_over_s10: float
    gigaflops: float
    """The machine's rate that bounds the case, 10^9 operations per second."""
    rows: list[Row]
    failures: dict[str, str]
    """Methods that gave up, and what they said."""
    doubling: dict[str, float]
    """Time for twice the inputs or blocks over twice the time; 1 is linear."""

    def milliseconds(self, method: str) -> float:
        """Return the time of a method; NaN where it was not measured."""
        return next((row.milliseconds for row in self.rows if row.method == method), math.nan)


def reaches(level: Level, error: Errors | None, ours: Errors | None) -> bool:
    """Return whether errors are of a level, or near ours for the same problems."""
    if error is None:
        return False
    count = len(error.value)
    bounds = [level.value, level.sine, level.worst_sine]
    if ours is not None:
        same = (np.median(ours.value[:count]), np.median(ours.sine[:count]), ours.sine[:count].max())
        bounds = [max(bound, LEEWAY * float(own)) for bound, own in zip(bounds, same, strict=True)]
    reached = (np.median(error.value), np.median(error.sine), error.sine.max())
    return all(value <= bound for value, bound in zip(reached, bounds, strict=True))


def best_peer(result: Result, level: Level) -> Row | None:
    """Return the fastest peer of a level."""
    peers = [row for row in result.rows if not row.ours and level.name in row.levels]
    return min(peers, key=lambda row: row.milliseconds, default=None)


def print_result(result: Result) -> None:
    """Print the table of a case."""
    print(f"\n{result.case}: {result.title}. s10/s1 {result.s10_over_s1:.2g}, s11/s10 {result.s11_over_s10:.4f}.")
    print(f"Truth: {result.truth}. Machine: {result.gigaflops:.0f} GFLOP/s.")
    print(_COLUMNS)
    ours = result.milliseconds(OURS)
    for row in result.rows:
        ratio = "" if row.ours else f"{row.milliseconds / ours:.2f}"
        passes = "" if row.passes is None else f"{row.passes:.0f}"
        limit = "" if row.times_limit is None else f"{row.times_limit:.1f}"
        peak = "" if math.isnan(row.peak_mebibytes) else f"{row.peak_mebibytes:.0f} MiB"
        print(
            f"{row.method:28} {row.milliseconds:10.3f} {ratio:>12} {passes:>9} {limit:>8}   {_pair(row.value_error)}"
            f"  {_pair(row.sine)}  {peak:>9}"
        )
    for method, reason in result.failures.items():
        print(f"{method:28} failed: {reason}")
    print("Twice the work over twice the time: " + ", ".join(f"{n} {r:.2f}" for n, r in result.doubling.items()))


def print_summary(results: Sequence[Result]) -> None:
    """Print where ours stands against the goals."""
    print("\nMilliseconds per problem; the ratio is that of the best accurate peer to ours.")
    print(
        "case                ours   stacked  measure()  jacrev + svd  curvlinops  best accurate peer"
        "                   ratio  goal  x limit  goal"
    )
    for result in results:
        ratio_goal, limit_goal = GOALS.get(result.case, ("", ""))
        ours = next(row for row in result.rows if row.method == OURS)
        names = (OURS, STACKED, WHOLE_CALL, "jacrev + svd", "curvlinops + svds arpack")
        times = "".join(
            f"{_number(result.milliseconds(name)):>{width}}"
            for name, width in zip(names, (9, 10, 11, 14, 12), strict=True)
        )
        found = [best_peer(result, level) for level in (STRICT, LENIENT)]
        for row in dict.fromkeys(found):
            if row is None:
                print(f"{result.case:15}{times}  -")
            elif row is found[0]:
                print(
                    f"{result.case:15}{times}  {_number(row.milliseconds):>8} {row.method:27}"
                    f" {row.milliseconds / ours.milliseconds:6.1f} {ratio_goal:>5} {ours.times_limit or math.nan:8.1f}"
                    f" {limit_goal:>5}"
                )
            else:
                label = f"{'counting ' + LENIENT.name:>71}"
                ratio = row.milliseconds / ours.milliseconds
                print(f"{label}  {_number(row.milliseconds):>8} {row.method:27} {ratio:6.1f}")


def _number(milliseconds: float) -> str:
    """Return three digits, or more where they are whole; a dash for what was not measured."""
    if math.isnan(milliseconds):
        return "-"
    return f"{milliseconds:.{max(0, 2 - math.floor(math.log10(milliseconds)))}f}"


def _pair(numbers: tuple[float, float] | None) -> str:
    return f"{'-':>17}" if numbers is None else f"{numbers[0]:8.0e} {numbers[1]:8.0e}"
