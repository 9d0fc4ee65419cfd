"""Labelled images as they come from a source, checked but neither split nor normalised."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Samples", "Source", "checked_samples", "finite_numbers", "nonnegative_labels"]


class Samples(NamedTuple):
    """Images [N, ...], in the type of their file, and labels [N]."""

    images: NDArray[np.generic]
    labels: NDArray[np.int64]

    def at(self, rows: NDArray[np.int64]) -> "Samples":
        """Return the samples in `rows`, in this order."""
        return Samples(self.images[rows], self.labels[rows])


class Source(NamedTuple):
    """All samples of a source; no test part where it does not come split, no names where it has none."""

    train: Samples
    test: Samples | None
    class_names: tuple[str, ...] | None


def checked_samples(images: NDArray[Any], labels: NDArray[Any], origin: str) -> Samples:
    """Return the samples of `origin`; raise ValueError as the two checks below do."""
    return Samples(finite_numbers("images", images, origin), nonnegative_labels(labels, len(images), origin))


def finite_numbers(name: str, array: NDArray[Any], origin: str) -> NDArray[Any]:
    """Return the samples `name` [N, ...] of `origin`; raise ValueError where they are not finite real numbers."""
    if array.dtype.kind not in "fiu" or array.ndim < 2:
        raise ValueError(f"The {name} of {origin} are {array.dtype} {array.shape}; they must be real numbers [N, ...].")
    if array.size == 0:
        raise ValueError(f"The {name} of {origin} are empty, of shape {array.shape}; there must be at least one.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        spot = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"In {origin} {name}{list(spot)} is {array[spot]}; every entry must be finite.")
    return array


def nonnegative_labels(labels: NDArray[Any], samples: int, origin: str) -> NDArray[np.int64]:
    """Return the labels of `origin` as int64 [samples]; raise ValueError where they are not whole numbers from 0 on."""
    if labels.dtype.kind not in "iu" or labels.shape != (samples,):
        raise ValueError(
            f"The labels of {origin} are {labels.dtype} {labels.shape}; they must be whole numbers [{samples}], "
            "one per sample."
        )
    if labels.size and int(labels.min()) < 0:
        raise ValueError(f"The labels of {origin} go down to {labels.min()}; they must be 0, 1, ....")
    return labels.astype(np.int64)
