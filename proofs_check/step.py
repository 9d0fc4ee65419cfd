"""What a proof is made of: a claim that answers on two roads, a step that needs both, a statement of many steps."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol

import mpmath

from proofs_check.evaluation import WORKING_DIGITS

__all__ = ["Claim", "Outcome", "Road", "Statement", "Step", "check"]

_STATUS = re.compile(r"proved( within \S.*)?|checked numerically")


@dataclass(frozen=True)
class Road:
    """The answer of one road: whether the claim holds, and if not, why."""

    holds: bool
    reason: str = ""


class Claim(Protocol):
    """Something that can be true, and can be asked for in two independent ways."""

    @property
    def method(self) -> str:
        """How the symbolic road proves it, in a few words."""

    def symbolic(self) -> Road | None:
        """Prove it by algebra; None where the fact is quoted from the literature, not proved."""

    def numeric(self, rng: Random) -> Road:
        """Test it to 50 digits at random points of its domain."""


@dataclass(frozen=True)
class Step:
    """One step of a proof.

    Parameters
    ----------
    title
        What is shown, in words and the symbols of the statement.
    claim
        What is checked.
    spoilt
        The same claim with a slip in it. The tests ask that every road refuses it, so that no step passes vacuously.
    """

    title: str
    claim: Claim
    spoilt: Claim


@dataclass(frozen=True)
class Statement:
    """A statement, what is claimed, and the steps that prove it.

    Parameters
    ----------
    assumptions
        What it needs, in one line.
    status
        "proved", "proved within <family>" with the family named, or "checked numerically".
    sections
        The steps in order, under the headings of the proof.

    Raises
    ------
    ValueError
        If the status is none of the three.
    """

    id: str
    title: str
    claim: str
    assumptions: str
    status: str
    sections: Mapping[str, tuple[Step, ...]]

    def __post_init__(self) -> None:
        if not _STATUS.fullmatch(self.status):
            raise ValueError(
                f"status is {self.status!r}: it must be 'proved', 'proved within <family>' or 'checked numerically'"
            )

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in order."""
        return tuple(step for steps in self.sections.values() for step in steps)


@dataclass(frozen=True)
class Outcome:
    """How the check of a step ended."""

    statement: str
    step: Step
    symbolic: Road | None
    numeric: Road
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every road holds; a quoted fact has the numeric one only."""
        return self.numeric.holds and (self.symbolic is None or self.symbolic.holds)

    @property
    def reason(self) -> str:
        """Why it did not pass; empty if it did."""
        roads = (("symbolic", self.symbolic), ("numeric", self.numeric))
        return "; ".join(f"{name}: {road.reason}" for name, road in roads if road is not None and not road.holds)


def check(statement: str, step: Step) -> Outcome:
    """Check one step on both roads; whatever an error says, a step that raises has failed.

    The random points depend on the step's title alone, so that a run repeats itself.
    """
    start = time.perf_counter()
    symbolic: Road | None
    try:
        symbolic = step.claim.symbolic()
    except Exception as error:  # noqa: BLE001 - SymPy may raise anything, and the other steps must still run
        symbolic = _raised(error)
    try:
        with mpmath.workdps(WORKING_DIGITS):
            numeric = step.claim.numeric(Random(f"{statement}: {step.title}"))
    except Exception as error:  # noqa: BLE001
        numeric = _raised(error)
    return Outcome(statement, step, symbolic, numeric, time.perf_counter() - start)


def _raised(error: Exception) -> Road:
    return Road(False, f"raised {type(error).__name__}: {error}")
