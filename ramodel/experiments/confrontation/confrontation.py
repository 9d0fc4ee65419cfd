"""Sweeps joined with theory: what every law's claims came to, as one record that files and pages are made from."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import xarray as xr

from ramodel.comparison import Comparison
from ramodel.experiments.confrontation.judge import Judgement, judgements
from ramodel.experiments.confrontation.network_result import NetworkResult
from ramodel.experiments.confrontation.predictions import settings
from ramodel.experiments.confrontation.scatter import Scatter
from ramodel.experiments.store import write_atomically
from ramodel.experiments.sweeps.config import SweepConfig

__all__ = ["SCHEMA", "Confrontation", "LawResult", "confront_law", "confront_sweeps", "write_confrontation_json"]

SCHEMA = 1
"""Version of confrontation.json."""


class LawResult(msgspec.Struct, frozen=True, kw_only=True):
    """One sweep against the theory.

    Parameters
    ----------
    config
        Of the sweep, with claims and bands as they were written before the run.
    folder
        Where its cells are.
    cells
        Measured networks by name.
    failures
        Cells that could not be computed, and why.
    judgements
        Every claim, arm and point, with what it was made from.
    """

    config: SweepConfig
    folder: str
    cells: dict[str, xr.Dataset]
    failures: dict[str, str]
    judgements: tuple[Judgement, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The verdicts, in the order of the claims."""
        return tuple(judgement.comparison for judgement in self.judgements)

    @property
    def scatters(self) -> tuple[Scatter, ...]:
        """Predicted against measured, of the claims that ask for it."""
        return tuple(judgement.scatter for judgement in self.judgements if judgement.scatter is not None)

    @property
    def versions(self) -> dict[str, list[str]]:
        """Versions of the packages that made the cells, by package; more than one where cells differ."""
        found: dict[str, list[str]] = {}
        for cell in self.cells.values():
            for package, version in settings(cell, "versions").items():
                known = found.setdefault(package, [])
                known += [str(version)] if str(version) not in known else []
        return found

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that the cells were trained on."""
        return tuple(dict.fromkeys(str(cell.attrs["device"]) for cell in self.cells.values() if "device" in cell.attrs))


class Confrontation(msgspec.Struct, frozen=True, kw_only=True):
    """What theory says and what networks do: of sweeps, law by law, or of someone's own trained network.

    Parameters
    ----------
    laws
        A result for every sweep.
    network
        Of one network that was not made by a sweep; None for sweeps.
    """

    laws: tuple[LawResult, ...] = ()
    network: NetworkResult | None = None

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """All verdicts."""
        own = () if self.network is None else self.network.comparisons
        return tuple(row for law in self.laws for row in law.comparisons) + own

    @property
    def failures(self) -> dict[str, str]:
        """Cells that could not be computed, by law and name."""
        return {f"{law.config.law}: {name}": why for law in self.laws for name, why in law.failures.items()}

    @property
    def exit_code(self) -> int:
        """1 if a cell failed or a claim that the theory proves does not hold, else 0; an empirical miss is a result."""
        proven = (row for row in self.comparisons if row.kind != "empirical")
        return int(bool(self.failures) or any(row.verdict == "does not hold" for row in proven))

    def builtins(self) -> dict[str, Any]:
        """Return everything but the cells themselves as plain values, the content of confrontation.json."""
        return {
            "schema": SCHEMA,
            "laws": [_law(law) for law in self.laws],
            "network": None if self.network is None else self.network.builtins(),
            "exit_code": self.exit_code,
        }


def confront_law(
    config: SweepConfig, cells: Mapping[str, xr.Dataset], *, folder: str = "", failures: Mapping[str, str] | None = None
) -> LawResult:
    """Judge the claims of one sweep on cells that are at hand.

    Raises
    ------
    ValueError
        As `judgements` does.
    """
    return LawResult(
        config=config,
        folder=folder,
        cells=dict(cells),
        failures=dict(failures or {}),
        judgements=tuple(judgements(cells, config)),
    )


def confront_sweeps(paths: Sequence[str | os.PathLike[str]]) -> Confrontation:
    """Join sweeps with the theory.

    Parameters
    ----------
    paths
        Folders of `ramodel sweep`, or files that ``ramodel sweep --merge`` packed.

    Raises
    ------
    FileNotFoundError, ValueError
        If a path holds no sweep, or a claim cannot be judged.
    """
    from ramodel.experiments.sweeps import sweep_cells

    found = []
    for path in paths:
        config, cells, failures = sweep_cells(Path(path))
        found.append(confront_law(config, cells, folder=str(path), failures=failures))
    return Confrontation(laws=tuple(found))


def write_confrontation_json(folder: Path, confrontation: Confrontation) -> Path:
    """Write confrontation.json into `folder` and return its path; numbers that are not finite become null."""
    path = folder / "confrontation.json"
    write_atomically(path, msgspec.json.format(msgspec.json.encode(confrontation.builtins()), indent=1) + b"\n")
    return path


def _law(law: LawResult) -> dict[str, Any]:
    return {
        "law": law.config.law,
        "title": law.config.title,
        "size": law.config.size,
        "folder": law.folder,
        "config": law.config,
        "cells": len(law.cells),
        "failures": law.failures,
        "versions": law.versions,
        "devices": law.devices,
        "rows": [_row(judgement) for judgement in law.judgements],
    }


def _row(judgement: Judgement) -> dict[str, Any]:
    claim, row = judgement.claim, judgement.comparison
    made_from = {
        "reading": claim.reading,
        "summary": claim.summary,
        "arm": judgement.arm,
        "axis": claim.axis,
        "point": judgement.point,
        "reason": claim.reason,
        "readings": judgement.readings,
        "control_readings": judgement.control_readings,
        "scatter": judgement.scatter,
    }
    return msgspec.structs.asdict(row) | {"error": row.error, "verdict": row.verdict} | made_from
