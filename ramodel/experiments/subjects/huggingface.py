"""Networks in the form in which Hugging Face's transformers saves them, from a folder on disk, never from the net."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ramodel.checks import existing_file
from ramodel.experiments.subjects.subject import Subject

if TYPE_CHECKING:
    from transformers import PretrainedConfig

__all__ = ["huggingface_subject"]

_SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")


def huggingface_subject(folder: str | os.PathLike[str]) -> Subject:
    """Return the network in a folder of config.json and model.safetensors; code in the folder is not run.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ModuleNotFoundError
        If transformers is not installed.
    ValueError
        If transformers cannot make the network of these files.
    """
    path = Path(folder).expanduser()
    existing_file("model", path / "config.json", hint="A Hugging Face folder has config.json and model.safetensors.")
    if not any((path / name).is_file() for name in _SAFETENSORS):
        raise FileNotFoundError(
            f"model is {str(path)!r}; it holds no model.safetensors, and files of pickled weights are not read. "
            "Save the network with save_pretrained."
        )
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"model is {str(path)!r}; a Hugging Face folder needs transformers: pip install 'ramodel[hf]'."
        ) from error
    safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with _quiet(transformers):
        try:
            config = transformers.AutoConfig.from_pretrained(path, **safely)
            kind = _class_of(transformers, config)
            network, report = kind.from_pretrained(
                path, config=config, use_safetensors=True, output_loading_info=True, dtype="auto", **safely
            )
        except Exception as error:
            raise ValueError(
                f"model is {str(path)!r}; transformers cannot load it ({type(error).__name__}: {error})."
            ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(f"model is {str(path)!r}; its weights lack {missing[0]!r} of a {kind.__name__}.")
    text = getattr(network, "main_input_name", "") == "input_ids"
    image = _image_settings(path)
    return Subject(
        name=f"{kind.__name__} of {path.name}",
        network=network.eval(),
        fresh=lambda seed: _fresh(kind, config, seed),
        classes=config.num_labels if "Classification" in kind.__name__ else None,
        mean=image.get("image_mean"),
        std=image.get("image_std"),
        image_size=_whole(getattr(config, "image_size", None)),
        keyword=network.main_input_name,
        vocabulary=_whole(getattr(config.get_text_config(), "vocab_size", None)) if text else None,
        longest=_whole(getattr(config.get_text_config(), "max_position_embeddings", None)) if text else None,
    )


def _class_of(transformers: Any, config: "PretrainedConfig") -> Any:
    """Return the class that saved the network, or the bare one of its kind."""
    for name in config.architectures or ():
        if hasattr(transformers, name):
            return getattr(transformers, name)
    return transformers.AutoModel


def _fresh(kind: Any, config: "PretrainedConfig", seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        make = getattr(kind, "from_config", None) or kind._from_config  # of AutoModel, or of a class of its own
        network: nn.Module = make(config)
    return network


def _image_settings(path: Path) -> dict[str, tuple[float, ...]]:
    """Return image_mean and image_std where preprocessor_config.json has them, for pixels from 0 to 1."""
    file = path / "preprocessor_config.json"
    if not file.is_file():
        return {}
    try:
        settings = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file} is not JSON ({error}).") from error
    if not isinstance(settings, dict) or not settings.get("do_normalize", True):
        return {}
    return {name: tuple(map(float, settings[name])) for name in ("image_mean", "image_std") if settings.get(name)}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Silence the reports and bars of transformers while the body runs."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
