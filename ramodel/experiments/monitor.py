"""Residual alignment along a training, whoever wrote the loop."""

import hashlib
import os
import sys
import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, overload

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ramodel.checks import integer, one_of, real, replaceable_file
from ramodel.experiments.store import write_measurements
from ramodel.netcdf import read_tree
from ramodel.spectra import Reading, measure, residual_alignment
from ramodel.spectra.class_means import whole_labels
from ramodel.spectra.network import Batch, Inputs, Skip
from ramodel.spectra.properties.descriptions import DESCRIPTIONS

__all__ = ["AlignmentMonitor"]

_QUARTILES = ("lower", "median", "upper")
_HEADLINES = (
    "line_shape_ratio",
    "right_affinity_score_all_pairs_of_blocks",
    "coupling_error_all_pairs_of_blocks",
    "energy_outside_error",
    "largest_singular_value",
    "inverse_slope",
    "variability_error_last_state",
)
_SHARE_OF_TIME = 0.2
_SECONDS_BEFORE_WARNING = 10.0
_COLUMNS = 8


class AlignmentMonitor:
    """Logs the metrics of RA1-RA4 and of the properties beside them while a network is trained.

    Call it in every step of the training loop; it measures where a look is due, at inputs that stay the same, and does
    nothing elsewhere. The training goes on as if it had not been there, bit for bit: weights, gradients, modes,
    BatchNorm statistics and torch's random numbers are left as they were. It is a `callback` of `ramodel.nets.train`
    as well.

    A look costs about as much as ten to a hundred steps on as many inputs: `ramodel.measure` at every block and input,
    and `residual_alignment` of what it finds. A handful of inputs per class is enough for medians. Who spends more than
    a fifth of the time of the training on looks is warned once.

    Parameters
    ----------
    model
        What is trained: any network that `ramodel.measure` takes. It is measured in evaluation mode.
    inputs
        As in `ramodel.measure`: the samples at which Jacobians are taken.
    labels
        [N] whole numbers; with them come the metrics that count classes.
    every
        Iterations between looks; 100 where `at` is not given.
    at
        The iterations of the looks, in place of `every`.
    rank
        Singular triplets of each Jacobian; None for the number of classes + 2, or 12 without labels.
    blocks, skip
        As in `ramodel.measure`.
    metrics
        Names of the metrics that are kept, as in the variables of `residual_alignment(...).dataset`; None for all.
    file
        A netCDF file that is written anew, whole, after each look. Where it is there already the monitor continues it:
        a look at an iteration that it has replaces this one and all after it.
    options
        Anything else that `ramodel.measure` takes, such as ``tokens="diagonal"`` or ``dtype="float32"``.

    Attributes
    ----------
    iterations
        Where looks are due; `in` tells.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or `file` holds the looks of another monitor.

    Examples
    --------
    >>> import ramodel
    >>> rng = torch.Generator().manual_seed(0)
    >>> inputs = torch.randn(60, 8, generator=rng)
    >>> labels = (inputs[:, 0] > 0).long()
    >>> model = ramodel.ResidualNetwork(
    ...     ramodel.nets.NetworkConfig(kind="relu", inputs=8, classes=2, width=8, depth=4)
    ... ).float()
    >>> optimiser = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    >>> monitor = AlignmentMonitor(model, inputs[:10], labels[:10], every=50)
    >>> for step in range(101):
    ...     loss = torch.nn.functional.cross_entropy(model(inputs), labels)
    ...     monitor(step, loss=loss)
    ...     optimiser.zero_grad()
    ...     _ = loss.backward()
    ...     optimiser.step()
    >>> monitor.dataset["iteration"].values
    array([  0,  50, 100])
    >>> ratio = monitor.dataset["line_shape_ratio"].sel(quartile="median").squeeze()
    >>> bool(ratio[-1] < ratio[0])  # RA1: states come near a line
    True
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Inputs,
        labels: ArrayLike | Tensor | None = None,
        *,
        every: int | None = None,
        at: Collection[int] | None = None,
        rank: int | None = None,
        blocks: Sequence[str | nn.Module] | None = None,
        skip: Skip = "auto",
        metrics: Collection[str] | None = None,
        file: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model is of type {type(model).__name__}; it must be a torch.nn.Module.")
        self.model = model
        self.iterations = _due(every, at)
        self._given = inputs
        self._inputs = Batch.of(inputs)
        self._labels = None if labels is None else whole_labels("labels", labels, len(self._inputs)).numpy()
        if rank is None:
            rank = 12 if self._labels is None else len(np.unique(self._labels)) + 2
        self._metrics = None if metrics is None else tuple(_known(name) for name in metrics)
        self._options = {"rank": integer("rank", rank), "blocks": blocks, "skip": skip, **options}
        self._file = None if file is None else replaceable_file("file", file)
        self._digest = self._settings_digest()
        self.dataset = self._stored()
        self._clock = _Clock()

    @overload
    def __call__(self, iteration: int, /, **numbers: float | Tensor) -> None: ...

    @overload
    def __call__(self, network: nn.Module, iteration: int, /) -> None: ...

    def __call__(self, first: int | nn.Module, second: int | None = None, /, **numbers: float | Tensor) -> None:
        """Look, where a look is due at this iteration.

        Parameters
        ----------
        first, second
            The iteration; or, as `ramodel.nets.train` calls it, the network and the iteration.
        numbers
            What else is to be logged, such as ``loss=loss``: one number each.

        Raises
        ------
        ValueError
            If the network is not that of the monitor, or cannot be measured: a weight or a state is not finite.
        """
        if isinstance(first, nn.Module):
            if first is not self.model:
                raise ValueError("network is not the model of this monitor; make a monitor for each network.")
            first = integer("iteration", second, minimum=0)
        elif second is not None:
            raise TypeError("iteration is given twice; call monitor(iteration, loss=...).")
        if first in self.iterations:
            self.look(first, **numbers)

    def look(self, iteration: int, **numbers: float | Tensor) -> None:
        """Measure now, whether a look is due or not; as a call does."""
        iteration = integer("iteration", iteration, minimum=0)
        logged = {name: _logged(name, number) for name, number in numbers.items()}
        with self._clock.looking():
            with _in_evaluation(self.model), _same_random_numbers(self.model):
                spectra = measure(self.model, self._given, labels=self._labels, progress=False, **self._options)
            found = _look(residual_alignment(spectra, progress=False).readings, self._metrics)
            for name, number in logged.items():
                if name in found:
                    raise ValueError(f"{name} is the name of a metric; log {name!r} under another one.")
                found[name] = number
            found = found.expand_dims(look=1).assign_coords(iteration=("look", [iteration]))
            self._append(found)
        self._clock.warn()

    def table(self, metrics: Sequence[str] | None = None) -> str:
        """Return medians as text: a row for each metric, a column for each look (eight at most, evenly chosen).

        Parameters
        ----------
        metrics
            Variables of `dataset`; None for what was logged, and one or two of each property.

        Raises
        ------
        ValueError
            If there is no such variable, or no look yet.
        """
        if not self.dataset.sizes.get("look", 0):
            raise ValueError("there is no look yet; call the monitor in the training loop, or `look`.")
        known = [str(name) for name in self.dataset.data_vars]
        if metrics is None:
            logged = [name for name in known if self.dataset[name].dims == ("look",)]
            metrics = [*logged, *(name for name in _HEADLINES if name in known)]
        looks = self.dataset.sizes["look"]
        shown = self.dataset.isel(look=np.unique(np.linspace(0, looks - 1, min(looks, _COLUMNS)).round().astype(int)))
        lines = [("", "metric", "if it holds", *(f"at {iteration}" for iteration in shown["iteration"].values))]
        for name in metrics:
            variable = shown[one_of("metrics", name, known)]
            if "quartile" not in variable.dims:
                lines.append(("", name, "", *(f"{number:.4g}" for number in variable.values)))
                continue
            label = ", ".join(variable.attrs[part] for part in ("long_name", "over"))
            for stage in variable["stage"].values:
                numbers = variable.sel(stage=stage, quartile="median").values
                where = f"{label}, {stage}" if variable.sizes["stage"] > 1 else label
                level = variable.attrs["ideal"]
                lines.append((variable.attrs["property"], where, level, *(f"{number:.4g}" for number in numbers)))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)

    def __repr__(self) -> str:
        looks = self.dataset.sizes.get("look", 0)
        where = "" if self._file is None else f", kept in {str(self._file)!r}"
        heading = f"AlignmentMonitor of {type(self.model).__name__}: {looks} look{'' if looks == 1 else 's'}{where}"
        return f"{heading}\n{self.table()}" if looks else f"{heading} yet"

    def _append(self, found: xr.Dataset) -> None:
        """Put a look after those before it, and write them all."""
        before = self.dataset
        if before.sizes.get("look", 0):
            before = before.isel(look=before["iteration"].values < found["iteration"].values[0])
        self.dataset = _joined(before, found) if before.sizes.get("look", 0) else found
        self.dataset.attrs["monitor"] = self._digest
        if self._file is None:
            return
        try:
            write_measurements(self._file, self.dataset)
        except OSError as error:
            warnings.warn(
                f"the looks could not be written to {str(self._file)!r} ({error}); they are kept in `dataset`, and the "
                "next look tries again.",
                RuntimeWarning,
                stacklevel=4,
            )

    def _stored(self) -> xr.Dataset:
        if self._file is None or not self._file.exists():
            return xr.Dataset()
        way_out = "Choose another file, or remove this one to begin anew."
        try:
            stored = read_tree(self._file).to_dataset()
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ValueError(f"file {str(self._file)!r} is damaged or no netCDF file ({error}). {way_out}") from error
        if stored.attrs.get("monitor") != self._digest:
            raise ValueError(
                f"file {str(self._file)!r} holds looks at other inputs or labels, or with other settings. {way_out}"
            )
        return stored

    def _settings_digest(self) -> str:
        """Return sixteen hexadecimal digits that change with inputs, labels and settings."""
        names = {module: name for name, module in self.model.named_modules()}
        blocks = self._options["blocks"]
        if blocks is not None:
            blocks = [block if isinstance(block, str) else names.get(block, "?") for block in blocks]
        digest = hashlib.sha256(repr((self._options | {"blocks": blocks}, self._metrics)).encode())
        tensors = [*self._inputs.arguments, *(tensor for _, tensor in sorted(self._inputs.keywords.items()))]
        for tensor in tensors:
            digest.update(tensor.detach().double().cpu().numpy().tobytes())
        if self._labels is not None:
            digest.update(self._labels.tobytes())
        return digest.hexdigest()[:16]


class _Clock:
    """Tells the time of looks from that of training, and warns once where looks take too much."""

    def __init__(self) -> None:
        self._first_look: float | None = None
        self._looks = 0.0
        self._has_warned = False

    @contextmanager
    def looking(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            if self._first_look is None:
                self._first_look = time.monotonic()  # the first look loads what is needed; it does not count
            else:
                self._looks += time.monotonic() - began

    def warn(self) -> None:
        training = time.monotonic() - (self._first_look or 0.0) - self._looks
        if self._has_warned or self._looks < max(_SECONDS_BEFORE_WARNING, _SHARE_OF_TIME * training):
            return
        self._has_warned = True
        warnings.warn(
            f"looks have taken {self._looks:.0f} s beside {training:.0f} s of training. Look less often (every), at "
            "fewer inputs, or with fewer triplets (rank).",
            RuntimeWarning,
            stacklevel=4,
        )


def _due(every: int | None, at: Collection[int] | None) -> Collection[int]:
    if at is None:
        return range(0, sys.maxsize, integer("every", 100 if every is None else every))
    if every is not None:
        raise ValueError(f"every is {every!r} and at is given too; give one of them.")
    due = frozenset(integer("at", iteration, minimum=0) for iteration in at)
    if not due:
        raise ValueError("at is empty; it must hold one iteration or more.")
    return due


def _logged(name: str, number: float | Tensor) -> float:
    return real(name, float(number.detach() if isinstance(number, Tensor) else number))


def _known(name: str) -> str:
    return one_of("metrics", name, list(DESCRIPTIONS))


def _look(readings: Sequence[Reading], metrics: Collection[str] | None) -> xr.Dataset:
    """Return median and quartiles of every reading: variables [stage, quartile]."""
    stages = list(dict.fromkeys(reading.stage for reading in readings))
    wheres: dict[str, set[str]] = {}
    for reading in readings:
        wheres.setdefault(reading.metric, set()).add(reading.where)
    found = xr.Dataset(coords={"stage": stages, "quartile": list(_QUARTILES)})
    for reading in readings:
        if metrics is not None and reading.metric not in metrics:
            continue
        name = reading.metric
        if len(wheres[name]) > 1:
            name += "_" + reading.where.replace(" ", "_")
        if name not in found:
            described = {"property": reading.property, "long_name": reading.label, "over": reading.where}
            values = np.full((len(stages), len(_QUARTILES)), np.nan)
            found[name] = xr.Variable(("stage", "quartile"), values, described | {"ideal": reading.ideal})
        found[name].values[stages.index(reading.stage)] = (reading.lower, reading.median, reading.upper)
    return found


def _joined(before: xr.Dataset, found: xr.Dataset) -> xr.Dataset:
    """Return looks one after the other; what one side lacks is NaN there."""
    return xr.concat([before, found], dim="look", data_vars="all", join="outer", combine_attrs="override")


@contextmanager
def _in_evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluate in full precision; afterwards every module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _same_random_numbers(model: nn.Module) -> Iterator[None]:
    """Put torch's and NumPy's global random states back; a forward may draw from them."""
    devices = {parameter.device for parameter in model.parameters() if parameter.is_cuda}
    numpy_state = np.random.get_state()  # noqa: NPY002  (the state of those who use it)
    try:
        with torch.random.fork_rng(devices=sorted(devices, key=str)):
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
