"""Files that appear whole or not at all."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ramodel.checks import replaceable_file

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`: it takes the place of `path` when the body ends well, else it is removed.

    A reader sees the old file or the new one, never a part.

    Raises
    ------
    FileNotFoundError, FileExistsError
        Before the body runs, if its folder does not exist, or a folder or a device has that name.
    OSError
        If there is no space left, in the system's own words.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, whole_file(Path(folder, "a.txt")) as temporary:
    ...     _ = temporary.write_text("done")
    ...     print(temporary.name.endswith(".part"))
    True
    """
    replaceable_file("path", path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno == errno.ENOSPC:  # what HDF5 says of it fills a screen
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
