"""The cells of a sweep as a figure needs them: arms and what they are called, axes, readings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel.experiments.confrontation.readings import READINGS
from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO

__all__ = [
    "MeasuredCell",
    "Series",
    "axis_label",
    "axis_named",
    "deepest",
    "measured_cells",
    "series",
    "trained_and_controls",
]

Floats = NDArray[np.float64]

_COLOURS = tuple(OKABE_ITO[name] for name in ("blue", "vermillion", "green", "purple", "sky", "orange"))
_MARKERS = ("o", "s", "^", "D", "v", "P", "h", "p")
_CONTROL_MARKERS = ("x", "+", "1", "2", "3", "4")
_AXIS_LABELS = {
    "data.classes": "number of classes $C$",
    "data.train_size": "training samples $N$",
    "network.depth": "depth $L$",
    "network.keep_probability": "probability $q$ to keep a block",
    "network.width": "width $d$",
    "training.decay": r"decay of all weights $\lambda$",
    "training.coupling_weight": "weight of the coupling penalty",
    "training.gradient_smoothing": "smoothing of neighbouring updates",
    "training.jacobian_decay": r"decay of the blocks $\lambda_J$",
    "training.head_decay": r"decay of the head $\lambda_W$",
}
_SHOWN_DEPTH = 16
"""Deepest network shown layer by layer: beyond it the marks of single layers run into each other."""


class MeasuredCell(msgspec.Struct, frozen=True, kw_only=True):
    """One network of a sweep: how it came about, and what was measured on it.

    Parameters
    ----------
    name
        Name of the cell.
    arm, control, seed
        Arm of the sweep, whether it is one where a claim must fail, and the seed.
    axes
        Settings by dotted name that the sweep runs through, and their values here.
    network, training, choice
        Settings of the network, of its training and of its data.
    data
        The measurements.
    """

    name: str
    arm: str
    control: bool
    seed: int
    axes: dict[str, Any]
    network: dict[str, Any]
    training: dict[str, Any]
    choice: dict[str, Any]
    data: xr.Dataset

    @property
    def depth(self) -> int:
        """Number of residual blocks."""
        return int(self.data.sizes.get("layer", self.network.get("depth", 0)))

    @property
    def classes(self) -> int:
        """Number of classes C; 0 where it is not known."""
        return int(self.data.sizes.get("class", self.choice.get("classes") or 0))

    def has(self, *variables: str) -> bool:
        """Tell whether all of `variables` were measured, and are not all NaN."""
        return all(name in self.data and bool(np.isfinite(self.data[name].values).any()) for name in variables)

    def array(self, variable: str, *dimensions: str) -> Floats:
        """Return a variable as a float64 array with its axes in this order; the mean over any other axis it has."""
        values = self.data[variable]
        over = [axis for axis in values.dims if axis not in dimensions]
        return np.asarray(values.mean(over).transpose(*dimensions).values, dtype=np.float64)

    def scalar(self, variable: str) -> float:
        """Return a scalar variable; NaN if it was not measured."""
        return float(self.data[variable]) if variable in self.data and self.data[variable].ndim == 0 else math.nan

    def reading(self, name: str) -> float:
        """Return a reading by its name in `READINGS`; NaN where the cell lacks what it needs."""
        if name not in READINGS:
            return math.nan
        try:
            return float(READINGS[name].function(self.data))
        except (KeyError, ValueError, ZeroDivisionError):
            return math.nan

    def setting(self, name: str) -> Any:
        """Return a setting by its dotted name, an axis or not; None where it is not known."""
        if name in self.axes:
            return self.axes[name]
        group, _, field = name.partition(".")
        return {"network": self.network, "training": self.training, "data": self.choice}.get(group, {}).get(field)

    def top(self) -> Floats:
        """Return s_1 [layer, input] of the Residual Jacobians; NaN where it is not positive."""
        if not self.has("singular_value"):
            return np.full((self.depth, 1), np.nan)
        values = self.data["singular_value"].isel(rank=0).transpose("layer", ...).values
        values = np.asarray(values, dtype=np.float64).reshape(values.shape[0], -1)
        return np.where(values > 0.0, values, np.nan)

    def layer_tops(self) -> Floats:
        """Return s_1 [layer], the median over inputs; NaN for a layer without any."""
        known = (row[np.isfinite(row)] for row in self.top())
        return np.array([float(np.median(row)) if row.size else math.nan for row in known])

    def typical_top(self) -> float:
        """Return the median of s_1 over layers and inputs; NaN without any."""
        known = self.top()[np.isfinite(self.top())]
        return float(np.median(known)) if known.size else math.nan


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Cells that differ in their seed and along one axis at most, and how they are drawn.

    Parameters
    ----------
    label
        The arm, and the values of the axes that it is told apart by.
    control
        Whether a claim must fail here: drawn in grey.
    colour, marker
        Of its points.
    cells
        By seed.
    """

    label: str
    control: bool
    colour: str
    marker: str
    cells: tuple[MeasuredCell, ...]

    def along(self, axis: str) -> list[tuple[float, list[MeasuredCell]]]:
        """Return the values of an axis, in order, with the cells at each."""
        values = sorted({float(cell.setting(axis)) for cell in self.cells if is_number(cell.setting(axis))})
        return [(value, [cell for cell in self.cells if cell.setting(axis) == value]) for value in values]


def measured_cells(cells: Mapping[str, xr.Dataset]) -> list[MeasuredCell]:
    """Return the cells of a sweep by name; attributes that are missing or damaged count as empty.

    Examples
    --------
    >>> cells = {"a": xr.Dataset(attrs={"arm": "no skip", "control": 1, "axes": '{"network.depth": 4}'})}
    >>> [(cell.arm, cell.control, cell.axes) for cell in measured_cells(cells)]
    [('no skip', True, {'network.depth': 4})]
    """
    return [
        MeasuredCell(
            name=name,
            arm=str(data.attrs.get("arm", "trained")),
            control=bool(int(data.attrs.get("control", 0))),
            seed=int(data.attrs.get("seed", 0)),
            axes=_settings(data, "axes"),
            network=_settings(data, "network"),
            training=_settings(data, "training"),
            choice=_settings(data, "data"),
            data=data,
        )
        for name, data in sorted(cells.items())
    ]


def series(cells: Sequence[MeasuredCell], config: SweepConfig, axis: str | None = None) -> list[Series]:
    """Return the cells in groups by arm and by the values of all axes but `axis`, in the order of the configuration.

    Trained arms have colours, controls are grey.
    """
    order = [arm.name for arm in config.arms]
    varied = {name for name in _axes(cells) if name != axis and len({_key(cell.axes.get(name)) for cell in cells}) > 1}
    groups: dict[tuple[Any, ...], list[MeasuredCell]] = {}
    for cell in cells:
        key = (cell.arm, *((name, _key(cell.axes[name])) for name in cell.axes if name in varied))
        groups.setdefault(key, []).append(cell)
    names = sorted(groups, key=lambda key: (groups[key][0].control, _place(order, key[0]), _sortable(key[1:])))
    found: list[Series] = []
    counts = {False: 0, True: 0}
    for key in names:
        control = groups[key][0].control
        count = counts[control]
        counts[control] += 1
        found.append(
            Series(
                label=", ".join([str(key[0]), *(_said(str(name), value) for name, value in key[1:])]),
                control=control,
                colour=CONTROL_COLOUR if control else _COLOURS[count % len(_COLOURS)],
                marker=(_CONTROL_MARKERS if control else _MARKERS)[count % (6 if control else 8)],
                cells=tuple(sorted(groups[key], key=lambda cell: cell.seed)),
            )
        )
    return found


def trained_and_controls(
    cells: Sequence[MeasuredCell], config: SweepConfig, axis: str | None = None
) -> tuple[list[Series], list[Series]]:
    """Return the series that are no controls, and those that are."""
    found = series(cells, config, axis)
    return [one for one in found if not one.control], [one for one in found if one.control]


def axis_named(cells: Sequence[MeasuredCell], *preferred: str) -> str | None:
    """Return the axis of the sweep whose last word is one of `preferred`, else its first numeric one, else None."""
    numeric = [name for name in _axes(cells) if len({cell.axes[name] for cell in cells if _number_at(cell, name)}) > 1]
    for word in preferred:
        for name in numeric:
            if name.split(".")[-1] == word:
                return name
    return None if preferred else next(iter(numeric), None)


def axis_label(axis: str) -> str:
    """Return what is written at an axis: symbol and words.

    Examples
    --------
    >>> axis_label("network.depth"), axis_label("network.hidden")
    ('depth $L$', 'hidden (network)')
    """
    group, _, name = axis.rpartition(".")
    return _AXIS_LABELS.get(axis, f"{name.replace('_', ' ')} ({group})" if group else name.replace("_", " "))


def deepest(cells: Sequence[MeasuredCell], *variables: str) -> MeasuredCell | None:
    """Return the deepest cell with at most 16 blocks that has the `variables`, the first seed; None without one."""
    known = [cell for cell in cells if cell.has(*variables) and cell.depth > 0]
    shallow = [cell for cell in known if cell.depth <= _SHOWN_DEPTH]
    return max(shallow, key=lambda cell: (cell.depth, -cell.seed)) if shallow else min(
        known, key=lambda cell: (cell.depth, cell.seed), default=None
    )  # fmt: skip


def is_number(value: object) -> bool:
    """Tell whether a setting is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _axes(cells: Sequence[MeasuredCell]) -> list[str]:
    return list(dict.fromkeys(name for cell in cells for name in cell.axes))


def _number_at(cell: MeasuredCell, axis: str) -> bool:
    return is_number(cell.axes.get(axis))


def _key(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _sortable(rest: Sequence[tuple[str, Any]]) -> list[tuple[str, bool, float, str]]:
    return [(name, is_number(value), float(value) if is_number(value) else 0.0, str(value)) for name, value in rest]


def _place(order: Sequence[str], arm: str) -> int:
    return order.index(arm) if arm in order else len(order)


def _said(name: str, value: object) -> str:
    word = name.split(".")[-1].replace("_", " ")
    if isinstance(value, bool):
        return word if value else f"no {word}"
    return str(value) if isinstance(value, str) else f"{word} {value}"


def _settings(data: xr.Dataset, name: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(str(data.attrs.get(name, "{}")))
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
