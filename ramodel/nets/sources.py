"""Where labelled images come from: scikit-learn's digits, folders of IDX files, .npz files."""

import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ramodel.checks import one_of
from ramodel.nets.data_folder import data_root, in_data_folder
from ramodel.nets.idx import read_idx

__all__ = ["Samples", "Source", "read_source"]

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
    if name_or_path == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return Source(_samples(digits.images, digits.target, "digits"), None, None)
    path = _locate(name_or_path, data_folder)
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.is_dir():
        return _read_idx_folder(path)
    raise ValueError(f"name_or_path is {str(path)!r}; it must be 'digits', a folder of IDX files or an .npz file.")


def _locate(name_or_path: str | os.PathLike[str], data_folder: str | os.PathLike[str] | None) -> Path:
    given = Path(name_or_path).expanduser()
    root = data_root(data_folder)
    if root is not None and (root / given).exists():
        return root / given
    if given.exists():
        return given
    if str(name_or_path) in _KNOWN and root is None:
        return in_data_folder("name_or_path", str(name_or_path), str(name_or_path), data_folder)
    if given.suffix in (".npz", ".zip") or str(name_or_path) in _KNOWN or len(given.parts) > 1:
        places = " or ".join(repr(str(place)) for place in (*([root] if root is not None else []), Path.cwd()))
        raise FileNotFoundError(f"name_or_path is {str(name_or_path)!r}; nothing of this name is in {places}.")
    return Path(one_of("name_or_path", str(name_or_path), [*_KNOWN, "PATH.npz"]))


def _read_npz(path: Path) -> Source:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        # NumPy's own words advise to allow pickles, which would run whatever the file holds.
        raise ValueError(
            f"{path} is not a readable .npz file of plain arrays: it is damaged, of another format, or holds pickled "
            "objects. Write it with numpy.savez(path, images=..., labels=...)."
        ) from error
    if not {"images", "labels"} <= arrays.keys():
        raise ValueError(f"{path} holds {sorted(arrays)}; it must hold 'images' and 'labels'.")
    names = tuple(map(str, arrays["class_names"])) if "class_names" in arrays else None
    return Source(_samples(arrays["images"], arrays["labels"], str(path)), None, names)


def _read_idx_folder(folder: Path) -> Source:
    parts = {part: _read_idx_pair(folder, part) for part in ("train", "t10k")}
    if parts["train"] is not None:
        return Source(parts["train"], parts["t10k"], None)
    if parts["t10k"] is not None:
        return Source(parts["t10k"], None, None)
    raise FileNotFoundError(
        f"name_or_path is {str(folder)!r}; the folder holds no IDX files "
        "(train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz, or the t10k pair)."
    )


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


def _samples(images: NDArray[np.generic], labels: NDArray[np.generic], origin: str) -> Samples:
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
    return Samples(images, labels.astype(np.int64))
