"""Arrays in, numbers out: RA1-RA4, coupling and norm preservation measured on states, Jacobians and singular triplets.

Every metric takes NumPy arrays, torch tensors (CPU or CUDA) or any array of the Python array-API standard, computes in
float64 where they live, and returns the same kind. Layers come first, then inputs, then vector axes. Names end in
`_error` (0 where the property holds), `_score` (in 0 .. 1, 1 where it holds), `_ratio` (1 where it holds) or
`_exponent`.
"""

from ramodel.metrics.alignment import (
    alignment_grid,
    asymmetry_error,
    jacobian_cosine,
    leading_directions,
    subspace_affinity_score,
)
from ramodel.metrics.coupling import coupling_error
from ramodel.metrics.line import Plane, line_deviation_error, line_shape_ratio, principal_plane, step_cv, step_lengths
from ramodel.metrics.norm import gradient_norm_ratio, state_norm_ratio
from ramodel.metrics.rank import energy_outside_error, gap, stable_rank
from ramodel.metrics.scaling import Fit, depth_exponent, inverse_line

__all__ = [
    "Fit",
    "Plane",
    "alignment_grid",
    "asymmetry_error",
    "coupling_error",
    "depth_exponent",
    "energy_outside_error",
    "gap",
    "gradient_norm_ratio",
    "inverse_line",
    "jacobian_cosine",
    "leading_directions",
    "line_deviation_error",
    "line_shape_ratio",
    "principal_plane",
    "stable_rank",
    "state_norm_ratio",
    "step_cv",
    "step_lengths",
    "subspace_affinity_score",
]
