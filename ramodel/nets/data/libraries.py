"""Data sets that torchvision and Hugging Face's datasets know; both are optional, and loaded when asked for."""

import inspect
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ramodel.checks import one_of
from ramodel.nets.data.cache import cache_folder
from ramodel.nets.data.data_folder import data_root
from ramodel.nets.data.samples import Samples, Source, checked_samples

__all__ = ["HUGGING_FACE", "TORCHVISION", "holds_saved_dataset", "read_hugging_face", "read_saved", "read_torchvision"]

TORCHVISION, HUGGING_FACE = "torchvision:", "hf:"
"""What names of their data sets begin with."""

_TEST_PARTS = ("test", "validation", "valid")


def read_torchvision(name: str, data_folder: str | os.PathLike[str] | None) -> Source:
    """Return the data set `name` of torchvision, such as CIFAR10; it lies, or is fetched into, the data folder.

    Without a data folder it goes into the cache folder of the user.

    Raises
    ------
    ModuleNotFoundError
        If torchvision is missing.
    ValueError
        If it has no such data set, or one without arrays of labelled images.
    """
    try:
        import torchvision.datasets as known
    except ModuleNotFoundError as error:
        raise _missing(TORCHVISION + name, "torchvision", "vision") from error
    kind = getattr(known, one_of("name_or_path", name, known.__all__))
    root = data_root(data_folder) or cache_folder()
    accepted = inspect.signature(kind).parameters
    parts = []
    for part in ("train", "test"):
        which = {"train": part == "train"} if "train" in accepted else {"split": part}
        parts.append(kind(root=str(root), download=True, **which))
    train, test = (_arrays_of(part, name) for part in parts)
    return Source(train, test, tuple(map(str, parts[0].classes)) if hasattr(parts[0], "classes") else None)


def read_hugging_face(name: str) -> Source:
    """Return the data set `name` of Hugging Face's hub; raise as `read_saved` does."""
    return _of_hugging_face(_datasets(HUGGING_FACE + name).load_dataset(name), HUGGING_FACE + name)


def read_saved(folder: Path) -> Source:
    """Return a data set that Hugging Face's `datasets` saved in `folder` (save_to_disk).

    Raises
    ------
    ModuleNotFoundError
        If the package is missing.
    ValueError
        If it has no column of images, none of labels, or images of several sizes.
    """
    return _of_hugging_face(_datasets(str(folder)).load_from_disk(str(folder)), str(folder))


def holds_saved_dataset(folder: Path) -> bool:
    """Tell whether `folder` was written by save_to_disk of Hugging Face's `datasets`."""
    return (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file()


def _datasets(name: str) -> Any:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise _missing(name, "datasets", "datasets") from error
    return datasets


def _missing(name: str, package: str, extra: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"name_or_path is {name!r}; it needs the package {package}, which is not installed: "
        f"pip install 'ramodel[{extra}]'."
    )


def _arrays_of(part: Any, name: str) -> Samples:
    labels = getattr(part, "targets", getattr(part, "labels", None))
    if not hasattr(part, "data") or labels is None:
        raise ValueError(
            f"name_or_path is {TORCHVISION + name!r}; this data set keeps no arrays of labelled images. Use one such "
            "as MNIST, FashionMNIST, CIFAR10 or SVHN, or a folder of images by class."
        )
    images = np.asarray(part.data)
    if images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[3] not in (1, 3):
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))  # SVHN: channels before pixels
    return checked_samples(images, np.asarray(labels), TORCHVISION + name)


def _of_hugging_face(found: Any, origin: str) -> Source:
    parts = found if isinstance(found, dict) else {"train": found}
    if "train" not in parts:
        raise ValueError(f"{origin} has the parts {sorted(parts)}; it must have one named 'train'.")
    test = next((parts[part] for part in _TEST_PARTS if part in parts), None)
    features = parts["train"].features
    columns = {type(feature).__name__: name for name, feature in reversed(list(features.items()))}
    if "Image" not in columns or "ClassLabel" not in columns:
        raise ValueError(f"{origin} has the columns {list(features)}; it must have one of images and one of labels.")
    image, label = columns["Image"], columns["ClassLabel"]

    def read(part: Any) -> Samples:
        return checked_samples(_stacked(part[image], origin), np.asarray(part[label]), origin)

    return Source(read(parts["train"]), None if test is None else read(test), tuple(features[label].names))


def _stacked(pictures: Iterable[Any], origin: str) -> NDArray[np.uint8]:
    """Return PIL images as one array, grey where all of them are."""
    images = list(pictures)
    if len(sizes := sorted({image.size for image in images})) > 1:
        raise ValueError(
            f"{origin} has images of {len(sizes)} sizes, from {sizes[0]} to {sizes[-1]}; bring them to one."
        )
    mode = "L" if all(image.mode in ("1", "L") for image in images) else "RGB"
    return np.stack([np.asarray(image.convert(mode)) for image in images])
