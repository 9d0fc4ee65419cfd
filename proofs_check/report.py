"""Outcomes as a table for people, written as they come, and as JSON for machines."""

import json
from collections.abc import Iterable, Sequence
from typing import TextIO

from proofs_check.step import Outcome, Statement

__all__ = ["as_json", "listing", "write_table"]

HEADER = ("id", "step", "method", "time", "result")
STEP_WIDTH, METHOD_WIDTH = 84, 31
ROW = f"{{:<4}} {{:<{STEP_WIDTH}}} {{:<{METHOD_WIDTH}}} {{:>7}}  {{}}"


def write_table(statements: Sequence[Statement], outcomes: Iterable[Outcome], stream: TextIO) -> list[Outcome]:
    """Write one row for each outcome as soon as it is there, then one line for each statement; return the outcomes."""
    print(ROW.format(*HEADER).rstrip(), file=stream, flush=True)
    done = []
    for outcome in outcomes:
        print(_row(outcome), file=stream, flush=True)
        done.append(outcome)
    print(file=stream)
    for statement in statements:
        print(_summary(statement, [outcome for outcome in done if outcome.statement == statement.id]), file=stream)
    failed = sum(not outcome.passed for outcome in done)
    seconds = sum(outcome.seconds for outcome in done)
    verdict = "all passed" if not failed else f"{failed} FAILED"
    print(f"{len(done)} steps in {seconds:.1f} s: {verdict}", file=stream, flush=True)
    return done


def as_json(statements: Sequence[Statement], outcomes: Sequence[Outcome]) -> str:
    """Return statements and outcomes as JSON: {"passed", "seconds", "statements": [{..., "steps": [...]}]}."""
    entries = []
    for statement in statements:
        own = [outcome for outcome in outcomes if outcome.statement == statement.id]
        entries.append(
            {
                "id": statement.id,
                "title": statement.title,
                "claim": statement.claim,
                "assumptions": statement.assumptions,
                "status": _status(statement, own),
                "seconds": round(sum(outcome.seconds for outcome in own), 3),
                "steps": [_entry(outcome) for outcome in own],
            }
        )
    whole = {
        "passed": all(outcome.passed for outcome in outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 3),
        "statements": entries,
    }
    return json.dumps(whole, indent=1)


def listing(statements: Iterable[Statement]) -> str:
    """Return statements and their steps, without checking anything."""
    lines = []
    for statement in statements:
        lines.append(f"{statement.id}  {statement.title}: {statement.claim}")
        lines += [f"    {number:>2}. {step.title}" for number, step in enumerate(statement.steps, start=1)]
    return "\n".join(lines)


def _row(outcome: Outcome) -> str:
    success = "holds" if outcome.symbolic is None else "proved"
    result = success if outcome.passed else f"FAILED, {outcome.reason}"
    cells = (_cut(outcome.step.title, STEP_WIDTH), _cut(outcome.step.claim.method, METHOD_WIDTH))
    return ROW.format(outcome.statement, *cells, f"{outcome.seconds:.2f} s", result)


def _summary(statement: Statement, outcomes: Sequence[Outcome]) -> str:
    quoted = sum(outcome.symbolic is None for outcome in outcomes)
    count = f"{len(outcomes)} steps" + (f", {quoted} of them quoted, tried or computed" if quoted else "")
    seconds = sum(outcome.seconds for outcome in outcomes)
    return f"{statement.id:<4} {statement.title}: {_status(statement, outcomes)} ({count}; {seconds:.1f} s)"


def _status(statement: Statement, outcomes: Sequence[Outcome]) -> str:
    return statement.status if all(outcome.passed for outcome in outcomes) else "not proved"


def _entry(outcome: Outcome) -> dict[str, object]:
    return {
        "title": outcome.step.title,
        "method": outcome.step.claim.method,
        "claim": str(outcome.step.claim),
        "symbolic": None if outcome.symbolic is None else outcome.symbolic.holds,
        "numeric": outcome.numeric.holds,
        "passed": outcome.passed,
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
    }


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
