"""The blocks of a measured network along one axis, stage after stage."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ramodel.report.style import WIDTH_INCHES
from ramodel.spectra import Spectra

__all__ = ["BlockAxis", "block_axis", "block_panel"]

_MOST_NAMES = 16
"""Blocks up to this number are named; of more every second, third, ... is."""


class BlockAxis(NamedTuple):
    """Where the blocks stand, with room between stages."""

    positions: NDArray[np.float64]
    """[block], in the order of the blocks."""
    stages: dict[str, NDArray[np.intp]]
    """Indices of the blocks of each stage."""


def block_axis(spectra: Spectra) -> BlockAxis:
    """Return where each block of `spectra` stands on the axis."""
    names = spectra.dataset["stage"].values
    stages = {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}
    positions = np.zeros(len(names))
    start = 0.0
    for members in stages.values():
        positions[members] = start + np.arange(len(members))
        start += len(members) + 0.5
    return BlockAxis(positions, stages)


def block_panel(spectra: Spectra, height: float) -> tuple[Figure, Axes, BlockAxis]:
    """Return a figure with one panel, whose horizontal axis names the blocks and, above it, their stages."""
    axis = block_axis(spectra)
    figure = Figure(figsize=(WIDTH_INCHES, height))
    axes = figure.subplots()
    step = -(-len(axis.positions) // _MOST_NAMES)
    axes.set_xticks(axis.positions[::step], _short(spectra.blocks)[::step])
    axes.set_xlim(axis.positions[0] - 0.6, axis.positions[-1] + 0.6)
    axes.set_xlabel("block")
    above = axes.get_xaxis_transform()
    if len(axis.stages) > 1:
        for name, members in axis.stages.items():
            stage = spectra.stages[name]
            shape = " x ".join(map(str, stage.state_shape))
            label = f"{_last(name)}\n{shape}"
            axes.text(
                axis.positions[members].mean(), 1.01, label, ha="center", va="bottom", fontsize=7, transform=above
            )
            if members[0] > 0:
                axes.axvline(axis.positions[members[0]] - 0.75, color="black", linewidth=0.5, linestyle=":")
    return figure, axes, axis


def _short(names: tuple[str, ...]) -> list[str]:
    """Return the names without the leading parts that all of them share."""
    parts = [name.split(".") for name in names]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    return [".".join(part[shared:]) for part in parts]


def _last(name: str) -> str:
    parts = [part for part in name.split(".") if part not in ("layers", "blocks")]
    return ".".join(parts[-2:]) or name
