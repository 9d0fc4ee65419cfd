"""What the parameter-free checks said of one network that was trained elsewhere."""

from typing import Any, Literal

import msgspec

from ramodel.comparison import Comparison

__all__ = ["Check", "NetworkResult"]

Status = Literal["compared", "not applicable"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check of the theory on one network.

    Parameters
    ----------
    statement, question
        Which statement, and what is asked of the network.
    assumes
        What the statement needs to be true.
    meaning
        What the number says.
    comparison
        The outcome; None where the check does not apply.
    reason
        Why it does not apply, or what stands in the way of reading it as exact; "" where nothing does.
    """

    statement: str
    question: str
    assumes: str
    meaning: str
    comparison: Comparison | None = None
    reason: str = ""

    @property
    def status(self) -> Status:
        """Whether it could be compared."""
        return "compared" if self.comparison is not None else "not applicable"


class NetworkResult(msgspec.Struct, frozen=True, kw_only=True):
    """Every parameter-free check of one network, those that do not apply among them.

    Parameters
    ----------
    name, inputs
        What was measured, and at which inputs.
    facts
        What was found or told about the network, in words, by name.
    checks
        In the order of the statements.
    notes
        What could not be measured, and why.
    """

    name: str
    inputs: str
    facts: dict[str, str]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Outcomes of the checks that apply."""
        return tuple(check.comparison for check in self.checks if check.comparison is not None)

    def builtins(self) -> dict[str, Any]:
        """Return everything as plain values."""
        rows = []
        for check in self.checks:
            row = msgspec.structs.asdict(check) | {"status": check.status}
            if check.comparison is not None:
                outcome = {"error": check.comparison.error, "verdict": check.comparison.verdict}
                row["comparison"] = msgspec.structs.asdict(check.comparison) | outcome
            rows.append(row)
        return {"name": self.name, "inputs": self.inputs, "facts": self.facts, "checks": rows, "notes": self.notes}
