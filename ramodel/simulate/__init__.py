"""The optimiser of the provable model, which does not know the closed forms."""

from ramodel.problem import Problem, ProblemVariant, random_problem
from ramodel.simulate.flow import GradientFlow, gradient_flow
from ramodel.simulate.minimiser import minimise
from ramodel.simulate.objective import UnreducedObjective
from ramodel.simulate.optimum import Certificate, Optimum

__all__ = [
    "Certificate",
    "GradientFlow",
    "Optimum",
    "Problem",
    "ProblemVariant",
    "UnreducedObjective",
    "gradient_flow",
    "minimise",
    "random_problem",
]
