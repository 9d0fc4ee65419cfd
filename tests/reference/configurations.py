"""Slow, obvious version of S10's objective and of its Hessian. Imports nothing of ramodel."""

import math

import numpy as np
from scipy.optimize import brentq


def objective(m, depth, jacobian_decay, head_decay):
    """Mean cross-entropy of the columns of M, plus half the least decay that realises M (Frobenius model)."""
    classes = len(m)
    loss = sum(math.log(sum(math.exp(m[j, c] - m[c, c]) for j in range(classes))) for c in range(classes)) / classes
    return loss + sum(half_cost(sigma, depth, jacobian_decay, head_decay) for sigma in np.linalg.svd(m)[1])


def half_cost(sigma, depth, jacobian_decay, head_decay):
    """Half of min over s of lam_W sigma^2 (1+s)^(-2L) + lam_J L s^2."""
    if sigma == 0.0:
        return 0.0

    def slope(s):
        return -head_decay * sigma**2 * (1 + s) ** (-2 * depth - 1) + jacobian_decay * s

    s = brentq(slope, 0.0, 1e6, xtol=1e-300, rtol=1e-15)
    return 0.5 * (head_decay * sigma**2 * (1 + s) ** (-2 * depth) + jacobian_decay * depth * s**2)


def hessian(m, *decays, step=2e-3):
    """Second differences of fourth order of the objective over all entries of M."""
    size = m.size
    found = np.empty((size, size))
    units = np.eye(size).reshape(size, *m.shape)

    def along(direction):
        values = [objective(m + k * step * direction, *decays) for k in (-2, -1, 0, 1, 2)]
        return float(np.dot((-1, 16, -30, 16, -1), values)) / (12 * step**2)

    for i in range(size):
        found[i, i] = along(units[i])
    for i in range(size):
        for j in range(i):
            found[i, j] = found[j, i] = (along(units[i] + units[j]) - found[i, i] - found[j, j]) / 2
    return found
