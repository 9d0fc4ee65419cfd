"""Closed forms of the provable model (NumPy and SciPy; never torch).

One class per model, all behind `ResidualModel`; the laws that hold whatever the model are functions.
"""

from ramodel.theory.branch import (
    BranchConditions,
    branch_conditions,
    has_spare_width,
    off_branch_directions,
    rank_bound,
)
from ramodel.theory.critical_points import CriticalPoint, construct_critical_point
from ramodel.theory.descent_path import DescentPath, descent_path
from ramodel.theory.energy import gain_from_energy
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.kinetic import KineticModel
from ramodel.theory.layer_decays import LayerDecayModel
from ramodel.theory.model import ResidualModel
from ramodel.theory.nuclear import NuclearModel
from ramodel.theory.plain import PlainModel, expected_squared_cosine, haar_rotations, rotate_gauge
from ramodel.theory.trajectories import (
    deep_step_cv,
    equal_step_profile,
    equal_step_trajectory,
    step_cv,
    trajectory,
)

MODELS: dict[str, type[ResidualModel]] = {
    "frobenius": FrobeniusModel,
    "nuclear": NuclearModel,
    "kinetic": KineticModel,
    "plain": PlainModel,
}
"""All models by the name that `ramodel.problem.Problem` and the command line have for them."""

BLOCK_MODELS: dict[str, type[FrobeniusModel] | type[NuclearModel]] = {
    "linear": FrobeniusModel,
    "factored": NuclearModel,
}
"""Kinds of trained block that are instances of a provable model, and of which."""

__all__ = [
    "BLOCK_MODELS",
    "MODELS",
    "BranchConditions",
    "CriticalPoint",
    "DescentPath",
    "FrobeniusModel",
    "KineticModel",
    "LayerDecayModel",
    "NuclearModel",
    "PlainModel",
    "ResidualModel",
    "branch_conditions",
    "construct_critical_point",
    "deep_step_cv",
    "descent_path",
    "equal_step_profile",
    "gain_from_energy",
    "has_spare_width",
    "off_branch_directions",
    "rank_bound",
    "step_cv",
    "trajectory",
]
