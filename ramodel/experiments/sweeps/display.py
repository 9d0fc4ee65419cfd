"""What someone who waits for a sweep sees: a live table on a terminal, a line for each cell elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ramodel.experiments.sweeps.status import SweepStatus, sweep_status

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ramodel.experiments.sweeps.folder import SweepFolder
    from ramodel.experiments.sweeps.work import Outcome

__all__ = ["Display", "display", "duration_text", "status_table"]


class Display(Protocol):
    """What a running sweep reports to."""

    def report(self, outcome: "Outcome", finished: int, seconds_left: float | None) -> None:
        """Show what came of a cell, how many are finished, and the time left where it can be told."""

    def say(self, text: str) -> None:
        """Show a sentence."""


@contextmanager
def display(folder: "SweepFolder", *, show: bool) -> Iterator[Display]:
    """Show on standard error how a sweep proceeds while the body runs."""
    if not show:
        yield _Silent()
    elif sys.stderr.isatty():
        with _Live(folder) as live:
            yield live
    else:
        yield _Lines(len(folder.cells))


def status_table(status: SweepStatus, *, elapsed: float | None = None) -> "RenderableType":
    """Return a table of arms and numbers of cells, with what runs and what failed below."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    headings = ("cells", "done", "running", "interrupted", "failed", "waiting")
    table.add_column("arm", overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right")
    for arm in status.arms:
        table.add_row(Text(arm.arm), *(str(getattr(arm, heading) or "-") for heading in headings))
    if len(status.arms) > 1:
        totals = (sum(getattr(arm, heading) for arm in status.arms) for heading in headings)
        table.add_section()
        table.add_row(Text("all"), *(str(total or "-") for total in totals))
    lines = [
        f"{cell.name}: {'iteration' if cell.running else 'interrupted at iteration'} {cell.iteration} of at most "
        f"{cell.iterations}"
        for cell in status.begun
    ]
    lines += [f"{name} failed: {error.splitlines()[0]}" for name, error in status.failures.items()]
    return Group(Text(_headline(status, elapsed), style="bold"), Text(), table, *(Text(line, "dim") for line in lines))


def duration_text(seconds: float) -> str:
    """Return a time for people.

    Examples
    --------
    >>> duration_text(3.21), duration_text(75), duration_text(4000)
    ('3.2 s', '1 min 15 s', '1 h 06 min')
    """
    if seconds < 10.0:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _headline(status: SweepStatus, elapsed: float | None) -> str:
    finished = sum(arm.done + arm.failed for arm in status.arms)
    state = "complete" if status.complete else "running" if status.running else "not running"
    words = [f"sweep {status.name}: {finished} of {sum(arm.cells for arm in status.arms)} cells, {state}"]
    if elapsed is not None:
        words.append(duration_text(elapsed))
    if status.seconds_left is not None and not status.complete:
        words.append(f"about {duration_text(status.seconds_left)} left")
    return ", ".join(words)


class _Silent:
    def report(self, outcome: "Outcome", finished: int, seconds_left: float | None) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Show nothing."""


class _Lines:
    def __init__(self, cells: int) -> None:
        self._cells = cells

    def report(self, outcome: "Outcome", finished: int, seconds_left: float | None) -> None:
        """Write a line for the cell."""
        if outcome.failure is not None:
            what = f"failed: {outcome.failure.error.splitlines()[0]}"
        elif outcome.result is not None:
            what = duration_text(outcome.seconds)
        else:
            return
        left = "" if seconds_left is None else f", about {duration_text(seconds_left)} left"
        place = str(finished).rjust(len(str(self._cells)))
        self.say(f"{place}/{self._cells} {outcome.name}: {what}{left}")

    def say(self, text: str) -> None:
        """Write a line."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class _Live:
    """A table that is drawn anew twice a second from the files of the sweep."""

    def __init__(self, folder: "SweepFolder") -> None:
        from rich.console import Console
        from rich.live import Live

        self._folder = folder
        self._began = time.monotonic()
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, get_renderable=self._table, refresh_per_second=2, transient=True)

    def __enter__(self) -> "_Live":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def report(self, outcome: "Outcome", finished: int, seconds_left: float | None) -> None:
        """Leave a line of a failure above the table; the table shows the rest."""
        if outcome.failure is not None:
            self.say(f"{outcome.name} failed: {outcome.failure.error.splitlines()[0]}")

    def say(self, text: str) -> None:
        """Leave a line above the table."""
        self._console.print(text, markup=False, highlight=False)

    def _table(self) -> "RenderableType":
        return status_table(sweep_status(self._folder.path), elapsed=time.monotonic() - self._began)
