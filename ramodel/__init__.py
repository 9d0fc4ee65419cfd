"""A laboratory for Residual Alignment: how does a residual network build up its answer?

The public names below are loaded when first used, so that importing `ramodel` costs nothing.

Examples
--------
>>> import ramodel
>>> model = ramodel.FrobeniusModel(depth=8, jacobian_decay=0.01, head_decay=0.01)
>>> float(model.jacobian_singular_value(13.94885).round(6))
0.432416
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ramodel import experiments as experiments
    from ramodel import metrics as metrics
    from ramodel import nets as nets
    from ramodel import optimise as optimise
    from ramodel import report as report
    from ramodel import simulate as simulate
    from ramodel import spectra as spectra
    from ramodel import testing as testing
    from ramodel import theory as theory
    from ramodel.comparison import Comparison as Comparison
    from ramodel.experiments.monitor import AlignmentMonitor as AlignmentMonitor
    from ramodel.nets import ResidualNetwork as ResidualNetwork
    from ramodel.problem import Problem as Problem
    from ramodel.problem import random_problem as random_problem
    from ramodel.simulate import minimise as minimise
    from ramodel.spectra import Spectra as Spectra
    from ramodel.spectra import measure as measure
    from ramodel.spectra import residual_alignment as residual_alignment
    from ramodel.statements import STATEMENTS as STATEMENTS
    from ramodel.statements import statement as statement
    from ramodel.theory import FrobeniusModel as FrobeniusModel
    from ramodel.theory import KineticModel as KineticModel
    from ramodel.theory import NuclearModel as NuclearModel
    from ramodel.theory import PlainModel as PlainModel

__version__ = "0.1.0"

_HOMES = {
    "AlignmentMonitor": "ramodel.experiments.monitor",
    "Comparison": "ramodel.comparison",
    "FrobeniusModel": "ramodel.theory",
    "KineticModel": "ramodel.theory",
    "NuclearModel": "ramodel.theory",
    "PlainModel": "ramodel.theory",
    "Problem": "ramodel.problem",
    "ResidualNetwork": "ramodel.nets",
    "STATEMENTS": "ramodel.statements",
    "Spectra": "ramodel.spectra",
    "measure": "ramodel.spectra",
    "minimise": "ramodel.simulate",
    "random_problem": "ramodel.problem",
    "residual_alignment": "ramodel.spectra",
    "statement": "ramodel.statements",
}

_PACKAGES = ("experiments", "metrics", "nets", "optimise", "report", "simulate", "spectra", "testing", "theory")

__all__ = ["__version__", *sorted(_HOMES), *_PACKAGES]


def __getattr__(name: str) -> Any:
    """Load a public name from the module that owns it, or a package of ramodel."""
    if name in _PACKAGES:
        return importlib.import_module(f"ramodel.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'ramodel' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
