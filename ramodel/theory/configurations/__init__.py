"""Statement S10: which configuration of the logits is optimal, of how low a rank, and when the simplex is not.

Orthonormal class inputs, mean cross-entropy, and a model without embedding. Families of configurations, their values
and levels; the simplex's stability; the depth from which pairs are better; a free search over all maps; all of it over
a grid of depths and decays. Critical points, values and the stability rule are exact. Optimality is searched, never
proved. For a `KineticModel` give lam_J / C: orthonormal inputs have second moments I/C, where it counts on I.
"""

from ramodel.theory.configurations.configuration import Configuration, Level
from ramodel.theory.configurations.families import circulant, lattice, pair, polygons, triangular
from ramodel.theory.configurations.phase import Boundaries, PhaseDiagram, boundaries, phase_diagram
from ramodel.theory.configurations.search import best_configuration, free_search, named_families
from ramodel.theory.configurations.simplex import simplex, simplex_margin, simplex_value
from ramodel.theory.configurations.stability import (
    HessianLevel,
    SimplexStability,
    simplex_stability,
    smallest_unstable_classes,
    stability_depth,
)
from ramodel.theory.configurations.threshold import Threshold, threshold_depth

__all__ = [
    "Boundaries",
    "Configuration",
    "HessianLevel",
    "Level",
    "PhaseDiagram",
    "SimplexStability",
    "Threshold",
    "best_configuration",
    "boundaries",
    "circulant",
    "free_search",
    "lattice",
    "named_families",
    "pair",
    "phase_diagram",
    "polygons",
    "simplex",
    "simplex_margin",
    "simplex_stability",
    "simplex_value",
    "smallest_unstable_classes",
    "stability_depth",
    "threshold_depth",
    "triangular",
]
