"""Labelled images for training: scikit-learn's digits, MNIST-family IDX files, .npz files."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ramodel.checks import integer, one_of
from ramodel.nets.idx import read_idx

__all__ = ["DATA_FOLDER_VARIABLE", "Dataset", "Normalisation", "load_dataset"]

DATA_FOLDER_VARIABLE = "RAMODEL_DATA"
"""Environment variable that names the data folder."""

Normalisation = Literal["mean-norm", "standard", "none"]

_KNOWN = ("digits", "mnist", "fashion-mnist")
_DEFAULT_TEST_SHARE = 0.2


class Dataset(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Training and test samples: one flattened image per row, labels 0..C-1.

    Parameters
    ----------
    train_inputs, test_inputs
        float64 [N, d].
    train_labels, test_labels
        int64 [N].
    class_names
        One name per class.
    image_shape
        Shape of an image before flattening, such as (28, 28) or (32, 32, 3).
    name
        What it was loaded from.
    """

    train_inputs: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    test_inputs: NDArray[np.float64]
    test_labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    name: str

    @property
    def classes(self) -> int:
        """Number C of classes."""
        return len(self.class_names)

    @property
    def inputs(self) -> int:
        """Length d of an input vector."""
        return int(self.train_inputs.shape[1])


class _Samples(NamedTuple):
    images: NDArray[np.generic]  # in the type of the file: float64 only once the samples are chosen
    labels: NDArray[np.int64]

    def at(self, rows: NDArray[np.int64]) -> "_Samples":
        return _Samples(self.images[rows], self.labels[rows])


class _Source(NamedTuple):
    train: _Samples
    test: _Samples | None
    class_names: tuple[str, ...] | None


def load_dataset(
    name_or_path: str | os.PathLike[str] = "digits",
    *,
    data_folder: str | os.PathLike[str] | None = None,
    classes: Sequence[int] | None = None,
    train_size: int | None = None,
    test_size: int | None = None,
    normalise: Normalisation = "mean-norm",
    seed: int = 0,
) -> Dataset:
    """Load labelled images, split them and normalise them.

    Splits are stratified (class proportions are kept to within one sample) and depend on `seed` alone. Data that come
    with a test part of their own are split as they come.

    Parameters
    ----------
    name_or_path
        "digits" (scikit-learn's 8 x 8 digits, bundled); or a folder of MNIST-family IDX files
        (`train-images-idx3-ubyte.gz` and so on, or the `t10k` pair alone), such as "mnist" or "fashion-mnist"; or an
        .npz file with `images` [N, ...] and `labels` [N] (and `class_names`). Relative paths are looked up in the data
        folder first, then here.
    data_folder
        The data folder; None reads the environment variable RAMODEL_DATA.
    classes
        Labels to keep; they become 0, 1, ... in this order. None keeps all.
    train_size, test_size
        Number of samples. None: all there are; where one pool must be split, the test part gets a fifth.
    normalise
        "mean-norm" subtracts the training mean and divides by the mean norm of the centred training inputs (mean
        norm 1); "standard" gives each coordinate mean 0 and variance 1 over the training inputs (constant ones
        become 0); "none" leaves the pixels.
    seed
        Seed of the splits.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the data folder or a file in it is missing.
    ValueError
        If the name is unknown, a file is damaged, a pixel is not finite, a class has no samples, or a size is out of
        range.

    Examples
    --------
    >>> data = load_dataset("digits", train_size=1000, test_size=200)
    >>> data.train_inputs.shape, data.test_inputs.shape, data.classes
    ((1000, 64), (200, 64), 10)
    >>> float(np.linalg.norm(data.train_inputs, axis=1).mean().round(12))
    1.0
    """
    one_of("normalise", normalise, ["mean-norm", "standard", "none"])
    integer("seed", seed, minimum=0)
    source = _read(name_or_path, data_folder)
    labels = _chosen_classes(source, classes)
    train, test = _split(
        _keep(source.train, labels), source.test and _keep(source.test, labels), train_size, test_size, seed
    )
    _require_every_class(train, labels)
    train_inputs, test_inputs = _normalised(train.images, test.images, normalise)
    names = source.class_names
    return Dataset(
        train_inputs=train_inputs,
        train_labels=train.labels,
        test_inputs=test_inputs,
        test_labels=test.labels,
        class_names=tuple(names[k] if names is not None and k < len(names) else str(k) for k in labels),
        image_shape=train.images.shape[1:],
        name=str(name_or_path),
    )


def _read(name_or_path: str | os.PathLike[str], data_folder: str | os.PathLike[str] | None) -> _Source:
    if name_or_path == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return _Source(_samples(digits.images, digits.target, "digits"), None, None)
    path = _locate(name_or_path, data_folder)
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.is_dir():
        return _read_idx_folder(path)
    raise ValueError(f"name_or_path is {str(path)!r}; it must be 'digits', a folder of IDX files or an .npz file.")


def _locate(name_or_path: str | os.PathLike[str], data_folder: str | os.PathLike[str] | None) -> Path:
    given = Path(name_or_path).expanduser()
    folder = data_folder if data_folder is not None else os.environ.get(DATA_FOLDER_VARIABLE)
    if folder is not None:
        root = Path(folder).expanduser()
        if not root.is_dir():
            origin = "data_folder" if data_folder is not None else f"the environment variable {DATA_FOLDER_VARIABLE}"
            raise NotADirectoryError(f"{origin} is {str(root)!r}; there is no such folder.")
        if (root / given).exists():
            return root / given
    if given.exists():
        return given
    if str(name_or_path) in _KNOWN and folder is None:
        raise FileNotFoundError(
            f"name_or_path is {str(name_or_path)!r}; it is read from the data folder, but none is given. Pass "
            f"data_folder or set the environment variable {DATA_FOLDER_VARIABLE}."
        )
    if given.suffix == ".npz" or str(name_or_path) in _KNOWN or len(given.parts) > 1:
        places = " or ".join(repr(str(place)) for place in (*([folder] if folder is not None else []), Path.cwd()))
        raise FileNotFoundError(f"name_or_path is {str(name_or_path)!r}; nothing of this name is in {places}.")
    one_of("name_or_path", str(name_or_path), [*_KNOWN, "PATH.npz"])
    raise AssertionError


def _read_npz(path: Path) -> _Source:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a readable .npz file of plain arrays ({error}).") from error
    missing = {"images", "labels"} - arrays.keys()
    if missing:
        raise ValueError(f"{path} holds {sorted(arrays)}; it must hold 'images' and 'labels'.")
    names = tuple(map(str, arrays["class_names"])) if "class_names" in arrays else None
    return _Source(_samples(arrays["images"], arrays["labels"], str(path)), None, names)


def _read_idx_folder(folder: Path) -> _Source:
    parts = {part: _read_idx_pair(folder, part) for part in ("train", "t10k")}
    if parts["train"] is not None:
        return _Source(parts["train"], parts["t10k"], None)
    if parts["t10k"] is not None:
        return _Source(parts["t10k"], None, None)
    raise FileNotFoundError(
        f"name_or_path is {str(folder)!r}; the folder holds no IDX files "
        "(train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz, or the t10k pair)."
    )


def _read_idx_pair(folder: Path, part: str) -> _Samples | None:
    files = [_idx_file(folder, f"{part}-images-idx3-ubyte"), _idx_file(folder, f"{part}-labels-idx1-ubyte")]
    if files == [None, None]:
        return None
    images, labels = files
    if images is None or labels is None:
        raise FileNotFoundError(f"{folder} holds only one of the two '{part}' files; images and labels are needed.")
    return _samples(read_idx(images), read_idx(labels), str(folder))


def _idx_file(folder: Path, stem: str) -> Path | None:
    return next((file for file in (folder / f"{stem}.gz", folder / stem) if file.is_file()), None)


def _samples(images: NDArray[np.generic], labels: NDArray[np.generic], origin: str) -> _Samples:
    if images.dtype.kind not in "fiu" or images.ndim < 2:
        raise ValueError(f"images of {origin} are {images.dtype} {images.shape}; they must be real numbers [N, ...].")
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise ValueError(
            f"labels of {origin} are {labels.dtype} {labels.shape}; they must be whole numbers [{images.shape[0]}], "
            "one per image."
        )
    if images.size == 0:
        raise ValueError(f"images of {origin} are empty (shape {images.shape}).")
    if int(labels.min()) < 0:
        raise ValueError(f"labels of {origin} go down to {labels.min()}; they must be 0, 1, ....")
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        spot = tuple(map(int, np.argwhere(~np.isfinite(images))[0]))
        raise ValueError(f"images{list(spot)} of {origin} is {images[spot]}; every pixel must be finite.")
    return _Samples(images, labels.astype(np.int64))


def _chosen_classes(source: _Source, classes: Sequence[int] | None) -> list[int]:
    present = np.unique(source.train.labels).tolist()
    if classes is None:
        return [int(k) for k in present]
    chosen = [integer("classes", k, minimum=0) for k in classes]
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f"classes is {list(classes)}; it must name at least one class, each once.")
    absent = [k for k in chosen if k not in present]
    if absent:
        raise ValueError(f"classes has {absent}, of which there are no samples; the labels present are {present}.")
    return chosen


def _keep(samples: _Samples, labels: list[int]) -> _Samples:
    new = np.full(max(int(samples.labels.max()), *labels) + 1, -1)
    new[labels] = np.arange(len(labels))
    kept = samples.at(np.flatnonzero(new[samples.labels] >= 0))
    return _Samples(kept.images, new[kept.labels])


def _split(
    train: _Samples, test: _Samples | None, train_size: int | None, test_size: int | None, seed: int
) -> tuple[_Samples, _Samples]:
    generator = np.random.default_rng(seed)
    if test is not None:
        train_rows = _stratified(train.labels, _size("train_size", train_size, len(train.labels)), generator)
        test_rows = _stratified(test.labels, _size("test_size", test_size, len(test.labels)), generator)
        return train.at(train_rows), test.at(test_rows)
    total = len(train.labels)
    if test_size is None:
        test_size = total - train_size if train_size is not None else round(_DEFAULT_TEST_SHARE * total)
        test_size = min(test_size, round(_DEFAULT_TEST_SHARE * total)) if train_size is not None else test_size
    test_rows = _stratified(train.labels, _size("test_size", test_size, total - 1, minimum=0), generator)
    rest = np.setdiff1d(np.arange(total), test_rows)
    chosen = _stratified(train.labels[rest], _size("train_size", train_size, len(rest)), generator)
    return train.at(rest[chosen]), train.at(test_rows)


def _size(name: str, size: int | None, available: int, *, minimum: int = 1) -> int:
    if size is None:
        return available
    return integer(
        name, size, minimum=minimum, maximum=available, hint=f"There are {available} samples to choose from."
    )


def _stratified(labels: NDArray[np.int64], size: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return `size` rows, each class in proportion (largest remainders rounded up), in increasing order."""
    counts = np.bincount(labels)
    quota = counts * (size / len(labels))
    share = np.floor(quota).astype(np.int64)
    share[np.argsort(-(quota - share), kind="stable")[: size - share.sum()]] += 1
    rows = [generator.permutation(np.flatnonzero(labels == k))[: share[k]] for k in range(len(counts))]
    return np.sort(np.concatenate(rows))


def _require_every_class(samples: _Samples, labels: list[int]) -> None:
    counts = np.bincount(samples.labels, minlength=len(labels))
    empty = [labels[k] for k in np.flatnonzero(counts == 0)]
    if empty:
        raise ValueError(f"train_size is {len(samples.labels)}; it leaves classes {empty} without a sample. Raise it.")


def _normalised(
    train_images: NDArray[np.generic], test_images: NDArray[np.generic], mode: Normalisation
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    train, test = (
        images.reshape(len(images), math.prod(images.shape[1:])).astype(np.float64)
        for images in (train_images, test_images)
    )
    if mode == "none":
        return train, test
    mean = train.mean(axis=0)
    train -= mean
    test -= mean
    scale = np.linalg.norm(train, axis=1).mean() if mode == "mean-norm" else train.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    return train / scale, test / scale
