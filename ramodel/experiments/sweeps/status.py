"""How a sweep stands, from its files: also while another process runs it."""

import os
from collections import Counter
from pathlib import Path
from typing import Literal

import msgspec

from ramodel.experiments.sweeps.archive import SweepContent, read_packed
from ramodel.experiments.sweeps.cells import cells
from ramodel.experiments.sweeps.folder import SweepFolder

__all__ = ["ArmStatus", "CellState", "RunningCell", "SweepStatus", "sweep_status"]

CellState = Literal["done", "failed", "running", "interrupted", "waiting"]


class RunningCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that was begun and has no result yet.

    Parameters
    ----------
    name
        Of the cell.
    iteration, iterations
        At its last checkpoint, and the most there can be.
    running
        Whether it runs now; else it was interrupted, and continues when the sweep does.
    """

    name: str
    iteration: int
    iterations: int
    running: bool


class ArmStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Number of cells of an arm in each state."""

    arm: str
    cells: int
    done: int
    failed: int
    running: int
    interrupted: int
    waiting: int


class SweepStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a sweep stands.

    Parameters
    ----------
    name, path
        Of the sweep.
    complete
        Whether every cell has a result or a failure.
    running
        Whether a process works on it now.
    seconds_left
        Its estimate; None where none runs or it cannot be told yet.
    arms
        Numbers of cells.
    begun
        Cells that run or were interrupted.
    failures
        Errors by name of the cell.
    """

    name: str
    path: str
    complete: bool
    running: bool
    seconds_left: float | None
    arms: tuple[ArmStatus, ...]
    begun: tuple[RunningCell, ...]
    failures: dict[str, str]


def sweep_status(path: str | os.PathLike[str]) -> SweepStatus:
    """Return how the sweep in a folder or in a packed file stands.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged.
    """
    place = Path(path).expanduser()
    return _of_file(place) if place.is_file() else _of_folder(SweepFolder.open(place))


def _of_file(path: Path) -> SweepStatus:
    content: SweepContent = read_packed(path)
    states: dict[str, CellState] = dict.fromkeys(content.cells, "done")
    states |= dict.fromkeys(content.failures, "failed")
    every = {cell.name: cell.arm for cell in cells(content.config)}
    return SweepStatus(
        name=content.name,
        path=str(path),
        complete=len(states) == len(every),
        running=False,
        seconds_left=None,
        arms=_arms(every, states),
        begun=(),
        failures={name: failure.error for name, failure in content.failures.items()},
    )


def _of_folder(folder: SweepFolder) -> SweepStatus:
    is_held = folder.is_held
    states: dict[str, CellState] = {}
    begun, failures = [], {}
    for name, cell in folder.cells.items():
        if folder.has(name):
            states[name] = "done"
        elif (failure := folder.failure(name)) is not None:
            states[name] = "failed"
            failures[name] = failure.error
        elif folder.part(name).is_dir():
            runs = is_held and folder.running_mark(name).exists()
            states[name] = "running" if runs else "interrupted"
            iteration = _iteration(folder.part(name) / "checkpoint.json")
            begun.append(RunningCell(name=name, iteration=iteration, iterations=cell.training.iterations, running=runs))
    return SweepStatus(
        name=folder.name,
        path=str(folder.path),
        complete=len(states) == len(folder.cells) and not begun,
        running=is_held,
        seconds_left=folder.read_status().get("seconds_left") if is_held else None,
        arms=_arms({name: cell.arm for name, cell in folder.cells.items()}, states),
        begun=tuple(begun),
        failures=failures,
    )


def _arms(arm_of: dict[str, str], states: dict[str, CellState]) -> tuple[ArmStatus, ...]:
    counts: dict[str, Counter[CellState]] = {}
    for name, arm in arm_of.items():
        counts.setdefault(arm, Counter())[states.get(name, "waiting")] += 1
    return tuple(
        ArmStatus(
            arm=arm,
            cells=count.total(),
            done=count["done"],
            failed=count["failed"],
            running=count["running"],
            interrupted=count["interrupted"],
            waiting=count["waiting"],
        )
        for arm, count in counts.items()
    )


class _Look(msgspec.Struct):
    iteration: int


class _Checkpoint(msgspec.Struct):
    history: list[_Look]


def _iteration(checkpoint: Path) -> int:
    """Return the iteration of a training checkpoint; 0 where there is none yet."""
    try:
        history = msgspec.json.decode(checkpoint.read_bytes(), type=_Checkpoint).history
    except (OSError, msgspec.DecodeError):
        return 0
    return history[-1].iteration if history else 0
