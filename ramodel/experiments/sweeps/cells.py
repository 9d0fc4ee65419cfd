"""The cells of a sweep: every arm, at every point of its axes, with every seed."""

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ramodel.experiments.sweeps.config import Arm, DataSettings, MeasureSettings, SweepConfig
from ramodel.nets import TrainingConfig

__all__ = ["ALIASES", "DEFAULT", "SECTIONS", "SweepCell", "cells"]

SECTIONS: dict[str, type[msgspec.Struct]] = {
    "data": DataSettings,
    "training": TrainingConfig,
    "measure": MeasureSettings,
}
"""Sections of a sweep with fields of their own; those of "network" are its family's."""

ALIASES = {"training.decay": ("training.jacobian_decay", "training.head_decay", "training.embedding_decay")}
"""Names that arms and axes may use for several settings of one value."""

DEFAULT = "default"
"""Value that takes a setting back."""


class SweepCell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides the numbers of one network of a sweep.

    Parameters
    ----------
    name
        Of the cell and of its file, such as "trained-depth08-seed0".
    arm, control
        Arm of the sweep, and whether it is a control.
    axes
        Values of the axes by dotted name.
    seed
        Of initial weights, split and mini-batches.
    network
        Fields of a family's configuration, without what follows from data and seed.
    data, training, measure
        Settings with arm and axes put in; the training has the cell's seed.
    """

    name: str
    arm: str
    control: bool
    axes: dict[str, Any]
    seed: int
    network: dict[str, Any]
    data: DataSettings
    training: TrainingConfig
    measure: MeasureSettings

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with any setting; names of cell, arm and axes do not count."""
        settings = (self.seed, self.network, self.data, self.training, self.measure)
        return hashlib.sha256(msgspec.json.encode(settings, order="sorted")).hexdigest()[:16]

    @property
    def expected_cost(self) -> float:
        """Rough relative time, so that the longest start first and the time left can be told."""
        depth, width = float(self.network.get("depth", 8)), float(self.network.get("width", 32))
        batches = 1.0 + 0.01 * (self.data.train_size or 1000) * (self.training.batch_size is not None)
        measured = 20.0 * self.measure.inputs
        return depth * (10.0 + width) * (self.training.iterations * batches + measured)


def cells(config: SweepConfig) -> list[SweepCell]:
    """Return every cell of a sweep, in the order of arms, axes and seeds.

    Settings of the arm replace the common ones; values of the axes replace both. "network" replaces the whole network,
    and "training.decay" stands for the decays of blocks, head and embedding. The value "default" takes a setting back:
    TOML has no word for nothing, as in "training.batch_size", where it means full batches.

    Raises
    ------
    ValueError
        If a setting cannot be read, naming arm and key, or two cells would have the same name.

    Examples
    --------
    >>> config = SweepConfig(
    ...     law="depth", title="How deep?", network={"family": "model"}, axes={"network.depth": (4, 16)}, seeds=1
    ... )
    >>> [cell.name for cell in cells(config)]
    ['trained-depth04-seed0', 'trained-depth16-seed0']
    """
    found = [cell for arm in config.arms for cell in _cells(config, arm)]
    names: dict[str, SweepCell] = {}
    for cell in found:
        if cell.name in names:
            raise ValueError(
                f"axes give two cells the name {cell.name!r} (arms {names[cell.name].arm!r} and {cell.arm!r}); "
                "names of arms and values of axes must differ in letters, digits or '.'. Rename or drop one."
            )
        names[cell.name] = cell
    return found


def _cells(config: SweepConfig, arm: Arm) -> Iterator[SweepCell]:
    axes = config.axes if arm.axes is None else arm.axes
    labels = {axis: _labels(axis, values) for axis, values in axes.items()}
    seeds = config.seeds if arm.seeds is None else arm.seeds
    for places in itertools.product(*(range(len(values)) for values in axes.values())):
        point = {axis: axes[axis][place] for axis, place in zip(axes, places, strict=True)}
        words = [_slug(arm.name), *(labels[axis][place] for axis, place in zip(axes, places, strict=True))]
        chosen = {setting: value for name, value in (arm.set | point).items() for setting in ALIASES.get(name, (name,))}
        for seed in range(config.seed, config.seed + seeds):
            settings = {
                section: _section(config, section, chosen, arm.name, {"seed": seed} if section == "training" else {})
                for section in SECTIONS
            }
            yield SweepCell(
                name="-".join([*words, f"seed{seed}"]),
                arm=arm.name,
                control=arm.control,
                axes=point,
                seed=seed,
                network=_set(chosen.get("network", config.network) | _within("network", chosen)),
                **settings,
            )


def _section(config: SweepConfig, section: str, chosen: Mapping[str, Any], arm: str, more: dict[str, Any]) -> Any:
    """Return the settings of a section with the chosen ones put in, checked as if they stood in the file."""
    common = {name: getattr(getattr(config, section), name) for name in SECTIONS[section].__struct_fields__}
    try:
        return msgspec.convert(_set(common | _within(section, chosen) | more), SECTIONS[section])
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise ValueError(f"settings of arm {arm!r} do not fit [{section}]: {error}") from error


def _within(section: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(f"{section}."): value for name, value in chosen.items() if name.startswith(f"{section}.")}


def _set(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not taken back."""
    return {name: value for name, value in settings.items() if value != DEFAULT}


def _labels(axis: str, values: tuple[Any, ...]) -> list[str]:
    """Return the word of each value in names: whole numbers of equal length, so that names sort."""
    key = axis.rpartition(".")[2]
    whole = [isinstance(value, int) and not isinstance(value, bool) for value in values]
    length = max([2, *(len(str(value)) for value in values)]) if all(whole) else 0
    return [f"{_slug(key)}{_slug(str(value).zfill(length))}" for value in values]


def _slug(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text.lower(), flags=re.ASCII).strip("-.") or "-"
