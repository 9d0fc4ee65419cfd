"""Where labelled images come from: names that are known, IDX files, .npz files, folders and zip files of images."""

import os
from pathlib import Path

from ramodel.checks import one_of
from ramodel.nets.data.arrays import ARRAY_SUFFIXES, read_arrays
from ramodel.nets.data.cache import kept_once_decoded
from ramodel.nets.data.data_folder import data_root, in_data_folder
from ramodel.nets.data.idx import read_idx
from ramodel.nets.data.images import find_images
from ramodel.nets.data.libraries import (
    HUGGING_FACE,
    TORCHVISION,
    holds_saved_dataset,
    read_hugging_face,
    read_saved,
    read_torchvision,
)
from ramodel.nets.data.samples import Samples, Source, checked_samples

__all__ = ["holds_idx_files", "locate", "read_source"]

_KNOWN = ("digits", "mnist", "fashion-mnist", "cifar10-jpeg")

_CIFAR10_JPEG = {"train": "cifar10/cifar10-jpeg-train-20k.zip", "test": "cifar10/cifar10-jpeg-test-2k.zip"}
"""Parts of "cifar10-jpeg" in the data folder."""


def read_source(name_or_path: str | os.PathLike[str], data_folder: str | os.PathLike[str] | None) -> Source:
    """Read what `ramodel.nets.load_dataset` describes, checked but not yet split.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the data folder or a file in it is missing.
    ModuleNotFoundError
        If an optional package is missing.
    ValueError
        If the name is unknown or a file is damaged.
    """
    if str(name_or_path) == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Source(checked_samples(digits.images, digits.target, "digits"), None, None)
    if str(name_or_path) == "cifar10-jpeg":
        return _read_cifar10_jpeg(data_folder)
    if str(name_or_path).startswith(TORCHVISION):
        return read_torchvision(str(name_or_path).removeprefix(TORCHVISION), data_folder)
    if str(name_or_path).startswith(HUGGING_FACE):
        return read_hugging_face(str(name_or_path).removeprefix(HUGGING_FACE))
    path = locate(name_or_path, data_folder)
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.is_dir() and holds_saved_dataset(path):
        return read_saved(path)
    if path.is_dir() and holds_idx_files(path):
        return _read_idx_folder(path)
    if path.is_dir():
        return _read_images(path)
    if path.suffix == ".zip":
        return kept_once_decoded(path, _read_images)
    raise ValueError(
        f"name_or_path is {str(path)!r}; it must be 'digits', a folder of IDX files, an .npz file, a folder of "
        "images by class or a .zip of one, or a data set that Hugging Face's datasets saved."
    )


def locate(name_or_path: str | os.PathLike[str], data_folder: str | os.PathLike[str] | None) -> Path:
    """Return where `name_or_path` is: in the data folder, or else here.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the data folder is missing, or nothing of this name is there.
    ValueError
        If it is a single word that is no name of a data set.
    """
    given = Path(name_or_path).expanduser()
    root = data_root(data_folder)
    if root is not None and (root / given).exists():
        return root / given
    if given.exists():
        return given
    if str(name_or_path) in _KNOWN and root is None:
        return in_data_folder("name_or_path", str(name_or_path), str(name_or_path), data_folder)
    if given.suffix in (*ARRAY_SUFFIXES, ".zip") or str(name_or_path) in _KNOWN or len(given.parts) > 1:
        places = " or ".join(repr(str(place)) for place in (*([root] if root is not None else []), Path.cwd()))
        raise FileNotFoundError(f"name_or_path is {str(name_or_path)!r}; nothing of this name is in {places}.")
    return Path(one_of("name_or_path", str(name_or_path), [*_KNOWN, "PATH.npz"]))


def _read_npz(path: Path) -> Source:
    arrays = read_arrays(path)
    if not {"images", "labels"} <= arrays.keys():
        raise ValueError(f"{path} holds {sorted(arrays)}; it must hold 'images' and 'labels'.")
    names = tuple(map(str, arrays["class_names"])) if "class_names" in arrays else None
    return Source(checked_samples(arrays["images"], arrays["labels"], str(path)), None, names)


def _read_idx_folder(folder: Path) -> Source:
    parts = [_read_idx_pair(folder, part) for part in ("train", "t10k")]
    found = [part for part in parts if part is not None]
    if not found:
        raise FileNotFoundError(
            f"name_or_path is {str(folder)!r}; its IDX files have other names than train-images-idx3-ubyte.gz and "
            "train-labels-idx1-ubyte.gz, or the t10k pair."
        )
    return Source(found[0], found[1] if len(found) > 1 else None, None)


def holds_idx_files(folder: Path) -> bool:
    """Tell whether `folder` has a file of the MNIST family."""
    return any(folder.glob("*-idx?-ubyte*"))


def _read_images(path: Path) -> Source:
    parts = [(files.class_names, Samples(files.read(), files.labels)) for files in find_images(path).values()]
    (class_names, first), *second = parts
    return Source(first, second[0][1] if second else None, class_names)


def _read_cifar10_jpeg(data_folder: str | os.PathLike[str] | None) -> Source:
    train, test = (
        kept_once_decoded(in_data_folder("name_or_path", "cifar10-jpeg", file, data_folder), _read_images)
        for file in _CIFAR10_JPEG.values()
    )
    return Source(train.train, test.train, train.class_names)


def _read_idx_pair(folder: Path, part: str) -> Samples | None:
    files = [_idx_file(folder, f"{part}-images-idx3-ubyte"), _idx_file(folder, f"{part}-labels-idx1-ubyte")]
    if files == [None, None]:
        return None
    images, labels = files
    if images is None or labels is None:
        raise FileNotFoundError(f"{folder} holds only one of the two '{part}' files; images and labels are needed.")
    return checked_samples(read_idx(images), read_idx(labels), str(folder))


def _idx_file(folder: Path, stem: str) -> Path | None:
    return next((file for file in (folder / f"{stem}.gz", folder / stem) if file.is_file()), None)
