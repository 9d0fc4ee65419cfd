"""The free search over M: many starts, and many models, at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from ramodel.checks import finite_array, positive
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.kinetic import KineticModel
from ramodel.theory.model import Array, ResidualModel
from ramodel.theory.nuclear import NuclearModel
from ramodel.theory.optimum.losses import MapLoss
from ramodel.theory.optimum.newton import descend
from ramodel.theory.optimum.objective import HalvesObjective, MapObjective, Objective
from ramodel.theory.optimum.penalty import SpectralPenalty

__all__ = ["SpectralDescent", "minimise_spectral"]


REDUCIBLE = (FrobeniusModel, NuclearModel, KineticModel)
"""Models whose least decay is a function of the singular values of M (the kinetic one for white inputs)."""


@dataclass(frozen=True, eq=False)
class SpectralDescent:
    """Where B starts came to rest.

    Parameters
    ----------
    maps : array [B, C, r]
        M.
    values : array [B]
        ``loss(M) + (1/2) sum_k c(sigma_k(M))``.
    gradient_norms : array [B]
        ``||gradient|| / (||grad loss|| + ||grad decay||)``; with an embedding in the two halves of the network.
    """

    maps: Array
    values: Array
    gradient_norms: Array


def minimise_spectral(
    loss: MapLoss,
    model: ResidualModel | Sequence[ResidualModel],
    starts: ArrayLike,
    *,
    width: int | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 500,
    callback: Callable[[Array, Array], None] | None = None,
) -> SpectralDescent:
    """Minimise ``loss(M) + (1/2) sum_k c(sigma_k(M))`` from every start (statements S3, S6, S7, S18; own; exact).

    Local minima: see the best of many starts. All starts are descended together, by trust-region Newton steps; saddles
    are left as soon as the smallest asymmetry lets negative curvature be felt, exact ones are not.

    Parameters
    ----------
    loss
        `CrossEntropyLoss`, `LogisticLoss` or `SquaredLoss` of the map.
    model
        A `FrobeniusModel`, `NuclearModel` or `KineticModel` (white inputs), of any real depth; or one for each start,
        all of one class, all with or all without an embedding.
    starts
        M, shape [B, C, r]. With an embedding those of rank zero are saddles and stay.
    width
        d, the most that the rank of M can be; None for no limit. It matters with an embedding only.
    tolerance
        Goal for the relative gradient.
    max_iterations
        Most Newton steps.
    callback
        Sees (values [b], relative gradients [b]) of the starts that still move, after each step.

    Returns
    -------
    SpectralDescent
        Maps [B, C, r], values [B], relative gradients [B], in the order of the starts.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind, shape or range.

    Examples
    --------
    >>> import numpy as np
    >>> from ramodel.theory import FrobeniusModel
    >>> from ramodel.theory.optimum import CrossEntropyLoss
    >>> loss = CrossEntropyLoss(None, np.arange(6), 6)  # orthonormal class inputs: X = I
    >>> starts = np.random.default_rng(0).standard_normal((8, 6, 6))
    >>> descent = minimise_spectral(loss, FrobeniusModel(2, 0.05, 0.05), starts)
    >>> float(descent.values.min().round(10))  # the simplex of S10
    0.4375174612
    """
    if not isinstance(loss, MapLoss):
        raise TypeError(f"loss is {loss!r}; it must be a MapLoss, such as CrossEntropyLoss(None, labels, classes).")
    points = finite_array("starts", starts, shape=(None, loss.classes, loss.width))
    models = [model] * len(points) if isinstance(model, ResidualModel) else list(model)
    objective = reduced_objective(loss, models, width=width)
    if len(models) != len(points):
        raise ValueError(f"model has {len(models)} entries and starts {len(points)}; give one model, or one a start.")
    descent = descend(
        objective,
        objective.points(points),
        tolerance=positive("tolerance", tolerance),
        max_iterations=max_iterations,
        callback=callback,
    )
    return SpectralDescent(objective.maps(descent.point), descent.value, descent.gradient_norm)


def reduced_objective(loss: MapLoss, models: Sequence[ResidualModel], *, width: int | None = None) -> Objective:
    """Return the objective in M, or with an embedding in the two halves of the network, for one model a point."""
    if not models or not all(isinstance(model, REDUCIBLE) for model in models):
        names = ", ".join(kind.__name__ for kind in REDUCIBLE)
        raise TypeError(f"model is {models!r}; it must be one of {names}, or a sequence of one of them.")
    if len({(type(model), model.ends) for model in models}) > 1:
        raise ValueError("model mixes classes, or models with and without embedding; minimise each kind by itself.")
    penalty = SpectralPenalty.of(models)
    if models[0].ends == 1:
        return MapObjective(loss, penalty)
    rank = min(loss.classes, loss.width)
    return HalvesObjective(loss, penalty, rank if width is None else min(rank, width))
