"""Experiments: a cell is one network trained, measured and predicted; the main job runs a plan of them."""

from ramodel.experiments.cell import Cell, run_cell
from ramodel.experiments.confront import DepthRow, confront, depth_rows
from ramodel.experiments.reproduction import FULL, QUICK, Plan, Reproduction, reproduce
from ramodel.experiments.store import CellStore, write_atomically

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
