"""Experiments: a cell is one network trained, measured and predicted; the main job runs a plan of them.

Examples
--------
>>> from ramodel.experiments import Cell, run_cell
>>> cell = Cell(kind="linear", arm="trained", depth=2, seed=0, width=12, train_size=100, test_size=20, inputs=10)
>>> found = run_cell(cell)
>>> bool(found["layer_spread"] < 1e-4)  # S1: all blocks are equal
True
"""

from typing import TYPE_CHECKING, Any

from ramodel.experiments.cell import Cell
from ramodel.experiments.confront import DepthRow, confront, depth_rows
from ramodel.experiments.reproduction import FULL, QUICK, Plan, Reproduction, reproduce
from ramodel.experiments.store import CellStore, write_atomically

if TYPE_CHECKING:
    from ramodel.experiments.run import run_cell

__all__ = [
    "FULL",
    "QUICK",
    "Cell",
    "CellStore",
    "DepthRow",
    "Plan",
    "Reproduction",
    "confront",
    "depth_rows",
    "reproduce",
    "run_cell",
    "write_atomically",
]


def __getattr__(name: str) -> Any:
    """Load `run_cell` when first used: it brings torch, which takes seconds and which reading a run does not need."""
    if name != "run_cell":
        raise AttributeError(f"module 'ramodel.experiments' has no attribute {name!r}")
    from ramodel.experiments.run import run_cell

    return run_cell
