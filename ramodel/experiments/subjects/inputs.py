"""The inputs at which a network is measured: those asked for, or else those that are known to suit it."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from ramodel.checks import LARGEST_SEED, existing_file, integer
from ramodel.experiments.subjects.subject import Subject
from ramodel.nets import CIFAR10_IMAGES, Inputs, load_inputs, normalised, spread_over_classes
from ramodel.nets.data.arrays import ARRAY_SUFFIXES

__all__ = ["subject_inputs"]

_TOKENS = 32
"""Random tokens in a row, unless told."""


def subject_inputs(
    subject: Subject,
    *,
    data: str | os.PathLike[str] | None = None,
    inputs_file: str | os.PathLike[str] | None = None,
    count: int | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    size: int | None = None,
    sequence_length: int | None = None,
    seed: int = 0,
) -> Inputs:
    """Return at most `count` inputs for `subject`, spread over the classes where labels are known.

    Parameters
    ----------
    subject
        The network.
    data
        The data folder, or labelled images as in `ramodel.nets.load_inputs`. None takes what the network was trained
        on, if that is known; for a network that reads text, random token ids.
    inputs_file
        In place of `data`: an .npz, .npy or .safetensors file.
    mean, std
        With which images are normalised; None takes what is known of the network, if anything.
    size
        Height and width to which the images of a folder or .zip are brought.
    sequence_length
        Number of random tokens in a row; None takes 32, or fewer where the network takes no more.
    seed
        Seed of random tokens.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If a file or the data folder is missing.
    TypeError, ValueError
        If nothing tells which inputs, a file is damaged, or an argument does not suit the network.
    """
    if count is not None:
        integer("count", count)
    if data is not None and inputs_file is not None:
        raise ValueError(f"inputs_file is {str(inputs_file)!r}; give it or data, not both.")
    from_training = inputs_file is None and subject.data is not None
    from_chance = inputs_file is None and data is None and subject.vocabulary is not None
    if sequence_length is not None and not from_chance:
        raise ValueError(f"sequence_length is {sequence_length}; it is for random token ids alone.")
    if from_training or from_chance:
        for name, value in {"mean": mean, "std": std, "size": size}.items():
            if value is not None:
                raise ValueError(f"{name} is {value}; it is for images, and {subject.name} is given none.")
    if from_training:
        return _of_training(subject, data, count)
    if from_chance:
        return _random_tokens(subject, 1 if count is None else count, sequence_length, seed)
    place = data if inputs_file is None else _array_file(inputs_file)
    found = _loaded(subject, place, count, size)
    if mean is not None or std is not None:
        return normalised(found, mean=mean, std=std)
    return normalised(found, mean=subject.mean, std=subject.std) if found.kind == "images" else found


def _array_file(inputs_file: str | os.PathLike[str]) -> Path:
    file = existing_file("inputs_file", inputs_file).resolve()
    if file.suffix not in ARRAY_SUFFIXES:
        raise ValueError(
            f"inputs_file is {str(inputs_file)!r}; its name must end in {', '.join(ARRAY_SUFFIXES)}. Folders and "
            "zip files of images are given as data."
        )
    return file


def _loaded(subject: Subject, place: str | os.PathLike[str] | None, count: int | None, size: int | None) -> Inputs:
    if place is None and subject.images is None:
        raise ValueError(f"data is missing; {subject.name} does not say what it takes. Give that, or inputs_file.")
    images = subject.images or CIFAR10_IMAGES
    if place is None or (Path(place).expanduser() / images).exists():
        found = load_inputs(images, data_folder=place, count=count)
    else:
        found = load_inputs(place, count=count, size=size)
    return found if subject.vocabulary is None else _tokens(found, subject.vocabulary)


def _of_training(subject: Subject, data_folder: str | os.PathLike[str] | None, count: int | None) -> Inputs:
    assert subject.data is not None
    dataset = subject.data.load(data_folder)
    chosen = spread_over_classes(dataset.test_labels, dataset.test_labels.size if count is None else count)
    return Inputs(
        values=dataset.test_inputs[chosen],
        kind="inputs",
        labels=dataset.test_labels[chosen],
        class_names=dataset.class_names,
        origin=f"the test part of {dataset.name}",
    )


def _random_tokens(subject: Subject, count: int, length: int | None, seed: int) -> Inputs:
    assert subject.vocabulary is not None
    if length is None:
        length = _TOKENS if subject.longest is None else min(_TOKENS, subject.longest)
    hint = f"{subject.name} takes at most {subject.longest} tokens in a row."
    integer("sequence_length", length, maximum=subject.longest, hint=hint)
    generator = np.random.default_rng(integer("seed", seed, minimum=0, maximum=LARGEST_SEED))
    values = generator.integers(subject.vocabulary, size=(count, length))
    return Inputs(values=values, kind="input_ids", origin=f"random token ids of seed {seed}")


def _tokens(found: Inputs, vocabulary: int) -> Inputs:
    values = found.values
    if values.dtype.kind != "i":
        raise ValueError(
            f"The inputs of {found.origin} are {values.dtype}; a network that reads text takes whole numbers."
        )
    if values.min() < 0 or values.max() >= vocabulary:
        raise ValueError(
            f"The inputs of {found.origin} go from {values.min()} to {values.max()}; token ids of this network go from "
            f"0 to {vocabulary - 1}."
        )
    return msgspec.structs.replace(found, kind="input_ids")
