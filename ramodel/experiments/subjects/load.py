"""The ways to name a network: our own checkpoint, a built-in name, a Hugging Face folder, anyone's Python file."""

import os
from pathlib import Path

from ramodel.checks import one_of
from ramodel.experiments.subjects.huggingface import huggingface_subject
from ramodel.experiments.subjects.model_file import file_subject
from ramodel.experiments.subjects.subject import Subject
from ramodel.nets import (
    CIFAR10_IMAGES,
    CIFAR10_MEAN,
    CIFAR10_STD,
    CIFAR_RESNETS,
    CifarResNet,
    ResidualNetwork,
    load_checkpoint,
    load_cifar_resnet,
    trained_on,
)
from ramodel.nets.data.data_folder import data_root, in_data_folder

__all__ = ["load_subject"]


def load_subject(
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    model: str | os.PathLike[str] | None = None,
    model_file: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
) -> Subject:
    """Return the network that exactly one of `checkpoint`, `model` and `model_file` names.

    Parameters
    ----------
    checkpoint
        Folder that `ramodel train` wrote.
    model
        "cifar10-resnet20" or "cifar10-resnet44" (in the data folder), or a Hugging Face folder on disk: config.json
        and model.safetensors. Nothing is downloaded, and code that comes with such a folder is not run.
    model_file
        "PATH.py:FUNCTION". The file is EXECUTED; the function, called without arguments, returns the network.
    weights
        For `model_file`: a .safetensors, .pt or .pth file. None leaves what the function returns.
    data
        The data folder, where built-in names are looked for; None, or a folder of other data, reads the environment
        variable RAMODEL_DATA.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, ModuleNotFoundError
        If a file, the data folder or transformers is missing.
    TypeError, ValueError
        If not exactly one is given, a file is damaged, or does not hold what it should.

    Examples
    --------
    >>> load_subject(model="cifar10-resnet21", data="/")
    Traceback (most recent call last):
    ...
    ValueError: model is 'cifar10-resnet21'; it must be one of 'cifar10-resnet20', 'cifar10-resnet44',
    'PATH OF A HUGGING FACE FOLDER'; did you mean 'cifar10-resnet20'?
    """
    named = {"checkpoint": checkpoint, "model": model, "model_file": model_file}
    given = [name for name, value in named.items() if value is not None]
    if len(given) != 1:
        listed = " and ".join(given) or "none"
        raise ValueError(f"Exactly one of checkpoint, model and model_file must be given; {listed} given.")
    if weights is not None and model_file is None:
        raise ValueError(f"weights is {str(weights)!r}; it is for model_file: {given[0]} has its own weights.")
    if checkpoint is not None:
        return _checkpoint_subject(checkpoint)
    if model_file is not None:
        return file_subject(model_file, weights)
    if str(model) in CIFAR_RESNETS:
        return _cifar_subject(str(model), data)
    folder = Path(str(model))
    if not folder.expanduser().is_dir():
        one_of("model", str(model), [*CIFAR_RESNETS, "PATH OF A HUGGING FACE FOLDER"])
    return huggingface_subject(folder)


def _checkpoint_subject(folder: str | os.PathLike[str]) -> Subject:
    data = trained_on(folder)
    network = load_checkpoint(folder).network.double().eval()
    config = network.config
    return Subject(
        name=f"{config.kind} network, L = {config.depth}, d = {config.width}",
        network=network,
        fresh=lambda _: ResidualNetwork(config),  # the very weights that it started from
        classes=config.classes,
        head=network.head.weight,
        data=data,
    )


def _cifar_subject(name: str, data: str | os.PathLike[str] | None) -> Subject:
    place = None if data is None else Path(data).expanduser()
    has_it = place is not None and (place / CIFAR_RESNETS[name]).exists()
    # Where other data are measured, the weights are those of the data folder that the environment names.
    folder = place if place is not None and place.is_dir() and (has_it or data_root(None) is None) else None
    network = load_cifar_resnet(in_data_folder("model", name, CIFAR_RESNETS[name], folder))
    classes = network.linear.out_features
    return Subject(
        name=name,
        network=network,
        fresh=lambda seed: CifarResNet(network.config.depth, classes=classes, seed=seed),
        classes=classes,
        mean=CIFAR10_MEAN,
        std=CIFAR10_STD,
        image_size=32,
        images=CIFAR10_IMAGES,
    )
