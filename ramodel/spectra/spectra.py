"""`Spectra`: what a measurement found, with named axes, in memory or in one file."""

import html
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ramodel.checks import existing_file, one_of, replaceable_file
from ramodel.files import whole_file
from ramodel.netcdf import TreeWriter
from ramodel.spectra.description import described
from ramodel.spectra.storage import StoredSpectra, read_spectra, write_stages, write_summaries

__all__ = ["Spectra"]

_AXES = ("block", "input", "pair", "rank")


class Spectra:
    """The top singular triplets of the Residual Jacobian of every block of a network at every input.

    Parameters
    ----------
    dataset
        Axes block, input, [pair,] rank: `singular_values`, `residual_forward`, `residual_adjoint`, `converged`; without
        rank `gap`, `tail_energy`, `passes`, and the statistics asked for. Coordinates `block` (names), `stage` and
        `skip` of each block, `input`, `label` of each input where given, `rank` from 1, `pair` of tokens
        ("t_out<-t_in"). Where a stage has fewer triplets than others the rest is NaN (True in `converged`).
    stages
        By name, for the blocks whose states share a shape: `left` and `right` [block, input, [pair,] rank, coordinate],
        `states` [state, input, coordinate] with the attribute `state_shape`; where asked for `jacobian` [block, input,
        row, column] and ``alignment_left_right = U_i^T J_j V_i``, ``alignment_right_left = V_i^T J_j U_i`` [block i,
        other_block j, input, rank, other_rank]. Coordinates of a state are numbered in its own (C) order.
    class_means
        The same at the class means: input is the class, `label` its number.

    Raises
    ------
    ValueError
        If the dataset has no singular values, or names a stage that is not there.

    Examples
    --------
    >>> axes = ("block", "input", "rank")
    >>> numbers = {name: (axes, np.full((2, 1, 1), 0.5)) for name in ("singular_values", "residual_forward")}
    >>> numbers |= {"residual_adjoint": (axes, np.zeros((2, 1, 1))), "converged": (axes, np.ones((2, 1, 1), bool))}
    >>> coordinates = {"block": ["a", "b"], "stage": ("block", ["all", "all"]), "skip": ("block", ["inside"] * 2)}
    >>> coordinates |= {"input": [0], "rank": [1]}
    >>> stage = xr.Dataset(coords={"block": ["a", "b"], "input": [0], "rank": [1]})
    >>> spectra = Spectra(xr.Dataset(numbers, coordinates), {"all": stage})
    >>> spectra.sel(block="b").singular_values.values.item()
    0.5
    >>> spectra
    Spectra: 2 blocks at 1 input, 1 triplet each
      all: a ... b, skip inside, without vectors
      largest residual 5.0e-01 (a, input 0); all 2 triplets converged
    """

    def __init__(
        self, dataset: xr.Dataset, stages: Mapping[str, xr.Dataset], class_means: "Spectra | None" = None
    ) -> None:
        if "singular_values" not in dataset:
            raise ValueError("dataset has no variable 'singular_values'; it must be that of a measurement.")
        missing = sorted(set(dataset["stage"].values.tolist()) - set(stages))
        if missing:
            raise ValueError(f"stages has no {missing[0]!r}, which dataset names; it must have every stage of it.")
        self.dataset = dataset
        self._stages = dict(stages)
        self._class_means = class_means

    @property
    def singular_values(self) -> xr.DataArray:
        """``[block, input, [pair,] rank]``, decreasing."""
        return self.dataset["singular_values"]

    @property
    def residual(self) -> xr.DataArray:
        """The larger of ``|J v - s u|`` and ``|J^T u - s v|``, over max(s_k, 1e-3 s_1): the certificate."""
        forward, adjoint = self.dataset["residual_forward"], self.dataset["residual_adjoint"]
        larger = forward.where(forward >= adjoint, adjoint)
        return larger.rename("residual").assign_attrs(long_name="larger of both relative residuals")

    @property
    def gap(self) -> xr.DataArray:
        """``s_K / s_(K+1)`` ``[block, input, [pair]]``."""
        return self.dataset["gap"]

    @property
    def converged(self) -> xr.DataArray:
        """Whether each triplet meets the tolerance, ``[block, input, [pair,] rank]``."""
        return self.dataset["converged"]

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, in their order in the network."""
        return tuple(self.dataset["block"].values.tolist())

    @property
    def stages(self) -> "dict[str, Spectra]":
        """The parts of one state shape each, by name; every one of them has `left`, `right` and `states`."""
        return {name: self._stage(name) for name in self._stages}

    @property
    def left(self) -> xr.DataArray:
        """u_k ``[block, input, [pair,] rank, coordinate]``; of one stage only."""
        return self._of_stage("left", "measure with vectors='full' or vectors='float32'")

    @property
    def right(self) -> xr.DataArray:
        """v_k ``[block, input, [pair,] rank, coordinate]``; of one stage only."""
        return self._of_stage("right", "measure with vectors='full' or vectors='float32'")

    @property
    def states(self) -> xr.DataArray:
        """h_0, ..., h_L ``[state, input, coordinate]``; of one stage only."""
        return self._of_stage("states", "choose blocks that follow one another")

    @property
    def jacobian(self) -> xr.DataArray:
        """J ``[block, input, [pair,] row, column]``; of one stage only."""
        return self._of_stage("jacobian", "measure with keep_jacobians=True")

    @property
    def alignment_left_right(self) -> xr.DataArray:
        """``U_i^T J_j V_i`` ``[block i, other_block j, input, [pair,] rank, other_rank]``; of one stage only."""
        return self._of_stage("alignment_left_right", "measure with alignment=True")

    @property
    def alignment_right_left(self) -> xr.DataArray:
        """``V_i^T J_j U_i`` ``[block i, other_block j, input, [pair,] rank, other_rank]``; of one stage only."""
        return self._of_stage("alignment_right_left", "measure with alignment=True")

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of the state of one input; of one stage only."""
        return tuple(self._only_stage("state_shape").attrs["state_shape"].tolist())

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found, taken and left out in measuring."""
        return tuple(self.dataset.attrs.get("notes", "").splitlines())

    @property
    def class_means(self) -> "Spectra | None":
        """The same at the class means (input is the class), or None where they were not asked for."""
        return self._class_means

    def isel(self, **positions: Any) -> "Spectra":
        """Return the part at some positions along block, input, pair or rank: numbers, slices, lists or masks.

        States stay as long as the blocks chosen follow one another, with those around them. Class means have no input
        axis to choose from and are cut along the others alone.

        Raises
        ------
        IndexError
            If there is no such position.
        ValueError
            If an axis is not one of these, or nothing is left.
        """
        chosen = {}
        for axis, position in positions.items():
            one_of("axis", axis, [name for name in _AXES if name in self.dataset.dims])
            try:
                chosen[axis] = np.atleast_1d(np.arange(self.dataset.sizes[axis])[position])
            except IndexError as error:
                raise IndexError(f"{axis} is {position!r}; there are {self.dataset.sizes[axis]} of it.") from error
            if chosen[axis].size == 0:
                raise ValueError(f"{axis} is {position!r}, which chooses nothing; choose at least one.")
        dataset = self.dataset.isel(chosen)
        names = dataset["block"].values.tolist()
        stages = {
            name: _cut(stage, names, chosen)
            for name, stage in self._stages.items()
            if name in dataset["stage"].values.tolist()
        }
        means = self._class_means
        if means is not None:
            means = means.isel(**{axis: one for axis, one in chosen.items() if axis != "input"})
        return Spectra(dataset, stages, means)

    def sel(self, **labels: Any) -> "Spectra":
        """Return the part at some labels: names of blocks or pairs, ranks from 1, numbers of inputs; as `isel`.

        Raises
        ------
        KeyError
            If there is no such label.
        ValueError
            As `isel` does.
        """
        positions = {}
        for axis, label in labels.items():
            one_of("axis", axis, [name for name in _AXES if name in self.dataset.dims])
            numbers = xr.DataArray(np.arange(self.dataset.sizes[axis]), coords={axis: self.dataset[axis].values})
            try:
                positions[axis] = numbers.sel({axis: label}).values
            except KeyError as error:
                known = self.dataset[axis].values.tolist()
                raise KeyError(f"{axis} is {label!r}; it must be of {', '.join(map(repr, known))}.") from error
        return self.isel(**positions)

    def identical(self, other: "Spectra") -> bool:
        """Return whether `other` holds the same numbers, names and notes."""
        if not self.dataset.identical(other.dataset) or self._stages.keys() != other._stages.keys():
            return False
        if self._class_means is None or other._class_means is None:
            means = self._class_means is other._class_means
        else:
            means = self._class_means.identical(other._class_means)
        return means and all(stage.identical(other._stages[name]) for name, stage in self._stages.items())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one netCDF-4 file, whole or not at all.

        Groups: `spectra`, `stage:NAME` for every stage, and `class_means`, `class_means:NAME`. Types stay as they are.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        target = replaceable_file("path", path)
        means = None if self._class_means is None else self._class_means._stored
        with whole_file(target) as temporary, TreeWriter(temporary, compress=False) as writer:
            write_stages(writer, self._stored, means)
            write_summaries(writer, self.dataset, None if means is None else means.summary)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Spectra":
        """Read a file that `save` or a measurement with `output` wrote.

        Vectors of more than 64 MiB are left in the file and read where they are used, by the part that is used.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is damaged, not a file of Spectra, or of another version of the format.
        """
        spectra, means = read_spectra(existing_file("path", path))
        return cls(*spectra, None if means is None else cls(*means))

    def __repr__(self) -> str:
        return "\n  ".join([*described(self.dataset, self._stages, self.residual), *self.notes])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>{self.dataset._repr_html_()}"

    @property
    def _stored(self) -> StoredSpectra:
        return StoredSpectra(self.dataset, self._stages)

    def _stage(self, name: str) -> "Spectra":
        stage = self._stages[name]
        positions = np.flatnonzero(self.dataset["stage"].values == name)
        # What another stage has more of is cut off.
        dataset = self.dataset.isel(block=positions, rank=self.dataset["rank"].isin(stage["rank"]).values)
        means = None if self._class_means is None else self._class_means._stage(name)
        return Spectra(dataset, {name: stage}, means)

    def _only_stage(self, wanted: str) -> xr.Dataset:
        if len(self._stages) > 1:
            first = next(iter(self._stages))
            raise AttributeError(
                f"{wanted} differs in shape between the stages {', '.join(map(repr, self._stages))}; "
                f"take that of one, such as spectra.stages[{first!r}].{wanted}."
            )
        return next(iter(self._stages.values()))

    def _of_stage(self, name: str, way_out: str) -> xr.DataArray:
        stage = self._only_stage(name)
        if name not in stage:
            raise AttributeError(f"{name} was not kept; to have it, {way_out}.")
        return stage[name]


def _cut(stage: xr.Dataset, blocks: list[str], chosen: Mapping[str, NDArray[np.intp]]) -> xr.Dataset:
    """Return the part of a stage that belongs to `blocks` and to the positions chosen along the other axes."""
    names = stage["block"].values.tolist()
    kept = [names.index(name) for name in blocks if name in names]
    positions: dict[str, Any] = dict(chosen) | {"block": kept}
    if "rank" in chosen:
        positions["rank"] = chosen["rank"][chosen["rank"] < stage.sizes["rank"]]
    positions |= {f"other_{axis}": positions[axis] for axis in ("block", "rank") if axis in positions}
    if kept == list(range(kept[0], kept[-1] + 1)):
        positions["state"] = [*kept, kept[-1] + 1]
    else:
        stage = stage.drop_vars("states", errors="ignore")
    return stage.isel(positions, missing_dims="ignore")
