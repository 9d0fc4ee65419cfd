"""Batched minimisers over flat torch tensors: they know nothing of what they minimise.

Every row of a ``[B, n]`` tensor is a problem of its own. `minimise_lbfgs` goes most of the way with gradients only,
`polish` adds the last digits with Hessian-vector products.
"""

from ramodel.optimise.evaluation import ZERO_SCALE, Descent, Evaluation, Hessian, Objective, dot
from ramodel.optimise.lbfgs import minimise_lbfgs
from ramodel.optimise.newton import polish

__all__ = ["ZERO_SCALE", "Descent", "Evaluation", "Hessian", "Objective", "dot", "minimise_lbfgs", "polish"]
