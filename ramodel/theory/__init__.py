"""Closed forms of the provable model (NumPy and SciPy; never torch).

One class per model, all behind `ResidualModel`; the laws that hold whatever the model are functions.
"""

from ramodel.theory import optimum
from ramodel.theory.binary import rank_one_error, rank_one_profile, rank_one_trajectory
from ramodel.theory.branch import (
    BranchConditions,
    branch_conditions,
    has_spare_width,
    off_branch_directions,
    rank_bound,
)
from ramodel.theory.coupling import coupling_bound, independent_coupling_error
from ramodel.theory.critical_points import CriticalPoint, construct_critical_point
from ramodel.theory.descent_path import DescentPath, descent_path
from ramodel.theory.energy import (
    Energies,
    block_energy_ratio,
    decay_elasticity,
    energies,
    gain_from_energy,
    loss_from_probability,
    margin_from_probability,
)
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.gauge import expected_squared_cosine, haar_rotations, rotate_gauge
from ramodel.theory.gradient_flow import (
    alignment_rate,
    alignment_residual,
    imbalance,
    imbalance_rate,
    layer_spread_rate,
    least_stretch,
    relaxation_rates,
    twist_rate,
)
from ramodel.theory.kinetic import KineticModel
from ramodel.theory.layer_decays import LayerDecayModel
from ramodel.theory.model import ResidualModel
from ramodel.theory.norm_preservation import (
    gradient_ratio_bounds,
    inverse_depth_constant,
    logarithmic_law,
    logarithmic_law_constant,
    state_ratio_bounds,
)
from ramodel.theory.nuclear import NuclearModel
from ramodel.theory.perturbation import (
    isolated,
    mixed_gap,
    singular_value_interval,
    spread,
    subspace_angle_bound,
    vector_angle_bound,
)
from ramodel.theory.plain import PlainModel
from ramodel.theory.stochastic_depth import (
    StochasticDepthOptimum,
    equivalent_decay,
    expected_squared_loss,
    gain_mean,
    gain_variance,
    stochastic_depth_optimum,
)
from ramodel.theory.threshold import (
    head_rank,
    rank_drop_jumps,
    simplex_collapse_ratio,
    target_threshold,
    threshold_rank,
)
from ramodel.theory.trajectories import (
    deep_step_cv,
    equal_step_profile,
    equal_step_trajectory,
    step_cv,
    trajectory,
)
from ramodel.theory.transport import equal_step_jacobians, equal_steps_exist
from ramodel.theory.variants import biased_balance_error, biased_jacobians, skew_spread_error

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
    "Energies",
    "FrobeniusModel",
    "KineticModel",
    "LayerDecayModel",
    "NuclearModel",
    "PlainModel",
    "ResidualModel",
    "StochasticDepthOptimum",
    "alignment_rate",
    "alignment_residual",
    "biased_balance_error",
    "biased_jacobians",
    "block_energy_ratio",
    "branch_conditions",
    "construct_critical_point",
    "coupling_bound",
    "decay_elasticity",
    "deep_step_cv",
    "descent_path",
    "energies",
    "equal_step_jacobians",
    "equal_step_profile",
    "equal_step_trajectory",
    "equal_steps_exist",
    "equivalent_decay",
    "expected_squared_cosine",
    "expected_squared_loss",
    "gain_from_energy",
    "gain_mean",
    "gain_variance",
    "gradient_ratio_bounds",
    "haar_rotations",
    "has_spare_width",
    "head_rank",
    "imbalance",
    "imbalance_rate",
    "independent_coupling_error",
    "inverse_depth_constant",
    "isolated",
    "layer_spread_rate",
    "least_stretch",
    "logarithmic_law",
    "logarithmic_law_constant",
    "loss_from_probability",
    "margin_from_probability",
    "mixed_gap",
    "off_branch_directions",
    "optimum",
    "rank_bound",
    "rank_drop_jumps",
    "rank_one_error",
    "rank_one_profile",
    "rank_one_trajectory",
    "relaxation_rates",
    "rotate_gauge",
    "simplex_collapse_ratio",
    "singular_value_interval",
    "skew_spread_error",
    "spread",
    "state_ratio_bounds",
    "step_cv",
    "stochastic_depth_optimum",
    "subspace_angle_bound",
    "target_threshold",
    "threshold_rank",
    "trajectory",
    "twist_rate",
    "vector_angle_bound",
]
