"""States as the mean of their class and what is left: what Neural Collapse is measured on."""

import sys
from typing import NamedTuple

from ramodel.metrics.arrays import Array, Namespace, norm, real_array
from ramodel.metrics.classes import whole_labels

__all__ = ["PartedStates", "class_centres", "parted_states"]

_ROUNDING = 16.0 * sys.float_info.epsilon


def class_centres(states: Array, labels: Array) -> Array:
    """Return the centred class means ``m_c = mu_c - (1/C) sum_c' mu_c'``, classes in the order of their labels.

    Parameters
    ----------
    states
        ``[..., N, d]``.
    labels
        ``[N]``, whole numbers of at least two classes.

    Returns
    -------
    Array
        ``[..., C, d]``, in the units of the states; one of rounding size is 0.

    Raises
    ------
    TypeError, ValueError
        If `states` is not finite, or labels are not whole numbers, not N, or all the same.

    Examples
    --------
    >>> class_centres([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]], [0, 0, 1])
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    parted = parted_states(states, labels)
    return parted.centres * parted.size


class PartedStates(NamedTuple):
    """States as mean of their class plus offset from it, in units of `size`, the largest entry of all of them."""

    centres: Array
    """m_c, ``[..., C, d]``."""
    offsets: Array
    """h_n - mu_c(n), ``[..., N, d]``."""
    indicator: Array
    """``[C, N]``, 1 where the input is of the class."""
    classes: tuple[int, ...]
    size: Array
    """``[..., 1, 1]``."""
    xp: Namespace


def parted_states(states: Array, labels: Array) -> PartedStates:
    """Part states ``[..., N, d]``; raise TypeError or ValueError if labels are not N whole numbers of two classes.

    Centres and offsets of rounding size are 0.
    """
    array, xp = real_array("states", states, axes="... input coordinate")
    numbers = whole_labels("labels", labels, array.shape[-2])
    classes = tuple(sorted(set(numbers)))
    if len(classes) < 2:
        raise ValueError(f"labels holds the class {classes[0]} alone; classes are compared: give two.")
    own = xp.asarray(numbers, device=array.device)
    indicator = xp.astype(xp.stack([own == label for label in classes]), xp.float64)
    averages = indicator / xp.sum(indicator, axis=-1, keepdims=True)
    largest = xp.max(xp.abs(array), axis=(-2, -1), keepdims=True)
    size = xp.where(largest > 0.0, largest, xp.ones_like(largest))
    relative = array / size
    means = xp.matmul(averages, relative)
    centres = means - xp.mean(means, axis=-2, keepdims=True)
    offsets = relative - xp.matmul(xp.matrix_transpose(indicator), means)
    rounding = _ROUNDING * xp.max(norm(relative, xp, axis=-1), axis=-1)[..., None, None]
    centres, offsets = (
        xp.where(norm(rows, xp, axis=-1)[..., None] > rounding, rows, xp.zeros_like(rows))
        for rows in (centres, offsets)
    )
    return PartedStates(centres, offsets, indicator, classes, size, xp)
