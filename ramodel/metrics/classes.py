"""Class by class: the quartiles of any metric that has one value for each input."""

from typing import NamedTuple

import array_api_compat

from ramodel.metrics.arrays import Array, quantile, real_array

__all__ = ["ClassQuartiles", "class_quartiles", "whole_labels"]


class ClassQuartiles(NamedTuple):
    """The spread of a metric within each class."""

    classes: tuple[int, ...]
    """The labels that occur, in order."""
    counts: tuple[int, ...]
    """Number of inputs of each."""
    lower: Array
    """``[..., C]``, the lower quartile."""
    median: Array
    """``[..., C]``."""
    upper: Array
    """``[..., C]``, the upper quartile."""


def class_quartiles(values: Array, labels: Array) -> ClassQuartiles:
    """Return the quartiles of a metric within each class, linear between neighbours.

    Equivariant under increasing affine maps of the metric; the order of the inputs does not matter.

    Parameters
    ----------
    values
        ``[..., N]``, one value for each input, inputs last; infinite ones (such as the gap of an exact rank) may occur.
    labels
        ``[N]``, whole numbers.

    Returns
    -------
    ClassQuartiles
        Entries of shape ``[..., C]``, in the units of the metric.

    Raises
    ------
    TypeError, ValueError
        If a value is NaN, labels are not whole numbers or their number is not N.

    Examples
    --------
    >>> found = class_quartiles([1.0, 2.0, 3.0, 10.0], [0, 0, 0, 7])
    >>> found.classes, found.counts
    ((0, 7), (3, 1))
    >>> found.median
    array([ 2., 10.])
    """
    array, xp = real_array("values", values, axes="... input", infinite=True)
    members: dict[int, list[int]] = {}
    for position, label in enumerate(whole_labels("labels", labels, array.shape[-1])):
        members.setdefault(label, []).append(position)
    classes = tuple(sorted(members))
    device = array_api_compat.device(array)
    within = [xp.take(array, xp.asarray(members[label], device=device), axis=-1) for label in classes]
    quartiles = (xp.stack([quantile(part, level, xp) for part in within], axis=-1) for level in (0.25, 0.5, 0.75))
    return ClassQuartiles(classes, tuple(len(members[label]) for label in classes), *quartiles)


def whole_labels(name: str, labels: Array, count: int) -> list[int]:
    """Return `labels` as whole numbers; raise TypeError or ValueError if they are not `count` of them."""
    array, _ = real_array(name, labels, axes="input")
    if array.shape[0] != count:
        raise ValueError(f"{name} has {array.shape[0]} entries for {count} inputs; give one label for each input.")
    numbers = [float(entry) for entry in array]
    for position, number in enumerate(numbers):
        if not number.is_integer():
            raise ValueError(f"{name}[{position}] is {number:g}; labels must be whole numbers.")
    return [int(number) for number in numbers]
