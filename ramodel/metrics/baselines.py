"""What every metric gives where there is nothing: the number to put beside a measured one.

For RA2 "nothing" means independent random (Haar) singular vectors with the measured singular values, the law of a
network without skips (S8); for RA1 steps in random directions; for Neural Collapse states drawn from one normal
distribution, whatever their labels. Each function has the name of its metric, takes sizes and returns a float, the mean
or, where it says so, the root mean square; all are exact but where it says "about". Derived for this project from the
moments of Haar matrices, ``E Q_ij Q_kl = delta_ik delta_jl / d`` (Collins & Sniady 2006).
"""

import math

from ramodel.checks import integer
from ramodel.metrics.arrays import Array, norm, ratio, real_array, spectrum

__all__ = [
    "absolute_cosine",
    "asymmetry_error",
    "coherence_error",
    "coupling_error",
    "diagonal_energy_score",
    "equiangle_error",
    "equinorm_error",
    "geodesic_ratio",
    "jacobian_cosine",
    "line_deviation_error",
    "line_shape_ratio",
    "normality_error",
    "self_duality_error",
    "sign_consistency_score",
    "subspace_affinity_score",
    "variability_error",
]


def subspace_affinity_score(dimension: int, width: int, other_dimension: int | None = None) -> float:
    """Return the affinity of independent random subspaces, ``min(K1, K2) / d``; exact.

    Parameters
    ----------
    dimension, other_dimension
        K1 and K2, equal by default.
    width
        d.

    Raises
    ------
    TypeError, ValueError
        If a dimension is not a whole number from 1 to d.

    Examples
    --------
    >>> subspace_affinity_score(10, 64)
    0.15625
    """
    width = integer("width", width)
    first = integer("dimension", dimension, maximum=width)
    second = first if other_dimension is None else integer("other_dimension", other_dimension, maximum=width)
    return min(first, second) / width


def absolute_cosine(width: int) -> float:
    """Return ``E |u . v|`` of independent random unit vectors; exact, about ``sqrt(2 / (pi d))``.

    ``Gamma(d/2) / (sqrt(pi) Gamma((d + 1)/2))``.

    Parameters
    ----------
    width
        d.

    Raises
    ------
    TypeError, ValueError
        If `width` is not a positive whole number.

    Examples
    --------
    >>> round(absolute_cosine(2), 6)  # the mean of |cos| over the circle is 2/pi
    0.63662
    """
    d = integer("width", width)
    return math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)


def asymmetry_error(width: int) -> float:
    """Return the root mean square of ``||J - J^T||_F / ||J||_F``, ``sqrt(2 - 2/d)``, whatever the spectrum; exact.

    Parameters
    ----------
    width
        d.

    Raises
    ------
    TypeError, ValueError
        If `width` is not a positive whole number.

    Examples
    --------
    >>> asymmetry_error(2)
    1.0
    """
    return math.sqrt(2.0 - 2.0 / integer("width", width))


def normality_error(singular_values: Array, width: int) -> Array:
    """Return the root mean square of ``||J J^T - J^T J||_F / ||J||_F^2`` for these singular values; exact.

    ``sqrt(2 (sum_k s_k^4 / (sum_k s_k^2)^2 - 1/d))``.

    Parameters
    ----------
    singular_values
        ``[..., K]``, all that are not zero, decreasing.
    width
        d >= K.

    Returns
    -------
    Array
        ``[...]``; 0 for a zero Jacobian.

    Raises
    ------
    TypeError, ValueError
        If the singular values are not finite, negative or increasing, or more than d.

    Examples
    --------
    >>> float(normality_error([1.0, 1.0], 4))
    0.7071067811865476
    """
    values, xp = spectrum(singular_values)
    d = integer("width", width, minimum=values.shape[-1], hint="There are that many singular values.")
    energies = ratio(values, values[..., :1], xp, empty=0.0) ** 2
    total = xp.sum(energies, axis=-1)
    purity = ratio(xp.sum(energies**2, axis=-1), total**2, xp, empty=1.0 / d)
    excess = 2.0 * (purity - 1.0 / d)
    return xp.sqrt(xp.where(excess > 0.0, excess, xp.zeros_like(excess)))


def jacobian_cosine(width: int) -> float:
    """Return the root mean square of the cosine of two Jacobians, ``1/d``, whatever the spectra; exact. The mean is 0.

    Parameters
    ----------
    width
        d.

    Raises
    ------
    TypeError, ValueError
        If `width` is not a positive whole number.

    Examples
    --------
    >>> jacobian_cosine(4)
    0.25
    """
    return 1.0 / integer("width", width)


def diagonal_energy_score(rank: int) -> float:
    """Return the share of the energy of a grid on its diagonal, ``1/K``; exact.

    Parameters
    ----------
    rank
        K.

    Raises
    ------
    TypeError, ValueError
        If `rank` is not a positive whole number.

    Examples
    --------
    >>> diagonal_energy_score(4)
    0.25
    """
    return 1.0 / integer("rank", rank)


def sign_consistency_score() -> float:
    """Return the positive share of the diagonal of a grid, 1/2: either sign is as likely; exact.

    Examples
    --------
    >>> sign_consistency_score()
    0.5
    """
    return 0.5


def coupling_error(singular_values: Array, width: int, *, tail_energy: Array | float = 0.0) -> Array:
    """Return the root mean square of m_K, ``sqrt(1 + (K/d)^2 ||J||_F^2 / ||S_K||_F^2)`` (S17; own; exact).

    The level of a network without skips, whose singular vectors share no frame (S8). m_K of J_j in independent frames;
    `ramodel.metrics.coupling_error`, whose axis j this belongs to.

    Parameters
    ----------
    singular_values
        ``[..., K]``, the top K that are compared, decreasing.
    width
        d >= K.
    tail_energy
        ``[...]``, the sum of the squares of the singular values after the K-th.

    Returns
    -------
    Array
        ``[...]``; 0 for a zero Jacobian, as the metric.

    Raises
    ------
    TypeError, ValueError
        If an argument is not finite, negative or not decreasing, or K exceeds d.

    Examples
    --------
    >>> round(float(coupling_error([1.0, 1.0], 4, tail_energy=2.0)), 6)
    1.224745
    """
    values, xp = spectrum(singular_values)
    count = values.shape[-1]
    d = integer("width", width, minimum=count, hint="There are that many singular values.")
    tail, _ = real_array("tail_energy", xp.zeros_like(values[..., 0]) + tail_energy, axes="...")
    if bool(xp.any(tail < 0.0)):
        raise ValueError(f"tail_energy holds {float(xp.min(tail)):g}; an energy must not be negative.")
    size = norm(values, xp, axis=-1)
    beyond = ratio(ratio(tail, size, xp, empty=0.0), size, xp, empty=0.0)
    level = xp.sqrt(1.0 + (count / d) ** 2 * (1.0 + beyond))
    return xp.where(size > 0.0, level, xp.zeros_like(level))


def line_shape_ratio(depth: int) -> float:
    """Return L over the root mean square length of the sum of L random unit steps, ``sqrt(L)``; exact.

    Parameters
    ----------
    depth
        L.

    Raises
    ------
    TypeError, ValueError
        If `depth` is not a positive whole number.

    Examples
    --------
    >>> line_shape_ratio(16)
    4.0
    """
    return math.sqrt(integer("depth", depth))


def geodesic_ratio(depth: int) -> float:
    """Return kinetic energy over that of the geodesic, both averaged: L for steps in independent directions; exact.

    Parameters
    ----------
    depth
        L.

    Raises
    ------
    TypeError, ValueError
        If `depth` is not a positive whole number.

    Examples
    --------
    >>> geodesic_ratio(16)
    16.0
    """
    return float(integer("depth", depth))


def line_deviation_error(depth: int) -> float:
    """Return the departure from a line of L equal steps at right angles, about that of random ones in many dimensions.

    The squared distances of such states are those of resistances along a path, so their spread has the variances
    ``1 / (4 sin^2(pi k / (2 (L + 1))))``, k = 1..L, with sum ``L (L + 2) / 6`` (own; exact at right angles). It grows
    to ``sqrt(1 - 6/pi^2) = 0.63`` with depth: a random walk is not far from a line by itself.

    Parameters
    ----------
    depth
        L.

    Raises
    ------
    TypeError, ValueError
        If `depth` is not a positive whole number.

    Examples
    --------
    >>> round(line_deviation_error(2), 6), round(line_deviation_error(10**6), 3)
    (0.5, 0.626)
    """
    steps = integer("depth", depth)
    largest = 1.0 / (4.0 * math.sin(math.pi / (2 * (steps + 1))) ** 2)
    return math.sqrt(max(0.0, 1.0 - 6.0 * largest / (steps * (steps + 2))))


def variability_error(classes: int, samples_per_class: int, width: int) -> float:
    """Return NC1 of states without structure, ``(C - 1)(n - 1)/(d - C)`` for d > C; exact, infinite for d <= C.

    Parameters
    ----------
    classes
        C.
    samples_per_class
        n, the same for all.
    width
        d.

    Raises
    ------
    TypeError, ValueError
        If `classes` is not at least 2 or an argument is not a positive whole number.

    Examples
    --------
    >>> variability_error(10, 11, 100)
    1.0
    """
    c, n, d = (
        integer("classes", classes, minimum=2),
        integer("samples_per_class", samples_per_class),
        integer("width", width),
    )
    return (c - 1) * (n - 1) / (d - c) if d > c else math.inf


def equinorm_error(classes: int, width: int) -> float:
    """Return the spread of the norms of random class means, about ``sqrt((1 - 1/C)(1 - 1/(C-1)^2) / (2 d))``, d large.

    Parameters
    ----------
    classes
        C.
    width
        d.

    Raises
    ------
    TypeError, ValueError
        If `classes` is not at least 2 or `width` not a positive whole number.

    Examples
    --------
    >>> equinorm_error(2, 100)  # two centred means are opposite
    0.0
    """
    c, d = integer("classes", classes, minimum=2), integer("width", width)
    return math.sqrt((1.0 - 1.0 / c) * (1.0 - 1.0 / (c - 1) ** 2) / (2.0 * d))


def equiangle_error(classes: int, width: int) -> float:
    """Return the spread of the cosines of random class means, about ``(1 - 1/(C-1)^2) / sqrt(d)`` for large d.

    Parameters
    ----------
    classes
        C.
    width
        d.

    Raises
    ------
    TypeError, ValueError
        If `classes` is not at least 2 or `width` not a positive whole number.

    Examples
    --------
    >>> equiangle_error(3, 9)
    0.25
    """
    c, d = integer("classes", classes, minimum=2), integer("width", width)
    return (1.0 - 1.0 / (c - 1) ** 2) / math.sqrt(d)


def coherence_error(classes: int, width: int) -> float:
    """Return the coherence of random class means, about ``sqrt(2 / (pi d)) (1 - 1/(C-1)^2)`` for large d.

    Parameters
    ----------
    classes
        C.
    width
        d.

    Raises
    ------
    TypeError, ValueError
        If `classes` is not at least 2 or `width` not a positive whole number.

    Examples
    --------
    >>> coherence_error(2, 100)
    0.0
    """
    c, d = integer("classes", classes, minimum=2), integer("width", width)
    return math.sqrt(2.0 / (math.pi * d)) * (1.0 - 1.0 / (c - 1) ** 2)


def self_duality_error() -> float:
    """Return NC3 for a head in a random direction, the root mean square ``sqrt(2)``; exact.

    Examples
    --------
    >>> round(self_duality_error(), 6)
    1.414214
    """
    return math.sqrt(2.0)
