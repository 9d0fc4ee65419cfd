"""From runs to tables, figures and a README; portraits of measured networks; and figures of the theory.

The public names are loaded when first used: tables need no matplotlib, which takes a second.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ramodel.report.confrontation import write_confrontation
    from ramodel.report.figures import FIGURES, Figure, draw
    from ramodel.report.illustrations import ILLUSTRATIONS, Illustration, illustrate, illustrations_markdown
    from ramodel.report.laws import LAW_FIGURES, LawFigure
    from ramodel.report.measurements import Measurements, load_measurements
    from ramodel.report.network_report import write_network_report
    from ramodel.report.portraits import PORTRAITS, Portrait, portray
    from ramodel.report.readme import run_readme
    from ramodel.report.tables import verdict_markdown, verdict_rows, verdict_table

__all__ = [
    "FIGURES",
    "ILLUSTRATIONS",
    "LAW_FIGURES",
    "PORTRAITS",
    "Figure",
    "Illustration",
    "LawFigure",
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
    "write_confrontation",
    "write_network_report",
]

_HOMES = {
    "confrontation": ("write_confrontation",),
    "figures": ("FIGURES", "Figure", "draw"),
    "illustrations": ("ILLUSTRATIONS", "Illustration", "illustrate", "illustrations_markdown"),
    "laws": ("LAW_FIGURES", "LawFigure"),
    "measurements": ("Measurements", "load_measurements"),
    "network_report": ("write_network_report",),
    "portraits": ("PORTRAITS", "Portrait", "portray"),
    "readme": ("run_readme",),
    "tables": ("verdict_markdown", "verdict_rows", "verdict_table"),
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that owns it."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"ramodel.report.{module}"), name)
    raise AttributeError(f"module 'ramodel.report' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
