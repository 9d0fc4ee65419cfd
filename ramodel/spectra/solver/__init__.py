"""From products with Jacobians to their top singular triplets."""

from ramodel.spectra.solver.lanczos import basis_size
from ramodel.spectra.solver.solve import solve, solve_method
from ramodel.spectra.solver.solved import SolvedTriplets

__all__ = ["SolvedTriplets", "basis_size", "solve", "solve_method"]
