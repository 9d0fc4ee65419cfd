"""Arrays in, numbers out: RA1-RA4, Neural Collapse, coupling and norms measured on states, Jacobians and triplets.

Every metric takes NumPy arrays, torch tensors (CPU or CUDA) or any array of the Python array-API standard, computes in
float64 where they live, and returns the same kind. Layers come first, then inputs, then vector axes. Names end in
`_error` (0 where the property holds), `_score` (in 0 .. 1, 1 where it holds), `_ratio` (1 where it holds) or
`_exponent`. What a metric gives where there is nothing to find is in `baselines`, by the same names.
"""

from ramodel.metrics import baselines
from ramodel.metrics.alignment import (
    PairMeans,
    alignment_grid,
    diagonal_energy_score,
    pair_means,
    sign_consistency_score,
    signed_grid,
)
from ramodel.metrics.class_means import class_centres
from ramodel.metrics.classes import ClassQuartiles, class_quartiles
from ramodel.metrics.collapse import (
    coherence_error,
    equiangle_error,
    equinorm_error,
    nearest_centre_score,
    self_duality_error,
    variability_error,
)
from ramodel.metrics.coupling import coupling_error, grid_coupling_error
from ramodel.metrics.energy import energy_identity_error
from ramodel.metrics.line import (
    Plane,
    geodesic_ratio,
    line_deviation_error,
    line_shape_ratio,
    principal_plane,
    step_cv,
    step_lengths,
)
from ramodel.metrics.norm import gradient_norm_ratio, norm_growth, norm_growth_cv, state_norm_ratio
from ramodel.metrics.rank import (
    cumulative_effective_rank,
    effective_rank,
    energy_outside_error,
    gap,
    numerical_rank,
    stable_rank,
)
from ramodel.metrics.resampling import resampled_depth_exponent, resampled_inverse_line
from ramodel.metrics.scaling import Fit, depth_exponent, inverse_line
from ramodel.metrics.subspaces import leading_directions, principal_angles, subspace_affinity_score
from ramodel.metrics.symmetry import asymmetry_error, jacobian_cosine, normality_error
from ramodel.metrics.triplets import compact_jacobians, low_rank_cosine, low_rank_grid, symmetry_cosine

__all__ = [
    "ClassQuartiles",
    "Fit",
    "PairMeans",
    "Plane",
    "alignment_grid",
    "asymmetry_error",
    "baselines",
    "class_centres",
    "class_quartiles",
    "coherence_error",
    "compact_jacobians",
    "coupling_error",
    "cumulative_effective_rank",
    "depth_exponent",
    "diagonal_energy_score",
    "effective_rank",
    "energy_identity_error",
    "energy_outside_error",
    "equiangle_error",
    "equinorm_error",
    "gap",
    "geodesic_ratio",
    "gradient_norm_ratio",
    "grid_coupling_error",
    "inverse_line",
    "jacobian_cosine",
    "leading_directions",
    "line_deviation_error",
    "line_shape_ratio",
    "low_rank_cosine",
    "low_rank_grid",
    "nearest_centre_score",
    "norm_growth",
    "norm_growth_cv",
    "normality_error",
    "numerical_rank",
    "pair_means",
    "principal_angles",
    "principal_plane",
    "resampled_depth_exponent",
    "resampled_inverse_line",
    "self_duality_error",
    "sign_consistency_score",
    "signed_grid",
    "stable_rank",
    "state_norm_ratio",
    "step_cv",
    "step_lengths",
    "subspace_affinity_score",
    "symmetry_cosine",
    "variability_error",
]
