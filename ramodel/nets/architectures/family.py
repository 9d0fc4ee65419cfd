"""Every family of networks under one roof: a configuration made from settings, a network made from a configuration."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

import msgspec

from ramodel.checks import one_of
from ramodel.nets.architectures.cifar_resnet import CifarResNet, CifarResNetConfig
from ramodel.nets.architectures.network import NetworkConfig, ResidualNetwork
from ramodel.nets.architectures.paper import PaperConfig, PaperNetwork
from ramodel.nets.architectures.preactivation import PreactivationConfig, PreactivationNetwork
from ramodel.nets.architectures.procrustes import ProcrustesConfig, ProcrustesNetwork
from ramodel.nets.architectures.trainable import TrainableNetwork
from ramodel.nets.architectures.transformer import Transformer, TransformerConfig
from ramodel.nets.data.datasets import Dataset

__all__ = ["FAMILIES", "AnyNetworkConfig", "build_network", "network_config"]

AnyNetworkConfig = (
    NetworkConfig | PaperConfig | PreactivationConfig | CifarResNetConfig | ProcrustesConfig | TransformerConfig
)
"""The configuration of a network; in a file, `family` says of which kind."""

FAMILIES: dict[str, type[msgspec.Struct]] = {
    str(config.__struct_config__.tag): config for config in get_args(AnyNetworkConfig)
}
"""Configurations by the name of their family."""

_NETWORKS: dict[type[msgspec.Struct], Callable[[Any], TrainableNetwork]] = {
    NetworkConfig: ResidualNetwork,
    PaperConfig: PaperNetwork,
    PreactivationConfig: PreactivationNetwork,
    CifarResNetConfig: lambda config: CifarResNet(**msgspec.structs.asdict(config)),
    ProcrustesConfig: ProcrustesNetwork,
    TransformerConfig: Transformer,
}


def network_config(settings: Mapping[str, Any], dataset: Dataset, seed: int) -> AnyNetworkConfig:
    """Return the configuration of a network for `dataset` with the initial weights of `seed`.

    Parameters
    ----------
    settings
        Fields of the configuration, `family` among them; without those that follow from the data (`inputs`,
        `image_shape`, `classes`, `vocabulary`, `context`) and the seed.
    dataset
        What the network is to be trained on.
    seed
        Of the initial weights.

    Raises
    ------
    ValueError
        If the family or a field is unknown, a field follows from the data, is missing, or has a wrong type or value.

    Examples
    --------
    >>> from ramodel.nets import load_dataset
    >>> digits = load_dataset("digits", train_size=100)
    >>> config = network_config({"family": "paper", "stem": "strided", "width": 8, "depth": 4}, digits, seed=3)
    >>> config.image_shape, config.classes, config.seed
    ((8, 8), 10, 3)
    >>> network_config({"family": "paper", "widht": 8, "depth": 4}, digits, seed=3)
    Traceback (most recent call last):
    ...
    ValueError: network has a field 'widht', which family 'paper' does not have; did you mean 'width'?
    """
    family = one_of("family", settings.get("family"), FAMILIES)
    kind = FAMILIES[family]
    filled = {
        "inputs": dataset.inputs,
        "image_shape": dataset.image_shape,
        "classes": dataset.classes,
        "vocabulary": dataset.classes,
        "context": dataset.inputs,
        "seed": seed,
    }
    for name in settings:
        if name in filled:
            raise ValueError(f"network has a field {name!r}; it follows from the data and the seed. Leave it out.")
        if name != "family" and name not in kind.__struct_fields__:
            near = difflib.get_close_matches(name, kind.__struct_fields__, n=1)
            end = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(_given(kind, filled))}."
            raise ValueError(f"network has a field {name!r}, which family {family!r} does not have; {end}")
    given = {name: settings[name] for name in settings if name != "family"}
    given |= {name: filled[name] for name in kind.__struct_fields__ if name in filled}
    try:
        kind(**given)  # says more of a wrong value than msgspec, which checks the types
        return cast(AnyNetworkConfig, msgspec.convert(given, kind))
    except (TypeError, ValueError, msgspec.ValidationError) as error:
        raise ValueError(f"network of family {family!r}: {error}") from error


def build_network(config: AnyNetworkConfig) -> TrainableNetwork:
    """Return the network that `config` defines, with its initial weights, in training mode.

    Raises
    ------
    TypeError
        If `config` is no configuration of a network.

    Examples
    --------
    >>> config = PreactivationConfig(image_shape=(4, 4), classes=2, width=8, depth=3)
    >>> [type(block).__name__ for block in build_network(config).residual_blocks]
    ['PreactivationBlock', 'PreactivationBlock', 'PreactivationBlock']
    """
    if type(config) not in _NETWORKS:
        kinds = ", ".join(kind.__name__ for kind in _NETWORKS)
        raise TypeError(f"config is a {type(config).__name__}; it must be one of {kinds}.")
    return _NETWORKS[type(config)](config)


def _given(kind: type[msgspec.Struct], filled: Mapping[str, Any]) -> list[str]:
    return [name for name in kind.__struct_fields__ if name not in filled]
