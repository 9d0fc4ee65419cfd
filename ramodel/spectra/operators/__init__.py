"""Products with Residual Jacobians, without forming them."""

from ramodel.spectra.operators.adjoint import adjoint_error, check_adjoint
from ramodel.spectra.operators.choose import jacobian_operator, stacked_operator
from ramodel.spectra.operators.dense import DenseOperator
from ramodel.spectra.operators.generic import GenericOperator
from ramodel.spectra.operators.operator import JacobianOperator
from ramodel.spectra.operators.stacked import StackedOperator
from ramodel.spectra.operators.tokens import TokenPairOperator, Tokens

__all__ = [
    "DenseOperator",
    "GenericOperator",
    "JacobianOperator",
    "StackedOperator",
    "TokenPairOperator",
    "Tokens",
    "adjoint_error",
    "check_adjoint",
    "jacobian_operator",
    "stacked_operator",
]
