"""Progress bars for anything that takes more than a few seconds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Progress", "progress_bar"]


class Progress(Protocol):
    """What a running task reports to."""

    def advance(self, steps: float = 1.0, *, status: str | None = None) -> None:
        """Add `steps` to what is done and show `status` beside the bar."""


class _Silent:
    def advance(self, steps: float = 1.0, *, status: str | None = None) -> None:
        """Do nothing."""


@contextmanager
def progress_bar(title: str, total: float | None, *, show: bool = True) -> Iterator[Progress]:
    """Show a bar on standard error while the body runs; silent where that is not a terminal or `show` is False.

    Parameters
    ----------
    title
        What is being done, a few words.
    total
        Number of steps that make it whole; None if it cannot be told (a pulsing bar).
    show
        Switch.

    Examples
    --------
    >>> with progress_bar("training", 100, show=False) as bar:
    ...     bar.advance(10, status="loss 0.1")
    """
    if not show or not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=total, status="")

        class _Bar:
            def advance(self, steps: float = 1.0, *, status: str | None = None) -> None:
                if status is None:
                    bars.advance(task, steps)
                else:
                    bars.update(task, advance=steps, status=status)

        yield _Bar()
