"""The main job: train, measure and confront a whole plan of cells; interrupted and restarted, it continues."""

import os
import platform
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import joblib
import msgspec
import xarray as xr
from threadpoolctl import threadpool_limits

from ramodel.checks import integer, writable_folder
from ramodel.comparison import Comparison
from ramodel.experiments.cell import Cell
from ramodel.experiments.claims import Arm, NetworkKind
from ramodel.experiments.confront import DepthRow, confront, depth_rows, in_order
from ramodel.experiments.simulations import Simulations, confront_simulations, run_simulations
from ramodel.experiments.store import CellStore, write_atomically, write_measurements
from ramodel.progress import progress_bar

__all__ = ["FULL", "QUICK", "Plan", "Reproduction", "reproduce"]

Job = Cell | Simulations

_KINDS: tuple[NetworkKind, ...] = ("linear", "factored", "gelu", "relu")


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run trains and measures.

    Parameters
    ----------
    dataset, test_size
        Data of every cell.
    depths, width
        Of the networks.
    train_size, seeds, iterations
        Of networks of the provable model ("linear", "factored"): training samples, number of networks of each kind and
        depth, most iterations.
    nonlinear_train_size, nonlinear_seeds, nonlinear_iterations
        The same of "gelu" and "relu" networks, whose iterations, `nonlinear_iterations` over the depth, cost much more.
    no_skip_depths
        Depths at which nonlinear networks without skips are tried; linear ones are trained at all `depths`.
    sgd_depths, sgd_epochs
        Linear networks trained by mini-batches.
    tolerance
        Relative gradient norm at which full-batch training stops.
    decay
        lam_J = lam_W = lam_E.
    inputs
        Test inputs at which every network is measured.
    seed
        Root seed.
    """

    dataset: str = "digits"
    test_size: int = 500
    depths: tuple[int, ...] = (4, 8, 16, 32)
    width: int = 32
    train_size: int = 1000
    seeds: int = 3
    iterations: int = 3000
    nonlinear_train_size: int = 300
    nonlinear_seeds: int = 2
    nonlinear_iterations: int = 10_000
    no_skip_depths: tuple[int, ...] = (4, 8)
    sgd_depths: tuple[int, ...] = (8,)
    sgd_epochs: int = 300
    tolerance: float = 1e-7
    decay: float = 1e-2
    inputs: int = 20
    seed: int = 0

    @property
    def cells(self) -> list[Cell]:
        """Every cell, the longest first."""
        model, nonlinear = _KINDS[:2], _KINDS[2:]
        cells = [self._cell(kind, "trained", L, n) for kind in model for L in self.depths for n in range(self.seeds)]
        cells += [
            self._cell(kind, "trained", L, n)
            for kind in nonlinear
            for L in self.depths
            for n in range(self.nonlinear_seeds)
        ]
        cells += [self._cell(kind, "untrained", L, 0) for kind in _KINDS for L in self.depths]
        cells += [self._cell("linear", "no-skip", L, 0) for L in self.depths]
        cells += [self._cell(kind, "no-skip", L, 0) for kind in _KINDS[1:] for L in self.no_skip_depths]
        cells += [self._cell("linear", "sgd", L, 0) for L in self.sgd_depths]
        return sorted(cells, key=_expected_cost, reverse=True)

    def _cell(self, kind: NetworkKind, arm: Arm, depth: int, seed: int) -> Cell:
        is_model = kind in ("linear", "factored")
        iterations = self.iterations if is_model else max(self.nonlinear_iterations // depth, 1)
        return Cell(
            kind=kind,
            arm=arm,
            depth=depth,
            seed=self.seed + seed,
            width=self.width,
            dataset=self.dataset,
            train_size=self.train_size if is_model else self.nonlinear_train_size,
            test_size=self.test_size,
            jacobian_decay=self.decay,
            head_decay=self.decay,
            embedding_decay=self.decay,
            tolerance=self.tolerance,
            iterations=self.sgd_epochs if arm == "sgd" else iterations,
            inputs=self.inputs,
        )


class _Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run folder was begun with: cells of other versions are not its own."""

    ramodel: str
    torch: str
    numpy: str
    plan: Plan


FULL = Plan()
"""About three minutes on two cores."""

QUICK = Plan(
    test_size=300,
    depths=(4, 8, 16),
    width=24,
    train_size=500,
    seeds=1,
    nonlinear_train_size=200,
    nonlinear_seeds=1,
    nonlinear_iterations=3600,
    no_skip_depths=(4,),
    sgd_epochs=200,
    inputs=10,
)
"""Under forty seconds on two cores."""


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """What a run gave: where it is, what was measured, every comparison, what was reached, and what failed."""

    folder: Path
    plan: Plan
    measurements: xr.DataTree
    comparisons: tuple[Comparison, ...]
    rows: tuple[DepthRow, ...]
    failures: dict[str, str]
    seconds: float

    @property
    def exit_code(self) -> int:
        """1 if a cell failed or a claim that the theory proves does not hold, else 0; an empirical miss is a result."""
        proven = (row for row in self.comparisons if row.kind != "empirical")
        return int(bool(self.failures) or any(row.verdict == "does not hold" for row in proven))


def reproduce(
    out: str | os.PathLike[str],
    *,
    plan: Plan = FULL,
    jobs: int | None = None,
    data_folder: Path | None = None,
    progress: bool = True,
) -> Reproduction:
    """Run the main job into the folder `out`: predict, simulate, train, measure, confront.

    Every finished cell is kept in ``out/cells``; a run that was interrupted, however, continues from there and ends
    with the same numbers. Writes ``measurements.nc`` and ``verdicts.json``.

    Parameters
    ----------
    out
        Folder of the run; made where it is missing.
    plan
        `FULL` or `QUICK`, or one of your own.
    jobs
        Processes, each of one thread; all cores by default.
    data_folder
        Where data sets other than digits are looked for; default the environment variable RAMODEL_DATA.
    progress
        Show a bar on a terminal.

    Raises
    ------
    ValueError
        If `out` holds a run of another plan.
    OSError
        If `out` cannot be written to.
    """
    began = time.perf_counter()
    folder = writable_folder("out", out)
    workers = -1 if jobs is None else integer("jobs", jobs)
    _claim_folder(folder, plan)
    store = CellStore(folder / "cells")
    wanted: list[Job] = [Simulations(seed=plan.seed), *plan.cells]

    store.clear_unfinished()
    finished = {job.name: found for job in wanted if (found := store.read(job.name)) is not None}
    missing = [job for job in wanted if job.name not in finished]
    with progress_bar("cells", len(wanted), show=progress) as bar:
        bar.advance(len(finished), status=f"{len(finished)} found" if finished else "")
        for name, found in _work_off(missing, store.folder, data_folder, workers):
            if found is not None:
                finished[name] = found
            bar.advance(status=name)
    failures = {job.name: store.failure(job.name) or "it was lost" for job in wanted if job.name not in finished}

    ordered = {name: finished[name] for name in sorted(finished)}
    root = xr.Dataset(attrs=_provenance(plan))
    write_measurements(folder / "measurements.nc", root, ordered)
    comparisons, rows = _judge(ordered)
    result = Reproduction(
        folder=folder,
        plan=plan,
        measurements=xr.DataTree.from_dict({"/": root, **ordered}),
        comparisons=tuple(comparisons),
        rows=tuple(rows),
        failures=failures,
        seconds=time.perf_counter() - began,
    )
    write_atomically(folder / "verdicts.json", _verdicts(result))
    return result


def _work_off(
    jobs: Sequence[Job], cells: Path, data_folder: Path | None, workers: int
) -> Iterator[tuple[str, xr.Dataset | None]]:
    """Run the jobs in processes; yield names and results as they finish, None for a failure."""
    if not jobs:
        return
    pool = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
    yield from pool(joblib.delayed(_run_and_store)(job, cells, data_folder) for job in jobs)


def _run_and_store(job: Job, cells: Path, data_folder: Path | None) -> tuple[str, xr.Dataset | None]:
    """Run one job on one thread and store it; an error is stored, so that the run goes on."""
    import torch  # takes seconds: only the processes that run need it

    from ramodel.experiments.run import run_cell

    store = CellStore(cells)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            found = run_simulations(job) if isinstance(job, Simulations) else run_cell(job, data_folder=data_folder)
        store.write(job.name, found)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is kept and reported, and the other cells go on)
        store.write_failure(job.name, f"{type(error).__name__}: {error}")
        return job.name, None
    finally:
        torch.set_num_threads(threads)
    return job.name, found


def _judge(finished: dict[str, xr.Dataset]) -> tuple[list[Comparison], list[DepthRow]]:
    cells = {name: found for name, found in finished.items() if "arm" in found.attrs}
    simulated = finished.get(Simulations().name)
    comparisons = confront(cells) + (confront_simulations(simulated) if simulated is not None else [])
    return in_order(comparisons), depth_rows(cells)


def _claim_folder(folder: Path, plan: Plan) -> None:
    """Write plan and versions into the folder, or check that those found there are the same."""
    now = _Origin(ramodel=version("ramodel"), torch=version("torch"), numpy=version("numpy"), plan=plan)
    path = folder / "plan.json"
    if path.exists():
        try:
            there = msgspec.json.decode(path.read_bytes(), type=_Origin)
        except msgspec.DecodeError as error:
            raise ValueError(
                f"out is {str(folder)!r}; its plan.json is damaged ({error}). Use another folder."
            ) from error
        if there != now:
            differing = [name for name in ("ramodel", "torch", "numpy") if getattr(now, name) != getattr(there, name)]
            differing += [name for name in plan.__struct_fields__ if getattr(plan, name) != getattr(there.plan, name)]
            raise ValueError(
                f"out is {str(folder)!r}; it holds a run of another plan (differing in {', '.join(differing)}). "
                "Use another folder, or remove this one."
            )
    else:
        write_atomically(path, msgspec.json.format(msgspec.json.encode(now)) + b"\n")


def _provenance(plan: Plan) -> dict[str, str]:
    packages = ("ramodel", "numpy", "scipy", "torch", "xarray", "scikit-learn")
    versions = {name: version(name) for name in packages} | {"python": platform.python_version()}
    return {
        "title": "ramodel reproduce: measurements",
        "plan": msgspec.json.encode(plan).decode(),
        "seed": str(plan.seed),
        "versions": msgspec.json.encode(versions).decode(),
    }


def _verdicts(result: Reproduction) -> bytes:
    rows = [msgspec.to_builtins(row) | {"error": row.error, "verdict": row.verdict} for row in result.comparisons]
    content = {
        "plan": result.plan,
        "comparisons": rows,
        "depths": result.rows,
        "failures": result.failures,
        "exit_code": result.exit_code,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _expected_cost(cell: Cell) -> float:
    """Rough relative time of a cell, so that the longest start first and the last ones are short."""
    if cell.arm == "untrained":
        return 0.0
    if cell.kind in ("linear", "factored"):
        return float(cell.depth)
    return cell.depth * cell.iterations * {"gelu": 2e-3, "relu": 1e-3}[cell.kind]
