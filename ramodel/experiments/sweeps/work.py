"""The work of a sweep: jobs, what comes of them, and the places where they run."""

import errno
import os
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import joblib
import msgspec
import xarray as xr
from threadpoolctl import threadpool_limits

from ramodel.experiments.sweeps.archive import Failure
from ramodel.experiments.sweeps.cells import SweepCell
from ramodel.experiments.sweeps.config import SweepConfig

__all__ = ["Backend", "Job", "Outcome", "carry_out", "jobs_of", "work_off"]

Backend = Literal["local", "dask"]

_LARGEST_BATCH = 32
_SECONDS_TO_CONNECT = 15


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is asked to do: one cell, or several that are trained as one programme.

    Parameters
    ----------
    cells, config
        What to compute.
    store
        Folder with the cells of the sweep: where it can be seen, checkpoints go there.
    data_folder, device
        As in `run_sweep_cell`.
    deadline
        Time, as `time.time` tells it, at which a training stops and leaves a checkpoint; None for none.
    """

    cells: tuple[SweepCell, ...]
    config: SweepConfig
    store: Path
    data_folder: Path | None
    device: str
    deadline: float | None

    @property
    def expected_cost(self) -> float:
        """Rough relative time."""
        return sum(cell.expected_cost for cell in self.cells)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a cell: a result, a failure, or neither where time was up or the disk is full.

    Parameters
    ----------
    name
        Of the cell.
    result, failure
        At most one of them.
    disk_full
        Path that could not be written.
    seconds
        What this cell took this time.
    """

    name: str
    result: xr.Dataset | None = None
    failure: Failure | None = None
    disk_full: str | None = None
    seconds: float = 0.0

    @property
    def is_final(self) -> bool:
        """Whether the cell is done with, well or not."""
        return self.result is not None or self.failure is not None


def jobs_of(cells: Sequence[SweepCell], *, batched: bool, **settings: Any) -> list[Job]:
    """Return jobs for these cells, the longest first.

    With `batched`, cells whose networks differ in seeds, decays and learning rates only are one job.
    """
    groups: dict[bytes, list[SweepCell]] = {}
    for cell in cells:
        groups.setdefault(_batch_key(cell) if batched else cell.name.encode(), []).append(cell)
    jobs = [
        Job(cells=tuple(group[start : start + _LARGEST_BATCH]), **settings)
        for group in groups.values()
        for start in range(0, len(group), _LARGEST_BATCH)
    ]
    return sorted(jobs, key=lambda job: job.expected_cost, reverse=True)


def carry_out(job: Job) -> list[Outcome]:
    """Compute the cells of a job on one thread; whatever goes wrong becomes an outcome.

    Cells that turn out not to go together are computed one after the other; their attribute `alone` says why.
    """
    if len(job.cells) == 1:
        return [_carry_out_cell(job, job.cells[0])]
    try:
        return _carry_out_batch(job)
    except Exception as error:  # noqa: BLE001  (no memory for all at once, a layer that cannot be batched, ...)
        why = f"{type(error).__name__}: {error}"
    # Behind the handler: the error holds on to whatever the batch had on the device.
    return [_carry_out_cell(job, cell, alone=why) for cell in job.cells]


def _carry_out_cell(job: Job, cell: SweepCell, **attributes: str) -> Outcome:
    left = None if job.deadline is None else job.deadline - time.time()
    if left is not None and left <= 0.0:
        return Outcome(name=cell.name)
    began = time.perf_counter()
    try:
        from ramodel.experiments.sweeps.run import run_sweep_cell  # torch: only those who run need it

        with _one_thread(), _marked(job.store, [cell]) as (folder,):
            result = run_sweep_cell(
                cell, job.config, data_folder=job.data_folder, device=job.device, folder=folder, stop_after=left
            )
    except Exception as error:  # noqa: BLE001  (whatever it is, it is kept and reported, and the other cells go on)
        return _failed(cell, error)
    found = None if result is None else result.assign_attrs(attributes)
    return Outcome(name=cell.name, result=found, seconds=time.perf_counter() - began)


def work_off(jobs: Sequence[Job], *, workers: int, backend: Backend, address: str | None) -> Iterator[list[Outcome]]:
    """Run jobs in processes, here or on a Dask cluster, and yield their outcomes as they come.

    A process that dies takes the pool with it: what it may have been working on is tried again, alone, after all
    others, and is a failure if its process dies once more. A Dask cluster gives such work to another worker by itself.

    Raises
    ------
    ModuleNotFoundError
        If backend "dask" is not installed.
    ValueError
        If no scheduler answers at `address`.
    """
    waiting = {job.cells[0].name: job for job in jobs}
    suspects: dict[str, Job] = {}
    with _place(backend, address):
        deaths = _deaths(backend)
        while waiting:
            try:
                for outcomes in _pool(workers, list(waiting.values())):
                    waiting.pop(outcomes[0].name)
                    yield outcomes
            except deaths:
                began = {
                    name: job for name, job in waiting.items() if _mark(job.store, job.cells[0]).exists()
                } or waiting
                waiting = {name: job for name, job in waiting.items() if name not in began}
                suspects |= began
        for job in suspects.values():
            try:
                yield from _pool(max(workers, 2), [job])  # 2: joblib runs a single worker inside this process
            except deaths:
                failure = Failure("its process was killed twice, perhaps for lack of memory")
                yield [Outcome(name=cell.name, failure=failure) for cell in job.cells]


def _pool(workers: int, jobs: Iterable[Job]) -> Iterator[list[Outcome]]:
    pool = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
    yield from pool(joblib.delayed(carry_out)(job) for job in jobs)


def _carry_out_batch(job: Job) -> list[Outcome]:
    from ramodel.experiments.sweeps.run import run_sweep_batch

    left = None if job.deadline is None else job.deadline - time.time()
    if left is not None and left <= 0.0:
        return [Outcome(name=cell.name) for cell in job.cells]
    began = time.perf_counter()
    with _one_thread(), _marked(job.store, job.cells) as folders:
        results = run_sweep_batch(
            job.cells,
            job.config,
            data_folder=job.data_folder,
            device=job.device,
            folders=folders,
            stop_after=left,
        )
    each = (time.perf_counter() - began) / len(job.cells)
    return [
        _failed(cell, result)
        if isinstance(result, FloatingPointError)
        else Outcome(name=cell.name, result=result, seconds=each)
        for cell, result in zip(job.cells, results, strict=True)
    ]


def _failed(cell: SweepCell, error: Exception) -> Outcome:
    full = _disk_full(error)
    if full is not None:
        return Outcome(name=cell.name, disk_full=full)
    trace = "".join(traceback.format_exception(error))
    return Outcome(name=cell.name, failure=Failure(f"{type(error).__name__}: {error}", trace))


@contextmanager
def _marked(store: Path, cells: Sequence[SweepCell]) -> Iterator[list[Path | None]]:
    """Mark cells as running, and give their folders for checkpoints; None where the sweep cannot be seen from here."""
    if not store.is_dir():
        yield [None] * len(cells)
        return
    marks = [_mark(store, cell) for cell in cells]
    try:
        for mark in marks:
            mark.parent.mkdir(exist_ok=True)
            mark.write_text(str(os.getpid()))
        yield [mark.parent for mark in marks]
    finally:
        for mark in marks:
            mark.unlink(missing_ok=True)


def _mark(store: Path, cell: SweepCell) -> Path:
    return store / f"{cell.name}.part" / "running"


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def _disk_full(error: BaseException | None) -> str | None:
    """Return the file that found the disk full, looking through causes; safetensors says it in words only."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return str(error.filename or "a temporary file")
        if "No space left on device" in str(error):
            return "a checkpoint"
        error = error.__cause__
    return None


def _batch_key(cell: SweepCell) -> bytes:
    """Return what cells share that can be trained together; the name of one that cannot."""
    from ramodel.nets.training.batched import FREE_SETTINGS, unbatched_settings

    if unbatched_settings(cell.training) or cell.training.iterations == 0:
        return cell.name.encode()
    shared = {name: value for name, value in msgspec.structs.asdict(cell.training).items() if name not in FREE_SETTINGS}
    return msgspec.json.encode((cell.network, cell.data, shared), order="sorted")


def _deaths(backend: Backend) -> type[BaseException]:
    """Return what is raised where a process that worked died."""
    if backend == "local":
        from joblib.externals.loky.process_executor import BrokenProcessPool

        return BrokenProcessPool  # type: ignore[no-any-return]
    from distributed import KilledWorker

    return KilledWorker


@contextmanager
def _place(backend: Backend, address: str | None) -> Iterator[None]:
    """Send work to processes of this machine, or to the cluster whose scheduler is at `address`."""
    if backend == "local":
        yield
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ModuleNotFoundError(
            "backend 'dask' needs dask and distributed; install them with `pip install ramodel[cluster]`."
        ) from error
    if address is None:
        raise ValueError("address is missing; backend 'dask' needs that of a scheduler, such as tcp://127.0.0.1:8786.")
    try:
        client = Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ValueError(f"address is {address!r}; no Dask scheduler answers there ({error}).") from error
    with client, joblib.parallel_config("dask", client=client):
        yield
