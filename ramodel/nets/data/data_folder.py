"""The data folder: where real data and trained weights lie on this machine, and how a name in it is found."""

import os
from pathlib import Path

__all__ = ["DATA_FOLDER_VARIABLE", "data_root", "in_data_folder"]

DATA_FOLDER_VARIABLE = "RAMODEL_DATA"
"""Environment variable that names the data folder."""


def data_root(data_folder: str | os.PathLike[str] | None) -> Path | None:
    """Return the data folder: `data_folder`, or else what RAMODEL_DATA names, or None where neither is given.

    Raises
    ------
    NotADirectoryError
        If it is given and there is no such folder.
    """
    given = data_folder if data_folder is not None else os.environ.get(DATA_FOLDER_VARIABLE)
    if given is None:
        return None
    root = Path(given).expanduser()
    if not root.is_dir():
        origin = "data_folder" if data_folder is not None else f"the environment variable {DATA_FOLDER_VARIABLE}"
        raise NotADirectoryError(f"{origin} is {str(root)!r}; there is no such folder.")
    return root


def in_data_folder(argument: str, name: str, file: str, data_folder: str | os.PathLike[str] | None) -> Path:
    """Return the path of `file` in the data folder, which `argument` asks for under the name `name`.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no data folder, or it has no such file.
    """
    root = data_root(data_folder)
    if root is None:
        raise FileNotFoundError(
            f"{argument} is {name!r}; it is read from the data folder, but none is given. Pass "
            f"data_folder or set the environment variable {DATA_FOLDER_VARIABLE}."
        )
    if not (root / file).exists():
        raise FileNotFoundError(f"{argument} is {name!r}; the data folder {str(root)!r} holds no {file}.")
    return root / file
