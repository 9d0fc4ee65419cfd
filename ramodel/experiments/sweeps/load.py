"""Reading the file of a sweep: what is wrong in it is said with file, table, key, rule and way out."""

import difflib
import math
import os
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

import msgspec

from ramodel.checks import LARGEST_SEED
from ramodel.experiments.sweeps.cells import ALIASES, SECTIONS, SweepCell, cells
from ramodel.experiments.sweeps.config import Arm, Claim, SweepConfig
from ramodel.experiments.sweeps.laws import LAWS
from ramodel.experiments.sweeps.wording import TABLES, worded
from ramodel.statements import STATEMENTS

if TYPE_CHECKING:
    from ramodel.nets import Dataset

__all__ = ["checked_sweep", "load_sweep"]

_MOST_CELLS = 20_000
"""Far more than anyone waits for; more than these are a slip, and listing them would take all memory."""

_LONG_LIST = 12
"""Known words above which only the nearest one is named."""


class _AnyData(NamedTuple):
    """Sizes of samples that every family takes: configurations are checked before the data are there."""

    inputs: int
    image_shape: tuple[int, ...] = (32, 32, 3)
    classes: int = 10


def load_sweep(path: str | os.PathLike[str], *, overrides: Mapping[str, Any] | None = None) -> SweepConfig:
    """Return the sweep in a TOML file, checked as far as it can be without its data.

    Parameters
    ----------
    path
        Of the file.
    overrides
        Settings that replace those of the file, by dotted name: {"seeds": 1, "training.iterations": 50}.

    Raises
    ------
    FileNotFoundError
        If there is no such file; sweeps in ./configs are listed.
    ValueError
        If it is no TOML, a key is unknown or missing or has a wrong value, a dotted name is no setting, or a claim
        speaks of what is not there.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"config is {str(path)!r}; it must be a file that exists.{_shipped(file.stem)}")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not TOML: {error}.") from error
    try:
        return checked_sweep(_overridden(content, overrides or {}))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def checked_sweep(content: Mapping[str, Any]) -> SweepConfig:
    """Return the sweep with these keys; raise ValueError as `load_sweep` does, without the name of the file."""
    _known("key", content, SweepConfig.__struct_fields__, "of a sweep")
    for name, struct in TABLES.items():
        tables = content.get(name, [])
        for table in tables if isinstance(tables, list) else [tables]:
            if isinstance(table, Mapping):
                _known("key", table, struct.__struct_fields__, f"of [{name}]")
                _check_lists(table.get("axes", {}))
    _check_lists(content.get("axes", {}))
    try:
        config = msgspec.convert(content, SweepConfig)
    except msgspec.ValidationError as error:
        raise ValueError(worded(str(error), content)) from error
    _check(config)
    return config


@cache
def _families() -> dict[str, tuple[str, ...]]:
    """Return the fields of every family's configuration, by its tag."""
    from ramodel.nets.architectures.family import AnyNetworkConfig

    return {str(kind.__struct_config__.tag): kind.__struct_fields__ for kind in get_args(AnyNetworkConfig)}


@cache
def _readings() -> list[str]:
    """Return the names of readings; loaded late, because confrontations of sweeps load sweeps."""
    from ramodel.experiments.confrontation.readings import READINGS

    return list(READINGS)


def _check(config: SweepConfig) -> None:
    _one_of("law", config.law, LAWS)
    _check_network(config.network, "[network]")
    for name in ("seeds", "seed"):
        value, least = getattr(config, name), int(name == "seeds")
        if not least <= value <= LARGEST_SEED:
            raise ValueError(f"{name} is {value}; it must be at least {least}.")
    if not config.arms:
        raise ValueError("arms is empty; a sweep has at least one. Leave it out for a single one, 'trained'.")
    names = [arm.name for arm in config.arms]
    for arm in config.arms:
        if names.count(arm.name) > 1:
            raise ValueError(f"arms has {arm.name!r} twice; rename one.")
        _check_arm(config, arm, f"arm {arm.name!r}")
    count = sum(
        math.prod(map(len, (config.axes if arm.axes is None else arm.axes).values())) * (arm.seeds or config.seeds)
        for arm in config.arms
    )
    if count > _MOST_CELLS:
        raise ValueError(f"arms, axes and seeds make {count} cells; at most {_MOST_CELLS} can be. Lower seeds.")
    checked: set[bytes] = set()
    for cell in cells(config):
        settings = msgspec.json.encode((cell.arm, cell.axes), order="sorted")
        if settings not in checked:  # seeds differ in nothing that can be wrong
            checked.add(settings)
            _check_cell(cell, f"arm {cell.arm!r}")
    for number, claim in enumerate(config.claims, start=1):
        _check_claim(config, claim, f"claim {number} ({claim.claim!r})")


def _check_network(network: Any, where: str) -> None:
    if not isinstance(network, Mapping):
        raise ValueError(f"{where} is {network!r}; it must be a table, its family among the keys.")  # noqa: TRY004
    family = _one_of(f"family of {where}", network.get("family"), _families())
    _known("key", network, [*_families()[family], "family"], f"of {where}")


def _check_arm(config: SweepConfig, arm: Arm, where: str) -> None:
    network = arm.set.get("network", config.network)
    _check_network(network, f"network of {where}")
    family = _one_of(f"network.family of {where}", arm.set.get("network.family", network["family"]), _families())
    _known("key", network, [*_families()[family], "family"], f"of [network], which {where} makes a {family!r} one,")
    for name in arm.set:
        if name != "network":
            _check_setting(f"set of {where}", name, family)
    for axis, values in (config.axes if arm.axes is None else arm.axes).items():
        _check_setting(f"axes of {where}", axis, family)
        if axis in arm.set:
            raise ValueError(f"{where} sets {axis!r}, which its axes run through; give it axes of its own.")
        if not values:
            raise ValueError(f"axis {axis!r} of {where} has no values; give some, or leave it out.")
    if arm.seeds is not None and arm.seeds < 1:
        raise ValueError(f"seeds of {where} is {arm.seeds}; it must be at least 1.")


def _check_lists(axes: Any) -> None:
    """Say which axis is no list: msgspec does not; names without quotes make tables in tables."""
    for axis, values in axes.items() if isinstance(axes, Mapping) else ():
        if not isinstance(values, list | tuple):
            raise ValueError(  # noqa: TRY004
                f'axis {axis!r} is {values!r}; it must be a list, its name in quotes: "network.depth" = [2, 4].'
            )


def _check_cell(cell: SweepCell, where: str) -> None:
    """Check what would stop every network of the cell before the first step, or after the last."""
    from ramodel.nets.architectures.family import network_config

    width = cell.network.get("width")
    any_data = _AnyData(width if isinstance(width, int) and width > 0 else 32)  # an identity needs equal widths
    try:
        network_config(cell.network, cast("Dataset", any_data), cell.seed)
        for name, least in (("inputs", 1), ("rank", 1), ("looks", 1)):
            _at_least(f"measure.{name}", getattr(cell.measure, name), least)
        for name, least in (("classes", 2), ("train_size", 1), ("test_size", 1), ("context", 1)):
            _at_least(f"data.{name}", getattr(cell.data, name), least)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    for name in cell.measure.during:
        _one_of(f"measure.during of {where}", name, _readings())


def _at_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}.")


def _check_claim(config: SweepConfig, claim: Claim, where: str) -> None:
    _one_of(f"statement of {where}", claim.statement, STATEMENTS)
    _one_of(f"reading of {where}", claim.reading, _readings())
    if isinstance(claim.theory, str):
        _one_of(f"theory of {where}", claim.theory, _readings())
    arms = [arm.name for arm in config.arms]
    for name in claim.arms:
        _one_of(f"arms of {where}", name, arms)
    if claim.control is not None:
        _one_of(f"control of {where}", claim.control, arms)
    if claim.summary == "difference" and claim.control is None:
        raise ValueError(f"control of {where} is missing; a difference is taken to it.")
    axes = {axis for arm in config.arms for axis in (config.axes if arm.axes is None else arm.axes)}
    if claim.axis is not None:
        _one_of(f"axis of {where}", claim.axis, axes)
    elif claim.summary in ("exponent", "slope"):
        raise ValueError(f"axis of {where} is missing; the {claim.summary} is taken along one of {_listed(axes)}.")
    if claim.at_least > claim.at_most:
        raise ValueError(f"at_least of {where} is {claim.at_least:g}, above its at_most {claim.at_most:g}.")
    if claim.tolerance < 0.0 or math.isnan(claim.tolerance):
        raise ValueError(f"tolerance of {where} is {claim.tolerance:g}; it must not be negative.")


def _check_setting(where: str, name: Any, family: str) -> None:
    fields: dict[str, Iterable[str]] = {"network": [*_families()[family], "family"]}
    fields |= {section: struct.__struct_fields__ for section, struct in SECTIONS.items()}
    section, dot, _ = str(name).partition(".")
    if not dot or section not in fields:
        raise ValueError(f"{where} has {name!r}; settings are called {_listed(f'{key}.NAME' for key in fields)}.")
    _known(f"{where}:", [name], [*ALIASES, *(f"{section}.{field}" for field in fields[section])], "")
    if name in ("network.seed", "training.seed"):
        raise ValueError(f"{where} has {name!r}; seeds come from `seed` and `seeds` of the sweep.")


def _known(what: str, names: Iterable[str], known: Iterable[str], of: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"known are {_listed(known)}."
            raise ValueError(f"{' '.join(filter(None, [what, repr(name), of]))} is unknown; {advice}")


def _one_of(what: str, value: Any, known: Iterable[str]) -> str:
    known = list(known)
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1)
        if near and len(known) > _LONG_LIST:
            raise ValueError(f"{what} is {value!r}, which is unknown; did you mean {near[0]!r}?")
        raise ValueError(
            f"{what} is {value!r}; it must be one of {_listed(known)}"
            + (f"; did you mean {near[0]!r}?" if near else ".")
        )
    return str(value)


def _overridden(content: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    plain = {setting: value for name, value in overrides.items() for setting in ALIASES.get(name, (name,))}
    for name, value in plain.items():
        *tables, key = name.split(".", 1 if name.startswith("axes.") else -1)  # the name of an axis has a dot
        table = content
        for step in tables:
            table = table.setdefault(step, {})
            if not isinstance(table, dict):
                raise ValueError(f"override {name!r} does not fit: {step!r} is no table.")  # noqa: TRY004
        table[key.strip('"')] = value
    return content


def _shipped(name: str) -> str:
    """Return a sentence on sweeps in ./configs: those of about that name, else all."""
    found = sorted(Path("configs").glob("**/*.toml"))
    near = difflib.get_close_matches(name, {path.stem for path in found}, n=1)
    if near:
        return f" Did you mean {' or '.join(str(path) for path in found if path.stem == near[0])}?"
    return f" In ./configs there are {', '.join(map(str, found))}." if found else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
