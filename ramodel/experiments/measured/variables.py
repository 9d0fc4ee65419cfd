"""Variables of a measurement: numbers with named axes and a meaning."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

__all__ = ["padded", "put"]


def put(found: xr.Dataset, name: str, axes: tuple[str, ...], values: ArrayLike, meaning: str) -> None:
    """Set the variable `name` of `found`; `meaning` becomes its `long_name`."""
    found[name] = xr.Variable(axes, np.asarray(values), {"long_name": meaning})


def padded(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return `values` with the last axis cut to `length`, or filled up with NaN.

    Examples
    --------
    >>> padded(np.array([[3.0, 2.0]]), 3)
    array([[ 3.,  2., nan]])
    """
    missing = length - values.shape[-1]
    if missing <= 0:
        return values[..., :length]
    return np.concatenate([values, np.full((*values.shape[:-1], missing), np.nan)], axis=-1)
