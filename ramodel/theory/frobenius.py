"""Statements S1-S4 and S18: one free matrix per block."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import wrightomega

from ramodel.theory.balance import growth, solve_balance
from ramodel.theory.model import Array, ResidualModel, checked, relative_size, representable

__all__ = ["FrobeniusModel"]


class FrobeniusModel(ResidualModel):
    """One free matrix per block: F = loss + (lam_W/2) ||W||^2 + (lam_J/2) sum_l ||J_l||^2.

    At every critical point J_l is symmetric and J_l (I + J_l) = W^T W / rho (S1): this is the balance that
    `balance_error` measures, relative to the right-hand side. The closed forms hold on the positive branch, where all
    I + J_l are positive definite. With a trained embedding (S18), which adds (lam_E/2) ||E||^2, the same formulas hold
    with k = 2 instead of k = 1 decayed matrices around the blocks; both are written with k below.

    Parameters
    ----------
    depth, jacobian_decay, head_decay, embedding_decay
        As for `ResidualModel`.

    Examples
    --------
    >>> model = FrobeniusModel(depth=8, jacobian_decay=0.01, head_decay=0.01)
    >>> model.jacobian_singular_value([13.94885, 0.1024]).round(6)
    array([0.432416, 0.009004])
    """

    def jacobian_singular_value(self, m: ArrayLike) -> Array:
        """Solve m = unit (s (1 + s))^(k/2) (1 + s)^L for s (statements S2, S18; own; exact).

        For k = 1 this is m^2 = rho s (1 + s)^(2L+1). There is exactly one s >= 0 for every m >= 0, increasing with m.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        s, same shape. Relative error below 2e-15 wherever s is a normal float64; condition number
        (1 + s) / (k/2 + (L + k) s), at most 2/k.

        Raises
        ------
        TypeError
            If `m` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If m / unit exceeds 1e200.

        Examples
        --------
        >>> float(FrobeniusModel(1, 1.0, 1.0).jacobian_singular_value(8**0.5).round(12))
        1.0
        """
        u = self._in_units(m)
        return (solve_balance(u, self.depth) if self.ends == 1 else solve_balance(np.sqrt(u), 0.5 * self.depth))[()]

    def end_to_end_singular_value(self, s: ArrayLike) -> Array:
        """Return m = unit (s (1 + s))^(k/2) (1 + s)^L (statements S2, S18; own; exact).

        Parameters
        ----------
        s
            Singular values of the Residual Jacobians, any shape, at least 0.

        Returns
        -------
        m, same shape; condition number (k/2 + (L + k) s) / (1 + s).

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
        >>> float(FrobeniusModel(2, 1.0, 2.0).end_to_end_singular_value(1.0).round(12))
        4.0
        """
        values = checked("s", s)
        with np.errstate(over="ignore"):
            half_way = growth(values, 0.5 * self.depth)
            m = self.unit * _root(values) ** self.ends * half_way * half_way
        return representable("m", m)

    def head_singular_value(self, m: ArrayLike) -> Array:
        """Return w = sqrt(rho s (1 + s)) (statements S1, S18; own; exact).

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        w, same shape; condition number (1/2 + s) / (k/2 + (L + k) s), at most 1/k.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.

        Examples
        --------
        >>> float(FrobeniusModel(1, 1.0, 1.0).head_singular_value(8**0.5).round(12))
        1.414213562373
        """
        w: Array = math.sqrt(self.decay_ratio) * _root(self.jacobian_singular_value(m))
        return w

    def from_head(self, w: ArrayLike) -> Array:
        """Return s = (sqrt(1 + 4 w^2/rho) - 1) / 2, the prediction with nothing fitted (statement S1(d); own; exact).

        Parameters
        ----------
        w
            Singular values of a trained head, any shape, at least 0.

        Returns
        -------
        s, same shape; condition number 2 (1 + s) / (1 + 2 s), at most 2.

        Raises
        ------
        TypeError
            If `w` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If w / sqrt(rho) exceeds half the largest float64.

        Examples
        --------
        >>> float(FrobeniusModel(8, 0.01, 0.01).from_head(2**0.5).round(12))
        1.0
        """
        with np.errstate(over="ignore"):
            twice = np.asarray(representable("2 w / sqrt(rho)", 2.0 * (checked("w", w) / math.sqrt(self.decay_ratio))))
        s: Array = (0.5 * twice * (twice / (1.0 + np.hypot(1.0, twice))))[()]
        return s

    def cost(self, m: ArrayLike) -> Array:
        """Return lam_J (k s + (L + k) s^2): S3's c_L(m) for k = 1, S18's for k = 2 (own; exact).

        With c_L, min F = min over M of loss(M X) + (1/2) sum_k c_L(sigma_k(M)).

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Cost in the unit of the decays, same shape; condition number 2 (1 + s) / (k + (L + k) s), at most 2/k.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`; OverflowError also if the cost exceeds float64.

        Examples
        --------
        >>> float(FrobeniusModel(1, 1.0, 1.0).cost(8**0.5).round(12))
        3.0
        """
        s = np.asarray(self.jacobian_singular_value(m))
        with np.errstate(over="ignore"):
            c = self.jacobian_decay * s * (self.ends + (self.depth + self.ends) * s)
        return representable("the cost", c)

    def deep_cost(self, m: ArrayLike) -> Array:
        """Return the deep limit of `cost`, (lam_J k^2 / 4L) W0 (W0 + 2) at 2LT/k (statement S4; own; asymptotic).

        T = (m / unit)^(2/k); the relative departure from `cost` is of order s, that is ln(L)/L.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Cost in the unit of the decays, same shape; relative error a few rounding errors times 1 + abs(ln T).

        Raises
        ------
        TypeError
            If `m` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If m / unit exceeds 1e200.

        Examples
        --------
        >>> model = FrobeniusModel(10**5, 0.01, 0.01)
        >>> float((model.deep_cost(10.0) / model.cost(10.0)).round(3))
        1.0
        """
        lambert = wrightomega(self._log_t(m) + np.log(2.0 * self.depth / self.ends))
        c: Array = self.jacobian_decay * self.ends**2 / (4.0 * self.depth) * lambert * (lambert + 2.0)
        return c

    def bounds(self, m: ArrayLike) -> tuple[Array, Array]:
        """Return the bracket of statement S4: exp(2 asinh(omega/2)) - 1 <= s <= exp(omega) - 1 (own; bound).

        omega = W0(nu T) / nu with W0 Lambert's function, T = (m / unit)^(2/k) and nu = 2L/k + 3/2. Both ends are
        rounded outwards by 8 rounding errors times 2 + abs(ln(nu T)), so that the exact s lies between them.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        (lower, upper), each of the same shape. Relative width about omega^2/24: below 1.7 % for L >= 8, T <= 1e4.

        Raises
        ------
        TypeError
            If `m` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If m / unit exceeds 1e200.

        Examples
        --------
        >>> lower, upper = FrobeniusModel(8, 0.01, 0.01).bounds(13.94885)
        >>> float(lower.round(4)), float(upper.round(4))
        (0.4301, 0.4328)
        """
        nu = 1.5 + 2.0 * self.depth / self.ends
        y = self._log_t(m) + np.log(nu)
        omega = wrightomega(y) / nu
        margin = 8.0 * np.finfo(np.float64).eps * (2.0 + np.abs(np.maximum(y, -1500.0)))  # y is minus infinity at m = 0
        lower: Array = np.expm1(2.0 * np.arcsinh(0.5 * omega)) * (1.0 - margin)
        upper: Array = np.expm1(omega) * (1.0 + margin)
        return lower, upper

    def depth_exponent(self, m: ArrayLike) -> Array:
        """Return d ln s / d ln L = -L (1 + s) ln(1 + s) / (k/2 + (L + k) s) at fixed m (S4, S18; own; exact).

        It tends to -1 logarithmically from above as L grows, and to 0 as m does; it is steeper than -1 where
        2L ((1 + s) ln(1 + s) - s) > k (1 + 2 s).

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
        >>> float(FrobeniusModel(8, 0.01, 0.01).depth_exponent(13.94885).round(4))
        -0.9377
        """
        s = self.jacobian_singular_value(m)
        slope = (0.5 * self.ends + (self.depth + self.ends) * s) / (1.0 + s)
        exponent: Array = -self.depth * np.log1p(s) / slope
        return exponent

    def _departures(self, blocks: Array, head: Array) -> Array:
        target = head.T @ head / self.decay_ratio
        return relative_size(blocks + blocks @ blocks - target, target)

    def _in_units(self, m: ArrayLike) -> Array:
        """Return m / unit, refused where powers of it would leave float64."""
        with np.errstate(over="ignore"):
            u = checked("m", m) / self.unit
        if u.max(initial=0.0) > 1e200:
            raise OverflowError(f"m / unit reaches {u.max():.3g}; it must be at most 1e200 (unit is {self.unit:.3g}).")
        return np.asarray(u)

    def _log_t(self, m: ArrayLike) -> Array:
        """Return ln T = (2/k) ln(m / unit); minus infinity at m = 0."""
        with np.errstate(divide="ignore"):
            log_t: Array = 2.0 / self.ends * np.log(self._in_units(m))
        return log_t


def _root(s: Array) -> Array:
    """Return sqrt(s (1 + s)) without overflow."""
    root: Array = np.sqrt(s) * np.sqrt(1.0 + s)
    return root
