"""Sweeps: many cells from one configuration file, kept, continued, merged."""

from typing import TYPE_CHECKING, Any

from ramodel.experiments.sweeps.archive import Failure, SweepContent
from ramodel.experiments.sweeps.cells import SweepCell, cells
from ramodel.experiments.sweeps.config import Arm, Claim, DataSettings, MeasureSettings, SweepConfig
from ramodel.experiments.sweeps.folder import SweepFolder, read_sweep, sweep_cells
from ramodel.experiments.sweeps.laws import LAWS, Law
from ramodel.experiments.sweeps.load import load_sweep
from ramodel.experiments.sweeps.merge import Merged, merge_sweeps
from ramodel.experiments.sweeps.status import SweepStatus, sweep_status
from ramodel.experiments.sweeps.sweep import SweepResult, sweep

if TYPE_CHECKING:
    from ramodel.experiments.sweeps.run import run_sweep_cell

__all__ = [
    "LAWS",
    "Arm",
    "Claim",
    "DataSettings",
    "Failure",
    "Law",
    "MeasureSettings",
    "Merged",
    "SweepCell",
    "SweepConfig",
    "SweepContent",
    "SweepFolder",
    "SweepResult",
    "SweepStatus",
    "cells",
    "load_sweep",
    "merge_sweeps",
    "read_sweep",
    "run_sweep_cell",
    "sweep",
    "sweep_cells",
    "sweep_status",
]


def __getattr__(name: str) -> Any:
    """Load `run_sweep_cell` when first used: measuring takes a second to import, which reading does not need."""
    if name != "run_sweep_cell":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ramodel.experiments.sweeps.run import run_sweep_cell

    return run_sweep_cell
