"""Gathers a measurement piece by piece, in memory or straight into a file."""

import math
import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ramodel.checks import replaceable_file
from ramodel.files import whole_file
from ramodel.netcdf import TreeWriter
from ramodel.spectra.layout import SpectraLayout
from ramodel.spectra.memory import in_words
from ramodel.spectra.spectra import Spectra
from ramodel.spectra.storage import stage_group, write_summaries

__all__ = ["SpectraCollector"]

_MAY_BE_NAN = {"gap", "tail_energy", "eigenvalues_real", "eigenvalues_imag"}


class SpectraCollector:
    """Takes results block by block and chunk of inputs by chunk of inputs, and makes the `Spectra` of them.

    With `output` vectors, states, Jacobians and alignments go straight to a temporary file beside it, which takes its
    place in `finish`: memory stays that of what is handed over at once, plus a few numbers for each Jacobian. An
    exception inside the ``with`` removes the temporary file; what was at `output` before stays.

    Parameters
    ----------
    layout
        What there will be. All of it must have been put before `finish`.
    class_means
        The same for the class means (its inputs are the classes); results go to ``collector.class_means.put``.
    output
        Path of a netCDF-4 file; None gathers in memory.

    Raises
    ------
    FileNotFoundError, FileExistsError, OSError
        If the folder of `output` does not exist, a folder or a device has its name, or less space is left than the
        result needs.

    Examples
    --------
    >>> from ramodel.spectra.layout import StageLayout
    >>> stage = StageLayout("layers", (2,), ("layers.0",), ("inside",))
    >>> with SpectraCollector(SpectraLayout((stage,), inputs=3, rank=1, vectors=False)) as collector:
    ...     collector.put("layers", slice(0, 3), states=np.ones((2, 3, 2)))
    ...     for chunk in (slice(0, 2), slice(2, 3)):
    ...         values = np.ones((chunk.stop - chunk.start, 1))
    ...         numbers = dict(singular_values=values, residual_forward=0 * values, residual_adjoint=0 * values)
    ...         numbers |= dict(converged=values > 0, gap=values[:, 0], tail_energy=values[:, 0], passes=values[:, 0])
    ...         collector.put("layers", chunk, block=0, **numbers)
    ...     spectra = collector.finish(notes=["one block"])
    >>> spectra.singular_values.sum().item(), spectra.states.shape, spectra.notes
    (3.0, (2, 3, 2), ('one block',))
    """

    def __init__(
        self,
        layout: SpectraLayout,
        *,
        class_means: SpectraLayout | None = None,
        output: str | os.PathLike[str] | None = None,
    ) -> None:
        self._output = None if output is None else replaceable_file("output", output)
        self._writer: TreeWriter | None = None
        with ExitStack() as file:
            if self._output is not None:
                _check_space(self._output, layout.nbytes + (0 if class_means is None else class_means.nbytes))
                temporary = file.enter_context(whole_file(self._output))
                self._writer = file.enter_context(TreeWriter(temporary, compress=False))
            self._own = _Part(layout, self._writer, of_means=False)
            self.class_means = None if class_means is None else _Part(class_means, self._writer, of_means=True)
            """Where to put the results at the class means; None where they were not asked for."""
            self._file = file.pop_all()

    def __enter__(self) -> "SpectraCollector":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind or _UnfinishedError, error, trace)

    def put(self, stage: str, inputs: slice, *, block: int | slice = slice(None), **values: Tensor | ArrayLike) -> None:
        """Store results of some inputs of one stage.

        Parameters
        ----------
        stage
            Its name.
        inputs
            Which inputs, counted over the whole measurement.
        block
            Position in the stage of the one block whose results they are (then they have no axis of blocks), or a slice
            of blocks. Variables without a block of their own (`states`) need all.
        values
            By name, with the axes that `SpectraLayout.summary` and `SpectraLayout.vectors_of` give them, cut to the
            block and the inputs: ``singular_values=[N, K]`` for one block, ``left=[N, K, n]``. States may come in the
            shape of the state.

        Raises
        ------
        ValueError
            If a name is not in the layout, a shape is wrong, or a number is not finite. Only gaps, tail energies and
            eigenvalues may be; an infinite gap is one too.
        """
        self._own.put(stage, inputs, block=block, **values)

    def finish(self, notes: list[str] | tuple[str, ...] = (), **attributes: str | float) -> Spectra:
        """Return the result; with `output` the file is moved into place and opened.

        Parameters
        ----------
        notes
            What the reader should know, a line each.
        attributes
            More attributes of the dataset.

        Raises
        ------
        ValueError
            If something was never put.
        """
        attributes |= {"notes": "\n".join(" ".join(note.split()) for note in notes)} if notes else {}
        summary = self._own.summary().assign_attrs(attributes)
        means = None if self.class_means is None else self.class_means.summary()
        if self._writer is not None and self._output is not None:
            write_summaries(self._writer, summary, means)
            self._file.close()
            return Spectra.load(self._output)
        at_means = None if self.class_means is None or means is None else Spectra(means, self.class_means.stages())
        return Spectra(summary, self._own.stages(), at_means)


class _Part:
    """The arrays of one layout: small ones in memory, those of the stages in memory or in a file."""

    def __init__(self, layout: SpectraLayout, writer: TreeWriter | None, *, of_means: bool) -> None:
        self._layout = layout
        self._summary = layout.summary().copy(deep=True)
        self._stages = {stage.name: stage for stage in layout.stages}
        position = {name: row for row, name in enumerate(layout.blocks)}
        self._rows = {stage.name: np.array([position[name] for name in stage.blocks]) for stage in layout.stages}
        self._templates = {name: layout.vectors_of(stage) for name, stage in self._stages.items()}
        self._arrays: dict[str, dict[str, Any]] = {}
        for name, template in self._templates.items():
            if writer is None:
                self._arrays[name] = {str(key): np.empty(one.shape, one.dtype) for key, one in template.items()}
            else:
                self._arrays[name] = writer.reserve(stage_group(name, of_means=of_means), template)
        rows = (len(layout.blocks), layout.inputs)
        names = {*map(str, self._summary), *(key for arrays in self._arrays.values() for key in arrays)}
        self._filled = {name: np.zeros(rows, bool) for name in names}
        # Looked up once: xarray takes longer to hand out a variable than NumPy to fill it.
        self._summary_variables = {str(name): one.variable for name, one in self._summary.items()}
        self._stage_variables = {
            stage: {str(name): one.variable for name, one in template.items()}
            for stage, template in self._templates.items()
        }

    def put(self, stage: str, inputs: slice, *, block: int | slice = slice(None), **values: Tensor | ArrayLike) -> None:
        """Store results of some inputs of one stage: see `SpectraCollector.put`."""
        known = self._stages[stage]
        rows = self._rows[stage][block]
        described = f"stage {stage!r}" if isinstance(block, slice) else f"block {known.blocks[block]!r}"
        for name, value in values.items():
            array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
            place: dict[str, Any] = {"block": block, "input": inputs}
            if name in self._summary_variables:
                variable = self._summary_variables[name]
                target = variable.values
                place |= {"block": rows, "rank": slice(self._layout.rank_of(known))}
                place["index"] = slice(self._layout.eigenvalues_of(known))
            elif name in self._arrays[stage]:
                variable = self._stage_variables[stage][name]
                target = self._arrays[stage][name]
            else:
                raise ValueError(f"{name!r} is not in the layout of {stage!r}; leave it out or ask for it there.")
            index: Any = tuple(place.get(str(axis), slice(None)) for axis in variable.dims)
            shape = variable.data[index].shape
            if name == "states" and array.size == math.prod(shape):
                array = array.reshape(shape)
            target[index] = _checked(f"{name} of {described}", array, shape, may_be_nan=name in _MAY_BE_NAN)
            self._filled[name][rows, inputs] = True

    def summary(self) -> xr.Dataset:
        """Return the numbers of all blocks; raise ValueError where something was never put."""
        for name, filled in self._filled.items():
            if not filled.all():
                block, item = np.argwhere(~filled)[0]
                raise ValueError(f"{name!r} was never put for {self._layout.blocks[block]!r} at input {item}.")
        return self._summary

    def stages(self) -> dict[str, xr.Dataset]:
        """Return the datasets of the stages, gathered in memory."""
        return {
            name: template.assign({key: template[key].copy(data=one) for key, one in self._arrays[name].items()})
            for name, template in self._templates.items()
        }


def _checked(name: str, array: NDArray[Any], shape: tuple[int, ...], *, may_be_nan: bool) -> NDArray[Any]:
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; it must have shape {shape}.")
    if not may_be_nan and not np.isfinite(array).all():
        raise ValueError(f"{name} holds a number that is not finite; every entry must be finite.")
    return array


class _UnfinishedError(Exception):
    """Tells the temporary file that it never became whole."""


def _check_space(output: Path, needed: int) -> None:
    free = shutil.disk_usage(output.parent).free
    if needed > free:
        raise OSError(
            f"output is {str(output)!r}; the result needs {in_words(needed)}, {in_words(free)} are left. "
            "Choose fewer inputs or a smaller rank, vectors='float32' or vectors='none', or another place."
        )
