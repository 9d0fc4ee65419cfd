"""Statement S2: the balance equation and its solution."""

import numpy as np
from scipy.special import wrightomega

from ramodel.theory.model import Array

__all__ = ["growth", "solve_balance"]


def growth(s: Array, exponent: float) -> Array:
    """Return (1 + s)^exponent, accurate at small s (through log1p) and at large s (through pow)."""
    return np.where(s < 1.0, np.exp(exponent * np.log1p(s)), (1.0 + s) ** exponent)


def solve_balance(m: Array, unit: float, depth: float, ends: int) -> Array:
    """Solve m = unit (s (1 + s))^(ends/2) (1 + s)^L for s >= 0."""
    half = 0.5 * ends
    slope = half + depth
    with np.errstate(all="ignore"):
        log_t = (np.log(m) - np.log(unit)) / half
        power = slope / half
        nu = power + 0.5
        omega = wrightomega(log_t + np.log(nu)) / nu
        s = np.expm1(np.minimum(omega, np.logaddexp(0.0, log_t / (power + 1.0))))
        for _ in range(6):
            residual = log_t - np.log(s) - power * np.log1p(s)
            share = s / (1.0 + s)
            first = 1.0 + power * share
            step = residual / (first + 0.5 * power * share / (1.0 + s) * residual / first)
            s = s * np.exp(step)
        root = growth(s, 0.5 * depth)
        ratio = m / root / root / (unit * (np.sqrt(s) * np.sqrt(1.0 + s)) ** ends)
        s = s * (1.0 + np.log(ratio) / (half + slope * s / (1.0 + s)))
        tiny = (m / unit) ** (1.0 / half)
    return np.where(tiny < 1e-290, tiny, s)
