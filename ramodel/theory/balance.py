"""The balance equation of statements S2 and S18, solved to the last digits at millions of values per second.

It reads ``v = sqrt(s (1 + s)) (1 + s)^L``, with v = m / sqrt(rho). With an embedding (S18) it is the same equation at
half the depth, for the square root of m / unit. In logarithms, with ``T = v^2`` and ``p = 1 + 2L``,

    ln T = ln s + p ln(1 + s).

Float32 finds ln(1 + s) to a few 1e-4 (Wright's omega function, then a Halley step), as its exp and log cost little;
one fourth-order step in float64 takes that to rounding level. The last residual is taken as ``ln(v / sqrt(s))``,
not from ``ln T`` and ``ln s`` apart: these are of size 700 at the ends of float64 and would leave errors of 1e-13.
Everything runs in blocks that stay in the cache, without allocating.
"""

import numpy as np
from numpy.typing import NDArray

from ramodel.theory.model import Array

__all__ = ["growth", "solve_balance"]

BLOCK = 8192
"""Values solved at once: all buffers of a block fit into the second-level cache."""

LARGE = 100.0
"""From here on (1 + s)^L is taken from pow: the error of L ln(1 + s) grows with ln(1 + s), that of pow does not."""

TINY = 1e-17
"""Where p T is less than this, s = T to the last digit."""


def growth(s: Array, exponent: float) -> Array:
    """Return (1 + s)^exponent to a few rounding errors times 1 + exponent s / (1 + s), its condition number.

    At small s from log1p, as 1 + s would be rounded; at large s from pow, as exponent ln(1 + s) would be.
    """
    return np.where(s < 1.0, np.exp(exponent * np.log1p(s)), (1.0 + s) ** exponent)


def solve_balance(v: Array, depth: float | Array) -> Array:
    """Solve ``v = sqrt(s (1 + s)) (1 + s)^depth`` for s, elementwise; 0 <= v <= 1e200, of any shape.

    One depth for all, or an array of depths that broadcasts to the shape of v.
    """
    flat = np.ascontiguousarray(v).reshape(-1)
    depths = depth if np.ndim(depth) == 0 else np.broadcast_to(depth, np.shape(v)).reshape(-1)
    s = np.empty_like(flat)
    size = min(flat.size, BLOCK)
    single, double = np.empty((5, size), np.float32), np.empty((4, size))
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, BLOCK):
            block = slice(start, start + BLOCK)
            used = slice(s[block].size)
            here = depths[block] if isinstance(depths, np.ndarray) else depths
            _solve_block(flat[block], s[block], here, single[:, used], double[:, used])
    return s.reshape(np.shape(v))


def _solve_block(v: Array, s: Array, depth: float | Array, single: NDArray[np.float32], double: Array) -> None:
    """Fill s; `single` [5, n] and `double` [4, n] are room to work in."""
    power = 1.0 + 2.0 * depth
    log_t = np.log(v, out=double[0])
    log_t *= 2.0
    np.expm1(_rough_log_gain(log_t, power, single), out=s)
    _refine(v, s, power, double)
    tiny = v < (TINY / power) ** 0.5
    if tiny.any():
        np.copyto(s, v * v, where=tiny)
    if s.max() > LARGE:
        _refine_large(v, s, depth)


def _rough_log_gain(log_t: Array, power: float | Array, single: NDArray[np.float32]) -> Array:
    """Overwrite ln T by ln(1 + s), relative error of s up to 4e-4.

    ``w = nu ln(1 + s)`` with ``nu = p + 1/2`` nearly solves Lambert's ``y = w + ln w`` with ``y = ln(nu T)`` (statement
    S4); ``w = a (1 - ln(1 + a)/(2 + a))`` with ``a = ln(1 + e^y)`` nearly solves that (2 %). One Halley step follows on
    the equation itself, ``y = ln c + w (p + 1)/nu`` with ``c = nu (1 - e^{-w/nu})``.
    """
    y, w, a, b, c = single
    nu = power + 0.5
    log_t += np.log(nu)
    np.maximum(log_t, -80.0, out=log_t)  # keeps float32 out of its slow subnormal range; such T are tiny
    y[:] = log_t

    e = np.exp(np.negative(np.abs(y, out=b), out=b), out=b)
    np.multiply(e, 4.0, out=c)
    c += 6.0
    np.add(e, 6.0, out=w)
    w *= e
    w /= c  # ln(1 + e) by its Pade approximant
    np.maximum(y, 0.0, out=a)
    a += w
    np.log(np.add(a, 1.0, out=b), out=b)
    b *= a
    b /= np.add(a, 2.0, out=c)
    np.subtract(a, b, out=w)

    x = np.multiply(w, 1.0 / nu, out=a)
    np.exp(np.negative(x, out=c), out=c)
    np.subtract(1.0, c, out=c)
    c *= nu
    np.multiply(x, 1.0 / 12.0, out=b)
    b += 0.5
    b *= x
    b += 1.0  # x / (1 - e^{-x}) by its series, where the difference would cancel
    np.divide(w, b, out=c, where=x < 0.5)
    y -= np.log(c, out=b)
    y -= np.multiply(w, (power + 1.0) / nu, out=b)
    inverse = np.reciprocal(c, out=c)
    slope = np.add(inverse, power / nu, out=b)
    y /= slope
    np.subtract(inverse, 1.0 / nu, out=a)
    a *= inverse
    a *= y
    a /= slope
    a *= -0.5
    a += 1.0
    y /= a
    w += y
    np.multiply(w, 1.0 / nu, out=log_t)
    return log_t


def _refine(v: Array, s: Array, power: float | Array, double: Array) -> None:
    """One fourth-order (Householder) step on ln T = ln s + p ln(1 + s), in place.

    With d the Newton step in ln s, ``ds/s = d + (1/2 - a) d^2 + (2 a^2 - 4a/3 + 2 a share/3 + 1/6) d^3``, where
    ``share = s/(1+s)`` and ``a = (1 - share)(1 - 1/(1 + p share))/2``.
    """
    d, share, a, b = double
    np.log(np.divide(v, np.sqrt(s, out=b), out=d), out=d)
    d *= 2.0
    np.log1p(s, out=b)
    b *= power
    d -= b
    np.divide(s, np.add(s, 1.0, out=b), out=share)
    np.multiply(share, power, out=b)
    b += 1.0
    d /= b
    np.divide(-0.5, b, out=b)
    b += 0.5
    np.subtract(1.0, share, out=a)
    a *= b

    share *= 2.0 / 3.0
    share -= 4.0 / 3.0
    share += a
    share += a
    share *= a
    share += 1.0 / 6.0
    share *= d
    share -= a
    share += 0.5
    share *= d
    share += 1.0
    share *= d
    share *= s
    s += share


def _refine_large(v: Array, s: Array, depth: float | Array) -> None:
    """One Newton step on v / (sqrt(s (1 + s)) (1 + s)^L) = 1, in place, for s beyond LARGE."""
    where = np.flatnonzero(s > LARGE)
    large = s[where]
    depth = depth[where] if isinstance(depth, np.ndarray) else depth
    half_way = (1.0 + large) ** (0.5 * depth)
    ratio = v[where] / half_way / half_way / (np.sqrt(large) * np.sqrt(1.0 + large))
    s[where] = large * (1.0 + (ratio - 1.0) / (0.5 + (depth + 0.5) * (large / (1.0 + large))))
