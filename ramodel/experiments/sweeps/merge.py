"""Joining parts of a sweep that were computed in several places, into a folder or one packed file."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import xarray as xr

from ramodel.checks import replaceable_file
from ramodel.experiments.sweeps.archive import SweepContent, write_packed
from ramodel.experiments.sweeps.cells import cells
from ramodel.experiments.sweeps.folder import SweepFolder, differing_keys, read_sweep

__all__ = ["Merged", "merge_sweeps"]

_SAME = 1e-5
"""Relative: packed files keep single precision."""


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What joining gave.

    Parameters
    ----------
    path, name
        Of the joined sweep.
    cells, failures
        How many it holds.
    missing
        How many cells are still to be computed.
    conflicts
        For every cell of which two sources have different numbers, which sources; the first one's are kept.
    """

    path: Path
    name: str
    cells: int
    failures: int
    missing: int
    conflicts: dict[str, tuple[str, str]]


def merge_sweeps(target: str | os.PathLike[str], sources: Sequence[str | os.PathLike[str]]) -> Merged:
    """Join sweeps into `target`: a packed file if its name ends in .nc, else a folder that `sweep` can continue.

    Cells are known by their names. A result takes the place of a failure; equal results count once.

    Parameters
    ----------
    target
        A sweep that is there already is joined with the others, as the first of them.
    sources
        Folders and packed files of one sweep.

    Raises
    ------
    FileNotFoundError
        If a source is missing.
    ValueError
        If a source is damaged, or they are not of one sweep; the settings that differ are named.
    """
    place = Path(target).expanduser()
    paths = [Path(source).expanduser() for source in sources]
    if not paths:
        raise ValueError("sources is empty; give folders or packed files of a sweep.")
    if (place.is_file() or (place / "sweep.toml").exists()) and place.resolve() not in [
        path.resolve() for path in paths
    ]:
        paths.insert(0, place)
    content, conflicts = _joined(paths)
    if place.suffix == ".nc":
        write_packed(replaceable_file("target", place), content)
    else:
        _write_folder(place, content)
    expected = len(cells(content.config))
    return Merged(
        path=place,
        name=content.name,
        cells=len(content.cells),
        failures=len(content.failures),
        missing=expected - len(content.cells) - len(content.failures),
        conflicts=conflicts,
    )


def _joined(paths: Sequence[Path]) -> tuple[SweepContent, dict[str, tuple[str, str]]]:
    first, *others = paths
    joined = read_sweep(first)
    origin = dict.fromkeys(joined.cells, first)
    conflicts: dict[str, tuple[str, str]] = {}
    for path in others:
        found = read_sweep(path)
        differing = differing_keys(joined.config, found.config)
        if differing:
            raise ValueError(
                f"{path} is of another sweep than {first} ({'; '.join(differing)}). Join parts of one sweep only."
            )
        for name, cell in found.cells.items():
            if name not in joined.cells:
                joined.cells[name] = cell
                origin[name] = path
            elif not _equal(joined.cells[name], cell):
                conflicts[name] = (str(origin[name]), str(path))
        joined.failures.update(found.failures)
    failures = {name: why for name, why in joined.failures.items() if name not in joined.cells}
    return joined._replace(cells=dict(sorted(joined.cells.items())), failures=failures), conflicts


def _write_folder(place: Path, content: SweepContent) -> None:
    folder = SweepFolder.begin(place, content.name, content.config)
    with folder.held():
        for name, cell in content.cells.items():
            if folder.result(name) is None:
                folder.finish(name, cell)
        for name, failure in content.failures.items():
            folder.fail(name, failure)


def _equal(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Tell whether two cells have the same numbers, up to single precision and the time they took."""
    one, other = one.drop_vars("seconds", errors="ignore"), other.drop_vars("seconds", errors="ignore")
    return (
        one.sizes == other.sizes
        and set(one.variables) == set(other.variables)
        and all(_same_values(one[name].values, other[name].values) for name in one.variables)
    )


def _same_values(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind not in "fc":
        return bool(np.array_equal(one, other))
    return bool(
        np.allclose(one, other, rtol=_SAME, atol=_SAME * float(np.nanmax(np.abs(one), initial=0.0)), equal_nan=True)
    )
