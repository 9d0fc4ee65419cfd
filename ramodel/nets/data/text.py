"""A character corpus that every Python brings along: the language reference that `help()` shows."""

import functools
import hashlib
import importlib
import math
import string

import numpy as np
from numpy.typing import NDArray

from ramodel.checks import LARGEST_SEED, integer
from ramodel.nets.data.datasets import Dataset

__all__ = ["VOCABULARY", "python_text", "text_dataset"]

VOCABULARY = "\n" + " " + string.digits + string.ascii_letters + string.punctuation
"""The characters of text data, in the order of their labels: the 95 printable ones of ASCII and the end of a line."""

_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\t": "    "})
_TEST_SHARE = 0.1


@functools.cache
def python_text() -> str:
    """Return the topics of `help()` of this Python, in alphabetical order, each paragraph once.

    About 370,000 characters of English with short programs, from `pydoc_data.topics`. Chapters repeat sections that are
    topics of their own; without them no test text is a copy of training text. Another Python has another edition:
    `Dataset.name` tells them apart.

    Raises
    ------
    ModuleNotFoundError
        If this Python came without its help topics.

    Examples
    --------
    >>> python_text().startswith('The "assert" statement')
    True
    """
    try:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "python-text needs the module pydoc_data.topics, which this Python came without; "
            "pass a text of your own: ramodel.nets.text_dataset(text=...)."
        ) from error
    paragraphs = "\n\n".join(topics[name] for name in sorted(topics)).split("\n\n")
    return "\n\n".join(dict.fromkeys(paragraphs)).strip()


def text_dataset(
    context: int = 64,
    *,
    train_size: int | None = None,
    test_size: int | None = None,
    seed: int = 0,
    text: str | None = None,
) -> Dataset:
    """Return rows of `context` characters, each labelled with the character that follows it.

    The text is cut into pieces of `context` + 1 characters that do not overlap: all but the last are inputs, all but
    the first are labels. The last tenth of the pieces is for tests, so that no test text lies between training texts.
    Curly quotes, dashes, dots and tabs become plain ones, other characters outside of `VOCABULARY` become "?".

    Parameters
    ----------
    context
        Characters in a row.
    train_size, test_size
        Number of rows, drawn at random from their parts; None takes all.
    seed
        Seed of the draw.
    text
        A text of your own; None takes `python_text`.

    Returns
    -------
    Dataset
        Inputs and labels are int64 [N, context]; `class_names` are the characters. `name` ends with a digest of the
        text, because another version of Python brings another text.

    Raises
    ------
    ModuleNotFoundError
        As `python_text` does.
    TypeError, ValueError
        If a number is out of range, or the text is too short for a piece in each part.

    Examples
    --------
    >>> data = text_dataset(16, train_size=100, test_size=20)
    >>> data.train_inputs.shape, data.train_labels.shape, data.classes
    ((100, 16), (100, 16), 96)
    >>> row, following = data.train_inputs[0], data.train_labels[0]
    >>> bool((row[1:] == following[:-1]).all())
    True
    """
    integer("context", context)
    integer("seed", seed, minimum=0, maximum=LARGEST_SEED)
    if text is not None and not isinstance(text, str):
        raise TypeError(f"text is a {type(text).__name__}; it must be a string.")
    name, characters = ("python-text", python_text()) if text is None else ("text", text)
    labels = _labels(characters)
    count = labels.size // (context + 1)
    tests = math.ceil(_TEST_SHARE * count)
    if count < 2:
        raise ValueError(
            f"text has {labels.size} characters, {count} pieces of context + 1 = {context + 1}; it must have at least "
            "two: one to train on, one for tests. Give a longer text or a smaller context."
        )
    pieces = labels[: count * (context + 1)].reshape(count, context + 1)
    generator = np.random.default_rng(seed)
    train = _drawn("train_size", pieces[: count - tests], train_size, generator)
    test = _drawn("test_size", pieces[count - tests :], test_size, generator)
    return Dataset(
        train_inputs=train[:, :-1],
        train_labels=train[:, 1:],
        test_inputs=test[:, :-1],
        test_labels=test[:, 1:],
        class_names=tuple(VOCABULARY),
        image_shape=(),
        name=f"{name} {hashlib.sha256(labels.tobytes()).hexdigest()[:8]}",
    )


def _labels(text: str) -> NDArray[np.int64]:
    codes = np.frombuffer(text.translate(_PLAIN).encode("ascii", "replace"), dtype=np.uint8)
    labels = np.full(128, VOCABULARY.index("?"), dtype=np.int64)
    labels[np.frombuffer(VOCABULARY.encode("ascii"), dtype=np.uint8)] = np.arange(len(VOCABULARY))
    return labels[codes]


def _drawn(name: str, pieces: NDArray[np.int64], size: int | None, generator: np.random.Generator) -> NDArray[np.int64]:
    if size is None:
        return pieces
    integer(name, size, maximum=len(pieces), hint=f"There are {len(pieces)} rows to choose from.")
    return pieces[np.sort(generator.permutation(len(pieces))[:size])]
