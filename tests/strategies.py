"""Hypothesis strategies shared by the tests: those that users have as well."""

from ramodel.testing.strategies import orthogonal_matrices, powers_of_ten, problems, residual_models, seeds

__all__ = ["orthogonal_matrices", "powers_of_ten", "problems", "residual_models", "seeds"]
