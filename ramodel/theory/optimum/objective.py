"""The reduced objective of statements S3 and S18, batched over flat points: value, gradient, Hessian products."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ramodel.theory.model import Array
from ramodel.theory.optimum.losses import MapLoss
from ramodel.theory.optimum.penalty import Index, SpectralPenalty

__all__ = ["Evaluation", "HalvesObjective", "KineticObjective", "MapObjective", "Objective"]

Kept = tuple[Any, ...]
"""Arrays whose first axis is the point, in tuples that may be nested."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """An objective at B points.

    Parameters
    ----------
    value : array [B]
        F.
    gradient : array [B, n]
        Gradient of F.
    scale : array [B]
        ``||grad loss|| + ||grad decay||``, the terms that must cancel.
    kept
        What the Hessian needs.
    """

    value: Array
    gradient: Array
    scale: Array
    kept: Kept

    def relative_gradient(self, least_scale: Array | float = 0.0) -> Array:
        """``||gradient|| / scale`` with scales of at least `least_scale`; ``||gradient||`` where all terms are zero."""
        norm = np.linalg.norm(self.gradient, axis=1)
        scale = np.maximum(self.scale, least_scale)
        relative: Array = norm / np.where(scale > 0.0, scale, 1.0)
        return relative

    def rows(self, index: Index) -> "Evaluation":
        """Keep the points in `index` only."""
        return Evaluation(self.value[index], self.gradient[index], self.scale[index], take(self.kept, index))

    def replace_rows(self, index: Index, new: "Evaluation") -> None:
        """Overwrite the points in `index` by those points of `new`, in place."""
        self.value[index], self.gradient[index], self.scale[index] = (
            new.value[index],
            new.gradient[index],
            new.scale[index],
        )
        _replace(self.kept, new.kept, index)


def take(kept: Kept, index: Index) -> Kept:
    """Return the points in `index` of everything kept."""
    return tuple(take(part, index) if isinstance(part, tuple) else part[index] for part in kept)


def _replace(kept: Kept, new: Kept, index: Index) -> None:
    for old_part, new_part in zip(kept, new, strict=True):
        if isinstance(old_part, tuple):
            _replace(old_part, new_part, index)
        else:
            old_part[index] = new_part[index]


class Objective(ABC):
    """A function of B flat points [B, n] at once."""

    @abstractmethod
    def evaluate(self, points: Array) -> Evaluation:
        """Return the value and the gradient."""

    @abstractmethod
    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return Hessian times change [B, n] at the points of which `kept` was kept."""

    def precondition(self, kept: Kept, residual: Array) -> Array:
        """Return residuals [B, n] times something positive definite and near the inverse Hessian; here themselves."""
        return residual

    @abstractmethod
    def rows(self, index: Index) -> "Objective":
        """Return the objective of the points in `index` only."""

    @abstractmethod
    def maps(self, points: Array) -> Array:
        """Return the end-to-end maps [B, C, r]."""

    @abstractmethod
    def points(self, maps: Array) -> Array:
        """Return points with (nearly) these end-to-end maps [B, C, r]: where a descent can start."""


class MapObjective(Objective):
    """``loss(M) + Phi(M)`` of M itself [C, r]: statement S3.

    Parameters
    ----------
    loss
        Of the end-to-end map.
    penalty
        Phi, for each point.
    """

    def __init__(self, loss: MapLoss, penalty: SpectralPenalty) -> None:
        self._loss, self._penalty = loss, penalty

    def points(self, maps: Array) -> Array:
        """Return flat maps."""
        return maps.reshape(len(maps), -1)

    def maps(self, points: Array) -> Array:
        """Return M."""
        return points.reshape(-1, self._loss.classes, self._loss.width)

    def evaluate(self, points: Array) -> Evaluation:
        """Return the value and the gradient."""
        maps = self.maps(points)
        loss, loss_gradient, loss_kept = self._loss.evaluate(maps)
        cost, cost_gradient, cost_kept = self._penalty.evaluate(maps)
        scale = np.linalg.norm(loss_gradient, axis=(1, 2)) + np.linalg.norm(cost_gradient, axis=(1, 2))
        gradient = (loss_gradient + cost_gradient).reshape(points.shape)
        weights = self._penalty.conditioning(cost_kept, self._loss.curvature(loss_kept))
        return Evaluation(loss + cost, gradient, scale, (loss_kept, cost_kept, weights))

    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return Hessian times change."""
        maps = self.maps(change)
        loss_kept, cost_kept, _ = kept
        product = self._loss.hessian_product(loss_kept, maps)
        product += self._penalty.hessian_product(cost_kept, maps)
        return product.reshape(change.shape)

    def precondition(self, kept: Kept, residual: Array) -> Array:
        """Return residuals divided by the penalty's stiffness and the mean curvature of the loss."""
        _, cost_kept, weights = kept
        return self._penalty.precondition(cost_kept, weights, self.maps(residual)).reshape(residual.shape)

    def rows(self, index: Index) -> "MapObjective":
        """Return the objective of the points in `index` only."""
        return MapObjective(self._loss, self._penalty.rows(index))


class ProductObjective(Objective):
    """``loss(A (S + B)) + Phi_A(A) + Phi_B(B)`` of two matrices A [C, k] and B [k, r].

    Parameters
    ----------
    loss
        Of A (S + B).
    left, right
        Phi_A and Phi_B.
    offset : array [k, r]
        S.
    """

    def __init__(self, loss: MapLoss, left: SpectralPenalty, right: SpectralPenalty, offset: Array) -> None:
        self._loss, self._left, self._right, self._offset = loss, left, right, offset
        self._inner = len(offset)

    def factors(self, points: Array) -> tuple[Array, Array]:
        """Return A [B, C, k] and B [B, k, r]."""
        end = self._loss.classes * self._inner
        left = points[:, :end].reshape(-1, self._loss.classes, self._inner)
        return left, points[:, end:].reshape(-1, self._inner, self._loss.width)

    def maps(self, points: Array) -> Array:
        """Return A (S + B)."""
        left, right = self.factors(points)
        return left @ (self._offset + right)

    def evaluate(self, points: Array) -> Evaluation:
        """Return the value and the gradient."""
        left, right = self.factors(points)
        shifted = self._offset + right
        loss, slope, loss_kept = self._loss.evaluate(left @ shifted)
        left_cost, left_gradient, left_kept = self._left.evaluate(left)
        right_cost, right_gradient, right_kept = self._right.evaluate(right)
        loss_gradient = _join(slope @ shifted.swapaxes(1, 2), left.swapaxes(1, 2) @ slope)
        cost_gradient = _join(left_gradient, right_gradient)
        scale = np.linalg.norm(loss_gradient, axis=1) + np.linalg.norm(cost_gradient, axis=1)
        kept = ((left.copy(), shifted, slope), loss_kept, left_kept, right_kept)
        return Evaluation(loss + left_cost + right_cost, loss_gradient + cost_gradient, scale, kept)

    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return Hessian times change."""
        (left, shifted, slope), loss_kept, left_kept, right_kept = kept
        left_change, right_change = self.factors(change)
        slope_change = self._loss.hessian_product(loss_kept, left_change @ shifted + left @ right_change)
        left_product = slope_change @ shifted.swapaxes(1, 2) + slope @ right_change.swapaxes(1, 2)
        right_product = left.swapaxes(1, 2) @ slope_change + left_change.swapaxes(1, 2) @ slope
        left_product += self._left.hessian_product(left_kept, left_change)
        right_product += self._right.hessian_product(right_kept, right_change)
        return _join(left_product, right_product)


class HalvesObjective(ProductObjective):
    """The objective of a network with embedding in its two halves, M = A B (statement S18; own; exact).

    A is the head with the upper half of the blocks, B the lower half with the embedding. Either is a network without
    embedding, of depth L/2, and has no kink at zero; balanced halves cost what M does, others more (S3's inequalities).

    Parameters
    ----------
    loss
        Of M.
    penalty
        Phi of either half.
    inner
        k, the most that the rank of M can be.
    """

    def __init__(self, loss: MapLoss, penalty: SpectralPenalty, inner: int) -> None:
        super().__init__(loss, penalty, penalty, np.zeros((inner, loss.width)))

    def points(self, maps: Array) -> Array:
        """Return balanced halves of maps [B, C, r], or of what is best of their rank."""
        left, m, right = np.linalg.svd(maps, full_matrices=False)
        root = np.sqrt(m[:, : self._inner])
        return _join(left[:, :, : self._inner] * root[:, np.newaxis], root[:, :, np.newaxis] * right[:, : self._inner])

    def rows(self, index: Index) -> "HalvesObjective":
        """Return the objective of the points in `index` only."""
        return HalvesObjective(self._loss, self._left.rows(index), self._inner)


class KineticObjective(ProductObjective):
    """The kinetic objective in W and D = (P - I) S, in whitened coordinates (statement S7; own; exact).

    With S the root of the inputs' second moments, mean ||h_L - x||^2 = ||D||_F^2 and M S = W (S + D): a residual
    network of one block, free of inverses. Where S is not a multiple of I this is not a function of M alone.

    Parameters
    ----------
    loss
        Of M S, a map of the whitened inputs.
    block, head : SpectralPenalty
        Ridges, of decays lam_J / L and lam_W.
    root : array [r, r]
        S, diagonal.
    """

    def __init__(self, loss: MapLoss, head: SpectralPenalty, block: SpectralPenalty, root: Array) -> None:
        super().__init__(loss, head, block, root)

    def points(self, maps: Array) -> Array:
        """Return W and D for maps M S [B, C, r]: half of the logarithmic gain from the head, half from the block."""
        left, m, right = np.linalg.svd(maps, full_matrices=False)
        scale = np.sqrt(np.mean(np.diag(self._offset) ** 2))
        w = m / scale / np.sqrt(1.0 + m)
        stretch = right.swapaxes(1, 2) * (np.sqrt(1.0 + m) - 1.0)[:, np.newaxis]
        return _join((left * w[:, np.newaxis]) @ right, (stretch @ right) @ self._offset)

    def rows(self, index: Index) -> "KineticObjective":
        """Return the objective of the points in `index` only."""
        return KineticObjective(self._loss, self._left.rows(index), self._right.rows(index), self._offset)


def _join(left: Array, right: Array) -> Array:
    return np.concatenate([left.reshape(len(left), -1), right.reshape(len(right), -1)], axis=1)
