"""What `residual_alignment` returns: every number with its name, axes and levels, and one row for each to print."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel import metrics
from ramodel.metrics.arrays import quantile

__all__ = ["Reading", "ResidualAlignment"]


class Reading(NamedTuple):
    """One line of the summary: the middle of a metric over everything it was taken at."""

    stage: str
    property: str
    """"RA1" to "RA4", "NC1" to "NC4", or the statement that it belongs to."""
    metric: str
    """Name of the variable."""
    label: str
    """A few plain words."""
    where: str
    """What the median is over, such as "blocks and inputs", "adjacent blocks" or "last state"."""
    median: float
    lower: float
    """Lower quartile; of a slope that stands for all inputs the lower end of its 95 % interval."""
    upper: float
    ideal: str
    """What it is if the property holds."""
    baseline: float | None
    """What it is without any structure, where that is known in closed form; see `ramodel.metrics.baselines`."""
    untrained: float | None
    """Its median in the untrained network, where one was given."""


class ResidualAlignment:
    """RA1-RA4, Neural Collapse and the measures beside them, of every stage of a measurement.

    Parameters
    ----------
    stages
        A dataset for each stage. Every variable has the attributes `property`, `label`, `long_name` (its formula),
        `ideal` and, where known, `baseline`; a slope that stands for all inputs also `lower` and `upper`.
    untrained
        The same of the network before training, or of another control.
    notes
        What could not be measured, and why.
    """

    def __init__(
        self,
        stages: Mapping[str, xr.Dataset],
        untrained: Mapping[str, xr.Dataset] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.stages = dict(stages)
        self.untrained = None if untrained is None else dict(untrained)
        self.notes = notes

    @property
    def dataset(self) -> xr.Dataset:
        """The numbers of the only stage; of several stages take `stages`."""
        if len(self.stages) > 1:
            raise AttributeError(
                f"there are the stages {', '.join(map(repr, self.stages))}; take one, such as "
                f".stages[{next(iter(self.stages))!r}]."
            )
        return next(iter(self.stages.values()))

    @property
    def readings(self) -> tuple[Reading, ...]:
        """A line for every metric; pairs of blocks have one for neighbours and one for all, states first and last."""
        return tuple(self._readings())

    def by_class(self) -> dict[str, xr.Dataset]:
        """Return the quartiles of every metric within each class, by stage: axes quartile, class.

        The metric of an input is its median over blocks, pairs and tokens.

        Raises
        ------
        ValueError
            If the inputs have no labels.
        """
        return {name: _by_class(dataset) for name, dataset in self.stages.items()}

    def __repr__(self) -> str:
        lines: list[tuple[str, ...]] = [
            ("", "metric", "over", "median", "spread", "if it holds", "no structure", "untrained")
        ]
        stage = None
        for reading in self.readings:
            if len(self.stages) > 1 and reading.stage != stage:
                stage = reading.stage
                lines.append((stage, *[""] * 7))
            spread = f"{reading.lower:.4g} .. {reading.upper:.4g}" if reading.lower < reading.upper else ""
            levels = ("" if level is None else f"{level:.4g}" for level in (reading.baseline, reading.untrained))
            lines.append(
                (
                    reading.property,
                    reading.label,
                    reading.where,
                    f"{reading.median:.4g}",
                    spread,
                    reading.ideal,
                    *levels,
                )
            )
        if self.untrained is None:
            lines = [line[:-1] for line in lines]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return "\n".join([*table, *self.notes])

    def _readings(self) -> Iterator[Reading]:
        for stage, dataset in self.stages.items():
            control = None if self.untrained is None else self.untrained.get(stage)
            for name, variable in dataset.data_vars.items():
                for where, entries in _selections(variable):
                    others = None
                    if control is not None and name in control:
                        others = dict(_selections(control[name])).get(where)
                    yield _reading(stage, variable, where, entries, others)


def _reading(
    stage: str, variable: xr.DataArray, where: str, entries: NDArray[np.float64], others: NDArray[np.float64] | None
) -> Reading:
    low, median, high = (float(quantile(entries, level, np)) for level in (0.25, 0.5, 0.75))
    attributes = variable.attrs
    return Reading(
        stage=stage,
        property=attributes["property"],
        metric=str(variable.name),
        label=attributes["label"],
        where=where,
        median=median,
        lower=attributes.get("lower", low),
        upper=attributes.get("upper", high),
        ideal=attributes["ideal"],
        baseline=attributes.get("baseline"),
        untrained=None if others is None else float(quantile(others, 0.5, np)),
    )


def _selections(variable: xr.DataArray) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield what a variable is summarised over, and the entries."""
    if "state" in variable.dims:
        along = variable.transpose("state", ...).values
        yield "first state", along[0].reshape(-1)
        yield "last state", along[-1].reshape(-1)
        return
    if "other_block" not in variable.dims:
        over = [f"{axis}s" for axis in variable.dims if axis != "rank"]
        if "rank" in variable.dims:
            over.append("triplets")
        yield (" and ".join(over) or "95 % interval"), variable.values.reshape(-1)
        return
    grid = variable.transpose("block", "other_block", ...).values
    depth = len(grid)
    rows, columns = np.indices((depth, depth))
    if variable.name == "left_right_affinity_score":
        # Without skips the left vectors of a block meet the right ones of the next (S8), and nothing else.
        yield "same block", grid[rows == columns].reshape(-1)
        if depth > 1:
            yield "left with right of next block", grid[columns == rows + 1].reshape(-1)
    elif depth > 2:  # of two blocks the only pair
        yield "adjacent blocks", grid[np.abs(rows - columns) == 1].reshape(-1)
    if depth > 1:
        yield "all pairs of blocks", grid[rows != columns].reshape(-1)


def _by_class(dataset: xr.Dataset) -> xr.Dataset:
    if "label" not in dataset.coords:
        raise ValueError("labels are not known; give them to measure or to residual_alignment.")
    labels = dataset["label"].values
    found = xr.Dataset(coords={"quartile": ["lower", "median", "upper"]})
    for name, variable in dataset.data_vars.items():
        if "input" not in variable.dims:
            continue
        entries = variable.transpose("input", ...).values.reshape(variable.sizes["input"], -1)
        spread = metrics.class_quartiles(quantile(entries, 0.5, np), labels)
        rows = np.stack([spread.lower, spread.median, spread.upper])
        found[name] = xr.Variable(("quartile", "class"), rows, variable.attrs)
        found = found.assign_coords({"class": list(spread.classes)})
    return found
