"""Inputs at which a network is measured: images or other arrays, from files or folders, with labels where known."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ramodel.checks import finite_array, integer
from ramodel.nets.data.arrays import ARRAY_SUFFIXES, read_arrays
from ramodel.nets.data.datasets import spread_over_classes
from ramodel.nets.data.images import find_images
from ramodel.nets.data.samples import finite_numbers, nonnegative_labels
from ramodel.nets.data.sources import holds_idx_files, locate, read_source

__all__ = ["InputKind", "Inputs", "load_inputs", "normalised"]

InputKind = Literal["images", "inputs", "input_ids"]

_KINDS: tuple[InputKind, ...] = ("images", "inputs", "input_ids")
"""Also the names under which a file may hold what a network takes."""

_CHANNELS = (1, 3, 4)
_ONLY_DECODED = "only images of a folder by class or of a .zip are resized;"


class Inputs(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a network is given, a sample per row.

    Parameters
    ----------
    values
        float64 [N, ...], images as [N, channels, height, width]; int64 [N, ...] for token ids.
    labels
        int64 [N]; None where the source has none.
    class_names
        One name per class; None where the source has none.
    kind
        What they are: "images", "input_ids" (of tokens), or other "inputs".
    attention_mask
        int64 [N, T], 1 for tokens that count; None where the source has none.
    origin
        What it was loaded from.
    """

    values: NDArray[np.float64] | NDArray[np.int64]
    kind: InputKind
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] | None = None
    attention_mask: NDArray[np.int64] | None = None
    origin: str = ""


def load_inputs(
    name_or_path: str | os.PathLike[str],
    *,
    data_folder: str | os.PathLike[str] | None = None,
    count: int | None = None,
    size: int | None = None,
) -> Inputs:
    """Load inputs for a measurement, at most `count` of them, the first of every class in turn where labels are known.

    Images become float64 [N, channels, height, width]; pixels that are bytes count from 0 to 1.

    Parameters
    ----------
    name_or_path
        An .npz or .safetensors file with `inputs` [N, ...] (taken as they are), `images` [N, height, width] or
        [N, height, width, channels], or `input_ids` [N, T] (and `labels`, `class_names`, `attention_mask`); an .npy
        file of inputs, or of images if its entries are bytes; or labelled images as in `load_dataset`: "digits", a
        folder of IDX files, a folder of images by class or a .zip of one. Of these the test part is taken where there
        is one. Relative paths are looked up in the data folder first, then here.
    data_folder
        The data folder; None reads the environment variable RAMODEL_DATA.
    count
        Most samples; None takes all.
    size
        Height and width to which the images of a folder or .zip are brought; None leaves them.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the data folder or the file is missing.
    TypeError, ValueError
        If a file is damaged or holds something else, a number is not finite, or an argument is out of range.

    Examples
    --------
    >>> found = load_inputs("digits", count=20)
    >>> found.values.shape, found.labels[:3].tolist(), found.kind
    ((20, 1, 8, 8), [0, 1, 2], 'images')
    """
    wanted = None if count is None else integer("count", count)
    if Path(name_or_path).suffix in ARRAY_SUFFIXES:
        if size is not None:
            raise ValueError(f"size is {size}; {_ONLY_DECODED} arrays are taken as they are.")
        return _from_arrays(locate(name_or_path, data_folder), wanted)
    return _labelled_images(name_or_path, data_folder, wanted, size)


def normalised(
    inputs: Inputs, *, mean: float | Sequence[float] | None = None, std: float | Sequence[float] | None = None
) -> Inputs:
    """Return `inputs` less `mean`, divided by `std`: each one number, or one for every channel (axis 1).

    Raises
    ------
    TypeError, ValueError
        If the inputs are whole numbers, such as token ids, or a number is not finite, not positive (`std`), or one of
        another count than there are channels.

    Examples
    --------
    >>> pixels = Inputs(values=np.full((1, 3, 2, 2), 0.5), kind="images")
    >>> normalised(pixels, mean=(0.5, 0.4, 0.3), std=0.2).values[0, :, 0, 0].round(12).tolist()
    [0.0, 0.5, 1.0]
    """
    values = inputs.values
    if values.dtype.kind != "f":
        raise ValueError("mean and std are for pixels and other real numbers; these inputs are whole numbers.")
    shift = _per_channel("mean", 0.0 if mean is None else mean, values.shape)
    scale = _per_channel("std", 1.0 if std is None else std, values.shape)
    if not (scale > 0.0).all():
        raise ValueError(f"std is {std}; every entry must be greater than zero.")
    return msgspec.structs.replace(inputs, values=(values - shift) / scale)


def _from_arrays(path: Path, count: int | None) -> Inputs:
    arrays = read_arrays(path)
    if set(arrays) == {"inputs"} and arrays["inputs"].dtype == np.uint8:
        arrays = {"images": arrays["inputs"]}
    kinds = [kind for kind in _KINDS if kind in arrays]
    if len(kinds) != 1:
        raise ValueError(f"{path} holds {sorted(arrays)}; it must hold one of {', '.join(map(repr, _KINDS))}.")
    (kind,) = kinds
    origin = str(path)
    values = finite_numbers(kind, arrays[kind], origin)
    if kind == "input_ids" and values.dtype.kind == "f":
        raise ValueError(f"The input_ids of {path} are {values.dtype}; token ids are whole numbers.")
    samples = len(values)
    labels = nonnegative_labels(arrays["labels"], samples, origin) if "labels" in arrays else None
    mask = arrays.get("attention_mask")
    if mask is not None and (mask.dtype.kind not in "biu" or mask.shape != values.shape[:2]):
        raise ValueError(
            f"attention_mask of {path} is {mask.dtype} {mask.shape}; it must hold 0 and 1 in shape {values.shape[:2]}."
        )
    rows = _rows(labels, samples, count)
    return Inputs(
        values=_pixels(values[rows], origin) if kind == "images" else _numbers(values[rows]),
        kind=kind,
        labels=None if labels is None else labels[rows],
        class_names=tuple(map(str, arrays["class_names"])) if "class_names" in arrays else None,
        attention_mask=None if mask is None else mask[rows].astype(np.int64),
        origin=origin,
    )


def _labelled_images(
    name: str | os.PathLike[str], data_folder: str | os.PathLike[str] | None, count: int | None, size: int | None
) -> Inputs:
    origin = str(name)
    path = None if origin == "digits" else locate(name, data_folder)
    if path is not None and (path.suffix == ".zip" or (path.is_dir() and not holds_idx_files(path))):
        *_, files = find_images(path).values()
        rows = _rows(files.labels, len(files.labels), count)
        pixels = _pixels(files.read(rows, size=size), origin)  # only what is wanted is decoded
        labels, class_names = files.labels[rows], files.class_names
        return Inputs(values=pixels, kind="images", labels=labels, class_names=class_names, origin=origin)
    if size is not None:
        raise ValueError(f"size is {size}; {_ONLY_DECODED} {origin} is no such folder.")
    source = read_source(name, data_folder)
    samples = source.train if source.test is None else source.test
    chosen = samples.at(_rows(samples.labels, len(samples.labels), count))
    return Inputs(
        values=_pixels(chosen.images, origin),
        kind="images",
        labels=chosen.labels,
        class_names=source.class_names,
        origin=origin,
    )


def _rows(labels: NDArray[np.int64] | None, samples: int, count: int | None) -> NDArray[np.intp]:
    if count is None or count >= samples:
        return np.arange(samples)
    return np.arange(count) if labels is None else spread_over_classes(labels, count)


def _pixels(images: NDArray[Any], origin: str) -> NDArray[np.float64]:
    """Return images as [N, channels, height, width], bytes as numbers from 0 to 1."""
    scaled = images / 255.0 if images.dtype == np.uint8 else images.astype(np.float64)
    if images.ndim == 3:
        return scaled[:, None]
    if images.ndim != 4:
        raise ValueError(
            f"The images of {origin} have shape {images.shape}; it must be [N, height, width(, channels)]."
        )
    if images.shape[3] in _CHANNELS:
        return np.ascontiguousarray(np.moveaxis(scaled, 3, 1))
    return scaled


def _numbers(values: NDArray[Any]) -> NDArray[np.float64] | NDArray[np.int64]:
    return values.astype(np.float64) if values.dtype.kind == "f" else values.astype(np.int64)


def _per_channel(name: str, given: float | Sequence[float], shape: tuple[int, ...]) -> NDArray[np.float64]:
    numbers = np.atleast_1d(finite_array(name, given))
    if numbers.shape not in ((1,), (shape[1],)):
        raise ValueError(f"{name} has {numbers.size} numbers; give one, or one for each of {shape[1]} channels.")
    return numbers.reshape(-1, *(1 for _ in shape[2:]))
