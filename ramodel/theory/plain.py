"""Statement S8: a deep linear network without skips, where nothing but neighbours aligns."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ramodel.theory.model import Array, ResidualModel, checked, relative_size, representable

__all__ = ["PlainModel"]


class PlainModel(ResidualModel):
    """No skips, h_l = A_l h_{l-1}: F = loss + (lam_W/2) ||W||^2 + (lam_J/2) sum_l ||A_l||^2.

    Here lam_J is the decay of A_l, and s is the singular value of A_l itself: no identity is added, so that A_l is
    also the Jacobian of the layer. At every critical point A_{l+1}^T A_{l+1} = A_l A_l^T and lam_J A_L A_L^T =
    lam_W W^T W (S8): this is the balance that `balance_error` measures, each layer relative to the next. With a trained
    embedding, which adds (lam_E/2) ||E||^2, lam_E E E^T = lam_J A_1^T A_1, and the formulas hold with k = 2 instead of
    k = 1 decayed matrices around the layers.

    Singular values are all that a plain net fixes: any layer can be rotated against its neighbours at no cost
    (`ramodel.theory.rotate_gauge`). So `predicted_jacobian` and `trajectory` raise, and `step_cv` is NaN.

    Parameters
    ----------
    depth, jacobian_decay, head_decay, embedding_decay
        As for `ResidualModel`; depth is the number of inner layers.

    Examples
    --------
    >>> model = PlainModel(depth=8, jacobian_decay=0.01, head_decay=0.01)
    >>> model.jacobian_singular_value([13.94885, 0.1024]).round(6)
    array([1.340204, 0.776307])
    """

    def jacobian_singular_value(self, m: ArrayLike) -> Array:
        """Return s = (m / unit)^(1/(L + k)), of A_l itself (statement S8; own and known; exact).

        For k = 1 this is (m sqrt(lam_W / lam_J))^(1/(L+1)); at fixed m it tends to 1, not to 0, as L grows.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        s, same shape; condition number 1 / (L + k), relative error a few rounding errors times 1 + abs(ln s).

        Raises
        ------
        TypeError
            If `m` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If m / unit exceeds the largest float64.

        Examples
        --------
        >>> float(PlainModel(2, 1.0, 1.0).jacobian_singular_value(8.0).round(12))
        2.0
        """
        s: Array = self._in_units(m) ** (1.0 / (self.depth + self.ends))
        return s

    def end_to_end_singular_value(self, s: ArrayLike) -> Array:
        """Return m = unit s^(L + k) (statement S8; own and known; exact).

        Parameters
        ----------
        s
            Singular values of the layers, any shape, at least 0.

        Returns
        -------
        m, same shape; condition number L + k.

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
        >>> float(PlainModel(2, 1.0, 1.0).end_to_end_singular_value(2.0).round(12))
        8.0
        """
        half_way = 0.5 * (self.depth + self.ends)
        with np.errstate(over="ignore"):
            power = checked("s", s) ** half_way
            return representable("m", np.asarray(self.unit * power * power))

    def head_singular_value(self, m: ArrayLike) -> Array:
        """Return w = sqrt(rho) s (statement S8; own and known; exact).

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        w, same shape; condition number 1 / (L + k).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.

        Examples
        --------
        >>> float(PlainModel(2, 4.0, 1.0).head_singular_value(16.0).round(12))
        4.0
        """
        w: Array = math.sqrt(self.decay_ratio) * self.jacobian_singular_value(m)
        return w

    def from_head(self, w: ArrayLike) -> Array:
        """Return s = w / sqrt(rho), the prediction with nothing fitted (statement S8; own and known; exact).

        Parameters
        ----------
        w
            Singular values of a trained head, any shape, at least 0.

        Returns
        -------
        s, same shape; condition number 1.

        Raises
        ------
        TypeError
            If `w` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If w / sqrt(rho) exceeds the largest float64.

        Examples
        --------
        >>> float(PlainModel(2, 4.0, 1.0).from_head(4.0))
        2.0
        """
        with np.errstate(over="ignore"):
            return representable("w / sqrt(rho)", checked("w", w) / math.sqrt(self.decay_ratio))

    def cost(self, m: ArrayLike) -> Array:
        """Return (L + k) lam_J s^2: for k = 1 a Schatten quasi-norm of M, sum_k m_k^(2/(L+1)) (S8; own and known).

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Cost in the unit of the decays, same shape; condition number 2 / (L + k).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`; OverflowError also if the cost exceeds float64.

        Examples
        --------
        >>> float(PlainModel(2, 1.0, 1.0).cost(8.0).round(12))
        12.0
        """
        s = np.asarray(self.jacobian_singular_value(m))
        with np.errstate(over="ignore"):
            return representable("the cost", (self.depth + self.ends) * self.jacobian_decay * s**2)

    def bounds(self, m: ArrayLike) -> tuple[Array, Array]:
        """Return (s, s): the closed form needs no bracket (statement S8).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.

        Examples
        --------
        >>> lower, upper = PlainModel(8, 0.01, 0.01).bounds(13.94885)
        >>> bool(lower == upper)
        True
        """
        s = self.jacobian_singular_value(m)
        return s, s

    def depth_exponent(self, m: ArrayLike) -> Array:
        """Return d ln s / d ln L = -(L / (L + k)) ln s at fixed m: it tends to 0, not to -1 (S8; own; exact).

        NaN where s = 0: there is no logarithm of s to follow.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Exponent, same shape, no unit; absolute error a few rounding errors.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.

        Examples
        --------
        >>> PlainModel(8, 0.01, 0.01).depth_exponent([0.0, 13.94885]).round(4)
        array([    nan, -0.2603])
        """
        u = np.asarray(self._in_units(m))
        log_s = np.log(u, where=u > 0.0, out=np.full_like(u, np.nan)) / (self.depth + self.ends)
        exponent: Array = (-self.depth / (self.depth + self.ends) * log_s)[()]
        return exponent

    def log_gain(self, m: ArrayLike) -> Array:
        """Return the log-gain of the layers, L ln s (statement S8); negative where they shrink, -inf at m = 0.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.

        Examples
        --------
        >>> float(PlainModel(2, 1.0, 1.0).log_gain(8.0).round(6))
        1.386294
        """
        with np.errstate(divide="ignore"):
            gain: Array = self.depth / (self.depth + self.ends) * np.log(self._in_units(m))
        return gain

    def step_cv(self, s: ArrayLike) -> Array:
        """Return NaN: a rotation of the layers against each other changes the steps and nothing else (statement S8).

        Raises
        ------
        TypeError, ValueError
            If `s` does not hold finite numbers of at least 0.

        Examples
        --------
        >>> float(PlainModel(8, 0.01, 0.01).step_cv(1.3))
        nan
        """
        undefined: Array = np.full_like(checked("s", s), np.nan)[()]
        return undefined

    def predicted_jacobian(self, head: ArrayLike) -> Array:
        """Raise ValueError: the head fixes the singular values of the layers (`from_head`), not their frames (S8)."""
        raise ValueError(
            "a plain net has no predicted_jacobian: its layers can be rotated against each other at no cost; "
            "use from_head for their singular values."
        )

    def trajectory(self, inputs: ArrayLike, vectors: ArrayLike, s: ArrayLike) -> Array:
        """Raise ValueError: the path through the layers is a matter of their frames, which nothing fixes (S8)."""
        raise ValueError(
            "a plain net has no trajectory of its own: its layers can be rotated against each other at no cost."
        )

    def _in_units(self, m: ArrayLike) -> Array:
        with np.errstate(over="ignore"):
            return representable("m / unit", checked("m", m) / self.unit)

    def _departures(self, blocks: Array, head: Array) -> Array:
        weight = math.sqrt(self.head_decay / self.jacobian_decay)
        following = [*(block.T @ block for block in blocks[1:]), (weight * head).T @ (weight * head)]
        return relative_size(blocks @ blocks.swapaxes(1, 2) - following, np.asarray(following))

    def _embedding_gram(self, blocks: Array, head: Array) -> Array:
        gram: Array = self.jacobian_decay * blocks[0].T @ blocks[0]
        return gram
