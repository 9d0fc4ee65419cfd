"""Statements S6 and S18: two factors per block, decayed apart."""

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array
from ramodel.theory.balance import growth
from ramodel.theory.model import Array, ResidualModel, checked, representable

__all__ = ["NuclearModel"]


class NuclearModel(ResidualModel):
    """F = loss + (lam_W/2) ||W||^2 + (lam_J/2) sum_l (||A'_l||^2 + ||B_l||^2), J_l = B_l A'_l.

    Examples
    --------
    >>> model = NuclearModel(depth=8, jacobian_decay=0.01, head_decay=0.01)
    >>> float(model.jacobian_singular_value(13.94885).round(6))
    0.363489
    """

    @property
    def threshold(self) -> float:
        """Value of m up to which s = 0."""
        return self.unit

    def jacobian_singular_value(self, m: ArrayLike) -> Array:
        """Solve (1 + s)^(2L+1) = m^2/rho above the threshold; 0 below it."""
        values = checked("m", m)
        excess = np.maximum(values - self.unit, 0.0) / self.unit
        s: Array = np.expm1(np.log1p(excess) / (self.depth + 0.5 * self.ends))[()]
        return s

    def end_to_end_singular_value(self, s: ArrayLike) -> Array:
        """Return m = sqrt(rho) (1 + s)^(L + 1/2)."""
        values = checked("s", s)
        with np.errstate(over="ignore"):
            root = growth(values, 0.5 * self.depth)
            m = self.unit * np.sqrt(1.0 + values) ** self.ends * root * root
        return representable("the end-to-end singular value", m)

    def head_singular_value(self, m: ArrayLike) -> Array:
        """Return w = sqrt(rho (1 + s)) above the threshold, m below (with an embedding sqrt(m sqrt(lam_E/lam_W)))."""
        values = checked("m", m)
        bare = np.sqrt(self.decay_ratio) * np.minimum(values / self.unit, 1.0) ** (1.0 / self.ends)
        w: Array = bare * np.sqrt(1.0 + self.jacobian_singular_value(values))
        return w

    def from_head(self, w: ArrayLike) -> Array:
        """Return s = max(w^2/rho - 1, 0)."""
        r = checked("w", w) / np.sqrt(self.decay_ratio)
        s: Array = (np.maximum(r - 1.0, 0.0) * (r + 1.0))[()]
        return s

    def cost(self, m: ArrayLike) -> Array:
        """Return lam_J (1 + (2L+1) s) above the threshold, lam_W m^2 below."""
        values = checked("m", m)
        s = np.asarray(self.jacobian_singular_value(values))
        bare = self.ends * np.minimum(values / self.unit, 1.0) ** (2.0 / self.ends)
        with np.errstate(over="ignore"):
            c = self.jacobian_decay * (bare + (2.0 * self.depth + self.ends) * s)
        return representable("the cost", c)

    def bounds(self, m: ArrayLike) -> tuple[Array, Array]:
        """Return (s, s)."""
        s = self.jacobian_singular_value(m)
        return s, s

    def depth_exponent(self, m: ArrayLike) -> Array:
        """Return d ln s / d ln L = -(2L/(2L+1)) (1+s) ln(1+s)/s; NaN where s = 0."""
        s = np.asarray(self.jacobian_singular_value(m))
        with np.errstate(invalid="ignore"):
            shape = (1.0 + s) * np.log1p(s) / s
        exponent: Array = (-self.depth / (self.depth + 0.5 * self.ends) * shape)[()]
        return exponent

    def balance_error(self, jacobians: ArrayLike, head: ArrayLike) -> float:
        """Return the maximum over l of ||J_l - (W^T W/rho - I)_+|| / ||J_l||; 0 where all are zero."""
        weights = finite_array("head", head, shape=(None, None))
        width = weights.shape[1]
        blocks = finite_array("jacobians", jacobians, shape=(None, width, width))
        departure = np.linalg.norm(blocks - self.predicted_jacobian(weights), axis=(1, 2))
        size = np.linalg.norm(blocks, axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.where(departure == 0.0, 0.0, departure / size).max())
