"""Tables in the pages of docs/ that are made from the code, so that they cannot grow stale."""

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from ramodel.experiments.confrontation import READINGS
from ramodel.experiments.sweeps import LAWS, Arm, Claim, DataSettings, MeasureSettings, SweepConfig
from ramodel.nets import FAMILIES, TrainingConfig

TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
CONFIGS = Path(__file__).parents[2] / "configs"
FROM_DATA = ("inputs", "classes", "image_shape", "vocabulary", "context", "seed")


def with_tables(text: str) -> str:
    """Return the page with every table between `<!-- table: NAME -->` and `<!-- end -->` made anew."""
    return TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def readings() -> str:
    """Return every reading: its name, what it is, its value if the property holds."""
    rows = (
        (f"`{name}`", spec.label.replace("|", r"\vert "), _number(spec.ideal), "yes" if spec.pairs else "")
        for name, spec in READINGS.items()
    )
    return _table(("reading", "what it is", "if it holds", "scatter"), rows)


def laws() -> str:
    """Return every law, its question, its statements, and the shipped files that try it."""
    rows = ((f"`{name}`", law.question, ", ".join(law.statements), _files(name)) for name, law in LAWS.items())
    return _table(("law", "question", "statements", "files"), rows)


def families() -> str:
    """Return every family with the fields that a file may give, and their defaults."""
    rows = []
    for name, config in FAMILIES.items():
        fields = [field for field in msgspec.structs.fields(config) if field.name not in FROM_DATA]
        said = (f"`{field.name}`" if field.required else f"`{field.name}` {_default(field)}" for field in fields)
        rows.append((f"`{name}`", f"`{config.__name__}`", ", ".join(said)))
    return _table(("family", "documented at", "fields and their defaults; those without one are needed"), rows)


def settings(config: type[msgspec.Struct]) -> Callable[[], str]:
    """Return a maker of the table of a configuration's keys, from its fields and its docstring."""

    def made() -> str:
        defaults = {field.name: _default(field) for field in msgspec.structs.fields(config)}
        rows = (
            (", ".join(f"`{name}`" for name in names), ", ".join(defaults[name] for name in names), said)
            for names, said in _parameters(config)
            if (config, names) != (TrainingConfig, ["seed"])  # that of the sweep
        )
        return _table(("key", "default", "what it says"), rows)

    return made


def _parameters(config: type[msgspec.Struct]) -> list[tuple[list[str], str]]:
    """Return names and description of every entry of "Parameters" in a docstring."""
    section = inspect.cleandoc(config.__doc__ or "").partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^(\S.*)\n((?:    .*\n?)+)", section, re.MULTILINE)
    return [(names.split(", "), re.sub(r"\s+", " ", said).strip().replace("|", r"\|")) for names, said in entries]


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct | dict | tuple) or value is None:
        return "none" if not value or isinstance(value, msgspec.Struct) else "one, `trained`"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _files(law: str) -> str:
    found = (path for path in sorted(CONFIGS.glob("*/*.toml")) if f'law = "{law}"' in path.read_text())
    return ", ".join(f"[{path.parent.name}](../configs/{path.parent.name}/{path.name})" for path in found)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(headings)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


TABLES: dict[str, Callable[[], str]] = {
    "readings": readings,
    "laws": laws,
    "families": families,
    "sweep": settings(SweepConfig),
    "data": settings(DataSettings),
    "training": settings(TrainingConfig),
    "measure": settings(MeasureSettings),
    "arms": settings(Arm),
    "claims": settings(Claim),
}
"""Makers by the name in the page."""
