"""Where descents begin: readouts of every rank, at several scales.

Which optimum is the best is a question of rank and of geometry (statement S10), so the starts differ in both. Each is
``scale T K``: K reads the targets off the inputs, and T = V V^T with random unit rows V [C, k] merges the classes into
k dimensions, a random spherical code. Optima of low rank have large singular values and are found from above: small
starts all lead to the same few optima of high rank. So the scales are those at which K itself does best, and twice and
four times that. (Measured: in 12 of 13 problems at least 4 % of 48 starts reach the best known optimum; of random
matrices at the scale of the simplex none do for C = 10, L = 16 and 32.) `truncations` of the best one then lowered the
objective in 25 of 117 searches with 1, 4 and 16 starts, mostly with one.
"""

import numpy as np

from ramodel.theory.model import Array
from ramodel.theory.optimum.losses import MapLoss
from ramodel.theory.optimum.objective import Objective

__all__ = ["starting_maps", "truncations"]

SCALES = 2.0 ** np.arange(-2, 8)  # tried for K
STRETCH = np.array([1.0, 2.0, 1.0, 4.0])  # of the starts in turn, relative to the best of these
ASYMMETRY = 1e-3  # of the first start, so that it leaves saddles that have the symmetry of the readout
NEGLIGIBLE = 1e-3  # share of the largest below which singular values do not count as rank in the truncations


def starting_maps(loss: MapLoss, objective: Objective, count: int, rng: np.random.Generator) -> Array:
    """Return maps [count, C, r] to start from; the first is close to a multiple of the readout itself.

    `objective` is that of one point.
    """
    classes = loss.classes
    ranks = np.arange(count)[:, np.newaxis] % max(classes - 1, 1) + 1
    codes = rng.standard_normal((count, classes, classes)) * (np.arange(classes) < ranks)[:, np.newaxis]
    codes /= np.linalg.norm(codes, axis=2, keepdims=True)
    merged = codes @ codes.swapaxes(1, 2)
    merged[0] = np.eye(classes) + ASYMMETRY * merged[0]
    tried = objective.points(SCALES[:, np.newaxis, np.newaxis] * loss.readout)
    values = objective.rows(np.zeros(len(SCALES), dtype=np.intp)).evaluate(tried).value
    scales = SCALES[np.argmin(values)] * STRETCH[np.arange(count) % len(STRETCH)]
    starts: Array = scales[:, np.newaxis, np.newaxis] * (merged @ loss.readout)
    return starts


def truncations(matrix: Array) -> Array:
    """Return the best approximations [B, C, r] of a map of every rank from 1 to one below its own."""
    left, m, right = np.linalg.svd(matrix, full_matrices=False)
    rank = int(np.count_nonzero(m > NEGLIGIBLE * m[0]))
    kept = np.arange(len(m)) < np.arange(1, max(rank, 1))[:, np.newaxis]
    lower: Array = (left * (kept * m)[:, np.newaxis]) @ right
    return lower
