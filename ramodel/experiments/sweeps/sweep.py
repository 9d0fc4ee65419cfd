"""Running a sweep: every cell once, whatever happens in between."""

import errno
import os
import time
from pathlib import Path

import msgspec

from ramodel.checks import integer, one_of, positive
from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.experiments.sweeps.display import display
from ramodel.experiments.sweeps.folder import SweepFolder
from ramodel.experiments.sweeps.load import load_sweep
from ramodel.experiments.sweeps.work import Backend, Outcome, jobs_of, work_off

__all__ = ["SweepResult", "sweep"]


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a call of `sweep` gave.

    Parameters
    ----------
    folder, name
        Of the sweep.
    finished
        Names of all cells that have a result now.
    failures
        Errors by name of the cell.
    left
        Names of cells that are still to be done, because time was up.
    corrupt
        Names of cells whose files were damaged, put aside and computed again.
    seconds
        Wall time of the call.
    """

    folder: Path
    name: str
    finished: tuple[str, ...]
    failures: dict[str, str]
    left: tuple[str, ...]
    corrupt: tuple[str, ...]
    seconds: float

    @property
    def exit_code(self) -> int:
        """1 if a cell failed, else 0, also where time was up."""
        return int(bool(self.failures))


def sweep(
    config: SweepConfig | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    stop_after: float | None = None,
    backend: Backend = "local",
    address: str | None = None,
    device: str = "auto",
    batched: bool | None = None,
    data_folder: str | os.PathLike[str] | None = None,
    retry_failed: bool = False,
    progress: bool = True,
    name: str | None = None,
    note: str = "",
) -> SweepResult:
    """Train and measure every network of a sweep into the folder `out`.

    Every finished cell is written whole at once. A run that ends, however, continues from there with the same numbers:
    even the trainings that were interrupted go on from their checkpoints. A cell that fails is stored with its error,
    and the others go on.

    Parameters
    ----------
    config
        The sweep, or the path of its file.
    out
        Folder of the sweep; made where it is missing.
    jobs
        Processes of this machine, each of one thread; all cores by default, one with a GPU. A cluster uses its own.
    stop_after
        Seconds after which no cell is begun, and trainings stop and leave checkpoints.
    backend, address
        "local", or "dask" with the address of a scheduler (extra `cluster`). Results come back over the network, and
        this process alone writes them: workers need no shared disk, but where they see `out` they keep checkpoints.
        The path `data_folder`, or their own environment variable RAMODEL_DATA, must hold the data there.
    device
        "cpu", "cuda", ...; "auto" is a GPU where there is one.
    batched
        Whether networks that differ in seeds, decays and learning rates only are trained as one programme; by default
        on a GPU.
    data_folder
        Where data sets other than digits are looked for; default the environment variable RAMODEL_DATA.
    retry_failed
        Whether cells that failed before are tried again.
    progress
        Show a live table on a terminal, a line for each cell elsewhere.
    name
        Of the sweep; by default that of its file.
    note
        Said in the first line of ``sweep.toml``.

    Raises
    ------
    ValueError
        If an argument is out of range, `out` holds a sweep of other settings, or another process runs it.
    OSError
        If `out` cannot be written to, or the disk is full: what is there is kept.
    """
    began = time.perf_counter()
    deadline = None if stop_after is None else time.time() + positive("stop_after", stop_after)
    one_of("backend", backend, ["local", "dask"])
    if backend == "local" and address is not None:
        raise ValueError(f"address is {address!r}, which backend 'local' does not use; it must be backend='dask'.")
    if backend == "local" and data_folder is not None and not Path(data_folder).expanduser().is_dir():
        raise ValueError(f"data_folder is {str(data_folder)!r}; it must be a folder that exists.")
    on_gpu = backend == "local" and _is_gpu(device)
    workers = integer("jobs", jobs) if jobs is not None else 1 if on_gpu else os.cpu_count() or 1
    if isinstance(config, SweepConfig):
        settings, stem = config, config.law
    else:
        settings, stem = load_sweep(config), Path(config).stem
    folder = SweepFolder.begin(out, name or stem, settings, note)
    with folder.held(), display(folder, show=progress) as shown:
        folder.prepare()
        corrupt = folder.set_aside_damaged()
        for damaged in corrupt:
            shown.say(f"{damaged}.nc is damaged; it is kept as {damaged}.corrupt and computed again.")
        for damaged in folder.drop_damaged_checkpoints():
            shown.say(f"{damaged}: its checkpoint is damaged; this training begins anew.")
        if retry_failed:
            folder.forget_failures()
        missing = [
            cell for cell in folder.cells.values() if not folder.has(cell.name) and not folder.failure(cell.name)
        ]
        todo = jobs_of(
            missing,
            batched=on_gpu if batched is None else batched,
            config=settings,
            store=folder.store.folder.resolve(),
            data_folder=None if data_folder is None else Path(data_folder).expanduser().resolve(),
            device=device,
            deadline=deadline,
        )
        clock = _Clock(sum(job.expected_cost for job in todo), workers)
        finished = len(folder.cells) - len(missing)
        for outcomes in work_off(todo, workers=workers, backend=backend, address=address):
            for outcome in outcomes:
                _store(folder, outcome)
                clock.count(folder, outcome)
                finished += outcome.is_final
                shown.report(outcome, finished, clock.seconds_left)
            folder.write_status(seconds_left=clock.seconds_left)
    return _result(folder, corrupt, time.perf_counter() - began)


def _store(folder: SweepFolder, outcome: Outcome) -> None:
    """Write what came of a cell; raise OSError, saying what is kept, where the disk is full."""
    full = outcome.disk_full
    if full is None:
        try:
            if outcome.result is not None:
                folder.finish(outcome.name, outcome.result)
            elif outcome.failure is not None:
                folder.fail(outcome.name, outcome.failure)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            full = str(error.filename)
    if full is not None:
        kept = sum(map(folder.has, folder.cells))
        raise OSError(f"the disk is full ({full}); {kept} finished cells are kept. Free some space, then continue.")


def _result(folder: SweepFolder, corrupt: list[str], seconds: float) -> SweepResult:
    finished = tuple(name for name in folder.cells if folder.has(name))
    failures = {
        name: failure.error
        for name in folder.cells
        if name not in finished and (failure := folder.failure(name)) is not None
    }
    return SweepResult(
        folder=folder.path,
        name=folder.name,
        finished=finished,
        failures=failures,
        left=tuple(name for name in folder.cells if name not in finished and name not in failures),
        corrupt=tuple(corrupt),
        seconds=seconds,
    )


def _is_gpu(device: str) -> bool:
    from ramodel.experiments.sweeps.run import sweep_device

    return sweep_device(device).type != "cpu"


class _Clock:
    """Tells the time left from what finished cells took for what they were expected to cost."""

    def __init__(self, cost: float, workers: int) -> None:
        self._left = cost
        self._workers = workers
        self._seconds = 0.0
        self._cost = 0.0

    def count(self, folder: SweepFolder, outcome: Outcome) -> None:
        """Count a finished cell."""
        cost = folder.cells[outcome.name].expected_cost
        self._left -= cost
        if outcome.result is not None:
            self._cost += cost
            self._seconds += outcome.seconds

    @property
    def seconds_left(self) -> float | None:
        """Time left; None before the first cell is finished."""
        return None if self._cost == 0.0 else max(self._left, 0.0) * self._seconds / self._cost / self._workers
