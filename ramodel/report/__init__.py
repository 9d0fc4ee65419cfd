"""From runs to tables, figures and a README; portraits of measured networks; and figures of the theory."""

from ramodel.report.figures import FIGURES, Figure, draw
from ramodel.report.illustrations import ILLUSTRATIONS, Illustration, illustrate, illustrations_markdown
from ramodel.report.measurements import Measurements, load_measurements
from ramodel.report.network_report import write_network_report
from ramodel.report.portraits import PORTRAITS, Portrait, portray
from ramodel.report.readme import run_readme
from ramodel.report.tables import verdict_markdown, verdict_rows, verdict_table

__all__ = [
    "FIGURES",
    "ILLUSTRATIONS",
    "PORTRAITS",
    "Figure",
    "Illustration",
    "Measurements",
    "Portrait",
    "draw",
    "illustrate",
    "illustrations_markdown",
    "load_measurements",
    "portray",
    "run_readme",
    "verdict_markdown",
    "verdict_rows",
    "verdict_table",
    "write_network_report",
]
