"""The folder of a sweep: its settings, its finished and failed cells, checkpoints of those that run."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import xarray as xr

from ramodel.checks import writable_folder
from ramodel.experiments.store import CellStore, write_atomically
from ramodel.experiments.sweeps.archive import Failure, SweepContent, read_packed
from ramodel.experiments.sweeps.cells import SweepCell, cells
from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.experiments.sweeps.toml import from_toml, to_toml

__all__ = ["SweepFolder", "differing_keys", "read_sweep", "sweep_cells"]

_CONFIG, _STATUS, _LOCK, _RUNNING = "sweep.toml", "status.json", ".lock", "running"


class SweepFolder:
    """A folder that holds one sweep.

    Parameters
    ----------
    path
        Made where it is missing by `begin`; `open` wants it to be there.
    name, config
        The sweep.
    """

    def __init__(self, path: Path, name: str, config: SweepConfig) -> None:
        self.path = path
        self.name = name
        self.config = config
        self.store = CellStore(path / "cells")
        self.cells: dict[str, SweepCell] = {cell.name: cell for cell in cells(config)}

    @classmethod
    def begin(cls, out: str | os.PathLike[str], name: str, config: SweepConfig, note: str = "") -> "SweepFolder":
        """Make a folder for a sweep, or return the one that is there.

        Raises
        ------
        ValueError
            If it holds a sweep of other settings; they are named.
        OSError
            If it cannot be made or written to.
        """
        path = writable_folder("out", out)
        if not (path / _CONFIG).exists():
            heading = f"# ramodel sweep {name}" + (f", {note}" if note else "")
            write_atomically(path / _CONFIG, f"{heading}\n{to_toml(config)}")
            write_atomically(path / _STATUS, msgspec.json.encode({"sweep": name}))
        there = cls.open(path)
        differing = differing_keys(there.config, config)
        if differing:
            kept = sum(map(there.has, there.cells))
            way_out = "Use another folder" if kept else "Remove it, for it holds no result, or use another folder"
            raise ValueError(f"out is {str(path)!r}; it holds another sweep ({'; '.join(differing)}). {way_out}.")
        return there

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> "SweepFolder":
        """Return the sweep in a folder.

        Raises
        ------
        FileNotFoundError
            If it holds none.
        ValueError
            If its settings are damaged.
        """
        path = Path(folder).expanduser()
        file = path / _CONFIG
        if not file.is_file():
            raise FileNotFoundError(
                f"{str(path)!r} is no sweep; it must be the folder of one, which holds {_CONFIG}, or a packed file."
            )
        try:
            config = from_toml(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{str(path)!r} is damaged: its {_CONFIG} cannot be read ({error}). Put it right or use another folder."
            ) from error
        return cls(path, str(cls._read_status(path).get("sweep", config.law)), config)

    def part(self, name: str) -> Path:
        """Return the folder for checkpoints of a running cell."""
        return self.store.folder / f"{name}.part"

    def running_mark(self, name: str) -> Path:
        """Return the file that is there while a cell runs."""
        return self.part(name) / _RUNNING

    def finish(self, name: str, found: xr.Dataset) -> None:
        """Store the result of a cell and drop its checkpoints."""
        self.store.write(name, found.assign_attrs(sweep=self.name))
        shutil.rmtree(self.part(name), ignore_errors=True)

    def fail(self, name: str, failure: Failure) -> None:
        """Store that a cell failed; its checkpoints go."""
        self.store.write_failure(name, failure.error, failure.traceback)
        shutil.rmtree(self.part(name), ignore_errors=True)

    def result(self, name: str) -> xr.Dataset | None:
        """Return the result of a cell; None where there is none, or it is damaged or of other settings."""
        found = self.store.read(name)
        return found if found is not None and found.attrs.get("digest") == self.cells[name].digest else None

    def failure(self, name: str) -> Failure | None:
        """Return why a cell failed, where it did and no result came later."""
        file = self._failure_file(name)
        if not file.exists():
            return None
        try:
            return msgspec.json.decode(file.read_bytes(), type=Failure)
        except (msgspec.DecodeError, OSError):
            return Failure("its record of failure is damaged")

    def prepare(self) -> None:
        """Remove what killed processes left; nobody else may be running the sweep."""
        self.store.clear_unfinished()
        for name in self.cells:
            self.running_mark(name).unlink(missing_ok=True)

    def forget_failures(self) -> None:
        """Remove the records of failed cells, so that they are tried again."""
        for name in self.cells:
            self._failure_file(name).unlink(missing_ok=True)

    def set_aside_damaged(self) -> list[str]:
        """Rename results that cannot be read to NAME.corrupt and return the names of their cells."""
        damaged = [name for name in self.cells if self._file(name).exists() and self.result(name) is None]
        for name in damaged:
            self._file(name).replace(self.store.folder / f"{name}.corrupt")
        return damaged

    def drop_damaged_checkpoints(self) -> list[str]:
        """Remove checkpoints that cannot be read, so that trainings begin anew; return the names of their cells."""
        from ramodel.nets import load_checkpoint  # torch: only who runs a sweep needs it

        damaged = []
        for name in self.cells:
            if (self.part(name) / "checkpoint.json").exists():
                try:
                    load_checkpoint(self.part(name))
                except (ValueError, OSError):
                    shutil.rmtree(self.part(name))
                    damaged.append(name)
        return damaged

    def has(self, name: str) -> bool:
        """Tell whether there is a file with the result of a cell."""
        return self._file(name).exists()

    def write_status(self, **status: Any) -> None:
        """Replace the file that tells other processes how the sweep stands."""
        write_atomically(self.path / _STATUS, msgspec.json.encode({"sweep": self.name, **status}))

    def read_status(self) -> dict[str, Any]:
        """Return what `write_status` wrote last; nothing where that is damaged."""
        return self._read_status(self.path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from running this sweep meanwhile; the end of the process, any end, frees it.

        Raises
        ------
        ValueError
            If another one runs it.
        """
        with (self.path / _LOCK).open("a") as file:
            tries = 10  # a process that only looks at the status holds the lock for an instant
            while not _locked(file):
                tries -= 1
                if tries == 0:
                    raise ValueError(
                        f"out is {str(self.path)!r}; another process runs this sweep. Wait for it or end it."
                    )
                time.sleep(0.02)
            yield

    @property
    def is_held(self) -> bool:
        """Whether a process runs this sweep now."""
        path = self.path / _LOCK
        if not path.exists():
            return False
        with path.open("a") as file:
            return not _locked(file)

    def content(self) -> SweepContent:
        """Return every result and failure."""
        found = {name: result for name in self.cells if (result := self.result(name)) is not None}
        failures = {name: why for name in self.cells if name not in found and (why := self.failure(name)) is not None}
        return SweepContent(self.name, self.config, found, failures)

    def _file(self, name: str) -> Path:
        return self.store.folder / f"{name}.nc"

    def _failure_file(self, name: str) -> Path:
        return self.store.folder / f"{name}.failed.json"

    @staticmethod
    def _read_status(path: Path) -> dict[str, Any]:
        try:
            return msgspec.json.decode((path / _STATUS).read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.DecodeError):
            return {}


def read_sweep(path: str | os.PathLike[str]) -> SweepContent:
    """Return everything a sweep holds, from its folder or from a packed file.

    Raises
    ------
    FileNotFoundError
        If there is no sweep.
    ValueError
        If it is damaged.
    """
    place = Path(path).expanduser()
    return read_packed(place) if place.is_file() else SweepFolder.open(place).content()


def sweep_cells(path: str | os.PathLike[str]) -> tuple[SweepConfig, dict[str, xr.Dataset], dict[str, str]]:
    """Return settings, results by name of the cell, and errors by name of the cell, from a folder or a packed file.

    Raises
    ------
    FileNotFoundError
        If there is no sweep.
    ValueError
        If it is damaged.
    """
    found = read_sweep(path)
    return found.config, found.cells, {name: failure.error for name, failure in found.failures.items()}


def differing_keys(there: SweepConfig, here: SweepConfig) -> list[str]:
    """Return "key: value there, not value here" for every setting in which two sweeps differ."""
    return list(_differences("", msgspec.to_builtins(there), msgspec.to_builtins(here)))


def _differences(prefix: str, there: dict[str, Any], here: dict[str, Any]) -> Iterator[str]:
    for key in there | here:
        before, now = there.get(key), here.get(key)
        name = f"{prefix}{key}"
        if before == now:
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _differences(f"{name}.", before, now)
        else:
            yield name if _is_long(before) or _is_long(now) else f"{name}: {before!r}, not {now!r}"


def _is_long(value: Any) -> bool:
    return len(repr(value)) > 60


def _locked(file: Any) -> bool:
    """Try to lock an open file; systems without such locks let everyone pass."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
