"""The optimiser of the provable model, which does not know the closed forms."""

from ramodel.problem import Problem, random_problem
from ramodel.simulate.minimiser import minimise
from ramodel.simulate.objective import UnreducedObjective
from ramodel.simulate.optimum import Certificate, Optimum

__all__ = ["Certificate", "Optimum", "Problem", "UnreducedObjective", "minimise", "random_problem"]
