"""The reduced problem of statement S3, solved: the least of loss(M X) + (1/2) sum_k c_L(sigma_k(M)).

`minimise_spectral` descends from many maps M at once, for one model or many.
"""

from ramodel.theory.optimum.losses import CrossEntropyLoss, LogisticLoss, MapLoss, SquaredLoss
from ramodel.theory.optimum.spectral import SpectralDescent, minimise_spectral

__all__ = [
    "CrossEntropyLoss",
    "LogisticLoss",
    "MapLoss",
    "SpectralDescent",
    "SquaredLoss",
    "minimise_spectral",
]
