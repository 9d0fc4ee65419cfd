"""What assertions are made of: measured arrays in one shape, and the departure of a property everywhere in them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ramodel.metrics.arrays import real_array

__all__ = ["Array", "Finding", "has_inputs", "plain_array", "stacked"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Finding:
    """One property: how far it was from holding, everywhere it was looked at."""

    title: str
    measure: str
    departures: Array
    """``[layer, input]``, ``[input]``, or ``[layer, layer, input]`` of pairs l < m, zero for the others."""
    allowed: float
    suspects: Array | None = None
    """``[layer, input]`` for departures ``[input]``: where in the network to look."""

    @property
    def worst(self) -> float:
        """Greatest departure."""
        return float(self.departures.max())

    @property
    def holds(self) -> bool:
        """Whether every departure is allowed."""
        return self.worst <= self.allowed

    @property
    def places(self) -> int:
        """Number of places looked at; two layers count as one pair."""
        if self.departures.ndim < 3:
            return self.departures.size
        layers, _, inputs = self.departures.shape
        return int(layers * (layers - 1) // 2 * inputs)

    def sentence(self, *, inputs: bool) -> str:
        """Return what is wrong, by how much, where, and what is allowed; `inputs`: name the input as well."""
        *layers, sample = (int(place) for place in np.unravel_index(self.departures.argmax(), self.departures.shape))
        if self.suspects is not None:
            layers = [int(self.suspects[:, sample].argmax())]
        where = f"layer{'s' * (len(layers) > 1)} " + " and ".join(str(layer + 1) for layer in layers)
        where += f", input {sample}" if inputs else ""
        failing = int((~(self.departures <= self.allowed)).sum())
        more = f" ({failing} of {self.places} are larger)" if self.places > 1 else ""
        return f"{self.title}: {self.measure} is {self.worst:.3g} at {where}; allowed is {self.allowed:.3g}{more}."


def stacked(name: str, value: Any, axes: int) -> Array:
    """Return `value` as a finite array of `axes` axes; one input where that axis, the second, is missing."""
    tail = "row column" if axes == 4 else "coordinate"
    array, _ = real_array(name, plain_array(value), axes=f"layer ... {tail}")
    if array.ndim not in (axes - 1, axes):
        raise ValueError(
            f"{name} has shape {array.shape}; its axes must be [layer, {tail.replace(' ', ', ')}], "
            "with or without inputs after the layers."
        )
    whole: Array = array if array.ndim == axes else array[:, None]
    return whole


def plain_array(value: Any) -> Any:
    """Return `value` as something NumPy reads: tensors, also in lists, leave the graph and the device."""
    if isinstance(value, list | tuple):
        return [plain_array(item) for item in value]
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def has_inputs(value: Any, axes: int) -> bool:
    """Tell whether `value` has all `axes`, that of the inputs included."""
    return value is not None and np.ndim(plain_array(value)) == axes
