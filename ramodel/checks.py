"""Argument checks shared by every floor.

Each check returns the cleaned value or raises an error that names the argument, its value, the rule and the way
out. Nothing non-finite passes silently.
"""

import difflib
import math
import numbers
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LARGEST_SEED",
    "existing_file",
    "finite_array",
    "fitting",
    "integer",
    "nonnegative",
    "one_of",
    "positive",
    "real",
    "replaceable_file",
    "writable_folder",
]

T = TypeVar("T", bound=str)

LARGEST_SEED = 2**63 - 1
"""What NumPy and torch both take as a seed."""


def real(name: str, value: Any, *, hint: str = "") -> float:
    """Return `value` as a finite float.

    Raises
    ------
    TypeError
        If `value` is not a real number (booleans are refused).
    ValueError
        If `value` is NaN or infinite.

    Examples
    --------
    >>> real("initial_scale", 2)
    2.0
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (numbers.Real, np.floating, np.integer)):
        raise TypeError(_message(name, value, "must be a real number", hint))
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(_message(name, value, "must be finite", hint))
    return number


def positive(name: str, value: Any, *, hint: str = "") -> float:
    """Return `value` as a finite float greater than zero; raise as `real` does, or ValueError if it is not.

    Examples
    --------
    >>> positive("jacobian_decay", 0)
    Traceback (most recent call last):
    ...
    ValueError: jacobian_decay is 0; it must be greater than zero.
    """
    number = real(name, value, hint=hint)
    if number <= 0.0:
        raise ValueError(_message(name, value, "must be greater than zero", hint))
    return number


def nonnegative(name: str, value: Any, *, hint: str = "") -> float:
    """Return `value` as a finite float of at least zero; raise as `real` does, or ValueError if it is not."""
    number = real(name, value, hint=hint)
    if number < 0.0:
        raise ValueError(_message(name, value, "must not be negative", hint))
    return number


def integer(name: str, value: Any, *, minimum: int = 1, maximum: int | None = None, hint: str = "") -> int:
    """Return `value` as an int between `minimum` and `maximum` (inclusive).

    Raises
    ------
    TypeError
        If `value` is not a whole number (booleans are refused; 8.0 is accepted as 8).
    ValueError
        If it lies outside the range.

    Examples
    --------
    >>> integer("depth", 8)
    8
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (numbers.Real, np.integer, np.floating)):
        raise TypeError(_message(name, value, "must be a whole number", hint))
    if not math.isfinite(float(value)) or float(value) != math.floor(float(value)):
        raise TypeError(_message(name, value, "must be a whole number", hint))
    number = int(float(value)) if not isinstance(value, (int, np.integer)) else int(value)
    if number < minimum:
        raise ValueError(_message(name, value, f"must be at least {minimum}", hint))
    if maximum is not None and number > maximum:
        raise ValueError(_message(name, value, f"must be at most {maximum}", hint))
    return number


def one_of(name: str, value: Any, options: Iterable[T]) -> T:
    """Return `value` if it is one of `options`; else raise ValueError with the nearest option as a suggestion.

    Examples
    --------
    >>> one_of("model", "frobenious", ["frobenius", "nuclear"])
    Traceback (most recent call last):
    ...
    ValueError: model is 'frobenious'; it must be one of 'frobenius', 'nuclear'; did you mean 'frobenius'?
    """
    choices = list(options)
    if isinstance(value, str) and value in choices:
        return choices[choices.index(value)]
    near = difflib.get_close_matches(str(value), choices, n=1)
    listed = ", ".join(repr(choice) for choice in choices)
    end = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(f"{name} is {value!r}; it must be one of {listed}{end}")


def finite_array(
    name: str,
    value: ArrayLike,
    *,
    shape: tuple[int | None, ...] | None = None,
    minimum: float | None = None,
    nonempty: bool = True,
) -> NDArray[np.float64]:
    """Return `value` as a float64 array with every entry finite.

    Parameters
    ----------
    shape
        Expected shape; None stands for any length of that axis.
    minimum
        Least value an entry may have.
    nonempty
        Refuse arrays without entries.

    Raises
    ------
    TypeError
        If `value` does not hold real numbers.
    ValueError
        If the shape is wrong, an entry is NaN or infinite, or an entry is less than `minimum`.
    """
    try:
        raw = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array ({error}); give rows of equal length.") from error
    if raw.dtype.kind not in "fiu":
        raise TypeError(f"{name} has entries of type {raw.dtype}; it must hold real numbers.")
    array = raw.astype(np.float64)
    if nonempty and array.size == 0:
        raise ValueError(f"{name} is empty (shape {array.shape}); it must hold at least one number.")
    if shape is not None and (
        array.ndim != len(shape)
        or any(want is not None and want != have for want, have in zip(shape, array.shape, strict=True))
    ):
        wanted = "(" + ", ".join("any" if want is None else str(want) for want in shape) + ")"
        raise ValueError(f"{name} has shape {array.shape}; it must have shape {wanted}.")
    bad = ~np.isfinite(array)
    if bad.any():
        raise ValueError(_at(name, array, bad, "every entry must be finite"))
    if minimum is not None:
        low = array < minimum
        if low.any():
            raise ValueError(_at(name, array, low, f"every entry must be at least {minimum:g}"))
    return array


def fitting(name: str, shape: tuple[int, ...], other: str, other_shape: tuple[int, ...]) -> None:
    """Raise ValueError where two shapes cannot be broadcast against each other.

    Examples
    --------
    >>> fitting("error_norm", (3,), "gap", (2,))
    Traceback (most recent call last):
    ...
    ValueError: error_norm has shape (3,), which does not fit shape (2,) of gap; give equal shapes, or a number for one.
    """
    try:
        np.broadcast_shapes(shape, other_shape)
    except ValueError:
        raise ValueError(
            f"{name} has shape {shape}, which does not fit shape {other_shape} of {other}; "
            "give equal shapes, or a number for one."
        ) from None


def existing_file(name: str, value: str | os.PathLike[str], *, hint: str = "") -> Path:
    """Return `value` as the path of a file that exists; raise FileNotFoundError if there is none."""
    path = _path(name, value)
    if not path.is_file():
        raise FileNotFoundError(_message(name, str(path), "must be a file that exists", hint))
    return path


def replaceable_file(
    name: str,
    value: str | os.PathLike[str],
    *,
    reads: Mapping[str, str | os.PathLike[str] | None] | None = None,
    in_folder: bool = True,
) -> Path:
    """Return `value` as the path of a file that may be made there, or take the place of the one that is there.

    Parameters
    ----------
    reads
        Files that are read meanwhile, by the argument that names them; None for those that are not given. Writing one
        of them would destroy it.
    in_folder
        Whether its folder must exist already.

    Raises
    ------
    FileNotFoundError
        If its folder does not exist.
    FileExistsError
        If a folder or a device has that name, or one of `reads` is that file.
    TypeError, ValueError
        If it is no path, or holds a null character.

    Examples
    --------
    >>> replaceable_file("out", "w.pt", reads={"weights": "./w.pt"})
    Traceback (most recent call last):
    ...
    FileExistsError: out is 'w.pt'; that is the file of weights, which would be lost. Give another name.
    """
    path = _path(name, value)
    if "\0" in str(path):
        raise ValueError(_message(name, str(path), "must be a name without null characters", ""))
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a device or a pipe"
        raise FileExistsError(f"{name} is {str(path)!r}; that is {what}. Give the name of a file.")
    for argument, read in (reads or {}).items():
        if read is not None and Path(read).expanduser().resolve() == path.resolve():
            raise FileExistsError(
                f"{name} is {str(path)!r}; that is the file of {argument}, which would be lost. Give another name."
            )
    if in_folder and not path.parent.is_dir():
        folder = str(path.parent)
        raise FileNotFoundError(f"{name} is {str(path)!r}; its folder {folder!r} does not exist. Make it first.")
    return path


def writable_folder(name: str, value: str | os.PathLike[str], *, hint: str = "") -> Path:
    """Make the folder `value` where it is missing and return its path.

    Raises
    ------
    NotADirectoryError
        If a file stands in its place.
    PermissionError
        If it cannot be made or written to.
    """
    path = _path(name, value)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise NotADirectoryError(_message(name, str(path), "must be a folder, not a file", hint)) from error
    except OSError as error:
        rule = f"must be a folder that can be made ({error.strerror})"
        raise PermissionError(_message(name, str(path), rule, hint)) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(_message(name, str(path), "must be a folder you may write to", hint))
    return path


def _path(name: str, value: Any) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(_message(name, value, "must be a path", ""))
    return Path(value).expanduser()


def _message(name: str, value: Any, rule: str, hint: str) -> str:
    return f"{name} is {value!r}; it {rule}." + (f" {hint}" if hint else "")


def _at(name: str, array: NDArray[np.float64], where: NDArray[np.bool_], rule: str) -> str:
    if array.ndim == 0:
        return f"{name} is {float(array)}; {rule}."
    index = tuple(int(i) for i in np.argwhere(where)[0])
    spot = ", ".join(map(str, index))
    count = int(where.sum())
    more = "" if count == 1 else f" (and {count - 1} more)"
    return f"{name}[{spot}] is {array[index]}{more}; {rule}."
