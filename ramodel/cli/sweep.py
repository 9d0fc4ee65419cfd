"""`ramodel sweep`: many networks from one file, run, watched, joined."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ramodel.cli.command import Command, Ids, Maybe, Switch
from ramodel.cli.errors import UsageError
from ramodel.cli.output import say, say_json, show, warn

if TYPE_CHECKING:
    from ramodel.experiments.sweeps import SweepResult

__all__ = ["Sweep"]


class Sweep(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Train and measure every network of a sweep: `ramodel sweep CONFIG --out DIR`. The file says what is varied.

    Whatever ends it, even kill -9, the same command continues: finished networks are kept, and the trainings that were
    interrupted go on from their checkpoints, to the same numbers. A network that fails is stored with its error and the
    others go on. With --stop-after no training begins or goes on beyond that time. Sweeps of the paper's claims are in
    configs/cpu (minutes on two cores) and configs/gpu of the repository; copy one to write your own.

    On a GPU, networks that differ in seeds, decays and learning rates only are trained as one programme. With
    --backend dask the networks are trained on a cluster; this process alone writes their results.

    `ramodel sweep --status DIR` tells how a sweep stands, also while another process runs it. `ramodel sweep --merge
    OUT.nc DIR` packs a sweep into one small file; `ramodel sweep --merge DIR FILE ...` joins such files and folders
    into a folder that can be continued. `ramodel confront DIR` sets a sweep against its claims.

    Exit code: 0, also where time was up; 1 where a network failed or --merge found two results of one; 2 where it
    cannot be done as given; 130 after Ctrl-C. JSON: the folder, names of finished, failed and left cells, seconds; with
    --status the numbers of cells of every arm and what runs; with --merge how many cells there are, and conflicts.
    """

    EXAMPLE: ClassVar[str] = "ramodel sweep configs/cpu/depth.toml --out runs/depth"
    ARGUMENTS: ClassVar[dict[str, str]] = {"data_folder": "data", "target": "merge", "folder": "status"}
    AFTER_INTERRUPT: ClassVar[str] = "The same command continues where this one stopped."

    paths: Ids = ()
    """The file of the sweep; with --merge, the folders and packed files to join."""

    out: Maybe[Path] = None
    """Folder of the sweep; made where it is missing, continued where it holds an unfinished one."""

    jobs: Maybe[int] = None
    """Processes, one thread each; all cores by default, one on a GPU."""

    stop_after: Maybe[str] = None
    """Time after which to stop cleanly, such as 9m or 90s."""

    backend: Literal["local", "dask"] = "local"
    """Where to compute: here, or on a Dask cluster (extra `cluster`)."""

    address: Maybe[str] = None
    """Address of the cluster's scheduler, such as tcp://10.0.0.1:8786."""

    device: str = "auto"
    """`auto` (a GPU where there is one), `cpu` or `cuda`."""

    batched: Switch = False
    """Train similar networks as one programme on a CPU as well."""

    data: Maybe[Path] = None
    """Data folder, where data sets other than digits are looked for; else the environment variable RAMODEL_DATA."""

    seeds: Maybe[int] = None
    """Number of networks of each kind, instead of that in the file."""

    set: tuple[str, ...] = ()
    """Settings that replace those of the file, such as training.iterations=50 network.width=16."""

    retry_failed: Switch = False
    """Try cells again that failed before."""

    status: Maybe[Path] = None
    """Tell how the sweep in this folder or packed file stands, and do nothing."""

    merge: Maybe[Path] = None
    """Join sweeps into this folder, or into one packed file if the name ends in .nc."""

    json: Switch = False
    """Print JSON instead of text."""

    def run(self) -> int:
        """Run, watch or join."""
        if self.status is not None and (self.merge is not None or self.paths or self.out is not None):
            raise UsageError("ramodel sweep: --status stands alone; for example `ramodel sweep --status runs/depth`.")
        if self.merge is not None and self.out is not None:
            raise UsageError("ramodel sweep: --out is given beside --merge, which names its target itself.")
        if self.status is not None:
            return self._status(self.status)
        if self.merge is not None:
            return self._merge(self.merge)
        if len(self.paths) != 1:
            what = "the file of a sweep is missing" if not self.paths else f"{self.paths[1]!r} is one word too many"
            raise UsageError(f"ramodel sweep: {what}; for example `{self.EXAMPLE}`.")
        if self.out is None:
            raise UsageError(f"ramodel sweep: --out is missing; for example `{self.EXAMPLE}`.")
        return self._sweep(Path(self.paths[0]), self.out)

    def _sweep(self, file: Path, out: Path) -> int:
        from ramodel.cli.durations import seconds_in
        from ramodel.experiments.sweeps import load_sweep, sweep

        overrides = self._overrides()
        result = sweep(
            load_sweep(file, overrides=overrides),
            out,
            jobs=self.jobs,
            stop_after=None if self.stop_after is None else seconds_in("stop_after", self.stop_after),
            backend=self.backend,
            address=self.address,
            device=self.device,
            batched=True if self.batched else None,
            data_folder=self.data,
            retry_failed=self.retry_failed,
            name=file.stem,
            note=", ".join(f"{name} = {value!r}" for name, value in overrides.items()),
        )
        if self.json:
            names = ("name", "finished", "failures", "left", "corrupt", "seconds")
            say_json({"folder": str(result.folder), **{name: getattr(result, name) for name in names}})
        else:
            _tell(result)
        _warn_of(result.failures)
        return result.exit_code

    def _overrides(self) -> dict[str, Any]:
        """Return what --set and --seeds say; a value that is no TOML is a word."""
        found: dict[str, Any] = {}
        for setting in self.set:
            name, equals, value = setting.partition("=")
            if not equals or not name:
                raise UsageError(f"ramodel sweep: --set has {setting!r}; it must be NAME=VALUE, such as seeds=1.")
            try:
                found[name] = tomllib.loads(f"value = {value}")["value"]
            except tomllib.TOMLDecodeError:
                found[name] = value
        return found if self.seeds is None else found | {"seeds": self.seeds}

    def _status(self, place: Path) -> int:
        from ramodel.experiments.sweeps.display import status_table
        from ramodel.experiments.sweeps.status import sweep_status

        found = sweep_status(place)
        if self.json:
            say_json(found)
        else:
            show(status_table(found))
        return 0

    def _merge(self, target: Path) -> int:
        from ramodel.experiments.sweeps.merge import merge_sweeps

        if not self.paths:
            raise UsageError(
                "ramodel sweep: nothing to merge; for example `ramodel sweep --merge runs/depth.nc runs/depth`."
            )
        found = merge_sweeps(target, self.paths)
        if self.json:
            say_json({**{name: getattr(found, name) for name in found.__struct_fields__}, "path": str(found.path)})
        else:
            size = f" ({target.stat().st_size / 1e6:.2f} MB)" if target.is_file() else ""
            missing = f", {found.missing} to be computed" if found.missing else ""
            say(f"{target}{size}: {found.cells} cells, {found.failures} failed{missing}")
        for name, (kept, other) in found.conflicts.items():
            warn(f"ramodel sweep: {name} differs in {other}; that of {kept} is kept.")
        return int(bool(found.conflicts))


def _warn_of(failures: dict[str, str]) -> None:
    """Say which cells failed, those of one error together."""
    alike: dict[str, list[str]] = {}
    for name, error in failures.items():
        alike.setdefault(error.splitlines()[0], []).append(name)
    for error, (first, *others) in alike.items():
        warn(f"ramodel sweep: {first}{f' and {len(others)} more' if others else ''} failed: {error}")


def _tell(result: "SweepResult") -> None:
    """Say what a run gave, and how to go on."""
    from ramodel.experiments.sweeps.display import duration_text

    total = len(result.finished) + len(result.failures) + len(result.left)
    say(f"{len(result.finished)} of {total} cells in {result.folder}, {duration_text(result.seconds)}")
    if result.left:
        say(f"Time is up with {len(result.left)} cells to go. The same command continues.")
