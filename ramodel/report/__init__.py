"""From measurements to tables, figures and the README of a run; and figures of the theory, which need no run."""

from ramodel.report.figures import FIGURES, Figure, draw
from ramodel.report.illustrations import ILLUSTRATIONS, Illustration, illustrate, illustrations_markdown
from ramodel.report.measurements import Measurements, load_measurements
from ramodel.report.readme import run_readme
from ramodel.report.tables import verdict_markdown, verdict_rows, verdict_table

__all__ = [
    "FIGURES",
    "ILLUSTRATIONS",
    "Figure",
    "Illustration",
    "Measurements",
    "draw",
    "illustrate",
    "illustrations_markdown",
    "load_measurements",
    "run_readme",
    "verdict_markdown",
    "verdict_rows",
    "verdict_table",
]
