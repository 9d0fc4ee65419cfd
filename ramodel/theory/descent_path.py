"""Statement S15: with spare width, a curve of lower and lower loss leads away from every point off the branch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array
from ramodel.theory.layer_decays import decay_of_each_layer
from ramodel.theory.model import Array

__all__ = ["DescentPath", "descent_path"]

RANK_TOLERANCE = 1e-8
"""Singular values of W below this share of the largest are what an optimiser left of zero."""


@dataclass(frozen=True, eq=False)
class DescentPath:
    """The curve theta -> (J_l, W) of statement S15 (own; exact), called as a function; made by `descent_path`.

    With J_l v = -(1 + s) v, u a unit vector of ker W, Q the rotation by theta in the plane (v, u) and Pi the projector
    on the row space of W: J_l becomes ``Q Pi (A_l - Q^T)``, every later J_m ``Q J_m Q^T`` and W ``W Q^T``; earlier
    blocks stay. M, and with it the loss, is the same all along, and F(theta) = F(0) - lam_J s (1 - cos theta).

    Parameters
    ----------
    jacobians : array [L, d, d]
        J_l at theta = 0.
    head : array [C, d]
        W at theta = 0.
    layer
        Index from 0 of the block that is brought back.
    s
        Of the eigenvalue -(1 + s) of that block.
    direction : array [d]
        v.
    spare : array [d]
        u.
    rows : array [rank W, d]
        Orthonormal basis of the row space of W.
    jacobian_decay
        lam_J of that block.
    """

    jacobians: Array
    head: Array
    layer: int
    s: float
    direction: Array
    spare: Array
    rows: Array
    jacobian_decay: float

    def __call__(self, theta: float) -> tuple[Array, Array]:
        """Return (J_l, W) at an angle in radians; theta = 0 is where the path starts, theta = pi its lowest point."""
        width = self.head.shape[1]
        plane = np.stack([self.direction, self.spare])
        turn = np.array([[np.cos(theta), np.sin(theta)], [-np.sin(theta), np.cos(theta)]])
        rotation = np.eye(width) + plane.T @ (turn.T - np.eye(2)) @ plane
        blocks = self.jacobians.copy()
        blocks[self.layer + 1 :] = rotation @ blocks[self.layer + 1 :] @ rotation.T
        excess = np.eye(width) + self.jacobians[self.layer] - rotation.T
        blocks[self.layer] = rotation @ self.rows.T @ (self.rows @ excess)
        return blocks, self.head @ rotation.T

    def objective_change(self, theta: ArrayLike) -> Array:
        """F(theta) - F(0) = -lam_J s (1 - cos theta), any shape; never positive."""
        angle = finite_array("theta", theta, nonempty=False)
        change: Array = -2.0 * self.jacobian_decay * self.s * np.sin(0.5 * angle) ** 2
        return change[()]


def descent_path(jacobians: ArrayLike, head: ArrayLike, jacobian_decay: ArrayLike) -> DescentPath:
    """Path of lower and lower loss from a critical point off the positive branch with rank W < d (S15; own; exact).

    It takes the block and the direction with the most negative eigenvalue; other choices are worth less.

    Parameters
    ----------
    jacobians
        J_1, ..., J_L at the critical point, shape [L, d, d].
    head
        W, shape [C, d].
    jacobian_decay
        lam_J, or one per layer.

    Returns
    -------
    DescentPath

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If shapes do not fit or an entry is not finite; if no eigenvalue is below -1 (the point is on the positive
        branch: nothing to leave); if rank W = d (strict local minima off the branch exist there).

    Examples
    --------
    >>> path = descent_path([[[-2.0, 0.0], [0.0, 0.0]]], head=[[2**0.5, 0.0]], jacobian_decay=0.1)
    >>> blocks, head = path(np.pi)
    >>> blocks.round(12) + 0.0, float(path.objective_change(np.pi).round(12))
    (array([[[0., 0.],
            [0., 0.]]]), -0.2)
    """
    weights = finite_array("head", head, shape=(None, None))
    width = weights.shape[1]
    blocks = finite_array("jacobians", jacobians, shape=(None, width, width))
    decays = decay_of_each_layer(jacobian_decay, len(blocks))
    eigenvalues, vectors = np.linalg.eigh(0.5 * (blocks + blocks.swapaxes(1, 2)))
    layer = int((decays * (1.0 + eigenvalues[:, 0])).argmin())
    lowest = float(eigenvalues[layer, 0])
    if lowest >= -1.0:
        raise ValueError(
            f"jacobians have no eigenvalue below -1 (the least is {lowest:.6g}); the point is on the positive branch "
            "and there is nothing to leave."
        )
    _, w, vh = np.linalg.svd(weights)
    rank = int((w > RANK_TOLERANCE * w.max()).sum())
    if rank == width:
        raise ValueError(
            f"head has rank {rank}, the width; without a spare direction strict local minima off the branch exist "
            "(statement S15 needs rank W < d)."
        )
    return DescentPath(
        jacobians=blocks,
        head=weights,
        layer=layer,
        s=-1.0 - lowest,
        direction=vectors[layer, :, 0],
        spare=vh[-1],
        rows=vh[:rank],
        jacobian_decay=float(decays[layer]),
    )
