"""The reduced problem of statement S3, solved: the least of loss(M X) + (1/2) sum_k c_L(sigma_k(M)).

`solve` takes a problem and returns the network, too. `minimise_spectral` descends from many maps M at once, for one
model or many.
"""

from ramodel.theory.optimum.losses import CrossEntropyLoss, LogisticLoss, MapLoss, SquaredLoss
from ramodel.theory.optimum.solution import Solution
from ramodel.theory.optimum.solver import solve
from ramodel.theory.optimum.spectral import SpectralDescent, minimise_spectral

__all__ = [
    "CrossEntropyLoss",
    "LogisticLoss",
    "MapLoss",
    "Solution",
    "SpectralDescent",
    "SquaredLoss",
    "minimise_spectral",
    "solve",
]
