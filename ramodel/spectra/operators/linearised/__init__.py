"""Analytic operators: the primal of a block computed once, its Jacobians as products of linear maps."""

from ramodel.spectra.operators.linearised.linearise import linearise
from ramodel.spectra.operators.linearised.operator import LinearisedOperator

__all__ = ["LinearisedOperator", "linearise"]
