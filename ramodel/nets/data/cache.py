"""Decoded images kept in the cache folder of the user: JPEGs that take long to decode are decoded once."""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ramodel.nets.data.arrays import read_arrays
from ramodel.nets.data.samples import Samples, Source

__all__ = ["cache_folder", "kept_once_decoded"]

_LONG = 5.0
"""Seconds of decoding from which a copy is kept."""


def cache_folder() -> Path:
    """Return the folder `ramodel` in the cache folder of the user: $XDG_CACHE_HOME, or else ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ramodel"


def kept_once_decoded(path: Path, decode: Callable[[Path], Source]) -> Source:
    """Return ``decode(path)``, from the copy that an earlier call kept where `path` is still that file.

    A copy is known by path, size and time of change of the file, and made where decoding took over five seconds. One
    that is damaged, or cannot be written, is passed over.
    """
    about = path.stat()
    key = hashlib.sha256(f"{path.resolve()} {about.st_size} {about.st_mtime_ns}".encode()).hexdigest()[:24]
    copy = cache_folder() / f"{path.stem}-{key}.npz"
    if copy.is_file():
        with contextlib.suppress(ValueError, KeyError):
            return _unpacked(copy)
    began = time.monotonic()
    source = decode(path)
    if time.monotonic() - began > _LONG:
        with contextlib.suppress(OSError):
            _keep(copy, source)
    return source


def _keep(copy: Path, source: Source) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    partial = copy.with_name(f".{copy.stem}.{os.getpid()}.partial.npz")
    parts = {"train": source.train} | ({"test": source.test} if source.test is not None else {})
    arrays = {f"{part}_{name}": array for part, samples in parts.items() for name, array in samples._asdict().items()}
    try:
        np.savez(partial, class_names=np.array(source.class_names or ()), **arrays)
        partial.replace(copy)
    finally:
        partial.unlink(missing_ok=True)


def _unpacked(copy: Path) -> Source:
    arrays = read_arrays(copy)
    parts = [
        Samples(arrays[f"{part}_images"], arrays[f"{part}_labels"])
        for part in ("train", "test")
        if f"{part}_images" in arrays
    ]
    return Source(parts[0], parts[1] if len(parts) > 1 else None, tuple(map(str, arrays["class_names"])) or None)
