"""Matrices with a given symmetry of the classes, in few coordinates.

F does not change when the classes are permuted (rows and columns of M alike). So its gradient at a matrix that a group
of permutations leaves alone is left alone too: a critical point among such matrices is one among all matrices. This is
proved for every group; that the lowest point within a symmetry is found is a search.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import logsumexp

from ramodel.theory.configurations.configuration import class_objective
from ramodel.theory.model import Array, ResidualModel
from ramodel.theory.optimum.objective import Evaluation, Kept, Objective
from ramodel.theory.optimum.penalty import SpectralPenalty

__all__ = ["Symmetry", "lattice_symmetry", "polygon_symmetry", "symmetric_objective", "triangular_symmetry"]


@dataclass(frozen=True, eq=False)
class Symmetry:
    """The matrices M = sum_i x_i T_i whose columns sum to zero and that a group of permutations leaves alone.

    Parameters
    ----------
    basis : array [n, C, C]
        T_i, orthonormal.
    patterns : array [B, n]
        Where to start a search, up to scale: each pattern has other parts present. The first of polygons has each in a
        plane of its own.
    multiplicities : array [n] or None
        Where all T_i are multiples of projectors that commute, and all classes are alike: the ranks of these.
    """

    basis: Array
    patterns: Array
    multiplicities: Array | None = None

    @property
    def classes(self) -> int:
        """C."""
        return int(self.basis.shape[1])

    def maps(self, coordinates: Array) -> Array:
        """Return M [..., C, C] of coordinates [..., n]."""
        maps: Array = np.tensordot(coordinates, self.basis, axes=1)
        return maps

    def coordinates(self, maps: Array) -> Array:
        """Return the coordinates [..., n] of the part of maps [..., C, C] that has the symmetry."""
        coordinates: Array = np.einsum("...ij,nij->...n", maps, self.basis, optimize=True)
        return coordinates


def polygon_symmetry(sizes: tuple[int, ...]) -> Symmetry:
    """Classes in blocks, the n classes of a block being corners of a regular n-gon (n = 1 a point, n = 2 a pair).

    The group turns and reflects every polygon by itself and swaps blocks of equal size. What it leaves alone:

    * for each size n and Fourier mode k = 1..floor(n/2), the projector on that mode in every block;
    * for each size with several blocks, the projector on differences between these blocks;
    * for D > 1 different sizes, D x D matrices between the indicators of the sizes. They need not be symmetric.
    """
    blocks = Counter(sorted(sizes, reverse=True))
    classes = sum(sizes)
    parts, planar, indicators = [], [], []
    start = 0
    for n, r in blocks.items():
        place = slice(start, start + n * r)
        start += n * r
        indicator = np.zeros(classes)
        indicator[place] = 1.0
        indicators.append(indicator / np.linalg.norm(indicator))
        corners = np.arange(n)
        turns = 2.0 * np.pi / n * np.subtract.outer(corners, corners)
        inner = [np.kron(np.eye(r), np.cos(k * turns)) for k in range(1, n // 2 + 1)]
        inner += [np.kron(np.eye(r) - 1.0 / r, np.ones((n, n)))] if r > 1 else []
        planar += [place == 0 and n > 1 for place in range(len(inner))]
        for block in inner:
            part = np.zeros((classes, classes))
            part[place, place] = block
            parts.append(part)
    between = np.stack(indicators)
    mean = np.sqrt([n * r / classes for n, r in blocks.items()])
    left = np.linalg.svd(mean[np.newaxis])[2][1:] @ between
    crossed = [np.outer(u, v) for u in left for v in between]
    ranks = np.array([np.trace(part) ** 2 / np.sum(part**2) for part in parts])  # exact for multiples of projectors
    present = _patterns(planar + [True] * bool(crossed))
    if not crossed:
        return Symmetry(_normalised(parts), present * np.sqrt(ranks), ranks.round())
    basis = _normalised(parts + crossed)
    # Between sizes a search starts from the part of the identity.
    joined = np.einsum("nij,ij->n", basis[len(parts) :], left.T @ left)
    patterns = np.concatenate([present[:, : len(parts)] * np.sqrt(ranks), present[:, len(parts) :] * joined], axis=1)
    return Symmetry(basis, patterns)


def triangular_symmetry(points: int) -> Symmetry:
    """Classes are the n(n-1)/2 pairs of n points; the group permutes the points (the triangular graph's scheme).

    n = 4 gives the cross-polytope of six classes; n = 5 the Petersen graph's two-distance set of ten: the mid-points of
    the edges of a simplex, in four dimensions.
    """
    pairs = np.array(list(combinations(range(points), 2)))
    incidence = np.zeros((len(pairs), points))
    incidence[np.arange(len(pairs))[:, np.newaxis], pairs] = 1.0
    return _two_parts(incidence)


def lattice_symmetry(side: int) -> Symmetry:
    """Classes are the n^2 squares of a board; the group permutes rows and columns (the lattice graph's scheme)."""
    row, column = np.divmod(np.arange(side**2), side)
    return _two_parts(np.concatenate([np.eye(side)[row], np.eye(side)[column]], axis=1))


def _two_parts(incidence: Array) -> Symmetry:
    """Return the symmetry whose matrices are combinations of two projectors and the mean.

    The first projects on the centred span of the columns of `incidence` [C, points], the second on what is left.
    """
    centred = incidence - incidence.mean(axis=0)
    u, sigma, _ = np.linalg.svd(centred, full_matrices=False)
    span = u[:, sigma > 1e-9 * sigma[0]]
    first = span @ span.T
    second = np.eye(len(first)) - 1.0 / len(first) - first
    parts = [first, second]
    ranks = np.array([np.trace(part) for part in parts]).round()
    return Symmetry(_normalised(parts), _patterns([True, False]) * np.sqrt(ranks), ranks)


def _normalised(parts: list[Array]) -> Array:
    return np.stack([part / np.linalg.norm(part) for part in parts])


ALL_PATTERNS = 6
"""Up to this many parts every choice of present ones is a start; beyond, those with an order in them."""

ABSENT = 0.02
"""Size of a part that is absent: were it 0, the gradient would be 0 along some of them."""


def _patterns(first: list[bool]) -> Array:
    """Return patterns [B, parts] of present parts, none of them empty, beginning with `first`."""
    parts = len(first)
    if parts <= ALL_PATTERNS:
        others = (np.arange(1, 2**parts)[:, np.newaxis] >> np.arange(parts)) % 2 == 1
    else:
        order = np.arange(parts)
        prefixes = [order < count for count in (1, 2, 3, 4, 6, 8, 16, parts) if count <= parts]
        others = np.array([*prefixes, order % 2 == 0, order % 2 == 1])
    return np.where(np.concatenate([[first], others]), 1.0, ABSENT)


def symmetric_objective(symmetry: Symmetry, model: ResidualModel, points: int) -> Objective:
    """Return F of so many points in the coordinates of a symmetry."""
    everywhere = class_objective(symmetry.classes, model, points=points)
    if symmetry.multiplicities is None:
        return SymmetricObjective(everywhere, symmetry)
    return CommutingObjective(symmetry, SpectralPenalty.of([model] * points))


class SymmetricObjective(Objective):
    """An objective of maps [C, C] in the coordinates of a symmetry.

    Parameters
    ----------
    objective
        Over flat maps.
    symmetry
        Which maps.
    """

    def __init__(self, objective: Objective, symmetry: Symmetry) -> None:
        self._objective, self._symmetry = objective, symmetry
        self._flat = symmetry.basis.reshape(len(symmetry.basis), -1)

    def points(self, maps: Array) -> Array:
        """Return the coordinates of the part of maps [B, C, C] that has the symmetry."""
        return self._symmetry.coordinates(maps)

    def maps(self, points: Array) -> Array:
        """Return M."""
        return self._symmetry.maps(points)

    def evaluate(self, points: Array) -> Evaluation:
        """Return the value and the gradient."""
        found = self._objective.evaluate(points @ self._flat)
        return Evaluation(found.value, found.gradient @ self._flat.T, found.scale, found.kept)

    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return Hessian times change."""
        product: Array = self._objective.hessian_product(kept, change @ self._flat) @ self._flat.T
        return product

    def rows(self, index: Array) -> "SymmetricObjective":
        """Return the objective of the points in `index` only."""
        return SymmetricObjective(self._objective.rows(index), self._symmetry)


class CommutingObjective(Objective):
    """F in the coordinates of a symmetry of commuting projectors: no singular values to compute, one class for all.

    Parameters
    ----------
    symmetry
        With multiplicities.
    penalty
        Phi, for each point.
    """

    def __init__(self, symmetry: Symmetry, penalty: SpectralPenalty) -> None:
        assert symmetry.multiplicities is not None
        self._symmetry, self._penalty = symmetry, penalty
        self._multiplicities = symmetry.multiplicities
        self._roots = np.sqrt(self._multiplicities)
        self._logits = symmetry.basis[:, 1:, 0] - symmetry.basis[:, :1, 0]

    def points(self, maps: Array) -> Array:
        """Return the coordinates of the part of maps [B, C, C] that has the symmetry."""
        return self._symmetry.coordinates(maps)

    def maps(self, points: Array) -> Array:
        """Return M."""
        return self._symmetry.maps(points)

    def evaluate(self, points: Array) -> Evaluation:
        """Return the value and the gradient."""
        margins = points @ self._logits
        wrong = logsumexp(margins, axis=1)
        losses = np.logaddexp(wrong, 0.0)
        probabilities = np.exp(margins - losses[:, np.newaxis])
        loss_gradient = probabilities @ self._logits.T
        coefficients = points / self._roots
        cost, stiffness, curvature = self._penalty.scalars(np.abs(coefficients))
        cost_gradient = stiffness * points
        scale = np.linalg.norm(loss_gradient, axis=1) + np.linalg.norm(cost_gradient, axis=1)
        value = losses + cost @ self._multiplicities
        return Evaluation(value, loss_gradient + cost_gradient, scale, (probabilities, curvature))

    def hessian_product(self, kept: Kept, change: Array) -> Array:
        """Return Hessian times change."""
        probabilities, curvature = kept
        margins = change @ self._logits
        mean = np.einsum("bc,bc->b", probabilities, margins)
        product: Array = (probabilities * (margins - mean[:, np.newaxis])) @ self._logits.T + curvature * change
        return product

    def rows(self, index: Array) -> "CommutingObjective":
        """Return the objective of the points in `index` only."""
        return CommutingObjective(self._symmetry, self._penalty.rows(index))
