"""Hypothesis strategies and assertions for your own tests of the claims."""

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
    "haar_matrix",
    "networks",
    "orthogonal_matrices",
    "powers_of_ten",
    "problems",
    "residual_models",
    "seeds",
]
