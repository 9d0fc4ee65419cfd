"""Squared error with white inputs: one scalar problem per singular value of the regression, closed and global.

With mean x x^T = c I the loss is ``(c/2) ||M - Y||_F^2`` plus a constant, Y the regression map. Mirsky's inequality,
``||M - Y||_F^2 >= sum_k (sigma_k(M) - y_k)^2``, lets M share the singular vectors of Y, and each y_k asks for

    min over m of (c/2) (m - y_k)^2 + phi(m),   phi = c_L/2.

In all models phi'' falls with m up to some m0 and rises after it. So the slope ``c (m - y) + phi'(m)`` increases on at
most two intervals, one on either side of m0, and each minimum lies in one of them: both are found by bisection and
compared (own; exact).
"""

import math
from collections.abc import Callable

import numpy as np

from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.model import Array, ResidualModel
from ramodel.theory.nuclear import NuclearModel
from ramodel.theory.optimum.penalty import SpectralPenalty

__all__ = ["shrink"]

BISECTIONS = 110  # 2^-110: to the last digit of all m above 1e-17 of the largest


def shrink(y: Array, curvature: float, model: ResidualModel) -> Array:
    """Return the m >= 0 [k] that minimise ``(curvature/2) (m - y)^2 + c_L(m)/2`` for singular values y [k]."""
    penalty = SpectralPenalty.of([model])
    embedded = model.embedding_decay is not None

    def cost(m: Array) -> tuple[Array, Array, Array]:
        """Return phi, phi' and phi''; with an embedding from those of the halves at sqrt(m): phi = 2 phi_half."""
        value, stiffness, second = penalty.scalars(np.sqrt(m) if embedded else m)
        if not embedded:
            return value, stiffness * m, second
        return 2.0 * value, stiffness, (second - stiffness) / (2.0 * np.maximum(m, np.finfo(np.float64).tiny))

    def slope(m: Array) -> Array:
        return curvature * (m - y) + cost(m)[1]

    def convexity(m: Array) -> Array:
        return curvature + cost(m)[2]

    zero, turn = np.zeros_like(y), np.minimum(least_convex(model), y)
    ends = _last_negative(
        lambda m: convexity(m) * [[-1.0], [1.0]], np.stack([zero, turn]), np.stack([turn, y])
    )  # of the interval before the turn, and start of that after it
    candidates = _last_negative(slope, np.stack([zero, ends[1]]), np.stack([ends[0], y]))
    values = 0.5 * curvature * (candidates - y) ** 2 + cost(candidates)[0]
    best: Array = np.where(values[1] < values[0], candidates[1], candidates[0])
    return best


def least_convex(model: ResidualModel) -> float:
    """Return m0 at which phi'' is least: it falls before and rises after (own; exact).

    Frobenius: ``4 (L^2 - 1) s^2 = 6 s + 3``, from the derivative of ln(-phi''); at depth 1, and so in the kinetic
    model, phi'' falls for ever. Nuclear: the threshold. With an embedding phi'' rises from 0 on, or vanishes.
    """
    if isinstance(model, NuclearModel):
        return model.threshold
    if model.embedding_decay is not None:
        return 0.0
    if not isinstance(model, FrobeniusModel) or model.depth <= 1.0:
        return math.inf
    excess = model.depth**2 - 1.0
    return float(model.end_to_end_singular_value((3.0 + math.sqrt(9.0 + 12.0 * excess)) / (4.0 * excess)))


def _last_negative(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return the end of where an increasing function is negative in [low, high]; `low` if it is nowhere."""
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        negative = function(middle) < 0.0
        low, high = np.where(negative, middle, low), np.where(negative, high, middle)
    return low
