"""Hypothesis strategies and assertions for your own tests of the claims."""

from ramodel.testing.assertions import assert_balanced, assert_norm_preserving, assert_residual_alignment
from ramodel.testing.critical_points import critical_point, critical_points
from ramodel.testing.strategies import (
    haar_matrix,
    networks,
    orthogonal_matrices,
    powers_of_ten,
    problems,
    residual_models,
    seeds,
)

__all__ = [
    "assert_balanced",
    "assert_norm_preserving",
    "assert_residual_alignment",
    "critical_point",
    "critical_points",
    "haar_matrix",
    "networks",
    "orthogonal_matrices",
    "powers_of_ten",
    "problems",
    "residual_models",
    "seeds",
]
