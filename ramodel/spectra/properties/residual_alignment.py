"""`residual_alignment`: what a measurement says of RA1-RA4 and of the properties beside them."""

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ramodel.checks import finite_array, integer
from ramodel.metrics.classes import whole_labels
from ramodel.progress import Progress, progress_bar
from ramodel.spectra.properties.at_inputs import Named, metrics_at_inputs
from ramodel.spectra.properties.descriptions import DESCRIPTIONS
from ramodel.spectra.properties.kept import kept, parts, refuse_other_blocks, tail_energies
from ramodel.spectra.properties.levels import structureless_levels
from ramodel.spectra.properties.over_inputs import inverse_slopes, neural_collapse
from ramodel.spectra.properties.result import ResidualAlignment
from ramodel.spectra.spectra import Spectra

__all__ = ["residual_alignment"]

_Labels = NDArray[np.int64]


def residual_alignment(
    spectra: Spectra,
    untrained: Spectra | None = None,
    *,
    classes: int | None = None,
    labels: ArrayLike | Tensor | None = None,
    head: ArrayLike | Tensor | None = None,
    progress: bool = True,
) -> ResidualAlignment:
    """Return every metric of RA1-RA4 that a measurement allows, with its ideal value and its level of no structure.

    RA1 from the states, RA2 from the singular vectors (from whole Jacobians where ``keep_jacobians=True`` kept them,
    from grids of ``alignment=True``, and else of the rank-K part of each), RA3 and RA4 from the singular values, Neural
    Collapse from labelled states; stage by stage, for blocks whose states share a shape. Subspaces and grids take the
    top C triplets. Nothing of size d x d is formed; vectors in a file are read input by input.

    Parameters
    ----------
    spectra
        What `ramodel.measure` found.
    untrained
        The same of the network before training (or another control) at the same blocks: its medians stand beside.
    classes
        C, the number of classes; by default the number of different labels.
    labels
        ``[N]``, whole numbers; by default those of the measurement.
    head
        W ``[C, d]``, for NC3: the weights that read the last states as they are, row c for the label c. Of no use
        without labels.
    progress
        Show a bar on a terminal.

    Returns
    -------
    ResidualAlignment
        `readings` to print, `stages` (or `dataset`) with every number by name and axes, `by_class()`, `notes`.

    Raises
    ------
    TypeError, ValueError
        If `classes`, `labels`, `head` or the blocks of `untrained` do not fit the measurement.

    Examples
    --------
    >>> J = np.diag([0.5, 0.25])
    >>> axes, frame = ("block", "input", "rank"), np.broadcast_to(np.eye(2), (3, 1, 2, 2))
    >>> numbers = xr.Dataset(
    ...     {"singular_values": (axes, np.full((3, 1, 2), [0.5, 0.25]))},
    ...     {"block": list("abc"), "stage": ("block", ["all"] * 3), "input": [0], "rank": [1, 2]},
    ... )
    >>> vectors = xr.Dataset({name: ((*axes, "coordinate"), frame) for name in ("left", "right")}, numbers.coords)
    >>> found = residual_alignment(Spectra(numbers, {"all": vectors}), classes=2)
    >>> [(r.label, r.median, r.baseline) for r in found.readings if r.metric == "asymmetry_error"]
    [('asymmetry', 0.0, 1.0)]
    """
    refuse_other_blocks(spectra, untrained)
    chosen = _labels(spectra, labels)
    if classes is not None:
        classes = integer("classes", classes)
    elif chosen is not None and len(np.unique(chosen)) > 1:
        classes = len(np.unique(chosen))
    weights = None if head is None else finite_array("head", _on_cpu(head), shape=(None, None))
    controls = {} if untrained is None else untrained.stages
    stages = spectra.stages
    if weights is not None:
        _check_head(weights, stages)
    total = sum(_steps(stage) for stage in (*stages.values(), *controls.values()))
    with progress_bar("residual alignment", total, show=progress) as bar:
        measured = {name: _measured(stage, classes, chosen, weights, bar) for name, stage in stages.items()}
        if untrained is None:
            return ResidualAlignment(measured, notes=_notes(spectra, classes, chosen))
        known = chosen if _inputs(untrained) == _inputs(spectra) else _labels(untrained, None)
        control = {name: _measured(stage, classes, known, None, bar) for name, stage in controls.items()}
    return ResidualAlignment(measured, control, _notes(spectra, classes, chosen))


def _measured(
    stage: Spectra, classes: int | None, labels: _Labels | None, head: NDArray[np.float64] | None, bar: Progress
) -> xr.Dataset:
    available = stage.singular_values.sizes["rank"]
    top = available if classes is None else min(classes, available)
    pieces = []
    for part in parts(stage):
        pieces.append(metrics_at_inputs(part, classes, top))
        bar.advance()
    found = _joined(pieces)
    slopes, intervals = inverse_slopes(stage)
    found |= slopes
    if labels is not None and len(np.unique(labels)) > 1:
        found |= neural_collapse(stage, labels, head, bar)
    levels = structureless_levels(stage, top, labels)
    names = {name: stage.dataset[name].values for name in ("block", "input", "pair") if name in stage.dataset.coords}
    dataset = xr.Dataset(coords=names | {"other_block": names["block"], "rank": np.arange(1, top + 1)})
    if labels is not None:
        dataset = dataset.assign_coords(label=("input", labels))
    for name, description in DESCRIPTIONS.items():
        if name not in found:
            continue
        axes, values = found[name]
        attributes = {
            "property": description.property,
            "label": description.label,
            "long_name": description.formula,
            "ideal": description.ideal.replace("C", str(classes)) if classes is not None else description.ideal,
        }
        numbers = {"baseline": levels[name]} if name in levels else {}
        if name in intervals:
            numbers["lower"], numbers["upper"] = intervals[name]
        dataset[name] = xr.Variable(axes, values, attributes | numbers)
    return dataset


def _joined(pieces: list[Named]) -> Named:
    """Put pieces of the inputs together; a metric that some piece did not allow is left out."""
    names = [name for name in pieces[0] if all(name in piece for piece in pieces)]
    return {
        name: (axes, np.concatenate([piece[name][1] for piece in pieces], axis=axes.index("input")))
        for name, (axes, _) in ((name, pieces[0][name]) for name in names)
    }


def _labels(spectra: Spectra, labels: ArrayLike | Tensor | None) -> _Labels | None:
    if labels is None:
        if "label" not in spectra.dataset.coords:
            return None
        labels = spectra.dataset["label"].values
    return np.array(whole_labels("labels", labels, _inputs(spectra)), dtype=np.int64)


def _inputs(spectra: Spectra) -> int:
    return int(spectra.singular_values.sizes["input"])


def _steps(stage: Spectra) -> int:
    states = kept(stage, "states")
    return sum(1 for _ in parts(stage)) + (0 if states is None else states.sizes["state"])


def _check_head(head: NDArray[np.float64], stages: dict[str, Spectra]) -> None:
    states = (kept(stage, "states") for stage in stages.values())
    widths = {variable.sizes["coordinate"] for variable in states if variable is not None}
    if widths and head.shape[1] not in widths:
        raise ValueError(
            f"head has shape {head.shape}; it must read the states of a stage as they are, which have "
            f"{' or '.join(map(str, sorted(widths)))} coordinates. Leave it out where the network pools or normalises "
            "before the head."
        )


def _on_cpu(array: ArrayLike | Tensor) -> ArrayLike:
    return array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else array


def _notes(spectra: Spectra, classes: int | None, labels: _Labels | None) -> tuple[str, ...]:
    """Say what could not be measured, or only in part, and what would."""
    notes = []
    missed = int((~spectra.converged).sum()) if "converged" in spectra.dataset else 0
    if missed:
        notes.append(f"{missed} of {spectra.converged.size} triplets did not converge: see spectra.residual.")
    available = spectra.singular_values.sizes["rank"]
    if classes is None:
        notes.append("Without classes or labels of at least two: no energy outside the top C, no gap after it.")
    elif classes >= available:
        notes.append(
            f"{available} triplets were kept for {classes} classes: measure with rank={classes + 2} to see beyond."
        )
    by_stage = {name: _notes_of_stage(stage) for name, stage in spectra.stages.items()}
    for note in dict.fromkeys(note for found in by_stage.values() for note in found):
        where = [name for name, found in by_stage.items() if note in found]
        notes.append(note if len(where) == len(by_stage) else f"{', '.join(where)}: {note}")
    if labels is None or len(np.unique(labels)) < 2:
        notes.append("Without labels of at least two classes: no Neural Collapse.")
    return tuple(notes)


def _notes_of_stage(stage: Spectra) -> list[str]:
    notes = []
    if tail_energies(stage) is None:
        notes.append(
            "The energy beyond the triplets is not known (statistics=['frobenius'] estimates it): "
            "stable rank and energy outside the top C are at least those shown."
        )
    if kept(stage, "left") is None:
        notes.append("Vectors were not kept: no RA2.")
    elif kept(stage, "jacobian") is None and kept(stage, "alignment_left_right") is None:
        notes.append(
            "RA2 is that of the rank-K part of each Jacobian; to measure all of it, ask for the alignment (between "
            "blocks) and for the statistics asymmetry and normality (within them)."
        )
    elif kept(stage, "jacobian") is None:
        notes.append("The cosine between Jacobians is that of their rank-K parts.")
    if kept(stage, "states") is None:
        notes.append("Blocks do not follow one another: no RA1.")
    return notes
