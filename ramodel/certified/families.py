"""The objective of S10's simplex and pair families, as one formula for floats, balls and jets; and its minima."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize

from ramodel.certified.enclosure import ball

__all__ = ["Family", "FamilyObjective"]

Family = Literal["simplex", "pair"]
LEADING = np.linspace(math.log(1e-8), math.log(50.0), 240)
FAINT = np.linspace(math.log(1e-14), math.log(20.0), 100)
"""Where minima are looked for: ln s of the simplex or the pairs' first level, and of the second. The first needs the
finer grid: what the second weighs falls exponentially with it."""

APART = 1.0
"""ln s of the two levels of a pair differ by at least this at the start of its search: where they agree it is the
simplex."""

MERGED = 1e-3
"""A pair whose levels are closer than this in ln s is the simplex."""


@dataclass(frozen=True)
class FamilyObjective:
    """F of mean cross-entropy with orthonormal class inputs, Frobenius model, restricted to a family.

    The unknowns are ln s of every level, in which m and the cost are explicit.

    Parameters
    ----------
    classes
        C.
    jacobian_decay, head_decay
        lam_J, lam_W.
    """

    classes: int
    jacobian_decay: Fraction
    head_decay: Fraction

    def value(self, family: Family, log_s: Sequence[Any], depth: Any) -> Any:
        """Return F, from ln s of every level: floats and arrays, balls or jets."""
        C = self.classes
        levels = [self.end_to_end(y, depth) for y in log_s]
        decay = sum(
            (count * self._cost(y, depth) for y, count in zip(log_s, self.multiplicities(family), strict=True)), 0
        )
        if family == "simplex":
            others = (C - 1) * _exp(-levels[0])
        else:
            odd, even = levels
            others = _exp(-odd) + (C - 2) * _exp(-(odd + even) / 2)
        return _log1p(others) + decay / 2

    def end_to_end(self, y: Any, depth: Any) -> Any:
        """Return m = sqrt(rho s (1+s)) (1+s)^L at s = e^y."""
        gain = _log1p(_exp(y))
        root = self._like(self.jacobian_decay / self.head_decay, y)
        return _exp((y + gain + _log(root)) / 2 + depth * gain)

    def _cost(self, y: Any, depth: Any) -> Any:
        """Return c = lam_J (s + (L+1) s^2) at s = e^y."""
        s = _exp(y)
        return (s + (depth + 1) * s * s) * self._like(self.jacobian_decay, y)

    def margin(self, y: Any, depth: Any) -> Any:
        """Return m (1 + 2(L+1)s) - C (2(L-1)s - 1) at s = e^y."""
        s = _exp(y)
        return self.end_to_end(y, depth) * (1 + 2 * (depth + 1) * s) - self.classes * (2 * (depth - 1) * s - 1)

    def _like(self, value: Fraction, unknown: Any) -> Any:
        """Return a constant of the kind of the unknowns."""
        return float(value) if isinstance(unknown, (float, np.ndarray)) else ball(value)

    def multiplicities(self, family: Family) -> tuple[int, ...]:
        """Return how often the singular value of every level occurs."""
        C = self.classes
        return (C - 1,) if family == "simplex" else (C // 2, C // 2 - 1)

    def search(self, family: Family, depth: float) -> tuple[list[float], float]:
        """Find ln s of the lowest minimum of a family in float64, and F there; infinity where pairs are a simplex."""
        with np.errstate(over="ignore", invalid="ignore"):  # e^-m is then 0, as it should be
            start = self._start(family, depth)
            # The logarithm, because tolerances are absolute and F can be tiny.
            found = minimize(lambda y: math.log(self.value(family, list(map(float, y)), depth)), start, tol=1e-12)
        place = [float(y) for y in found.x]
        merged = len(place) == 2 and place[0] - place[1] < MERGED
        return place, math.inf if merged else math.exp(float(found.fun))

    def _start(self, family: Family, depth: float) -> list[float]:
        """Return the lowest point of a grid in ln s."""
        if family == "simplex":
            return [float(LEADING[np.argmin(self.value(family, [LEADING], depth))])]
        odd, even = np.meshgrid(LEADING, FAINT, indexing="ij")
        grid = np.where(even < odd - APART, self.value(family, [odd, even], depth), np.inf)
        lowest = np.unravel_index(np.argmin(grid), grid.shape)
        return [float(odd[lowest]), float(even[lowest])]


def _exp(x: Any) -> Any:
    return np.exp(x) if isinstance(x, (float, np.ndarray)) else x.exp()


def _log(x: Any) -> Any:
    return math.log(x) if isinstance(x, float) else x.log()


def _log1p(x: Any) -> Any:
    return np.log1p(x) if isinstance(x, (float, np.ndarray)) else x.log1p()
