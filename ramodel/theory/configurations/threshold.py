"""The depth at which opposite pairs become better than the simplex (S10)."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ramodel.checks import positive
from ramodel.theory.configurations.families import critical_maps, pair_symmetry
from ramodel.theory.configurations.simplex import simplex_margin, simplex_value
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.model import Array

__all__ = ["Threshold", "threshold_depth"]

DEPTHS = np.geomspace(0.25, 4096.0, 15)
"""Depths at which the two are compared, before the root between two of them is found."""

BETTER = 1e-9
"""Relative gain from which on pairs are better than the simplex, which is a pair configuration as well."""


@dataclass(frozen=True)
class Threshold:
    """Where the simplex and the pair configuration have the same objective.

    Parameters
    ----------
    depth
        L*, a real number; beyond it pairs are better.
    value
        F of both there.
    margin
        m, singular value of the simplex's end-to-end map.
    within, between
        a and b, singular values of the pair configuration's end-to-end map, C/2 and C/2 - 1 times.
    """

    depth: float
    value: float
    margin: float
    within: float
    between: float


def threshold_depth(classes: int, jacobian_decay: float, head_decay: float) -> Threshold:
    """Return the real depth L* at which the pair family falls below the simplex, Frobenius model (S10; own).

    The transition is of first order: a - b jumps, and the simplex is a strict local minimum on both sides for C = 4, 6
    (`stability_depth` tells where it ceases to be one). Values are exact; that no pair configuration is lower, and that
    there is no crossing between the depths at which the two are first compared, is searched, not proved.

    Parameters
    ----------
    classes
        C, even and at least 4.
    jacobian_decay, head_decay
        lam_J, lam_W > 0.

    Returns
    -------
    Threshold
        With L* to about 1e-12 relative.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range; ValueError also if pairs are not better at any depth up to 4096.

    Examples
    --------
    >>> found = threshold_depth(6, 0.01, 0.01)
    >>> round(found.depth, 4), round(found.value, 8)
    (3.53, 0.07528386)
    """
    symmetry = pair_symmetry(classes)
    positive("jacobian_decay", jacobian_decay)
    positive("head_decay", head_decay)

    def simplex_at(depth: float) -> float:
        model = FrobeniusModel(depth, jacobian_decay, head_decay)
        return simplex_value(classes, model, simplex_margin(classes, model))

    def pairs_at(depth: float, start: Array | None = None) -> tuple[Array, float]:
        maps, values = critical_maps(symmetry, FrobeniusModel(depth, jacobian_decay, head_decay), start)
        lowest = int(values.argmin())
        return maps[lowest], float(values[lowest])

    last = float(DEPTHS[0])
    for depth in map(float, DEPTHS[1:]):
        m, value = pairs_at(depth)
        if value < simplex_at(depth) * (1.0 - BETTER):
            break
        last = depth
    else:
        raise ValueError(
            f"classes is {classes}; with decays {jacobian_decay:g} and {head_decay:g} pairs are not better than the "
            f"simplex at any depth up to {DEPTHS[-1]:g}: no threshold was found."
        )

    def gain(at: float) -> float:
        """Value of the pair branch above the simplex; 1 where the branch has ended in the simplex."""
        found, lower = pairs_at(at, m[np.newaxis])
        within, between = _levels(found)
        return 1.0 if within - between < 1e-3 * within else lower - simplex_at(at)

    crossing = float(brentq(gain, last, depth, xtol=1e-13, rtol=1e-14))
    within, between = _levels(pairs_at(crossing, m[np.newaxis])[0])
    margin = simplex_margin(classes, FrobeniusModel(crossing, jacobian_decay, head_decay))
    return Threshold(crossing, simplex_at(crossing), margin, within, between)


def _levels(m: Array) -> tuple[float, float]:
    """Return a and b of a pair map: its margin against the opposite class, and the rest of its trace."""
    pairs = len(m) // 2
    within = float(m[0, 0] - m[1, 0])
    return within, float((np.trace(m) - pairs * within) / (pairs - 1))
