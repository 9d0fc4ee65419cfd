"""Where labelled images come from: scikit-learn's digits, IDX files, .npz files, folders and zip files of images."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ramodel.checks import one_of
from ramodel.nets.data.arrays import ARRAY_SUFFIXES, read_arrays
from ramodel.nets.data.data_folder import data_root, in_data_folder
from ramodel.nets.data.idx import read_idx
from ramodel.nets.data.images import find_images

__all__ = ["Samples", "Source", "finite_numbers", "holds_idx_files", "locate", "nonnegative_labels", "read_source"]

_KNOWN = ("digits", "mnist", "fashion-mnist")


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


def read_source(name_or_path: str | os.PathLike[str], data_folder: str | os.PathLike[str] | None) -> Source:
    """Read what `ramodel.nets.load_dataset` describes, checked but not yet split.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the data folder or a file in it is missing.
    ValueError
        If the name is unknown or a file is damaged.
    """
    if str(name_or_path) == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Source(_samples(digits.images, digits.target, "digits"), None, None)
    path = locate(name_or_path, data_folder)
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.is_dir() and holds_idx_files(path):
        return _read_idx_folder(path)
    if path.is_dir() or path.suffix == ".zip":
        return _read_images(path)
    raise ValueError(
        f"name_or_path is {str(path)!r}; it must be 'digits', a folder of IDX files, an .npz file, or a folder of "
        "images by class or a .zip of one."
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
    return Source(_samples(arrays["images"], arrays["labels"], str(path)), None, names)


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


def _read_idx_pair(folder: Path, part: str) -> Samples | None:
    files = [_idx_file(folder, f"{part}-images-idx3-ubyte"), _idx_file(folder, f"{part}-labels-idx1-ubyte")]
    if files == [None, None]:
        return None
    images, labels = files
    if images is None or labels is None:
        raise FileNotFoundError(f"{folder} holds only one of the two '{part}' files; images and labels are needed.")
    return _samples(read_idx(images), read_idx(labels), str(folder))


def _idx_file(folder: Path, stem: str) -> Path | None:
    return next((file for file in (folder / f"{stem}.gz", folder / stem) if file.is_file()), None)


def _samples(images: NDArray[Any], labels: NDArray[Any], origin: str) -> Samples:
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
