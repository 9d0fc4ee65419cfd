"""A critical point of the reduced problem of S10, with everything needed to check it."""

from dataclasses import dataclass

import numpy as np

from ramodel.checks import integer
from ramodel.theory.model import Array, ResidualModel
from ramodel.theory.optimum.losses import CrossEntropyLoss
from ramodel.theory.optimum.objective import MapObjective
from ramodel.theory.optimum.penalty import SpectralPenalty
from ramodel.theory.optimum.spectral import REDUCIBLE

__all__ = ["Configuration", "Level", "class_objective", "describe"]

MAX_CLASSES = 2000
LEAST_DECAY = 1e-30
"""Smallest decay at which families and search were tried."""

RANK_SHARE = 0.1
"""Singular values above this share of the largest count for the effective rank."""

SAME_LEVEL = 1e-6
"""Singular values of Jacobians that differ by less than this share of the largest are one level."""

ZERO_LEVEL = 1e-12
"""Singular values below this share of the largest are zero, and no level."""


@dataclass(frozen=True)
class Level:
    """A singular value of the Residual Jacobians, and how many directions have it.

    Parameters
    ----------
    s
        Singular value of every J_l, greater than zero.
    multiplicity
        Number of directions.
    """

    s: float
    multiplicity: int


@dataclass(frozen=True, eq=False)
class Configuration:
    """A critical point of F(M) = (1/C) sum_c [ln sum_j exp(M_jc) - M_cc] + (1/2) sum_k c(sigma_k(M)) (S3, S10; own).

    Parameters
    ----------
    family
        What kind of point it is: "simplex", "pair", "circulant", "triangular", "lattice", "polygons 2+2+1", "free", ...
    value
        F, evaluated at `end_to_end` as a general matrix: nothing of the family enters.
    end_to_end : array [C, C]
        M; column c holds the logits of class c.
    jacobian_singular_values : array [C]
        s_k of every Residual Jacobian, descending.
    residual
        Norm of the gradient of F over all matrices, relative to its terms: 0 at a critical point.
    """

    family: str
    value: float
    end_to_end: Array
    jacobian_singular_values: Array
    residual: float

    @property
    def levels(self) -> tuple[Level, ...]:
        """Singular values s > 0 with their multiplicities, descending; equal means up to a millionth of the largest."""
        s = self.jacobian_singular_values
        s = s[s > ZERO_LEVEL * s[0]]
        breaks = np.flatnonzero(s[:-1] - s[1:] > SAME_LEVEL * s[:1].sum()) + 1
        return tuple(Level(float(group.mean()), len(group)) for group in np.split(s, breaks) if len(group))

    @property
    def effective_rank(self) -> int:
        """Number of s_k above a tenth of s_1; 0 where all are zero."""
        s = self.jacobian_singular_values
        return int(np.count_nonzero(s > RANK_SHARE * s[0]))


def describe(family: str, model: ResidualModel, end_to_end: Array) -> Configuration:
    """Return the configuration of a map M [C, C], its value and residual taken from the general objective."""
    found = class_objective(len(end_to_end), model).evaluate(end_to_end.reshape(1, -1))
    return Configuration(
        family=family,
        value=float(found.value[0]),
        end_to_end=end_to_end,
        jacobian_singular_values=np.asarray(model.jacobian_singular_value(np.linalg.svd(end_to_end, compute_uv=False))),
        residual=float(found.relative_gradient()[0]),
    )


def class_objective(classes: int, model: ResidualModel, *, points: int = 1) -> MapObjective:
    """Return F over all maps [C, C], of so many points; refuse a model whose cost is no smooth function of M alone.

    Raises
    ------
    TypeError, ValueError
        If `classes` is not a whole number from 2 to 2000, or `model` is not one whose cost is known, without embedding
        and with decays of at least 1e-30.
    """
    count = integer("classes", classes, minimum=2, maximum=MAX_CLASSES, hint="Maps are stored as dense matrices.")
    if not isinstance(model, REDUCIBLE):
        names = ", ".join(kind.__name__ for kind in REDUCIBLE)
        raise TypeError(f"model is {model!r}; it must be one of {names}, whose cost is known (S3, S6, S7).")
    if model.embedding_decay is not None:
        raise ValueError(
            f"embedding_decay is {model.embedding_decay}; here the inputs are orthonormal and nothing embeds them: "
            "leave it out."
        )
    for name in ("jacobian_decay", "head_decay"):
        if getattr(model, name) < LEAST_DECAY:
            raise ValueError(f"{name} is {getattr(model, name)}; here it must be at least {LEAST_DECAY:g}.")
    return MapObjective(CrossEntropyLoss(None, np.arange(count), count), SpectralPenalty.of([model] * points))
