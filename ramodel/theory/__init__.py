"""Closed forms of the provable model (NumPy and SciPy; never torch).

One class per model, all behind `ResidualModel`; the laws that hold whatever the model are functions.
"""

from ramodel.theory.energy import gain_from_energy
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.model import ResidualModel
from ramodel.theory.nuclear import NuclearModel
from ramodel.theory.trajectories import deep_step_cv, equal_step_profile, step_cv, trajectory

BLOCK_MODELS: dict[str, type[FrobeniusModel] | type[NuclearModel]] = {
    "linear": FrobeniusModel,
    "factored": NuclearModel,
}
"""Kinds of trained block that are instances of a provable model, and of which."""

__all__ = [
    "BLOCK_MODELS",
    "FrobeniusModel",
    "NuclearModel",
    "ResidualModel",
    "deep_step_cv",
    "equal_step_profile",
    "gain_from_energy",
    "step_cv",
    "trajectory",
]
