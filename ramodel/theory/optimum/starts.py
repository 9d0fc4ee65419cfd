"""Where descents begin: readouts of every rank, each at the scale that suits it.

Which optimum is the best is a question of rank and of geometry (statement S10), so the starts differ in both. Each is
``scale T K``: K reads the targets off the inputs, and T = V V^T with random unit rows V [C, k] merges the classes into
k dimensions, a random spherical code. At a small scale all starts lead to the same few optima of high rank; so each
begins at the best power of two for its own T, or, every other one, at twice that, and shrinks.
"""

import numpy as np

from ramodel.theory.model import Array
from ramodel.theory.optimum.losses import MapLoss
from ramodel.theory.optimum.objective import Objective

__all__ = ["starting_maps", "truncations"]

SCALES = 2.0 ** np.arange(-2, 8)
ASYMMETRY = 1e-3  # of the first start, so that it leaves saddles that have the symmetry of the readout


def starting_maps(loss: MapLoss, objective: Objective, count: int, rng: np.random.Generator) -> Array:
    """Return maps [count, C, r] to start from; the first is close to the readout itself.

    `objective` is that of one point.
    """
    classes = loss.classes
    ranks = np.arange(count)[:, np.newaxis] % max(classes - 1, 1) + 1
    codes = rng.standard_normal((count, classes, classes)) * (np.arange(classes) < ranks)[:, np.newaxis]
    codes /= np.linalg.norm(codes, axis=2, keepdims=True)
    merged = codes @ codes.swapaxes(1, 2)
    merged[0] = np.eye(classes) + ASYMMETRY * merged[0]
    shapes = merged @ loss.readout
    values = [objective.rows(np.zeros(count, int)).evaluate(objective.points(scale * shapes)).value for scale in SCALES]
    best = SCALES[np.argmin(values, axis=0)] * (1.0 + np.arange(count) % 2)
    starts: Array = best[:, np.newaxis, np.newaxis] * shapes
    return starts


def truncations(matrix: Array) -> Array:
    """Return the best approximations [B, C, r] of a map of every rank from 1 to one below its own."""
    left, m, right = np.linalg.svd(matrix, full_matrices=False)
    rank = np.count_nonzero(m > NEGLIGIBLE * m[0])
    kept = np.arange(len(m)) < np.arange(1, max(rank, 1))[:, np.newaxis]
    return (left * (kept * m)[:, np.newaxis]) @ right


NEGLIGIBLE = 1e-3
"""Singular values below this share of the largest do not count in the truncations: leaving them out changes little."""
