"""The common interface of the provable models."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array, integer, positive
from ramodel.theory import trajectories

__all__ = ["Array", "ResidualModel", "checked", "representable"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ResidualModel(ABC):
    """A residual network whose optimum is known in closed form, one singular value at a time.

    A model is a depth and its decays. Each method takes an array of any shape, works elementwise and returns float64 of
    that shape (a NumPy scalar for a number). Throughout, ``m`` is a singular value of the end-to-end map M, ``s`` one
    of a Residual Jacobian, ``w`` one of the head; none has a unit.

    Parameters
    ----------
    depth
        L, number of residual blocks: positive; whole where layers are listed.
    jacobian_decay, head_decay
        lam_J, lam_W > 0: weight decays of the blocks and of the head.
    embedding_decay
        lam_E > 0, of a trained input embedding (statement S18); None where there is none.

    Raises
    ------
    TypeError
        If an argument is not a real number.
    ValueError
        If an argument is not positive and finite, or their ratios exceed float64.
    """

    depth: float
    jacobian_decay: float
    head_decay: float
    embedding_decay: float | None = None

    def __post_init__(self) -> None:
        """Validate; whole depths become int."""
        depth = positive("depth", self.depth)
        object.__setattr__(self, "depth", int(depth) if depth.is_integer() else depth)
        object.__setattr__(self, "jacobian_decay", positive("jacobian_decay", self.jacobian_decay))
        object.__setattr__(self, "head_decay", positive("head_decay", self.head_decay))
        if self.embedding_decay is not None:
            object.__setattr__(self, "embedding_decay", positive("embedding_decay", self.embedding_decay))

    @property
    def decay_ratio(self) -> float:
        """Ratio rho = lam_J / lam_W."""
        return self.jacobian_decay / self.head_decay

    @property
    def ends(self) -> int:
        """Number of decayed matrices around the blocks: 1 (the head) or 2 (an embedding too)."""
        return 1 if self.embedding_decay is None else 2

    @property
    def unit(self) -> float:
        """Natural unit of m: sqrt(rho), or lam_J / sqrt(lam_W lam_E) with an embedding (S2, S6, S18)."""
        root = np.sqrt(self.decay_ratio)
        if self.embedding_decay is None:
            return float(root)
        return float(root * np.sqrt(self.jacobian_decay / self.embedding_decay))

    @abstractmethod
    def jacobian_singular_value(self, m: ArrayLike) -> Array:
        """Singular value s of the Residual Jacobians, of the first where they differ by layer, from m."""

    @abstractmethod
    def end_to_end_singular_value(self, s: ArrayLike) -> Array:
        """Singular value m of the end-to-end map from s: the inverse of `jacobian_singular_value`."""

    @abstractmethod
    def head_singular_value(self, m: ArrayLike) -> Array:
        """Singular value w of the head from m."""

    @abstractmethod
    def from_head(self, w: ArrayLike) -> Array:
        """Singular value s of the Residual Jacobians from that of the trained head, with nothing fitted."""

    @abstractmethod
    def cost(self, m: ArrayLike) -> Array:
        """Least decay that realises m: the sum of lam ||.||^2 over all matrices (twice the term in F)."""

    @abstractmethod
    def bounds(self, m: ArrayLike) -> tuple[Array, Array]:
        """Bracket (lower, upper) on s; it holds after rounding."""

    @abstractmethod
    def depth_exponent(self, m: ArrayLike) -> Array:
        """Local exponent d ln s / d ln L at fixed m and decays."""

    @abstractmethod
    def balance_error(self, jacobians: ArrayLike, head: ArrayLike) -> float:
        """Largest relative departure of any block [L, d, d] from its balance with the head [C, d]; 0 = holds."""

    def predicted_jacobian(self, head: ArrayLike) -> Array:
        """Residual Jacobian [d, d] that goes with a trained head W [C, d]: V diag(from_head(w)) V^T, where W = U diag(w) V^T.

        Raises
        ------
        TypeError, ValueError
            If `head` is not a matrix of finite numbers.
        """
        _, w, vh = np.linalg.svd(finite_array("head", head, shape=(None, None)), full_matrices=False)
        jacobian: Array = (vh.T * self.from_head(w)) @ vh
        return jacobian

    def embedding_singular_value(self, m: ArrayLike) -> Array:
        """Singular value of the trained embedding: e = w sqrt(lam_W / lam_E) (statement S18; own; exact).

        Raises
        ------
        TypeError, ValueError
            As `head_singular_value`; ValueError also if the model has no embedding.
        """
        if self.embedding_decay is None:
            raise ValueError("embedding_decay is None; give it a decay to have an embedding.")
        e: Array = self.head_singular_value(m) * np.sqrt(self.head_decay / self.embedding_decay)
        return e

    def cost_slope(self, m: ArrayLike) -> Array:
        """Slope of the cost, d c / d ln m = 2 lam_W w^2 (statement S3; own; exact, by the envelope theorem)."""
        slope: Array = 2.0 * self.head_decay * self.head_singular_value(m) ** 2
        return slope

    def log_gain(self, m: ArrayLike) -> Array:
        """Total log-gain of the blocks, a = L ln(1 + s) (statement S4)."""
        gain: Array = self.depth * np.log1p(self.jacobian_singular_value(m))
        return gain

    def layer_profile(self, m: ArrayLike) -> Array:
        """Singular values s_l of all blocks, l = 1..L: shape [L, *m.shape] (statements S1, S6: all equal).

        Raises
        ------
        TypeError
            If the depth is not a whole number.
        ValueError
            If an entry of `m` is negative, NaN or infinite.
        """
        s = self.jacobian_singular_value(m)
        return np.broadcast_to(s, (self._whole_depth(), *np.shape(s))).copy()

    def trajectory(self, x: ArrayLike, V: ArrayLike, s: ArrayLike) -> Array:
        """States [L + 1, ..., d] of inputs x [..., d]; see `ramodel.theory.trajectory` (statement S5)."""
        return trajectories.trajectory(x, V, s, self._whole_depth())

    def step_cv(self, s: ArrayLike) -> Array:
        """Coefficient of variation of the step lengths on a line; see `ramodel.theory.step_cv` (statement S5)."""
        return trajectories.step_cv(s, self.depth)

    def _whole_depth(self) -> int:
        return integer("depth", self.depth, hint="Layers can be listed for whole depths only.")


def checked(name: str, value: ArrayLike) -> Array:
    """Return `value` as an array of finite numbers, none negative."""
    return finite_array(name, value, minimum=0.0, nonempty=False)


def representable(name: str, value: Array) -> Array:
    """Return `value` (a NumPy scalar if 0-d), or raise OverflowError where it left float64."""
    if not np.isfinite(value).all():
        raise OverflowError(f"{name} exceeds the largest float64 ({np.finfo(np.float64).max:.2g}).")
    result: Array = value[()]
    return result
