"""Half the representation cost of a matrix, ``(1/2) sum_k c(sigma_k)``, and its first two derivatives.

``phi = c/2`` is an even function of the singular value. In terms of the Jacobians' singular value s everything stays
finite at zero: with ``gain = (1 + s)^(-2L)``, the stiffness is ``phi'(m)/m = lam_W gain`` in both models without an
embedding. With an embedding the cost has a kink at m = 0, but the network can be cut in the middle: M = A B with two
halves of depth L/2 (`halves`), each a network without embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ramodel.theory.balance import solve_balance
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.kinetic import KineticModel
from ramodel.theory.model import Array, ResidualModel

__all__ = ["Index", "SpectralPenalty"]

Index = NDArray[Any]
"""Which of B points."""

Kind = Literal["frobenius", "nuclear", "ridge"]

SOFTEST = 1e-8
"""Least stiffness in the preconditioner, relative to that at zero: for large singular values it vanishes with depth."""

CLOSE = 1e-5
"""Singular values nearer than this, relatively, take the derivative in place of the divided difference."""


@dataclass(frozen=True, eq=False)
class SpectralPenalty:
    """``Phi(M) = (1/2) sum_k c(sigma_k(M))`` for B matrices, each with decays and a depth of its own.

    Parameters
    ----------
    kind
        "frobenius", "nuclear", or "ridge": (lam_W/2) ||M||_F^2, a network without blocks.
    depth, jacobian_decay, head_decay : array [B, 1]
        L, lam_J, lam_W.
    """

    kind: Kind
    depth: Array
    jacobian_decay: Array
    head_decay: Array

    @classmethod
    def of(cls, models: Sequence[ResidualModel]) -> "SpectralPenalty":
        """Return the penalty of models of one class; with an embedding, that of either half (see the module).

        For the kinetic model (white inputs) all blocks together are one Frobenius block of decay lam_J / L, and with an
        embedding the decay is a nuclear norm (S7).
        """
        first = models[0]
        depth = np.array([[float(model.depth)] for model in models])
        block = np.array([[model.jacobian_decay] for model in models])
        head = np.array([[model.head_decay] for model in models])
        if isinstance(first, KineticModel):
            if first.embedding_decay is None:
                return cls("frobenius", np.ones_like(depth), block / depth, head)
            return cls("ridge", depth, block, np.array([[0.5 * model.cost(1.0)] for model in models]))
        kind: Kind = "frobenius" if isinstance(first, FrobeniusModel) else "nuclear"
        if first.embedding_decay is None:
            return cls(kind, depth, block, head)
        return cls(kind, 0.5 * depth, block, np.array([[model.jacobian_decay / model.unit] for model in models]))

    @classmethod
    def ridge(cls, decay: float) -> "SpectralPenalty":
        """Return (decay/2) ||M||_F^2."""
        one = np.ones((1, 1))
        return cls("ridge", one, one, decay * one)

    def rows(self, index: Index) -> "SpectralPenalty":
        """Keep the matrices in `index` only."""
        return SpectralPenalty(self.kind, self.depth[index], self.jacobian_decay[index], self.head_decay[index])

    def scalars(self, m: Array) -> tuple[Array, Array, Array]:
        """Return phi, the stiffness phi'/m, and the curvature phi'' at singular values [B, k]."""
        if self.kind == "ridge":
            stiffness = np.broadcast_to(self.head_decay, m.shape)
            return 0.5 * stiffness * m**2, stiffness, stiffness
        u = m / np.sqrt(self.jacobian_decay / self.head_decay)
        depth = self.depth
        if self.kind == "frobenius":
            s = solve_balance(u, depth)
            stiffness = self.head_decay * np.exp(-2.0 * depth * np.log1p(s))
            value = 0.5 * self.jacobian_decay * s * (1.0 + (depth + 1.0) * s)
            return value, stiffness, stiffness * (1.0 - 2.0 * (depth - 1.0) * s) / (1.0 + 2.0 * (depth + 1.0) * s)
        beyond = np.maximum(u, 1.0)
        total = 2.0 * depth + 1.0
        log_gain = 2.0 * np.log(beyond) / total
        value = 0.5 * self.jacobian_decay * (np.minimum(u, 1.0) ** 2 + total * np.expm1(log_gain))
        stiffness = self.head_decay * np.exp(-2.0 * depth * log_gain)
        return value, stiffness, stiffness * np.where(u > 1.0, (1.0 - 2.0 * depth) / total, 1.0)

    def evaluate(self, matrices: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        """Return values [B], gradients [B, p, q] and what `hessian_product` needs."""
        if self.kind == "ridge":
            gradient = self.head_decay[:, :, np.newaxis] * matrices
            return 0.5 * (matrices * gradient).sum(axis=(1, 2)), gradient, (self.head_decay,)
        tall = matrices.shape[1] > matrices.shape[2]
        left, m, right = np.linalg.svd(matrices.swapaxes(1, 2) if tall else matrices, full_matrices=False)
        value, stiffness, curvature = self.scalars(m)
        slope = stiffness * m
        gradient = (left * slope[:, np.newaxis]) @ right
        a, b = m[:, :, np.newaxis], m[:, np.newaxis]
        f, g = slope[:, :, np.newaxis], slope[:, np.newaxis]
        gap, total = a - b, a + b
        mean = 0.5 * (curvature[:, :, np.newaxis] + curvature[:, np.newaxis])
        with np.errstate(divide="ignore", invalid="ignore"):
            symmetric = np.where(np.abs(gap) > CLOSE * total, (f - g) / gap, mean)
            skew = np.where(total > 0.0, (f + g) / total, mean)
        rowwise = stiffness[:, :, np.newaxis]
        kept = left, right, rowwise, 0.5 * (symmetric + skew) - rowwise, 0.5 * (symmetric - skew)
        return value.sum(axis=1), gradient.swapaxes(1, 2) if tall else gradient, kept

    def hessian_product(self, kept: tuple[Array, ...], change: Array) -> Array:
        """Return the change of the gradient (the derivative of a spectral function; Lewis & Sendov 2005)."""
        if self.kind == "ridge":
            ridge: Array = kept[0][:, :, np.newaxis] * change
            return ridge
        left, right, stiffness, excess, swapped = kept
        tall = change.shape[1] > change.shape[2]
        rotated = left.swapaxes(1, 2) @ (change.swapaxes(1, 2) if tall else change)
        inner = rotated @ right.swapaxes(1, 2)
        rotated *= stiffness
        rotated += (excess * inner + swapped * inner.swapaxes(1, 2)) @ right
        product: Array = left @ rotated
        return product.swapaxes(1, 2) if tall else product

    def conditioning(self, kept: tuple[Array, ...], curvature: Array) -> tuple[Array, ...]:
        """Return what `precondition` divides by, for a loss of mean curvature [B] (or [1]).

        In the singular frame the penalty's Hessian is diagonal but for pairs (i, j), (j, i), on which it acts by a
        skew part, a mean of two stiffnesses, and a symmetric one of any sign. The skew part stands for both.
        """
        shift = curvature[:, np.newaxis, np.newaxis]
        if self.kind == "ridge":
            return (1.0 / (kept[0][:, :, np.newaxis] + shift),)
        _, _, stiffness, excess, swapped = kept
        softest = SOFTEST * self.head_decay[:, :, np.newaxis]
        outside = 1.0 / np.maximum(stiffness + shift, softest)
        return outside, 1.0 / np.maximum(stiffness + excess - swapped + shift, softest) - outside

    def precondition(self, kept: tuple[Array, ...], weights: tuple[Array, ...], residual: Array) -> Array:
        """Return the inverse of penalty's stiffness plus loss's mean curvature, times a residual [B, p, q]."""
        if self.kind == "ridge":
            return weights[0] * residual
        left, right = kept[:2]
        outside, inside = weights
        tall = residual.shape[1] > residual.shape[2]
        rotated = left.swapaxes(1, 2) @ (residual.swapaxes(1, 2) if tall else residual)
        inner = rotated @ right.swapaxes(1, 2)
        rotated *= outside
        inner *= inside
        rotated += inner @ right
        product: Array = left @ rotated
        return product.swapaxes(1, 2) if tall else product
