"""Folders of images by class, and zip files of them: listed first, decoded where wanted, nothing ever unpacked."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ramodel.checks import integer
from ramodel.progress import progress_bar

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ImageFiles", "find_images"]

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may take a file for: decoders of its own only, none that calls another programme."""

_PARTS = {"train": "train", "test": "test", "val": "test", "validation": "test"}
_GREY_MODES = ("1", "L")
_EIGHT_BIT_MODES = (*_GREY_MODES, "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
_LARGEST_FILE = 2**28
"""Bytes of one file, unpacked; more is taken for an attack."""

_LARGEST_SIDE = 2**12
"""Pixels to which an image is brought at most; more is taken for a slip of the finger."""


class ImageFiles(NamedTuple):
    """Image files of one part of a data set, not decoded yet.

    Parameters
    ----------
    container
        The folder or the zip file.
    names
        Files in it.
    labels
        int64 [N], one per file.
    class_names
        Names of the classes 0, 1, ..., in alphabetical order.
    """

    container: Path
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]

    def read(
        self, rows: Sequence[int] | NDArray[np.intp] | None = None, *, size: int | None = None
    ) -> NDArray[np.uint8]:
        """Return the images in `rows`, or all of them, as uint8 [N, height, width, 3], or [N, height, width] if grey.

        Parameters
        ----------
        rows
            Positions in `names`.
        size
            Height and width to which each image is brought (bilinear; its proportions are not kept). None leaves them.

        Raises
        ------
        ValueError
            If a file is damaged, is no image, has more than 8 bits a channel, or is of another size than the first.
        """
        names = self.names if rows is None else [self.names[row] for row in rows]
        shape = None if size is None else (integer("size", size, maximum=_LARGEST_SIDE),) * 2
        images: list[Image] = []
        with _opened(self.container) as content, progress_bar("reading images", len(names)) as bar:
            for name in names:
                image = _decoded(content.read(name), f"{self.container}/{name}", shape)
                if images and image.size != images[0].size:
                    first, other = (f"{width} x {height}" for width, height in (images[0].size, image.size))
                    raise ValueError(
                        f"{name!r} in {self.container} has {other} pixels and {names[0]!r} has {first}; images must be "
                        "of one size. Give size to bring all of them to one."
                    )
                images.append(image)
                bar.advance()
        mode = "L" if all(image.mode == "L" for image in images) else "RGB"
        return np.stack([np.asarray(image.convert(mode)) for image in images])


def find_images(path: Path) -> dict[str, ImageFiles]:
    """Return the parts, "train" and "test" or one of them, of a folder of images or of a zip file of one.

    An image belongs to the class of the folder it lies in: CLASS/FILE, or PART/CLASS/FILE with a part named train,
    test, val or validation, all of it below any one folder. Without parts all is "train". Other files are left out.

    Raises
    ------
    FileNotFoundError
        If there are no images.
    ValueError
        If the zip file is damaged, a name leads out of it, or images do not lie in folders of one such layout.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         Path(folder, name).mkdir()
    ...         Image.new("L", (4, 2)).save(Path(folder, name, "1.png"))
    ...     found = find_images(Path(folder))["train"]
    ...     found.class_names, found.labels.tolist(), found.read().shape
    (('cat', 'dog'), [0, 1], (2, 2, 4))
    """
    with _opened(path) as content:
        names = sorted(name for name in content.names() if PurePosixPath(name).suffix.lower() in _SUFFIXES)
    placed = [_placed(name, path) for name in names if not _is_hidden(name)]
    if not placed:
        raise FileNotFoundError(
            f"{path} holds no images in folders by class, such as train/cat/1.png, and no IDX files."
        )
    tops = sorted({place.top for place in placed})
    if len(tops) > 1:
        raise ValueError(
            f"{path} holds images of classes below {tops[0] or '.'!r} and below {tops[1]!r}; all must lie in one tree "
            "of folders CLASS/FILE, or train/CLASS/FILE and test/CLASS/FILE."
        )
    class_names = tuple(sorted({place.label for place in placed}))
    parts = {}
    for part in sorted({place.part or "train" for place in placed}, reverse=True):
        chosen = [place for place in placed if (place.part or "train") == part]
        labels = np.array([class_names.index(place.label) for place in chosen], dtype=np.int64)
        parts[part] = ImageFiles(path, tuple(place.name for place in chosen), labels, class_names)
    return parts


class _Place(NamedTuple):
    """A file's name, and what its folders say: the class, the part, and what is above."""

    name: str
    label: str
    part: str
    top: str


def _placed(name: str, path: Path) -> _Place:
    folders = PurePosixPath(name).parts[:-1]
    if not folders:
        raise ValueError(f"{name!r} in {path} lies in no folder; the folder of an image names its class.")
    *above, label = folders
    part = _PARTS.get(above[-1].lower(), "") if above else ""
    return _Place(name, label, part, "/".join(above[:-1] if part else above))


def _is_hidden(name: str) -> bool:
    """Tell whether an archiver put the file there, such as __MACOSX/._cat.png."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


class _Content(Protocol):
    def names(self) -> list[str]: ...
    def read(self, name: str) -> bytes: ...


class _FolderContent:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        return [file.relative_to(self.folder).as_posix() for file in self.folder.rglob("*") if file.is_file()]

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


class _ZipContent:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive

    def names(self) -> list[str]:
        files = [info.filename for info in self.archive.infolist() if info.filename and not info.is_dir()]
        for name in files:
            path = PurePosixPath(name.replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts or path.parts[0].endswith(":"):
                raise ValueError(f"{name!r} in {self.archive.filename} leads out of the archive; do not trust it.")
        return files

    def read(self, name: str) -> bytes:
        if (length := self.archive.getinfo(name).file_size) > _LARGEST_FILE:
            raise ValueError(f"{name!r} in {self.archive.filename} is {length} bytes unpacked, no sane image.")
        return self.archive.read(name)


@contextmanager
def _opened(path: Path) -> Iterator[_Content]:
    if path.is_dir():
        yield _FolderContent(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield _ZipContent(archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        # RuntimeError: encrypted.
        raise ValueError(f"{path} is not a whole zip file that can be read ({error}). Fetch it anew.") from error


def _decoded(content: bytes, origin: str, shape: tuple[int, int] | None) -> "Image":
    """Return the picture in grey (mode L) or in colour (mode RGB)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            file = Image.open(io.BytesIO(content), formats=_FORMATS)
            image = file.convert("L" if file.mode in _GREY_MODES else "RGB")
    except UnidentifiedImageError as error:
        raise ValueError(f"{origin} is not an image of the kinds {', '.join(_FORMATS)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{origin} announces too many pixels ({error}).") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ValueError(f"{origin} is a damaged image ({error}). Fetch it anew.") from error
    if file.mode not in _EIGHT_BIT_MODES:
        raise ValueError(f"{origin} has pixels of mode {file.mode}; they must have 8 bits a channel. Convert it first.")
    return image if shape is None else image.resize(shape, Image.Resampling.BILINEAR)
