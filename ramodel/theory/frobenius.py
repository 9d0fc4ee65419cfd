"""Statements S1-S4 and S18: one free matrix per block."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import wrightomega

from ramodel.checks import finite_array
from ramodel.theory.balance import growth, solve_balance
from ramodel.theory.model import Array, ResidualModel, checked, representable

__all__ = ["FrobeniusModel"]


class FrobeniusModel(ResidualModel):
    """F = loss + (lam_W/2) ||W||^2 + (lam_J/2) sum_l ||J_l||^2: one free matrix per block.

    Examples
    --------
    >>> model = FrobeniusModel(depth=8, jacobian_decay=0.01, head_decay=0.01)
    >>> float(model.jacobian_singular_value(13.94885).round(6))
    0.432416
    """

    def jacobian_singular_value(self, m: ArrayLike) -> Array:
        """Solve m^2 = rho s (1 + s)^(2L+1) for s."""
        return solve_balance(checked("m", m), self.unit, self.depth, self.ends)[()]

    def end_to_end_singular_value(self, s: ArrayLike) -> Array:
        """Return m = sqrt(rho s (1 + s)) (1 + s)^L."""
        values = checked("s", s)
        with np.errstate(over="ignore"):
            root = growth(values, 0.5 * self.depth)
            m = self.unit * (np.sqrt(values) * np.sqrt(1.0 + values)) ** self.ends * root * root
        return representable("the end-to-end singular value", m)

    def head_singular_value(self, m: ArrayLike) -> Array:
        """Return w = sqrt(rho s (1 + s))."""
        s = self.jacobian_singular_value(m)
        w: Array = np.sqrt(self.decay_ratio) * np.sqrt(s) * np.sqrt(1.0 + s)
        return w

    def from_head(self, w: ArrayLike) -> Array:
        """Return s = (sqrt(1 + 4 w^2/rho) - 1)/2."""
        r = checked("w", w) / np.sqrt(self.decay_ratio)
        s: Array = (r * (2.0 * r / (1.0 + np.hypot(1.0, 2.0 * r))))[()]
        return s

    def cost(self, m: ArrayLike) -> Array:
        """Return lam_J (s + (L+1) s^2), with an embedding lam_J (2 s + (L+2) s^2)."""
        s = np.asarray(self.jacobian_singular_value(m))
        with np.errstate(over="ignore"):
            c = self.jacobian_decay * s * (self.ends + (self.depth + self.ends) * s)
        return representable("the cost", c)

    def bounds(self, m: ArrayLike) -> tuple[Array, Array]:
        """Return the bracket of S4."""
        values = checked("m", m)
        nu = 1.5 + 2.0 * self.depth / self.ends
        with np.errstate(divide="ignore", over="ignore"):
            y = 2.0 / self.ends * (np.log(values) - np.log(self.unit)) + np.log(nu)
            margin = 8.0 * np.finfo(np.float64).eps * (2.0 + np.where(values > 0.0, np.abs(y), 0.0))
            omega = wrightomega(y) / nu
            lower = np.expm1(2.0 * np.arcsinh(0.5 * omega)) * (1.0 - margin)
            upper = np.expm1(omega) * (1.0 + margin)
        return lower[()], np.minimum(upper, np.finfo(np.float64).max)[()]

    def depth_exponent(self, m: ArrayLike) -> Array:
        """Return d ln s / d ln L = -2L (1+s) ln(1+s) / (1 + (2L+2) s)."""
        s = self.jacobian_singular_value(m)
        total = self.depth + self.ends
        exponent: Array = -self.depth * np.log1p(s) * (1.0 + s) / (0.5 * self.ends + total * s)
        return exponent

    def balance_error(self, jacobians: ArrayLike, head: ArrayLike) -> float:
        """Return the maximum over l of ||J_l (I + J_l) - W^T W/rho|| / ||W^T W/rho||; 0 where all are zero."""
        weights = finite_array("head", head, shape=(None, None))
        width = weights.shape[1]
        blocks = finite_array("jacobians", jacobians, shape=(None, width, width))
        target = weights.T @ weights / self.decay_ratio
        departure = np.linalg.norm(blocks + blocks @ blocks - target, axis=(1, 2)).max()
        if departure == 0.0:
            return 0.0
        with np.errstate(divide="ignore"):
            return float(departure / np.linalg.norm(target))
