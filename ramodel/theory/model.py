"""The common interface of the provable models."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array, integer, positive
from ramodel.theory import trajectories

__all__ = ["Array", "ResidualModel", "checked", "representable"]

Array = NDArray[np.float64]

MAX_DEPTH = 1e12
"""Greatest depth of a model: beyond, 1 + s is 1 in float64 where it matters."""


@dataclass(frozen=True)
class ResidualModel(ABC):
    """A deep linear network whose optimum is known in closed form, one singular value at a time.

    A model is a depth and its decays. Its layers are h_l = A_l h_{l-1} with A_l = I + J_l; in the plain model, which
    has no skip, J_l stands for A_l itself. Throughout, m is a singular value of the end-to-end map M, s one of the
    Jacobian J_l (of J_1 where they differ by layer: `layer_profile` has all) and w one of the head; none has a unit.
    Methods that take an array accept any shape, work elementwise and return float64 of that shape (a NumPy scalar for a
    number). "Condition number" is of the result in its argument, relative to relative; errors stay within a few
    rounding errors times that.

    Parameters
    ----------
    depth
        L, number of residual blocks: any positive number, whole where layers are listed.
    jacobian_decay, head_decay
        lam_J, lam_W > 0: weight decays of the blocks and of the head.
    embedding_decay
        lam_E > 0, of a trained input embedding (statement S18); None where there is none.

    Raises
    ------
    TypeError
        If an argument is not a real number.
    ValueError
        If an argument is not positive and finite, or `unit` or `decay_ratio` leaves float64.
    """

    depth: float
    jacobian_decay: float
    head_decay: float
    embedding_decay: float | None = None

    def __post_init__(self) -> None:
        """Validate and normalise: whole depths become int."""
        depth = positive("depth", self.depth)
        if depth > MAX_DEPTH:
            raise ValueError(f"depth is {self.depth!r}; it must be at most {MAX_DEPTH:g}, where accuracy was tested.")
        object.__setattr__(self, "depth", int(depth) if depth.is_integer() else depth)
        object.__setattr__(self, "jacobian_decay", positive("jacobian_decay", self.jacobian_decay))
        object.__setattr__(self, "head_decay", positive("head_decay", self.head_decay))
        if self.embedding_decay is not None:
            object.__setattr__(self, "embedding_decay", positive("embedding_decay", self.embedding_decay))
        for name in ("decay_ratio", "unit"):
            hint = "It comes from the decays: bring them closer together."
            if not np.finfo(np.float64).tiny <= positive(name, getattr(self, name), hint=hint):
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be subnormal. {hint}")

    @property
    def decay_ratio(self) -> float:
        """Ratio rho = lam_J / lam_W."""
        return self.jacobian_decay / self.head_decay

    @property
    def ends(self) -> int:
        """Number k of decayed matrices around the blocks: 1 (the head) or 2 (an embedding too)."""
        return 1 if self.embedding_decay is None else 2

    @property
    def unit(self) -> float:
        """Natural unit of m: sqrt(rho), with an embedding lam_J / sqrt(lam_W lam_E) (statements S2, S6, S18)."""
        root = math.sqrt(self.decay_ratio)
        return root if self.embedding_decay is None else root * math.sqrt(self.jacobian_decay / self.embedding_decay)

    @abstractmethod
    def jacobian_singular_value(self, m: ArrayLike) -> Array:
        """Singular value s of the layers (of the first, where they differ) from m."""

    @abstractmethod
    def end_to_end_singular_value(self, s: ArrayLike) -> Array:
        """Singular value m of the end-to-end map from s: the inverse of `jacobian_singular_value`."""

    @abstractmethod
    def head_singular_value(self, m: ArrayLike) -> Array:
        """Singular value w of the head from m."""

    @abstractmethod
    def from_head(self, w: ArrayLike) -> Array:
        """Singular value s from that of a trained head, with nothing fitted."""

    @abstractmethod
    def cost(self, m: ArrayLike) -> Array:
        """Least decay that realises m: lam ||.||^2 summed over all matrices (twice its share in the objective F)."""

    @abstractmethod
    def bounds(self, m: ArrayLike) -> tuple[Array, Array]:
        """Bracket (lower, upper) on s, which holds after rounding."""

    @abstractmethod
    def depth_exponent(self, m: ArrayLike) -> Array:
        """Local exponent d ln s / d ln L at fixed m and decays."""

    @abstractmethod
    def _departures(self, blocks: Array, head: Array) -> Array:
        """Return `balance_errors` of checked arrays."""

    def _embedding_gram(self, blocks: Array, head: Array) -> Array:
        """Matrix [d, d] that lam_E E E^T should equal."""
        gram: Array = self.head_decay * head.T @ head
        return gram

    def _checked_matrices(
        self, jacobians: ArrayLike, head: ArrayLike, embedding: ArrayLike | None
    ) -> tuple[Array, Array, Array | None]:
        """Return the matrices that `balance_error` takes as arrays of shapes that fit."""
        weights = finite_array("head", head, shape=(None, None))
        width = weights.shape[1]
        blocks = finite_array("jacobians", jacobians, shape=(self._whole_depth(), width, width))
        if embedding is None:
            return blocks, weights, None
        if self.embedding_decay is None:
            raise ValueError("embedding is given, but embedding_decay is None; give the model a decay for it.")
        return blocks, weights, finite_array("embedding", embedding, shape=(width, None))

    def balance_error(self, jacobians: ArrayLike, head: ArrayLike, embedding: ArrayLike | None = None) -> float:
        """Largest relative departure of any block from its balance with the head; 0 = the statement holds.

        The balance is that of the model: see its class. With an embedding E, the departure of E E^T from its own
        balance (lam_E E E^T = lam_W W^T W, unless the class says otherwise) counts as well. Frobenius norms throughout,
        each relative to what should be there. A departure of exactly zero counts as zero, even of zero matrices; other
        departures from a zero matrix count as infinite.

        Parameters
        ----------
        jacobians
            J_1, ..., J_L, shape [L, d, d] (plain model: A_1, ..., A_L).
        head
            W, shape [C, d].
        embedding
            E, shape [d, inputs], for a model with an embedding.

        Returns
        -------
        Number without unit.

        Raises
        ------
        TypeError, ValueError
            If shapes do not fit, a matrix is empty, or an entry is NaN or infinite; ValueError also if an embedding is
            given to a model without.
        """
        blocks, weights, e = self._checked_matrices(jacobians, head, embedding)
        errors = self._departures(blocks, weights)
        if e is not None and self.embedding_decay is not None:
            gram = self._embedding_gram(blocks, weights)
            errors = np.append(errors, relative_size(self.embedding_decay * (e @ e.T) - gram, gram))
        return float(errors.max())

    def balance_errors(self, jacobians: ArrayLike, head: ArrayLike) -> Array:
        """Relative departure of each block from its balance with the head, [L]: `balance_error`, layer by layer.

        Raises
        ------
        TypeError, ValueError
            As `balance_error`.

        Examples
        --------
        >>> from ramodel.theory import FrobeniusModel
        >>> FrobeniusModel(2, 1.0, 1.0).balance_errors([[[1.0]], [[2.0]]], [[2**0.5]]).round(12)
        array([0., 2.])
        """
        blocks, weights, _ = self._checked_matrices(jacobians, head, None)
        return self._departures(blocks, weights)

    def predicted_jacobian(self, head: ArrayLike) -> Array:
        """Jacobian of the first block, from a trained head W = U diag(w) V^T: V diag(from_head(w)) V^T (S1, S6, S7).

        Parameters
        ----------
        head
            W, shape [C, d].

        Returns
        -------
        Array [d, d], symmetric and positive semidefinite, no unit.

        Raises
        ------
        TypeError, ValueError
            If `head` is not a matrix of finite numbers.
        """
        _, w, vh = np.linalg.svd(finite_array("head", head, shape=(None, None)), full_matrices=False)
        root = np.sqrt(self.from_head(w))[:, np.newaxis] * vh
        jacobian: Array = root.T @ root
        return jacobian

    def predicted_jacobians(self, head: ArrayLike) -> Array:
        """Jacobians of all blocks, [L, d, d], from a trained head; all equal, unless the class says otherwise (S1, S6).

        Raises
        ------
        TypeError, ValueError
            As `predicted_jacobian`; TypeError also if the depth is not a whole number.
        """
        first = self.predicted_jacobian(head)
        return np.broadcast_to(first, (self._whole_depth(), *first.shape)).copy()

    def embedding_singular_value(self, m: ArrayLike) -> Array:
        """Singular value of the trained embedding; w sqrt(lam_W / lam_E), unless the class says otherwise (S18; own).

        Raises
        ------
        TypeError, ValueError
            As `head_singular_value`; ValueError also if the model has no embedding.
        """
        if self.embedding_decay is None:
            raise ValueError("embedding_decay is None; a model without embedding has no singular value of it.")
        e: Array = self.head_singular_value(m) * np.sqrt(self.head_decay / self.embedding_decay)
        return e

    def cost_slope(self, m: ArrayLike) -> Array:
        """Slope of the cost, d c / d ln m = 2 lam_W w^2 (statement S3, by the envelope theorem; own; exact).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `head_singular_value`; OverflowError also if the slope exceeds float64.
        """
        with np.errstate(over="ignore"):
            slope = 2.0 * self.head_decay * np.asarray(self.head_singular_value(m)) ** 2
        return representable("the slope of the cost", slope)

    def log_gain(self, m: ArrayLike) -> Array:
        """Total log-gain of the blocks, a = L ln(1 + s) (statements S4, S6).

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`.
        """
        gain: Array = self.depth * np.log1p(self.jacobian_singular_value(m))
        return gain

    def layer_profile(self, m: ArrayLike) -> Array:
        """Singular values s_l of all blocks, l = 1..L (all equal: statements S1, S6).

        Returns
        -------
        Array [L, *m.shape], no unit.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As `jacobian_singular_value`; TypeError also if the depth is not a whole number.
        """
        s = self.jacobian_singular_value(m)
        return np.broadcast_to(s, (self._whole_depth(), *np.shape(s))).copy()

    def trajectory(self, inputs: ArrayLike, vectors: ArrayLike, s: ArrayLike) -> Array:
        """States [L + 1, ..., d] of inputs [..., d]: `ramodel.theory.trajectory` at this depth (statement S5)."""
        return trajectories.trajectory(inputs, vectors, s, self._whole_depth())

    def step_cv(self, s: ArrayLike) -> Array:
        """Variation of the step lengths on a line: `ramodel.theory.step_cv` at this depth (statement S5)."""
        return trajectories.step_cv(s, self.depth)

    def _whole_depth(self) -> int:
        return integer("depth", self.depth, hint="Layers can be listed for whole depths only.")


def checked(name: str, value: ArrayLike) -> Array:
    """Return `value` as an array of finite numbers, none negative; it may be empty."""
    return finite_array(name, value, minimum=0.0, nonempty=False)


def representable(name: str, value: Array) -> Array:
    """Return `value`, a NumPy scalar if 0-d; raise OverflowError where it left float64."""
    if not np.isfinite(value).all():
        raise OverflowError(f"{name} exceeds the largest float64 ({np.finfo(np.float64).max:.2g}).")
    result: Array = value[()]
    return result


def relative_size(difference: Array, reference: Array) -> Array:
    """Return ||difference|| / ||reference|| over the last two axes; 0 where the difference is exactly 0."""
    size = np.linalg.norm(difference, axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size == 0.0, 0.0, size / np.linalg.norm(reference, axis=(-2, -1)))
