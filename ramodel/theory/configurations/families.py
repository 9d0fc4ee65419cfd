"""Families of configurations: the lowest point with a given symmetry of the classes.

Proved: what these functions return is a critical point of the whole problem (`Configuration.residual` says how nearly
in floating point). Searched, not proved: that it is the lowest of its symmetry.
"""

import math
from collections.abc import Sequence

import numpy as np

from ramodel.checks import integer
from ramodel.theory.configurations.configuration import Configuration, describe
from ramodel.theory.configurations.symmetry import (
    Symmetry,
    lattice_symmetry,
    polygon_symmetry,
    symmetric_objective,
    triangular_symmetry,
)
from ramodel.theory.model import Array, ResidualModel
from ramodel.theory.optimum.newton import descend

__all__ = ["circulant", "critical_maps", "lattice", "pair", "polygons", "scaled", "triangular"]

SCALES = np.geomspace(1.0, 250.0, 14)
"""Sizes of singular values tried for each pattern before the descent."""

TOLERANCE = 1e-14
"""Relative gradient at which a descent ends."""


def circulant(classes: int, model: ResidualModel) -> Configuration:
    """Return the lowest circulant configuration found: M = sum_k a_k Pi_k over Fourier modes of the class index (S10).

    The classes are the corners of one regular polygon. All a_k equal is the simplex, a_1 alone a polygon in the plane.

    Parameters
    ----------
    classes
        C, at least 2.
    model
        Without embedding.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> found = circulant(10, FrobeniusModel(4, 0.001, 0.001))
    >>> round(found.value, 12), found.effective_rank
    (0.013804679375, 5)
    """
    count = integer("classes", classes, minimum=2)
    return _lowest("circulant", polygon_symmetry((count,)), model)


def pair(classes: int, model: ResidualModel) -> Configuration:
    """Return the lowest configuration of opposite pairs found, the cross-polytope and its kin (statement S10; own).

    F = ln(1 + e^-a + (C-2) e^(-(a+b)/2)) + (1/2) ((C/2) c(a) + (C/2-1) c(b)): a within pairs, b between them; b much
    smaller than a is a cross-polytope of rank C/2, a = b the simplex.

    Parameters
    ----------
    classes
        C, even and at least 4.
    model
        Without embedding.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> found = pair(4, FrobeniusModel(8, 0.01, 0.01))
    >>> round(found.value, 12), [(round(level.s, 9), level.multiplicity) for level in found.levels]
    (0.022978259292, [(0.432415978, 2), (0.009004655, 1)])
    """
    return _lowest("pair", pair_symmetry(classes), model)


def pair_symmetry(classes: int) -> Symmetry:
    """Return the symmetry of C/2 pairs; refuse odd C and C < 4."""
    count = integer("classes", classes, minimum=4, hint="Pairs differ from the simplex from four classes on.")
    if count % 2:
        raise ValueError(f"classes is {count}; it must be even, so that classes can be paired.")
    return polygon_symmetry((2,) * (count // 2))


def polygons(sizes: Sequence[int], model: ResidualModel) -> Configuration:
    """Return the lowest configuration found whose classes form regular polygons of these sizes (statement S10; own).

    Every polygon turns by itself; polygons of equal size may be swapped. Their parts are free: `ramodel` finds whether
    polygons lie in planes of their own (then (5, 2) is a pentagon and a pair, rank 3) or are simplices.

    Parameters
    ----------
    sizes
        Number of corners of each polygon, 1 for a point and 2 for a pair; together the number of classes C >= 2.
    model
        Without embedding.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> found = polygons((2, 2, 1), FrobeniusModel(8, 0.01, 0.01))
    >>> round(found.value, 9), found.family, [level.multiplicity for level in found.levels]
    (0.030165797, 'polygons 2+2+1', [2, 1, 1])
    """
    corners = tuple(sorted((integer(f"sizes[{i}]", n) for i, n in enumerate(sizes)), reverse=True))
    if sum(corners) < 2:
        raise ValueError(f"sizes is {tuple(sizes)!r}; the polygons must have at least two corners in all.")
    return _lowest(polygon_name(corners), polygon_symmetry(corners), model)


def polygon_name(sizes: Sequence[int]) -> str:
    """Return the name of the family, such as "polygons 2+2+1"."""
    return f"polygons {'+'.join(map(str, sizes))}"


def triangular(classes: int, model: ResidualModel) -> Configuration:
    """Return the lowest configuration found in which classes are the pairs of n points, C = n(n-1)/2 (S10; own).

    Two classes are related in one of two ways: their pairs share a point, or not. With all weight on one of the two
    parts this is a two-distance set: for C = 6 the cross-polytope, for C = 10 the mid-points of the edges of the
    simplex in four dimensions, whose disjoint pairs form the Petersen graph.

    Parameters
    ----------
    classes
        C = 6, 10, 15, 21, ...
    model
        Without embedding.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> found = triangular(10, FrobeniusModel(8, 0.01, 0.01))
    >>> round(found.value, 9), [level.multiplicity for level in found.levels]
    (0.058568911, [4, 5])
    """
    count = integer("classes", classes, minimum=6)
    points = (1 + math.isqrt(1 + 8 * count)) // 2
    if points * (points - 1) // 2 != count:
        raise ValueError(f"classes is {count}; it must be a number of pairs, n(n-1)/2: 6, 10, 15, 21, ...")
    return _lowest("triangular", triangular_symmetry(points), model)


def lattice(classes: int, model: ResidualModel) -> Configuration:
    """Return the lowest configuration found in which classes are the squares of a board, C = n^2 (S10; own).

    Two classes stand in one line (row or column) or not; with all weight on the first part the classes are a product
    of two orthogonal simplices.

    Parameters
    ----------
    classes
        C = 9, 16, 25, ...
    model
        Without embedding.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> lattice(9, FrobeniusModel(8, 0.01, 0.01)).effective_rank
    4
    """
    count = integer("classes", classes, minimum=9)
    side = math.isqrt(count)
    if side**2 != count:
        raise ValueError(f"classes is {count}; it must be a square: 9, 16, 25, ...")
    return _lowest("lattice", lattice_symmetry(side), model)


def critical_maps(symmetry: Symmetry, model: ResidualModel, starts: Array | None = None) -> tuple[Array, Array]:
    """Return critical points [B, C, C] with a symmetry and their values [B], one for each start.

    Starts are maps [B, C, C], of which the symmetric part counts; by default the patterns of the symmetry.
    """
    count = len(symmetry.patterns) if starts is None else len(starts)
    objective = symmetric_objective(symmetry, model, count)
    points = objective.points(scaled(symmetry, model) if starts is None else starts)
    descent = descend(objective, points, tolerance=TOLERANCE)
    return objective.maps(descent.point), descent.value


def scaled(symmetry: Symmetry, model: ResidualModel, *, patterns: int | None = None) -> Array:
    """Return the (first so many) patterns of a symmetry as maps [B, C, C], each at the best of several scales."""
    chosen = symmetry.patterns[:patterns]
    every = SCALES[:, np.newaxis, np.newaxis] * chosen
    objective = symmetric_objective(symmetry, model, len(SCALES) * len(chosen))
    values = objective.evaluate(every.reshape(-1, chosen.shape[1])).value.reshape(len(SCALES), -1)
    return symmetry.maps(every[values.argmin(axis=0), np.arange(len(chosen))])


def _lowest(family: str, symmetry: Symmetry, model: ResidualModel) -> Configuration:
    maps, values = critical_maps(symmetry, model)
    return describe(family, model, maps[values.argmin()])
