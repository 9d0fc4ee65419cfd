"""Readings taken along a training: what the callback of `train` measures, kept over interruptions."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import xarray as xr

from ramodel.experiments.confrontation.readings import READINGS
from ramodel.experiments.store import write_atomically
from ramodel.nets.architectures.trainable import TrainableNetwork

__all__ = ["ReadingsDuring", "look_iterations"]

_FILE = "during.json"


def look_iterations(iterations: int, looks: int) -> tuple[int, ...]:
    """Return 0 and at most `looks` - 1 iterations in geometric progression to the last one.

    Examples
    --------
    >>> look_iterations(100, 6)
    (0, 1, 3, 10, 32, 100)
    """
    if iterations == 0 or looks < 2:
        return (0,)
    rising = np.geomspace(1.0, iterations, looks - 1).round().astype(int)
    return (0, *(int(step) for step in np.unique(rising)))


class ReadingsDuring:
    """A callback that measures the network and keeps some readings of each look.

    Parameters
    ----------
    names
        Of readings, in `READINGS`.
    iterations
        After which to look.
    measure
        Measures the network.
    folder
        Where the looks so far are kept, so that an interrupted training goes on with them; None keeps none.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        iterations: tuple[int, ...],
        measure: Callable[[TrainableNetwork], xr.Dataset],
        folder: Path | None,
    ) -> None:
        self.iterations = frozenset(iterations)
        self._names = names
        self._measure = measure
        self._path = None if folder is None else folder / _FILE
        self._looks: dict[int, list[float | None]] = {}
        if self._path is not None and self._path.exists():
            self._looks = msgspec.json.decode(self._path.read_bytes(), type=dict[int, list[float | None]])

    def __call__(self, network: TrainableNetwork, iteration: int) -> None:
        """Look at the network after `iteration`, unless that was done before an interruption."""
        if iteration in self._looks:
            return
        self.take(self._measure(network), iteration)
        if self._path is not None:
            write_atomically(self._path, msgspec.json.encode(self._looks))

    def take(self, measured: xr.Dataset, iteration: int) -> None:
        """Keep the readings of a measurement made after `iteration`."""
        self._looks[iteration] = [READINGS[name].function(measured) for name in self._names]

    def dataset(self) -> xr.Dataset:
        """Return the readings as variables NAME_during [look], with the iterations as a coordinate."""
        looks = sorted(self._looks)
        found = xr.Dataset(coords={"iteration": ("look", np.array(looks, dtype=np.int64))})
        for place, name in enumerate(self._names):
            values = np.array([self._looks[look][place] for look in looks], dtype=np.float64)  # None: JSON has no NaN
            found[f"{name}_during"] = xr.Variable(("look",), values, {"long_name": f"{READINGS[name].label}, training"})
        return found
