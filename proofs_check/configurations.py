"""Values of S10's configurations at any precision: simplex and pair, where they cross, where the simplex is unstable.

Both decays are equal, lam_J = lam_W = decay, and the depth may be real. Unknowns are the s of the singular values, of
which S2 gives m = sqrt(s) (1 + s)^(L + 1/2). The optimum is looked for on a grid in double precision; from there
Newton's iteration or the secant finds the root of the slopes.
"""

import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import mpmath

__all__ = ["Optimum", "instability_depth", "pair", "simplex", "smallest_unstable", "stability_margin", "threshold"]

Number = Any
"""A float or an mpf: formulas are written once for both."""

GRID = [10 ** (tenth / 60) for tenth in range(-300, 61)]
"""Values of s among which the optimum is looked for: 1e-5 to 10, by 4 %."""

PAIRS = [(s, s * 10 ** (-quarter / 4)) for s in GRID[::4] for quarter in range(2, 17)]
"""Both s of the pair among which its optimum is looked for."""


class Optimum(NamedTuple):
    """The least objective of a family, and s and m of its singular values, the largest first."""

    value: mpmath.mpf
    s: tuple[mpmath.mpf, ...]
    m: tuple[mpmath.mpf, ...]


def singular_value(s: Number, depth: Number) -> Number:
    """Return m of S2 where rho = 1."""
    return s**0.5 * (1 + s) ** (depth + 0.5)


def cost(s: Number, depth: Number, decay: Number) -> Number:
    """Return c_L/2 of S3."""
    return decay * (s + (depth + 1) * s**2) / 2


def simplex(classes: int, depth: Number, decay: str) -> Optimum:
    """Return the best simplex."""
    lam = mpmath.mpf(decay)
    start = min(GRID, key=lambda s: _simplex_value(classes, float(depth), float(decay), s, math))

    def slope(level: mpmath.mpf) -> mpmath.mpf:
        s = mpmath.exp(level)
        m = singular_value(s, depth)
        return mpmath.log(lam * s * (1 + s) * (mpmath.exp(m) + classes - 1) / m)

    s = mpmath.exp(mpmath.findroot(slope, mpmath.log(start)))
    value = _simplex_value(classes, depth, lam, s, mpmath)
    return Optimum(value, (s,), (singular_value(s, depth),))


def _simplex_value(classes: int, depth: Number, decay: Number, s: Number, functions: ModuleType) -> Number:
    """Return the objective of a simplex, by the functions of `math` or `mpmath`."""
    loss = functions.log(1 + (classes - 1) * functions.exp(-singular_value(s, depth)))
    return loss + (classes - 1) * cost(s, depth, decay)


def _pair_value(classes: int, depth: Number, decay: Number, s: Sequence[Number], functions: ModuleType) -> Number:
    """Return the objective of the pair family: m = a on odd modes, b on even ones."""
    a, b = (singular_value(level, depth) for level in s)
    loss = functions.log(1 + functions.exp(-a) + (classes - 2) * functions.exp(-(a + b) / 2))
    half = classes // 2
    return loss + half * cost(s[0], depth, decay) + (half - 1) * cost(s[1], depth, decay)


def _pair_slopes(classes: int, depth: Number, lam: mpmath.mpf, levels: Sequence[mpmath.mpf]) -> list[mpmath.mpf]:
    """Return the logarithms of cost's slope over loss's slope, for the two values of ln s."""
    s_a, s_b = (mpmath.exp(level) for level in levels)
    a, b = singular_value(s_a, depth), singular_value(s_b, depth)
    opposite, other = mpmath.exp(-a), mpmath.exp(-(a + b) / 2)
    total = 1 + opposite + (classes - 2) * other
    half = classes // 2
    return [
        mpmath.log(lam * s_a * (1 + s_a) * half * total / (a * (opposite + (half - 1) * other))),
        mpmath.log(lam * s_b * (1 + s_b) * total / (b * other)),
    ]


def pair(classes: int, depth: Number, decay: str) -> Optimum:
    """Return the best of the pair family whose second s is at most a third of the first."""
    lam = mpmath.mpf(decay)

    def on_grid(s: tuple[float, float]) -> float:
        return float(_pair_value(classes, float(depth), float(decay), s, math))

    start, factor = min(PAIRS, key=on_grid), 1.2
    while factor > 1.00001:
        near = [
            (start[0] * up, start[1] * across)
            for up in (1 / factor, 1.0, factor)
            for across in (1 / factor, 1.0, factor)
        ]
        better = min(near, key=on_grid)
        start, factor = (better, factor) if on_grid(better) < on_grid(start) else (start, factor**0.5)
    found = mpmath.findroot(
        lambda *levels: _pair_slopes(classes, depth, lam, levels), [mpmath.log(level) for level in start]
    )
    s = tuple(mpmath.exp(level) for level in found)
    value = _pair_value(classes, depth, lam, s, mpmath)
    return Optimum(value, s, tuple(singular_value(level, depth) for level in s))


def threshold(classes: int, decay: str, near: float) -> tuple[mpmath.mpf, Optimum, Optimum]:
    """Return the real depth near the given one at which pair and simplex have the same value, and both there."""

    def excess(depth: mpmath.mpf) -> mpmath.mpf:
        return simplex(classes, depth, decay).value - pair(classes, depth, decay).value

    depth = mpmath.findroot(excess, (near, near + 0.125))
    return depth, simplex(classes, depth, decay), pair(classes, depth, decay)


def stability_margin(classes: int, depth: Number, decay: str) -> mpmath.mpf:
    """Return m (1 + 2 (L+1) s) - C (2 (L-1) s - 1) at the best simplex: positive iff it is stable, for C >= 4."""
    best = simplex(classes, depth, decay)
    (s,), (m,) = best.s, best.m
    return m * (1 + 2 * (depth + 1) * s) - classes * (2 * (depth - 1) * s - 1)


def instability_depth(classes: int, decay: str, near: tuple[int, int]) -> mpmath.mpf:
    """Return the real depth between two others at which the simplex loses its stability."""
    return mpmath.findroot(lambda depth: stability_margin(classes, depth, decay), near, solver="illinois")


def smallest_unstable(depth: int, decay: str) -> int:
    """Return the least C >= 4 whose simplex is unstable."""
    classes = 4
    while stability_margin(classes, depth, decay) > 0:
        classes += 1
    return classes
