"""Statement S1's extension to decays that differ by layer, and the reduced problem that goes with it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array, positive
from ramodel.theory.model import Array, checked, relative_size, representable

__all__ = ["LayerDecayModel", "decay_of_each_layer"]

NEWTON_ITERATIONS = 200
"""Never reached: Newton on a convex increasing function, from the right, takes about ten."""


@dataclass(frozen=True, eq=False)
class LayerDecayModel:
    """One free matrix per block, each with its own decay: F = loss + (lam_W/2) ||W||^2 + sum_l (lam_l/2) ||J_l||^2.

    At every critical point J_l is symmetric and ``lam_l J_l (I + J_l) = lam_W W^T W`` (S1; own; exact). The closed
    forms hold where all I + J_l are positive definite. Per singular value, ``lam_l s_l (1 + s_l) = lam_W w^2`` and
    ``m = w prod_l (1 + s_l)``, times the embedding's ``w sqrt(lam_W/lam_E)`` where there is one (S18). With equal
    decays this is `FrobeniusModel`, which is faster and right to the last digits.

    Parameters
    ----------
    jacobian_decay : array [L]
        lam_l > 0, first block first.
    head_decay
        lam_W > 0.
    embedding_decay
        lam_E > 0, of a trained input embedding; None where there is none.

    Raises
    ------
    TypeError, ValueError
        If a decay is not a positive finite number.

    Examples
    --------
    >>> model = LayerDecayModel([0.01, 0.04], head_decay=0.02)
    >>> model.layers_from_head(1.0).round(6)
    array([1.      , 0.366025])
    """

    jacobian_decay: Array
    head_decay: float
    embedding_decay: float | None = None

    def __post_init__(self) -> None:
        """Validate and store plain numbers."""
        decays = finite_array("jacobian_decay", self.jacobian_decay, shape=(None,))
        if (decays <= 0.0).any():
            raise ValueError(f"jacobian_decay has the entry {decays.min():g}; every decay must be greater than zero.")
        object.__setattr__(self, "jacobian_decay", decays)
        object.__setattr__(self, "head_decay", positive("head_decay", self.head_decay))
        if self.embedding_decay is not None:
            object.__setattr__(self, "embedding_decay", positive("embedding_decay", self.embedding_decay))

    @property
    def depth(self) -> int:
        """Number L of blocks."""
        return len(self.jacobian_decay)

    @property
    def ends(self) -> int:
        """Number of decayed matrices around the blocks: 1 (the head) or 2 (an embedding too)."""
        return 1 if self.embedding_decay is None else 2

    def layers_from_head(self, w: ArrayLike) -> Array:
        """Return s_l = (sqrt(1 + 4 lam_W w^2/lam_l) - 1) / 2, the prediction with nothing fitted (S1; own; exact).

        Parameters
        ----------
        w
            Singular values of the head, any shape, at least 0.

        Returns
        -------
        Array [L, *w.shape], no unit; condition number at most 2.

        Raises
        ------
        TypeError, ValueError
            If an entry is not a number, negative, NaN or infinite.
        OverflowError
            If w sqrt(lam_W/lam_l) exceeds half the largest float64.
        """
        return self._layers(checked("w", w))

    def end_to_end_from_head(self, w: ArrayLike) -> Array:
        """Return m = w prod_l (1 + s_l(w)), times w sqrt(lam_W/lam_E) with an embedding (S1, S18; own; exact).

        Parameters
        ----------
        w
            Singular values of the head, any shape, at least 0.

        Returns
        -------
        m, same shape; increasing in w.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `layers_from_head`; OverflowError also if m exceeds float64.

        Examples
        --------
        >>> float(LayerDecayModel([1.0, 1.0], head_decay=2.0).end_to_end_from_head(1.0).round(12))
        4.0
        """
        values = checked("w", w)
        with np.errstate(over="ignore"):
            m = values**self.ends * math.exp(self._log_edge) * np.prod(1.0 + self._layers(values), axis=0)
        return representable("m", m)

    def head_singular_value(self, m: ArrayLike) -> Array:
        """Solve m = w prod_l (1 + s_l(w)) for w, the one root (S1, S18; own; exact).

        In logarithms the equation is increasing and convex, so that Newton's method from the right never fails.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        w, same shape; relative error a few rounding errors times 1 + abs(ln m).

        Raises
        ------
        TypeError, ValueError
            If an entry is not a number, negative, NaN or infinite.

        Examples
        --------
        >>> float(LayerDecayModel([1.0, 1.0], head_decay=2.0).head_singular_value(4.0).round(12))
        1.0
        """
        values = checked("m", m)
        w = np.zeros_like(values)
        log_m = np.log(values[values > 0.0])
        log_w = (log_m - self._log_edge) / self.ends  # where all s_l are zero: to the right of the root
        for _ in range(NEWTON_ITERATIONS):
            s = self._layers(np.exp(log_w))
            excess = self.ends * log_w + self._log_edge + np.log1p(s).sum(axis=0) - log_m
            step = excess / (self.ends + (2.0 * s / (1.0 + 2.0 * s)).sum(axis=0))
            log_w -= step
            if (np.abs(step) <= 4.0 * np.finfo(np.float64).eps * (1.0 + np.abs(log_w))).all():
                break
        w[values > 0.0] = np.exp(log_w)
        return w[()]

    def layer_profile(self, m: ArrayLike) -> Array:
        """Singular values s_l of all blocks at the least decay that realises m.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Array [L, *m.shape], no unit.

        Raises
        ------
        TypeError, ValueError
            As `head_singular_value`.

        Examples
        --------
        >>> LayerDecayModel([1.0, 1.0], head_decay=2.0).layer_profile(4.0).round(12)
        array([1., 1.])
        """
        return self._layers(np.asarray(self.head_singular_value(m)))

    def cost(self, m: ArrayLike) -> Array:
        """Return c(m) = k lam_W w^2 + sum_l lam_l s_l^2, the least decay that realises m (S3's argument; own; exact).

        k counts the head and the embedding. S3's proof holds as it stands: d c / d ln m = 2 lam_W w^2 increases with m.

        Parameters
        ----------
        m
            Singular values of the end-to-end map, any shape, at least 0.

        Returns
        -------
        Cost in the unit of the decays, same shape.

        Raises
        ------
        TypeError, ValueError
            As `head_singular_value`.
        OverflowError
            If the cost exceeds float64.

        Examples
        --------
        >>> float(LayerDecayModel([1.0, 1.0], head_decay=2.0).cost(4.0).round(12))
        4.0
        """
        w = np.asarray(self.head_singular_value(m))
        decays = self.jacobian_decay.reshape(-1, *(1,) * w.ndim)
        with np.errstate(over="ignore"):
            c = self.ends * self.head_decay * w**2 + (decays * self._layers(w) ** 2).sum(axis=0)
        return representable("the cost", c)

    def predicted_jacobians(self, head: ArrayLike) -> Array:
        """Residual Jacobians that go with a trained head W = U diag(w) V^T: V diag(s_l(w)) V^T (S1; own; exact).

        Parameters
        ----------
        head
            W, shape [C, d].

        Returns
        -------
        Array [L, d, d], symmetric and positive semidefinite.

        Raises
        ------
        TypeError, ValueError
            If `head` is not a matrix of finite numbers.
        """
        _, w, vh = np.linalg.svd(finite_array("head", head, shape=(None, None)), full_matrices=False)
        jacobians: Array = np.einsum("ki,lk,kj->lij", vh, self._layers(w), vh)
        return jacobians

    def balance_error(self, jacobians: ArrayLike, head: ArrayLike) -> float:
        """Largest departure of lam_l J_l (I + J_l) from lam_W W^T W, relative to the latter; 0 = the statement holds.

        Parameters
        ----------
        jacobians
            J_1, ..., J_L, shape [L, d, d].
        head
            W, shape [C, d].

        Returns
        -------
        Number without unit.

        Raises
        ------
        TypeError, ValueError
            If shapes do not fit or an entry is NaN or infinite.
        """
        weights = finite_array("head", head, shape=(None, None))
        width = weights.shape[1]
        blocks = finite_array("jacobians", jacobians, shape=(self.depth, width, width))
        gram = self.head_decay * weights.T @ weights
        excess = self.jacobian_decay[:, np.newaxis, np.newaxis] * (blocks + blocks @ blocks) - gram
        return float(relative_size(excess, gram).max())

    @property
    def _log_edge(self) -> float:
        """Logarithm of the embedding's singular value over the head's; 0 without embedding."""
        return 0.0 if self.embedding_decay is None else 0.5 * math.log(self.head_decay / self.embedding_decay)

    def _layers(self, w: Array) -> Array:
        with np.errstate(over="ignore"):
            twice = np.asarray(
                representable(
                    "2 w sqrt(lam_W/lam_l)", 2.0 * np.multiply.outer(np.sqrt(self.head_decay / self.jacobian_decay), w)
                )
            )
        s: Array = 0.5 * twice * (twice / (1.0 + np.hypot(1.0, twice)))
        return s


def decay_of_each_layer(value: ArrayLike, layers: int) -> Array:
    """Return `jacobian_decay`, a positive number or one per layer, as an array [layers]."""
    decays = finite_array("jacobian_decay", value)
    if decays.shape not in ((), (layers,)):
        raise ValueError(f"jacobian_decay has shape {decays.shape}; give a number or one per layer ({layers}).")
    if (decays <= 0.0).any():
        raise ValueError(f"jacobian_decay has the entry {decays.min():g}; every decay must be greater than zero.")
    return np.broadcast_to(decays, layers)
