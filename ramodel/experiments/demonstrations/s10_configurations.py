"""S10: what the configurations look like, which singular values they have, and where they win."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
import xarray as xr
from scipy.spatial import ConvexHull

from ramodel.progress import progress_bar
from ramodel.theory import FrobeniusModel, ResidualModel
from ramodel.theory.configurations import (
    Configuration,
    best_configuration,
    circulant,
    free_search,
    pair,
    polygons,
    simplex,
    triangular,
)
from ramodel.theory.model import Array

__all__ = ["demonstrate"]

DECAY = 0.01
"""lam_J = lam_W of all pictures."""

SAME_FACE = 1e-4
"""Faces of a hull whose normals differ by less are one face, and the edge between them is not drawn."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration to be shown.

    Parameters
    ----------
    name
        Said above the picture.
    classes, depth
        C and L.
    find
        Computes it from C and the model.
    shape
        How its points are laid out: "span" (in the span of the large singular values, at most three); or, in four
        dimensions, by a scheme: "petersen" (edges join opposite classes) or "planes" (two planes side by side).
    """

    name: str
    classes: int
    depth: int
    find: Callable[[int, ResidualModel], Configuration]
    shape: str = "span"


PICTURES = (
    Picture(name="simplex", classes=4, depth=4, find=simplex),
    Picture(name="opposite pairs", classes=6, depth=8, find=pair),
    Picture(name="pentagon", classes=5, depth=16, find=circulant),
    Picture(name="2 + 2 + 1", classes=5, depth=8, find=lambda _, model: polygons((2, 2, 1), model)),
    Picture(name="pentagon and pair", classes=7, depth=8, find=lambda _, model: polygons((5, 2), model)),
    Picture(name="nine in space", classes=9, depth=8, find=free_search),
    Picture(name="pairs of five points", classes=10, depth=8, find=triangular, shape="petersen"),
    Picture(name="two pentagons", classes=10, depth=8, find=lambda _, m: polygons((5, 5), m), shape="planes"),
)
QUICK = 3
"""So many pictures of a quick run."""


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Compute configurations, their singular values, and points and edges to draw them.

    Returns
    -------
    Dataset
        Over ``picture``: ``classes``, ``depth``, ``value`` and ``best_value`` (F of the configuration and of the best
        known), ``effective_rank``, ``is_scheme`` (1 where points are a scheme, not a projection). ``singular_value``
        [picture, index]: s_k, NaN beyond C. ``position`` [picture, class, axis]: a point for each class, NaN beyond C;
        ``edge`` [picture, line, end]: pairs of classes, -1 for none.
    """
    chosen = PICTURES[:QUICK] if quick else PICTURES
    found, best = [], []
    with progress_bar("configurations", len(chosen), show=progress) as bar:
        for picture in chosen:
            model = FrobeniusModel(picture.depth, DECAY, DECAY)
            found.append(picture.find(picture.classes, model))
            best.append(best_configuration(picture.classes, model).value)
            bar.advance(status=picture.name)
    laid_out = [_layout(picture.shape, one.end_to_end) for picture, one in zip(chosen, found, strict=True)]
    most = max(picture.classes for picture in chosen)
    lines = max(len(edges) for _, edges in laid_out)
    return xr.Dataset(
        {
            "classes": ("picture", [picture.classes for picture in chosen]),
            "depth": ("picture", [picture.depth for picture in chosen]),
            "value": ("picture", [one.value for one in found]),
            "best_value": ("picture", best),
            "effective_rank": ("picture", [one.effective_rank for one in found]),
            "is_scheme": ("picture", [int(picture.shape != "span") for picture in chosen]),
            "singular_value": (
                ("picture", "index"),
                [_padded(one.jacobian_singular_values, (most,), np.nan) for one in found],
            ),
            "position": (("picture", "class", "axis"), [_padded(points, (most, 3), np.nan) for points, _ in laid_out]),
            "edge": (("picture", "line", "end"), [_padded(edges, (lines, 2), -1) for _, edges in laid_out]),
        },
        {"picture": [picture.name for picture in chosen]},
        {"decay": DECAY, "seed": 0},
    )


def _layout(shape: str, m: Array) -> tuple[Array, Any]:
    """Return points [C, 3], the farthest at distance 1, and edges [lines, 2]."""
    turn = 2.0 * np.pi * np.arange(5) / 5
    pentagon = np.stack([-np.sin(turn), np.cos(turn), 0.0 * turn], axis=1)
    ring = np.stack([np.arange(5), (np.arange(5) + 1) % 5], axis=1)
    if shape == "planes":
        aside = np.array([0.55, 0.0, 0.0])
        return np.concatenate([0.47 * pentagon - aside, 0.47 * pentagon + aside]), np.concatenate([ring, ring + 5])
    if shape == "petersen":
        # Half of i + j modulo 5: the corner between i and i+2, and that opposite to i and i+1, which stand inside.
        pairs = list(combinations(range(5), 2))
        places = [pentagon[3 * (i + j) % 5] * (0.5 if j - i in (1, 4) else 1.0) for i, j in pairs]
        apart = [(a, b) for a, b in combinations(range(10), 2) if not set(pairs[a]) & set(pairs[b])]
        return np.array(places), np.array(apart)
    _, sigma, vh = np.linalg.svd(m)
    rank = min(int(np.count_nonzero(sigma > 0.1 * sigma[0])), 3)
    points = (sigma[:rank, np.newaxis] * vh[:rank]).T
    points /= np.linalg.norm(points, axis=1).max()
    return np.pad(points, ((0, 0), (0, 3 - rank))), _hull_edges(points)


def _hull_edges(points: Array) -> Any:
    """Return the edges of the convex hull of points in the plane or in space."""
    hull = ConvexHull(points)
    if points.shape[1] == 2:
        return hull.simplices
    edges = set()
    for face, neighbours, normal in zip(hull.simplices, hull.neighbors, hull.equations, strict=True):
        for left_out, neighbour in enumerate(neighbours):
            if np.abs(normal - hull.equations[neighbour]).max() > SAME_FACE:
                edges.add(tuple(sorted(np.delete(face, left_out).tolist())))
    return np.array(sorted(edges))


def _padded(values: Any, shape: tuple[int, ...], fill: float) -> Any:
    """Return an array of this shape with `values` in its corner."""
    padded = np.full(shape, fill, dtype=np.asarray(values).dtype)
    padded[tuple(slice(size) for size in np.shape(values))] = values
    return padded
