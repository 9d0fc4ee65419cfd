"""The file of a `Spectra`: which groups it has, how it is told from other files and from older ones."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from ramodel.netcdf import TreeWriter, open_tree, read_groups

__all__ = ["StoredSpectra", "read_spectra", "stage_group", "write_stages", "write_summaries"]

_FORMAT, _VERSION = "ramodel spectra", 1
_SUMMARY, _MEANS = "spectra", "class_means"

_EAGER = 2**26
"""Bytes up to which a file is read at once and closed."""


class StoredSpectra(NamedTuple):
    """The datasets that a `Spectra` is made of."""

    summary: xr.Dataset
    stages: dict[str, xr.Dataset]


def stage_group(name: str, *, of_means: bool) -> str:
    """Return the name of the group of a stage."""
    return f"{_MEANS if of_means else 'stage'}:{name}"


def write_stages(writer: TreeWriter, spectra: StoredSpectra, means: StoredSpectra | None) -> None:
    """Write the groups of all stages."""
    for part in (spectra, means):
        if part is not None:
            for name, stage in part.stages.items():
                writer.add(stage_group(name, of_means=part is means), stage)


def write_summaries(writer: TreeWriter, summary: xr.Dataset, means: xr.Dataset | None) -> None:
    """Write what has one number or one row for each Jacobian, and the mark that makes the file one of Spectra."""
    writer.add(_SUMMARY, summary)
    if means is not None:
        writer.add(_MEANS, means)
    writer.add("/", xr.Dataset(attrs={"format": _FORMAT, "format_version": _VERSION}))


def read_spectra(path: Path) -> tuple[StoredSpectra, StoredSpectra | None]:
    """Return the datasets at the inputs and, where there are any, at the class means.

    Raises
    ------
    ValueError
        If the file is damaged, is not one of Spectra, or has another version of the format.
    """
    try:
        groups = read_groups(path) if path.stat().st_size <= _EAGER else open_tree(path)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read: it is damaged or not netCDF-4 ({error}). Measure again.") from error
    mark = groups.pop("/").attrs
    if mark.get("format") != _FORMAT or _SUMMARY not in groups:
        raise ValueError(f"{path} holds no Spectra; it must be a file that Spectra.save or measure wrote.")
    if mark.get("format_version") != _VERSION:
        raise ValueError(
            f"{path} has version {mark.get('format_version')} of the format; this ramodel reads version {_VERSION}. "
            "Measure again, or install the ramodel that wrote it."
        )
    for name, group in groups.items():
        if "state_shape" in group.attrs:
            group.attrs["state_shape"] = np.atleast_1d(group.attrs["state_shape"])  # netCDF has no lists of one number
        if name in (_SUMMARY, _MEANS):
            group.load()
    means = _gathered(groups, groups[_MEANS], of_means=True) if _MEANS in groups else None
    return _gathered(groups, groups[_SUMMARY], of_means=False), means


def _gathered(groups: dict[str, xr.Dataset], summary: xr.Dataset, *, of_means: bool) -> StoredSpectra:
    prefix = stage_group("", of_means=of_means)
    stages = {name.removeprefix(prefix): group for name, group in groups.items() if name.startswith(prefix)}
    return StoredSpectra(summary, stages)
