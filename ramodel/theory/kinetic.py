"""Statement S7: blocks that pay for how far they move their inputs."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ramodel.theory import trajectories
from ramodel.theory.equal_steps import EqualStepModel
from ramodel.theory.model import Array, checked, representable

__all__ = ["KineticModel"]


class KineticModel(EqualStepModel):
    """Transport cost: F = loss + (lam_W/2) ||W||^2 + (lam_J/2) sum_l mean ||h_l - h_{l-1}||^2 over the inputs.

    With P = (I + J_L) .. (I + J_1), the product of the blocks, every input moves on a line in equal steps, P_l = I +
    (l/L) (P - I); all blocks together cost what one block of decay lam_J/L would. The blocks differ by layer:
    J_l^{-1} = (l-1) I + L (P - I)^{-1}, so that with an eigenvalue 1 + t of P

        1/s_l = (l - 1) + L/t.

    Methods of singular values are for **white inputs**, mean x x^T = I, where P is symmetric and S2 holds for t at
    depth 1 (for mean x x^T = c I give c lam_J as the decay of the blocks). Here s is that of the first block, t/L.

    Methods of matrices take other inputs, too, by their second moment Sigma = mean h_0 h_0^T. At every critical point
    with invertible P_l, P Sigma is symmetric and **W^T W = (rho/L) (P - I) P Sigma** (own; exact). P itself is not
    symmetric then: 1/s_l is a line for **eigenvalues**, not for singular values. What a block does to directions
    without inputs costs nothing and changes nothing; J_l is the least that does the rest, zero there.

    A trained embedding E adds (lam_E/2) ||E||^2 and **lam_E E E^T = (lam_J/L) (P - I) Sigma** (own; exact), Sigma after
    it. With white inputs x, then, t = L lam_E / lam_J whatever m > 0, and the decay is a nuclear norm of M, no more.

    Parameters
    ----------
    depth, jacobian_decay, head_decay, embedding_decay
        As for `ResidualModel`.

    Examples
    --------
    >>> model = KineticModel(depth=8, jacobian_decay=0.01, head_decay=0.01)
    >>> model.jacobian_singular_value([13.94885, 0.1024]).round(6)
    array([0.693367, 0.00859 ])
    """

    def __post_init__(self) -> None:
        """Validate and normalise; lam_J / L must be a decay, too."""
        super().__post_init__()
        _ = self._single_block

    @property
    def unit(self) -> float:
        """Natural unit of m, sqrt(rho / L) (statement S7); with an embedding the m at which w^2 = rho / L."""
        if self.embedding_decay is None:
            return math.sqrt(self.decay_ratio / self.depth)
        whole, end = self.jacobian_decay / self.depth, self.embedding_decay
        return math.sqrt(whole / self.head_decay) * math.sqrt(whole / end + 1.0)

    def displacement(self, m: ArrayLike) -> Array:
        """Return t, how far all blocks together move an input along v: h_L = (1 + t) x (statement S7; own; exact).

        m^2 = (rho/L) t (1 + t)^3; with an embedding t = L lam_E / lam_J for every m > 0, and 0 at m = 0.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        t, same shape, relative to the input; condition number (1 + t) / (1/2 + 2t), at most 2.

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
        >>> float(KineticModel(2, 2.0, 1.0).displacement(8**0.5).round(12))
        1.0
        """
        if self.embedding_decay is None:
            return self._single_block.jacobian_singular_value(m)
        return np.where(checked("m", m) > 0.0, self._embedded_total, 0.0)[()]

    def jacobian_singular_value(self, m: ArrayLike) -> Array:
        """Return s_1 = t/L of the first block; `layer_profile` has all (statement S7; own; exact).

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        s_1, same shape; condition number as `displacement`.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `displacement`.

        Examples
        --------
        >>> float(KineticModel(2, 2.0, 1.0).jacobian_singular_value(8**0.5).round(12))
        0.5
        """
        s: Array = self.displacement(m) / self.depth
        return s

    def end_to_end_singular_value(self, s: ArrayLike) -> Array:
        """Return m = sqrt((rho/L) t (1 + t)^3), t = L s_1 (statement S7; own; exact).

        Parameters
        ----------
        s
            Singular values of the first block's Jacobian, any shape, at least 0.

        Returns
        -------
        m, same shape; condition number (1/2 + 2t) / (1 + t), at most 2.

        Raises
        ------
        TypeError
            If `s` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite; always with an embedding, where s does not tell m.
        OverflowError
            If a result exceeds the largest float64.

        Examples
        --------
        >>> float(KineticModel(2, 2.0, 1.0).end_to_end_singular_value(0.5).round(12))
        2.828427124746
        """
        if self.embedding_decay is not None:
            raise ValueError(
                "embedding_decay is set; in the kinetic model every m > 0 then has the same s, and s does not tell m."
            )
        return self._single_block.end_to_end_singular_value(self.depth * checked("s", s))

    def head_singular_value(self, m: ArrayLike) -> Array:
        """Return w = sqrt((rho/L) t (1 + t)); with an embedding w^2 = m sqrt(lam_E / (lam_W (1 + t))) (S7; own; exact).

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        w, same shape; condition number (1/2 + t) / (1/2 + 2t), at most 1; 1/2 with an embedding.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `displacement`.

        Examples
        --------
        >>> float(KineticModel(2, 2.0, 1.0).head_singular_value(8**0.5).round(12))
        1.414213562373
        """
        if self.embedding_decay is None:
            return self._single_block.head_singular_value(m)
        w: Array = np.sqrt(checked("m", m)) * (self._effective_embedding_decay / self.head_decay) ** 0.25
        return w[()]

    def embedding_singular_value(self, m: ArrayLike) -> Array:
        """Return e = w sqrt(lam_W / (lam_E (1 + t))): the blocks, too, lengthen what it makes (S7; own; exact).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `head_singular_value`; ValueError also if the model has no embedding.

        Examples
        --------
        >>> float(KineticModel(1, 1.0, 1.0, embedding_decay=3.0).embedding_singular_value(2.0).round(12))
        0.379917842826
        """
        e = super().embedding_singular_value(m) / math.sqrt(1.0 + self._embedded_total)
        return np.asarray(e)[()]

    def from_head(self, w: ArrayLike) -> Array:
        """Return s_1 = (sqrt(1 + 4 L w^2/rho) - 1) / 2L, the prediction with nothing fitted (S7; own; exact).

        With an embedding s_1 = lam_E / lam_J wherever w > 0.

        Parameters
        ----------
        w
            Singular values of a trained head, any shape, at least 0.

        Returns
        -------
        s_1, same shape; condition number 2 (1 + t) / (1 + 2t), at most 2.

        Raises
        ------
        TypeError
            If `w` does not hold real numbers.
        ValueError
            If an entry is negative, NaN or infinite.
        OverflowError
            If w / sqrt(rho / L) exceeds half the largest float64.

        Examples
        --------
        >>> float(KineticModel(2, 2.0, 1.0).from_head(2**0.5).round(12))
        0.5
        """
        if self.embedding_decay is not None:
            return np.where(checked("w", w) > 0.0, self._embedded_total / self.depth, 0.0)[()]
        s: Array = self._single_block.from_head(w) / self.depth
        return s

    def cost(self, m: ArrayLike) -> Array:
        """Return (lam_J/L) (t + 2 t^2); with an embedding 2 m sqrt(lam_W lam_E / (1 + t)) (statement S7; own; exact).

        With an embedding it is a nuclear norm of M.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Cost in the unit of the decays, same shape; condition number 2 (1 + t) / (1 + 2t), at most 2.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `displacement`; OverflowError also if the cost exceeds float64.

        Examples
        --------
        >>> float(KineticModel(2, 2.0, 1.0).cost(8**0.5).round(12))
        3.0
        """
        if self.embedding_decay is None:
            return self._single_block.cost(m)
        slope = 2.0 * math.sqrt(self.head_decay) * math.sqrt(self._effective_embedding_decay)
        with np.errstate(over="ignore"):
            return representable("the cost", np.asarray(slope * checked("m", m)))

    def bounds(self, m: ArrayLike) -> tuple[Array, Array]:
        """Return the bracket of statement S4 on t at depth 1, over L (own; bound); with an embedding (s_1, s_1).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `displacement`.

        Examples
        --------
        >>> lower, upper = KineticModel(8, 0.01, 0.01).bounds(13.94885)
        >>> float(lower.round(4)), float(upper.round(4))
        (0.5604, 0.7229)
        """
        if self.embedding_decay is not None:
            s = self.jacobian_singular_value(m)
            return s, s
        lower, upper = self._single_block.bounds(m)
        return lower / self.depth, upper / self.depth

    def depth_exponent(self, m: ArrayLike) -> Array:
        """Return d ln s_1 / d ln L = -3t / (1 + 4t) at fixed m; with an embedding 0 (statement S7; own; exact).

        It tends to -3/4 as L grows: s_1 ~ (m^2/rho)^(1/4) L^(-3/4). NaN where there is an embedding and m = 0: there
        is no logarithm of s to follow.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Exponent, same shape, no unit; condition number at most 2.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `displacement`.

        Examples
        --------
        >>> float(KineticModel(8, 0.01, 0.01).depth_exponent(13.94885).round(4))
        -0.7177
        """
        t = np.asarray(self.displacement(m))
        if self.embedding_decay is not None:
            return np.where(t > 0.0, 0.0, np.nan)[()]
        with np.errstate(over="ignore"):
            exponent: Array = (-3.0 * (t / (1.0 + 4.0 * t)))[()]
        return exponent

    def log_gain(self, m: ArrayLike) -> Array:
        """Return ln(1 + t), the total log-gain of the blocks (statement S7; own; exact).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `displacement`.

        Examples
        --------
        >>> float(KineticModel(2, 2.0, 1.0).log_gain(8**0.5).round(6))
        0.693147
        """
        gain: Array = np.log1p(self.displacement(m))
        return gain

    def layer_profile(self, m: ArrayLike) -> Array:
        """Return s_l = t / (L + (l-1) t), l = 1..L: 1/s_l is a line of slope 1 (statement S7; own; exact).

        Returns
        -------
        Array [L, *m.shape], no unit.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `displacement`; TypeError also if the depth is not a whole number.

        Examples
        --------
        >>> (1 / KineticModel(4, 4.0, 1.0).layer_profile(8**0.5)).round(6)
        array([4., 5., 6., 7.])
        """
        return trajectories.equal_step_profile(self.jacobian_singular_value(m), self._whole_depth())

    def trajectory(self, inputs: ArrayLike, vectors: ArrayLike, s: ArrayLike) -> Array:
        """States [L + 1, ..., d] of inputs [..., d], h_l = x + l sum_k s_k v_k v_k^T x (statement S7; own; exact).

        As `ramodel.theory.equal_step_trajectory` at this depth; s are the singular values of the first block.
        """
        return trajectories.equal_step_trajectory(inputs, vectors, s, self._whole_depth())

    def step_cv(self, s: ArrayLike) -> Array:
        """Return 0: the steps on a line are equal (statement S7; own; exact).

        Raises
        ------
        TypeError, ValueError
            If `s` does not hold finite numbers of at least 0.

        Examples
        --------
        >>> float(KineticModel(8, 0.01, 0.01).step_cv(0.3))
        0.0
        """
        equal: Array = np.zeros_like(checked("s", s))[()]
        return equal

    @property
    def _embedded_total(self) -> float:
        """Displacement t of every direction in use where there is an embedding."""
        assert self.embedding_decay is not None
        return self.depth * (self.embedding_decay / self.jacobian_decay)

    @property
    def _effective_embedding_decay(self) -> float:
        """Decay of an embedding that makes h_L at once: 1 / (1/lam_E + L/lam_J)."""
        assert self.embedding_decay is not None
        return self.embedding_decay / (1.0 + self._embedded_total)
