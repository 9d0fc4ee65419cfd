"""Labelled images for training: chosen, split and normalised."""

import math
import os
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ramodel.checks import LARGEST_SEED, integer, one_of
from ramodel.nets.data.samples import Samples, Source
from ramodel.nets.data.sources import read_source

__all__ = ["DataChoice", "Dataset", "Normalisation", "load_dataset", "spread_over_classes"]

Normalisation = Literal["mean-norm", "standard", "channel", "none"]

TEXT = "python-text"
"""Name of the corpus of characters."""

_OF_SHUFFLED_LABELS = 1
"""Second word of the seed of the shuffle, beside that of the split."""

_DEFAULT_TEST_SHARE = 0.2
_DEFAULT_CONTEXT = 64


class Dataset(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Training and test samples: one flattened image per row, labels 0..C-1; or characters and the next ones.

    Parameters
    ----------
    train_inputs, test_inputs
        float64 [N, d]; characters are int64 [N, T].
    train_labels, test_labels
        int64 [N]; of characters [N, T].
    class_names
        One name per class.
    image_shape
        Shape of an image before flattening, such as (28, 28) or (32, 32, 3); () of characters.
    name
        What it was loaded from.
    """

    train_inputs: NDArray[Any]
    train_labels: NDArray[np.int64]
    test_inputs: NDArray[Any]
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


class DataChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which samples: the arguments of `load_dataset`, without the folder, which is of this machine."""

    dataset: str = "digits"
    labels: tuple[int, ...] | None = None
    train_size: int | None = None
    test_size: int | None = None
    normalise: Normalisation = "mean-norm"
    shuffled_labels: bool = False
    context: int | None = None
    seed: int = 0

    def load(self, data_folder: str | os.PathLike[str] | None) -> Dataset:
        """Return the data set; raise as `load_dataset` does."""
        return load_dataset(
            self.dataset,
            data_folder=data_folder,
            classes=self.labels,
            train_size=self.train_size,
            test_size=self.test_size,
            normalise=self.normalise,
            shuffled_labels=self.shuffled_labels,
            context=self.context,
            seed=self.seed,
        )


def load_dataset(
    name_or_path: str | os.PathLike[str] = "digits",
    *,
    data_folder: str | os.PathLike[str] | None = None,
    classes: Sequence[int] | None = None,
    train_size: int | None = None,
    test_size: int | None = None,
    normalise: Normalisation = "mean-norm",
    shuffled_labels: bool = False,
    context: int | None = None,
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
        .npz file with `images` [N, ...] and `labels` [N] (and `class_names`); or a folder of images by class
        (`cat/1.png`, or `train/cat/1.png` and `test/cat/2.png`) or a .zip of one. "cifar10-jpeg" is the pair of zips
        of the data folder. "torchvision:CIFAR10" and "hf:NAME" need the extras `vision` and `datasets`, as does a
        folder that Hugging Face's datasets saved. "python-text" is text from Python's help, for transformers. Relative
        paths are looked up in the data folder first, then here.
    data_folder
        The data folder; None reads the environment variable RAMODEL_DATA.
    classes
        Labels to keep; they become 0, 1, ... in this order. None keeps all.
    train_size, test_size
        Number of samples. None: all there are; where one pool must be split, the test part gets a fifth.
    normalise
        "mean-norm" subtracts the training mean and divides by the mean norm of the centred training inputs (mean
        norm 1); "standard" gives each coordinate mean 0 and variance 1 over the training inputs (constant ones
        become 0); "channel" gives each colour mean 0 and variance 1 over the pixels of the training images; "none"
        leaves the pixels.
    shuffled_labels
        Permute the training labels at random: nothing is left to generalise from. Test labels stay.
    context
        Characters in a row of "python-text"; None for 64.
    seed
        Seed of the splits and of the shuffle.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the data folder or a file in it is missing.
    ModuleNotFoundError
        If the package of an optional extra is missing.
    ValueError
        If the name is unknown, a file is damaged, a pixel is not finite, a class has no samples, a size is out of
        range, or an argument does not belong to the data.

    Examples
    --------
    >>> data = load_dataset("digits", train_size=1000, test_size=200)
    >>> data.train_inputs.shape, data.test_inputs.shape, data.classes
    ((1000, 64), (200, 64), 10)
    >>> float(np.linalg.norm(data.train_inputs, axis=1).mean().round(12))
    1.0
    """
    one_of("normalise", normalise, ["mean-norm", "standard", "channel", "none"])
    integer("seed", seed, minimum=0, maximum=LARGEST_SEED)
    if str(name_or_path) == TEXT:
        return _text(context, classes, train_size, test_size, seed, shuffled_labels=shuffled_labels)
    if context is not None:
        raise ValueError(f"context is {context}; only {TEXT!r} has rows of characters. Leave it out.")
    source = read_source(name_or_path, data_folder)
    labels = _chosen_classes(source, classes)
    train, test = _split(
        _keep(source.train, labels), source.test and _keep(source.test, labels), train_size, test_size, seed
    )
    _require_every_class(train, labels)
    if shuffled_labels:
        generator = np.random.default_rng([seed, _OF_SHUFFLED_LABELS])
        train = Samples(train.images, generator.permutation(train.labels))
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


def spread_over_classes(labels: NDArray[np.int64], count: int) -> NDArray[np.intp]:
    """Return `count` positions that take the first sample of every class, then the second, and so on.

    Examples
    --------
    >>> spread_over_classes(np.array([0, 0, 1, 1, 2]), 4)
    array([0, 2, 4, 1])
    """
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    within = np.arange(labels.size) - np.searchsorted(ordered, ordered)
    return order[np.lexsort((ordered, within))][:count]


def _text(
    context: int | None,
    classes: Sequence[int] | None,
    train_size: int | None,
    test_size: int | None,
    seed: int,
    *,
    shuffled_labels: bool,
) -> Dataset:
    from ramodel.nets.data.text import text_dataset  # which needs the class Dataset of this file

    for name, value in (("classes", classes), ("shuffled_labels", shuffled_labels or None)):
        if value is not None:
            raise ValueError(f"{name} is {value}; {TEXT!r} has characters in place of classes. Leave it out.")
    rows = _DEFAULT_CONTEXT if context is None else context
    return text_dataset(rows, train_size=train_size, test_size=test_size, seed=seed)


def _chosen_classes(source: Source, classes: Sequence[int] | None) -> list[int]:
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


def _keep(samples: Samples, labels: list[int]) -> Samples:
    new = np.full(max(int(samples.labels.max()), *labels) + 1, -1)
    new[labels] = np.arange(len(labels))
    kept = samples.at(np.flatnonzero(new[samples.labels] >= 0))
    return Samples(kept.images, new[kept.labels])


def _split(
    train: Samples, test: Samples | None, train_size: int | None, test_size: int | None, seed: int
) -> tuple[Samples, Samples]:
    generator = np.random.default_rng(seed)
    if test is not None:
        train_rows = _stratified(train.labels, _size("train_size", train_size, len(train.labels)), generator)
        test_rows = _stratified(test.labels, _size("test_size", test_size, len(test.labels)), generator)
        return train.at(train_rows), test.at(test_rows)
    total = len(train.labels)
    if train_size is not None:
        integer("train_size", train_size, maximum=total, hint=f"There are {total} samples.")
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


def _require_every_class(samples: Samples, labels: list[int]) -> None:
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
    if mode == "channel":
        channels = train_images.shape[3] if train_images.ndim == 4 else 1
        pixels = train.reshape(-1, channels)
        mean, scale = pixels.mean(axis=0), pixels.std(axis=0)
        for images in (train, test):
            each = images.reshape(-1, channels)  # a view: the change is one of `images`
            each -= mean
            each /= np.where(scale > 0.0, scale, 1.0)
        return train, test
    mean = train.mean(axis=0)
    train -= mean
    test -= mean
    scale = np.linalg.norm(train, axis=1).mean() if mode == "mean-norm" else train.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    train /= scale
    test /= scale
    return train, test
