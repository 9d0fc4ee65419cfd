"""Products with Residual Jacobians, without forming them."""

from ramodel.spectra.operators.operator import JacobianOperator

__all__ = ["JacobianOperator"]
