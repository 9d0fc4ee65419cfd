"""Analytic operators: the primal of a block computed once, its Jacobians as products of linear maps."""

from ramodel.spectra.operators.linearised.linearise import linearise
from ramodel.spectra.operators.linearised.operator import LinearisedOperator
from ramodel.spectra.operators.linearised.stacking import stack_linearised

__all__ = ["LinearisedOperator", "linearise", "stack_linearised"]
