"""What every metric does with its arguments: check them, and compute in the array library that they came from."""

from types import ModuleType
from typing import Any, TypeAlias

import array_api_compat
import numpy as np

__all__ = ["Array", "Namespace", "norm", "quantile", "ratio", "real_array", "spectrum", "square"]

Array: TypeAlias = Any
"""A NumPy array, a torch tensor (CPU or CUDA) or any other array of the Python array-API standard."""

Namespace: TypeAlias = ModuleType
"""The functions of the standard for one array library."""


def real_array(name: str, value: Array, *, axes: str, infinite: bool = False) -> tuple[Array, Namespace]:
    """Return `value` in float64, in its own library and on its own device, and the functions of that library.

    Parameters
    ----------
    name
        What the caller calls it, for the error message.
    value
        An array of any library of the standard; lists, xarray objects and the like become NumPy arrays.
    axes
        Its axes, separated by blanks; ``...`` stands for any number of axes, such as ``"state ... coordinate"``.
    infinite
        Whether entries may be infinite.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If it lacks an axis, is empty, or an entry is NaN or infinite.

    Examples
    --------
    >>> array, xp = real_array("states", [[1, 2], [3, 4]], axes="state ... coordinate")
    >>> str(array.dtype)
    'float64'
    """
    array = value if array_api_compat.is_array_api_obj(value) else _from_list(name, value)
    xp: Namespace = array_api_compat.array_namespace(array)
    if not xp.isdtype(array.dtype, ("real floating", "integral")):
        raise TypeError(f"{name} has entries of type {array.dtype}; it must hold real numbers.")
    wanted = axes.split()
    least = len(wanted) - wanted.count("...")
    if array.ndim < least or ("..." not in wanted and array.ndim != least):
        raise ValueError(f"{name} has shape {tuple(array.shape)}; its axes must be [{', '.join(wanted)}].")
    if 0 in array.shape:
        raise ValueError(f"{name} is empty (shape {tuple(array.shape)}); no axis may have length 0.")
    array = xp.astype(array, xp.float64, copy=False)  # no metric writes to its arguments
    allowed = ~xp.isnan(array) if infinite else xp.isfinite(array)
    if not bool(xp.all(allowed)):
        spot = ", ".join(str(int(axis[0])) for axis in xp.nonzero(~allowed))
        wrong, rule = ("NaN", "a number") if infinite else ("not finite", "a finite number")
        raise ValueError(f"{name}[{spot}] is {wrong}; every entry must be {rule}.")
    return array, xp


def spectrum(value: Array) -> tuple[Array, Namespace]:
    """Return singular values ``[..., K]`` as `real_array` does; refuse negative or increasing ones with ValueError."""
    values, xp = real_array("singular_values", value, axes="... rank")
    if bool(xp.any(values < 0.0)) or bool(xp.any(values[..., 1:] > values[..., :-1])):
        raise ValueError("singular_values must be non-negative and decrease along the last axis; sort them first.")
    return values, xp


def square(name: str, value: Array, *, axes: str) -> tuple[Array, Namespace]:
    """Return matrices as `real_array` does; refuse those that are not square with ValueError."""
    array, xp = real_array(name, value, axes=axes)
    if array.shape[-1] != array.shape[-2]:
        raise ValueError(f"{name} has shape {tuple(array.shape)}; its last two axes must be of equal length.")
    return array, xp


def norm(array: Array, xp: Namespace, *, axis: int | tuple[int, ...]) -> Array:
    """Return the Euclidean norm over `axis`, safe against overflow and underflow of the squares."""
    largest = xp.max(xp.abs(array), axis=axis, keepdims=True)
    scale = xp.where(largest > 0.0, largest, xp.ones_like(largest))
    return xp.squeeze(scale, axis=axis) * xp.sqrt(xp.sum((array / scale) ** 2, axis=axis))


def ratio(numerator: Array, denominator: Array, xp: Namespace, *, empty: float) -> Array:
    """Return `numerator / denominator`, and the stated value `empty` where both are zero; infinite over zero alone."""
    zero = denominator == 0.0
    safe = xp.where(zero, xp.ones_like(denominator), denominator)
    over_zero = xp.where(numerator == 0.0, xp.full_like(numerator, empty), xp.full_like(numerator, xp.inf))
    return xp.where(zero, over_zero, numerator / safe)


def quantile(array: Array, level: float, xp: Namespace) -> Array:
    """Return the quantile of the last axis, linear between neighbours; entries may be infinite."""
    ordered = xp.sort(array, axis=-1)
    position = level * (ordered.shape[-1] - 1)
    below = int(position)
    share = position - below
    lower = ordered[..., below]
    if share == 0.0:
        return lower
    upper = ordered[..., below + 1]
    # Equal neighbours, two infinities among them, need no mean.
    apart = upper != lower
    zeros = xp.zeros_like(lower)
    mean = (1.0 - share) * xp.where(apart, lower, zeros) + share * xp.where(apart, upper, zeros)
    return xp.where(apart, mean, lower)


def _from_list(name: str, value: Any) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array ({error}); give rows of equal length.") from error
    if array.dtype == object:
        raise TypeError(f"{name} is of type {type(value).__name__}; it must hold real numbers.")
    return array
