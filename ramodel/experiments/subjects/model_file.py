"""A network that a function in someone's Python file builds. The file is executed."""

import contextlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ramodel.checks import existing_file, one_of
from ramodel.experiments.subjects.subject import Subject
from ramodel.nets import load_weights

__all__ = ["file_subject"]


def file_subject(model_file: str, weights: str | os.PathLike[str] | None) -> Subject:
    """Return the network that ``FUNCTION()`` of "PATH.py:FUNCTION" makes, with `weights` put in if given.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    TypeError, ValueError
        If `model_file` has another form, the file or the function fails, it returns no `torch.nn.Module`, or the
        weights do not fit.
    """
    place, _, function = model_file.rpartition(":")
    if not place or not function.isidentifier():
        raise ValueError(f"model_file is {model_file!r}; it must be FILE.py:FUNCTION, such as my.py:build.")
    build = _function(existing_file("model_file", place), function)

    def fresh(seed: int) -> nn.Module:
        # The function may draw its weights from the global generator, which is nobody else's to move.
        with torch.random.fork_rng(devices=[]), _named(model_file):
            torch.manual_seed(seed)
            network = build()
        if not isinstance(network, nn.Module):
            kind = type(network).__name__
            raise TypeError(f"model_file is {model_file!r}; {function}() returned {kind}; it must return an nn.Module.")
        return network

    network = fresh(0)
    if weights is not None:
        load_weights(network, weights)
    return Subject(
        name=f"{type(network).__name__} of {model_file}",
        network=network.eval(),
        fresh=None if weights is None else fresh,
    )


def _function(file: Path, name: str) -> Callable[[], Any]:
    spec = importlib.util.spec_from_file_location(f"ramodel_subject_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"model_file is {str(file)!r}; it must be a Python file, whose name ends in .py.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look a class up in its module.
    sys.modules[spec.name] = module
    # As for `python FILE`: modules beside the file can be imported, by the function too.
    folder = str(file.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    with _named(str(file)):
        spec.loader.exec_module(module)
    functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    function: Callable[[], Any] = getattr(module, one_of("model_file's function", name, functions))
    return function


@contextlib.contextmanager
def _named(model_file: str) -> Iterator[None]:
    """Say of whatever goes wrong in the user's code where that was."""
    try:
        yield
    except (Exception, SystemExit) as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"model_file is {model_file!r}; running it raised {what}{where}.") from error
