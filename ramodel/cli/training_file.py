"""What `ramodel train --config` reads: a TOML file with the tables [network], [data] and [training]."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from ramodel.checks import existing_file
from ramodel.nets import DataChoice, TrainingConfig

__all__ = ["TrainingFile", "read_training_file"]


class TrainingFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One network to train.

    Parameters
    ----------
    network
        Settings of a family, `family` among them; what follows from the data is left out.
    data
        Which samples.
    training
        How.
    """

    network: dict[str, Any]
    data: DataChoice = DataChoice()
    training: TrainingConfig = TrainingConfig()


def read_training_file(path: Path, *, seed: int) -> TrainingFile:
    """Return what the file `path` says; `seed` is that of data and training where it names none.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not TOML, or a table or a key is unknown, missing or has a wrong value.
    """
    file = existing_file("config", path)
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"config is {str(file)!r}; it is not a TOML file ({error}).") from error
    for name in ("data", "training"):
        table = tables.setdefault(name, {})
        if isinstance(table, dict):
            table.setdefault("seed", seed)
    try:
        return msgspec.convert(tables, TrainingFile)
    except msgspec.ValidationError as error:
        raise ValueError(
            f"config is {str(file)!r}; {error}. It has the tables [network], with a family, [data] and [training]."
        ) from error
