"""Statements S6 and S18: two factors per block, decayed apart."""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array
from ramodel.theory.balance import growth
from ramodel.theory.model import Array, ResidualModel, checked, relative_size, representable

__all__ = ["NuclearModel"]


class NuclearModel(ResidualModel):
    """Two factors per block: F = loss + (lam_W/2) ||W||^2 + (lam_J/2) sum_l (||A'_l||^2 + ||B_l||^2), J_l = B_l A'_l.

    The decay of the factors is lam_J times the nuclear norm of J_l at best. At local minima with spare hidden width
    J_l = (W^T W / rho - I)_+ for every l (S6): this is the balance that `balance_error` measures, relative to
    ||J_l||. With a trained embedding (S18), which adds (lam_E/2) ||E||^2, the same formulas hold with k = 2 instead of
    k = 1 decayed matrices around the blocks; both are written with k below.

    Parameters
    ----------
    depth, jacobian_decay, head_decay, embedding_decay
        As for `ResidualModel`.

    Examples
    --------
    >>> model = NuclearModel(depth=8, jacobian_decay=0.01, head_decay=0.01)
    >>> model.jacobian_singular_value([13.94885, 0.1024]).round(6)
    array([0.363489, 0.      ])
    """

    @property
    def threshold(self) -> float:
        """Value of m up to which blocks stay zero: rank J_l is the number of m above it (statements S6, S18)."""
        return self.unit

    def jacobian_singular_value(self, m: ArrayLike) -> Array:
        """Return s = (m / unit)^(1/(L + k/2)) - 1 above the threshold, else 0 (statements S6, S18; own; exact).

        For k = 1 this is (1 + s)^(2L+1) = m^2/rho.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        s, same shape. The condition number (1 + s) / ((L + k/2) s) is infinite at the threshold; yet the relative error
        stays below 2e-15 for the decays and m as stored, since the threshold is taken to twice their precision.

        Raises
        ------
        TypeError
            If `m` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If m / unit or s exceeds the largest float64.

        Examples
        --------
        >>> float(NuclearModel(1, 1.0, 1.0).jacobian_singular_value(8.0).round(12))
        3.0
        """
        values = checked("m", m)
        excess = _excess(values, self.unit, self._unit_squared, "m / unit")
        total = self.depth + 0.5 * self.ends
        with np.errstate(over="ignore"):
            s = np.asarray(representable("s", np.expm1(np.log1p(np.maximum(excess, 0.0)) / total)))
        large = s > 1.0  # where the rounding of the logarithm shows; pow has none of that
        gain = 1.0 + s[large]
        half_way = gain ** (0.5 * self.depth)
        ratio = values[large] / half_way / half_way / (self.unit * np.sqrt(gain) ** self.ends)
        s[large] += gain * (ratio - 1.0) / total
        return s[()]

    def end_to_end_singular_value(self, s: ArrayLike) -> Array:
        """Return m = unit (1 + s)^(L + k/2), the threshold for s = 0 (statements S6, S18; own; exact).

        Parameters
        ----------
        s
            Singular values of the Residual Jacobians, any shape, at least 0.

        Returns
        -------
        m, same shape; condition number (L + k/2) s / (1 + s).

        Raises
        ------
        TypeError
            If `s` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If a result exceeds the largest float64.

        Examples
        --------
        >>> float(NuclearModel(1, 1.0, 1.0).end_to_end_singular_value(3.0).round(12))
        8.0
        """
        values = checked("s", s)
        with np.errstate(over="ignore"):
            half_way = growth(values, 0.5 * self.depth)
            m = self.unit * np.sqrt(1.0 + values) ** self.ends * half_way * half_way
        return representable("m", m)

    def head_singular_value(self, m: ArrayLike) -> Array:
        """Return w = sqrt(rho (1 + s)) above the threshold, sqrt(rho) (m / unit)^(1/k) below (S6, S18; own; exact).

        Below, k = 1 means w = m: without blocks, the head is the map.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        w, same shape; condition number 1/k below the threshold, 1 / (2L + k) above.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.

        Examples
        --------
        >>> NuclearModel(1, 1.0, 1.0).head_singular_value([0.5, 8.0]).round(12)
        array([0.5, 2. ])
        """
        values = checked("m", m)
        bare = np.minimum(values / self.unit, 1.0) ** (1.0 / self.ends)
        w: Array = math.sqrt(self.decay_ratio) * bare * np.sqrt(1.0 + self.jacobian_singular_value(values))
        return w

    def from_head(self, w: ArrayLike) -> Array:
        """Return s = max(w^2/rho - 1, 0), the prediction with nothing fitted (statement S6; own; exact).

        Parameters
        ----------
        w
            Singular values of a trained head, any shape, at least 0.

        Returns
        -------
        s, same shape. The condition number 2 w^2 / (w^2 - rho) is infinite at the threshold; yet the relative error
        stays a few rounding errors for the decays and w as stored.

        Raises
        ------
        TypeError
            If `w` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If w^2 / rho exceeds the largest float64.

        Examples
        --------
        >>> NuclearModel(8, 0.01, 0.01).from_head([0.5, 2.0])
        array([0., 3.])
        """
        excess = np.maximum(_excess(checked("w", w), math.sqrt(self.decay_ratio), self._rho, "w / sqrt(rho)"), 0.0)
        with np.errstate(over="ignore"):
            return representable("w^2 / rho", excess * (excess + 2.0))

    def cost(self, m: ArrayLike) -> Array:
        """Return lam_J (k + (2L + k) s) above the threshold, lam_J k (m / unit)^(2/k) below (S6, S18; own; exact).

        Below, k = 1 means lam_W m^2: a ridge.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Cost in the unit of the decays, same shape; condition number at most 2/k.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`; OverflowError also if the cost exceeds float64.

        Examples
        --------
        >>> NuclearModel(1, 1.0, 1.0).cost([0.5, 8.0]).round(12)
        array([ 0.25, 10.  ])
        """
        values = checked("m", m)
        s = self.jacobian_singular_value(values)
        bare = self.ends * np.minimum(values / self.unit, 1.0) ** (2.0 / self.ends)
        with np.errstate(over="ignore"):
            c = np.asarray(self.jacobian_decay * (bare + (2.0 * self.depth + self.ends) * s))
        return representable("the cost", c)

    def bounds(self, m: ArrayLike) -> tuple[Array, Array]:
        """Return (s, s): the closed form needs no bracket (statement S6).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.

        Examples
        --------
        >>> lower, upper = NuclearModel(8, 0.01, 0.01).bounds(13.94885)
        >>> bool(lower == upper)
        True
        """
        s = self.jacobian_singular_value(m)
        return s, s

    def depth_exponent(self, m: ArrayLike) -> Array:
        """Return d ln s / d ln L = -(L / (L + k/2)) (1 + s) ln(1 + s) / s at fixed m (from S6, S18; own; exact).

        It tends to -1 as L grows, without S4's logarithm. NaN where s = 0: there is no logarithm of s to follow.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Exponent, same shape, no unit; condition number at most 2/k.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.

        Examples
        --------
        >>> NuclearModel(8, 0.01, 0.01).depth_exponent([0.5, 13.94885]).round(4)
        array([    nan, -1.0946])
        """
        s = self.jacobian_singular_value(m)
        with np.errstate(invalid="ignore"):
            exponent: Array = -self.depth / (self.depth + 0.5 * self.ends) * (1.0 + s) * (np.log1p(s) / s)
        return exponent

    def factor_balance_error(self, inner: ArrayLike, outer: ArrayLike) -> float:
        """Largest relative departure of B_l^T B_l from A'_l A'_l^T: 0 at every critical point (S6; own; exact).

        The same as B_l B_l^T = (J_l J_l^T)^(1/2), without a root to take. Frobenius norms; a departure of exactly zero
        counts as zero, any other from a zero factor as infinite.

        Parameters
        ----------
        inner
            A'_1, ..., A'_L, shape [L, hidden, d].
        outer
            B_1, ..., B_L, shape [L, d, hidden].

        Returns
        -------
        Number without unit.

        Raises
        ------
        TypeError, ValueError
            If shapes do not fit, an array is empty, or an entry is NaN or infinite.

        Examples
        --------
        >>> NuclearModel(1, 1.0, 1.0).factor_balance_error(inner=[[[1.0]]], outer=[[[2.0]]])
        3.0
        """
        a = finite_array("inner", inner, shape=(None, None, None))
        layers, hidden, width = a.shape
        b = finite_array("outer", outer, shape=(layers, width, hidden))
        gram = a @ a.swapaxes(1, 2)
        return float(relative_size(b.swapaxes(1, 2) @ b - gram, gram).max())

    @property
    def _rho(self) -> Fraction:
        return Fraction(self.jacobian_decay) / Fraction(self.head_decay)

    @property
    def _unit_squared(self) -> Fraction:
        if self.embedding_decay is None:
            return self._rho
        return self._rho * Fraction(self.jacobian_decay) / Fraction(self.embedding_decay)

    def _departures(self, blocks: Array, head: Array) -> Array:
        return relative_size(blocks - self.predicted_jacobian(head), blocks)


def _excess(values: Array, root: float, square: Fraction, name: str) -> Array:
    """Return values / sqrt(square) - 1 without cancellation: `root`, sqrt(square) rounded, gets a second float."""
    tail = float((square - Fraction(root) ** 2) / (2 * Fraction(root)))
    with np.errstate(over="ignore"):
        return np.asarray(representable(name, ((values - root) - tail) / root))
