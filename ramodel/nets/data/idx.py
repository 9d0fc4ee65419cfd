"""Reader of the IDX format (MNIST and its family), plain or gzip-compressed."""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ramodel.checks import existing_file

__all__ = ["read_idx"]

_UNSIGNED_BYTE = 0x08


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Return the array of unsigned bytes stored in an IDX file.

    The format: two zero bytes, the type (8 = unsigned byte), the number of axes, each axis' length as a big-endian
    32-bit integer, then the entries in C order (LeCun, Cortes & Burges, "The MNIST database", 1998).

    Parameters
    ----------
    path
        The file; it is decompressed where its name ends in ".gz".

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not gzip data, not an IDX file of unsigned bytes, or shorter or longer than its header says.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "labels-idx1-ubyte")
    ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(file).tolist()
    [7, 2, 1]
    """
    file = existing_file("path", path)
    content = _decompressed(file)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE:
        start = content[:4].hex(" ") or "nothing"
        raise ValueError(
            f"{file} starts with the bytes {start}; an IDX file of unsigned bytes starts with 00 00 08. "
            "Is it the right file?"
        )
    axes = content[3]
    header = 4 + 4 * axes
    if len(content) < header:
        raise ValueError(
            f"{file} is truncated: {len(content)} bytes, but its header alone has {header}. Fetch it anew."
        )
    shape = struct.unpack(f">{axes}I", content[4:header])
    entries = len(content) - header
    if entries != math.prod(shape):
        fault = "truncated" if entries < math.prod(shape) else "too long"
        raise ValueError(
            f"{file} is {fault}: {entries} entries, but its header announces {' x '.join(map(str, shape))} = "
            f"{math.prod(shape)}. Fetch it anew."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _decompressed(file: Path) -> bytes:
    content = file.read_bytes()
    if file.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{file} is not a complete gzip file ({error}). Fetch it anew.") from error
