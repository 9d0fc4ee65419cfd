"""What a measurement kept, as arrays: blocks first, then inputs, then pairs of tokens, then the axes of a vector."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel.spectra.spectra import Spectra

__all__ = ["kept", "ordered", "parts", "refuse_other_blocks", "tail_energies"]

_CHUNK = 2**27
"""Bytes of vectors, Jacobians and states that are taken at a time."""

_VARIABLES = ("left", "right", "states", "jacobian", "alignment_left_right", "alignment_right_left")
_FIRST = ("block", "other_block", "state", "input", "pair", "token")


def kept(stage: Spectra, name: str) -> xr.DataArray | None:
    """Return a variable of one stage, or None where the measurement did not keep it."""
    found: xr.DataArray | None = getattr(stage, name, None)
    return found


def ordered(array: xr.DataArray) -> NDArray[np.float64]:
    """Return the numbers in float64, blocks, inputs and tokens in front."""
    front = [axis for axis in _FIRST if axis in array.dims]
    return array.transpose(*front, ...).values.astype(np.float64, copy=False)


def parts(stage: Spectra) -> Iterator[Spectra]:
    """Yield the inputs of a stage in pieces of bounded memory."""
    inputs = stage.singular_values.sizes["input"]
    variables = [kept(stage, name) for name in _VARIABLES]
    each = sum(variable.size for variable in variables if variable is not None) * 8 // inputs
    step = max(1, _CHUNK // max(1, each))
    for start in range(0, inputs, step):
        yield stage.isel(input=slice(start, start + step))


def tail_energies(stage: Spectra) -> NDArray[np.float64] | None:
    """Return ``sum_(k>K) s_k^2`` of every Jacobian, or None where it was neither known nor estimated."""
    dataset = stage.dataset
    if "tail_energy" in dataset and bool(dataset["tail_energy"].notnull().all()):
        return ordered(dataset["tail_energy"])
    if "frobenius" in dataset:
        values = ordered(stage.singular_values)
        beyond: NDArray[np.float64] = np.maximum(ordered(dataset["frobenius"]) ** 2 - np.sum(values**2, axis=-1), 0.0)
        return beyond
    return None


def refuse_other_blocks(spectra: Spectra, untrained: Spectra | None) -> None:
    """Raise TypeError where one of the two is no measurement, ValueError where they are of different blocks."""
    for name, one in {"spectra": spectra, "untrained": spectra if untrained is None else untrained}.items():
        if not isinstance(one, Spectra):
            raise TypeError(
                f"{name} is of type {type(one).__name__}; it must be a Spectra, which ramodel.measure returns."
            )
    if untrained is not None and untrained.blocks != spectra.blocks:
        raise ValueError(
            f"untrained has the blocks {', '.join(untrained.blocks)}; it must have those of spectra: "
            f"{', '.join(spectra.blocks)}."
        )
