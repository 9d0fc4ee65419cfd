"""RA1: the states of an input move on a line in equal steps.

Arguments are states `h_0 .. h_L` along the first axis and coordinates along the last, ``[L + 1, ..., d]``, as
`ramodel.spectra.states` returns them; axes in between, such as inputs, stay as they are. Every metric is invariant
under rotations, reflections and translations of the states, and all but `step_lengths` under a change of scale. A step
of rounding size (4 units in the last place of the largest state of its trajectory) counts as no step: it has no
direction.
"""

import sys
from typing import NamedTuple

from ramodel.metrics.arrays import Array, Namespace, norm, ratio, real_array

__all__ = [
    "Plane",
    "geodesic_ratio",
    "line_deviation_error",
    "line_shape_ratio",
    "principal_plane",
    "step_cv",
    "step_lengths",
]

_ROUNDING = 4.0 * sys.float_info.epsilon


def step_lengths(states: Array) -> Array:
    """Return the length of every step, ``||h_l - h_{l-1}||`` for l = 1..L.

    Invariant under rotation, reflection and translation; proportional to the scale.

    Parameters
    ----------
    states
        ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[L, ...]``, in the units of the states; a step of rounding size is 0.

    Raises
    ------
    TypeError, ValueError
        If `states` is not a finite real array of at least two states.

    Examples
    --------
    >>> step_lengths([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]])
    array([5., 1.])
    """
    _, lengths, _ = _steps(states)
    return lengths


def step_cv(states: Array) -> Array:
    """Return the coefficient of variation of the step lengths (RA1: 0, all steps are equal).

    Population standard deviation of ``||h_l - h_{l-1}||`` over l, divided by the mean: the quantity of S5, which
    says how far the geometric steps of the provable model are from equal. Range 0 .. sqrt(L - 1). Invariant under
    rotation, reflection, translation, scale and any order of the steps. 0 where no step is made.

    Parameters
    ----------
    states
        ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `states` is not a finite real array of at least two states.

    Examples
    --------
    >>> float(step_cv([[0.0], [1.0], [4.0]]).round(12))
    0.5
    """
    _, lengths, xp = _steps(states)
    # Relative to the longest step, so that neither the mean nor the squares can overflow or vanish.
    relative = ratio(lengths, xp.max(lengths, axis=0, keepdims=True), xp, empty=0.0)
    return ratio(xp.std(relative, axis=0), xp.mean(relative, axis=0), xp, empty=0.0)


def line_shape_ratio(states: Array) -> Array:
    """Return L over the length of the sum of the unit steps (RA1: 1, every step points the same way).

    ``L / ||sum_l (h_l - h_{l-1}) / ||h_l - h_{l-1}|| ||``: the line-shape score (LSS) of Gai & Zhang (2021), as Aubry,
    Meng, Sugolov & Papyan (2024) use it: the length of the track whose steps are all made one long, over its reach.
    Range 1 .. infinity (infinite where the directions cancel); random directions in many dimensions give about sqrt(L).
    Only directions count, so it is invariant under
    rotation, reflection, translation, scale, any order and any rescaling of single steps. Steps of zero length have no
    direction and are not counted; 1 where no step is made.

    Parameters
    ----------
    states
        ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `states` is not a finite real array of at least two states.

    Examples
    --------
    >>> float(line_shape_ratio([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]))
    1.0
    >>> float(line_shape_ratio([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]).round(6))
    1.414214
    """
    steps, lengths, xp = _steps(states)
    moved = lengths > 0.0
    unit = steps / xp.where(moved, lengths, xp.ones_like(lengths))[..., None]
    unit = xp.where(moved[..., None], unit, xp.zeros_like(unit))
    count = xp.sum(xp.astype(moved, xp.float64), axis=0)
    bare = ratio(count, norm(xp.sum(unit, axis=0), xp, axis=-1), xp, empty=1.0)
    return xp.where(bare < 1.0, xp.ones_like(bare), bare)  # rounding may fall short of the least value


def geodesic_ratio(states: Array) -> Array:
    """Return the kinetic energy of a trajectory over that of the straight, even one with the same ends (RA1: 1).

    ``L sum_l ||h_l - h_{l-1}||^2 / ||h_L - h_0||^2``. Gai & Zhang (2021) hold that residual networks learn the geodesic
    of transport, which an input travels on a line at constant speed: 1 if and only if RA1 holds to the letter (own;
    Cauchy-Schwarz). It is the square of path length over distance, times ``1 + step_cv^2``: a bend and an uneven step
    both count. Range 1 .. infinity (infinite where the path returns to its start); about L for steps in random
    directions. Invariant under rotation, reflection, translation, scale and any order of the steps. 1 where no step is
    made.

    Parameters
    ----------
    states
        ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `states` is not a finite real array of at least two states.

    Examples
    --------
    >>> float(geodesic_ratio([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]))
    1.0
    >>> float(geodesic_ratio([[0.0, 0.0], [1.0, 0.0], [4.0, 0.0]]).round(12))
    1.25
    """
    steps, lengths, xp = _steps(states)
    longest = xp.max(lengths, axis=0)
    unit = xp.where(longest > 0.0, longest, xp.ones_like(longest))
    energy = lengths.shape[0] * xp.sum((lengths / unit) ** 2, axis=0)
    distance = norm(xp.sum(steps / unit[..., None], axis=0), xp, axis=-1)
    bare = ratio(energy, distance**2, xp, empty=1.0)
    bare = xp.where(longest > 0.0, bare, xp.ones_like(bare))
    return xp.where(bare < 1.0, xp.ones_like(bare), bare)  # rounding may fall short of the least value


def line_deviation_error(states: Array) -> Array:
    """Return how far the states are from their best line, relative to their spread (RA1: 0, all on one line).

    Root mean square distance of ``h_0 .. h_L`` to the line that fits them best, over that to their centroid:
    ``sqrt(sum_{k>1} sigma_k^2 / sum_k sigma_k^2)`` with sigma the singular values of the centred states. Range
    0 .. sqrt(1 - 1/min(L, d)). Invariant under rotation, reflection, translation, scale and any order of the states:
    the steps may be unequal, and even turn back, which `step_cv` and `line_shape_ratio` see. 0 where no step is made.

    Parameters
    ----------
    states
        ``[L + 1, ..., d]``.

    Returns
    -------
    Array
        ``[...]``.

    Raises
    ------
    TypeError, ValueError
        If `states` is not a finite real array of at least two states.

    Examples
    --------
    >>> float(line_deviation_error([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]]).round(12))
    0.0
    >>> float(line_deviation_error([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]).round(6))
    0.707107
    """
    array, xp = _trajectory(states)
    _, lengths, _ = _steps(array)
    moved = xp.max(lengths, axis=0) > 0.0
    centred = xp.moveaxis(array - xp.mean(array, axis=0, keepdims=True), 0, -2)
    size = xp.max(xp.abs(centred), axis=(-2, -1), keepdims=True)
    spread = xp.linalg.svdvals(centred / xp.where(size > 0.0, size, xp.ones_like(size)))
    total = norm(spread, xp, axis=-1)
    if spread.shape[-1] == 1:
        return xp.zeros_like(total)
    error = ratio(norm(spread[..., 1:], xp, axis=-1), total, xp, empty=0.0)
    return xp.where(moved, error, xp.zeros_like(error))


class Plane(NamedTuple):
    """States seen in the plane of their first two principal axes."""

    coordinates: Array
    """``[L + 1, ..., 2]``, in the units of the states, measured from `centre`."""
    axes: Array
    """``[2, d]``, orthonormal rows; the largest entry of each is positive."""
    centre: Array
    """``[d]``, the mean of all states."""
    variance_share: Array
    """``[2]``, the share of the variance of all states along each axis; 0 where nothing varies."""


def principal_plane(states: Array) -> Plane:
    """Return all states in the plane that shows most of them: their first two principal axes, for plots of RA1.

    One plane for all layers and all inputs. `coordinates` turn with the plane's axes and are otherwise unchanged by
    rotation and translation of the states.

    Parameters
    ----------
    states
        ``[L + 1, ..., d]``.

    Returns
    -------
    Plane
        Coordinates, axes, centre and the share of variance.

    Raises
    ------
    TypeError, ValueError
        If `states` is not a finite real array of at least two states.

    Examples
    --------
    >>> plane = principal_plane([[0.0, 0.0, 1.0], [0.0, 2.0, 1.0], [0.0, 4.0, 1.0]])
    >>> plane.coordinates[:, 0].round(12) + 0.0
    array([-2.,  0.,  2.])
    >>> plane.variance_share.round(12) + 0.0
    array([1., 0.])
    """
    array, xp = _trajectory(states)
    width = array.shape[-1]
    rows = xp.reshape(array, (-1, width))
    if width == 1:  # a line has no second axis: the plane is the line and a direction in which nothing happens
        rows = xp.concat([rows, xp.zeros_like(rows)], axis=1)
    centre = xp.mean(rows, axis=0)
    _, spread, turned = xp.linalg.svd(rows - centre, full_matrices=False)
    axes = turned[:2, :]
    pivots = [axes[i, int(xp.argmax(xp.abs(axes[i, :])))] for i in range(2)]
    axes = axes * xp.where(xp.stack(pivots) < 0.0, -xp.ones_like(spread[:2]), xp.ones_like(spread[:2]))[:, None]
    relative = spread / xp.where(spread[0] > 0.0, spread[0], xp.ones_like(spread[0]))
    energy = relative**2
    share = ratio(energy[:2], xp.sum(energy), xp, empty=0.0)
    coordinates = xp.reshape(xp.matmul(rows - centre, xp.matrix_transpose(axes)), (*array.shape[:-1], 2))
    return Plane(coordinates, axes[:, :width], centre[:width], share)


def _trajectory(states: Array) -> tuple[Array, Namespace]:
    array, xp = real_array("states", states, axes="state ... coordinate")
    if array.shape[0] < 2:
        raise ValueError(f"states has shape {tuple(array.shape)}; it must hold h_0 and at least one later state.")
    return array, xp


def _steps(states: Array) -> tuple[Array, Array, Namespace]:
    """Return the steps, their lengths (0 at rounding size) and the array functions."""
    array, xp = _trajectory(states)
    steps = array[1:, ...] - array[:-1, ...]
    lengths = norm(steps, xp, axis=-1)
    rounding = _ROUNDING * xp.max(norm(array, xp, axis=-1), axis=0, keepdims=True)
    return steps, xp.where(lengths <= rounding, xp.zeros_like(lengths), lengths), xp
