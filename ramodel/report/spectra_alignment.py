"""RA2 of a measured network: how the singular vectors of each block meet the Jacobians of the others."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ramodel.metrics import low_rank_grid
from ramodel.report.panels import Floats, matrix_of_matrices, say_in_panel
from ramodel.report.style import WIDTH_INCHES
from ramodel.spectra import Spectra
from ramodel.spectra.properties.kept import kept, ordered

__all__ = ["draw_grids"]

_SHOWN_BLOCKS = 6
_SHOWN_RANKS = 10


def draw_grids(spectra: Spectra, control: Spectra | None) -> Figure:
    """Draw |u_i^T J_m v_j| / s_1(J_m) for all pairs of blocks of each stage, that of the control below."""
    measured = [spectra] if control is None else [spectra, control]
    names = list(spectra.stages)
    side = min(2.6, (WIDTH_INCHES - 0.6) / len(names))
    width, height = side * len(names) + 0.9, (side - 0.1) * len(measured) + 0.6
    figure = Figure(figsize=(max(width, 3.4), height + 0.15 * (width < 4.5)))
    panels = figure.subplots(len(measured), len(names), squeeze=False)
    images = []
    for row, one in enumerate(measured):
        for column, name in enumerate(names):
            axes, stage = panels[row, column], one.stages[name]
            if kept(stage, "left") is None:
                say_in_panel(axes, "no vectors were kept")
                continue
            images.append(_grid(axes, stage))
            if row == 0:
                axes.set_title(name)
        said = "" if control is None else ("trained\n", "untrained\n")[row]
        panels[row, 0].set_ylabel(f"{said}block $l$ of the vectors")
    for axes in panels[-1]:
        axes.set_xlabel("block $m$ of the Jacobian")
    if images:
        bar = figure.colorbar(images[0], ax=panels, shrink=0.8, aspect=30, pad=0.02)
        bar.set_label(r"$|u_{l,i}^\top J_m v_{l,j}|\,/\,s_1(J_m)$")
        bar.outline.set_visible(False)
    return figure


def _grid(axes: Axes, stage: Spectra) -> AxesImage:
    """Show the blocks (l, m), each a matrix over ranks i and j, of a few blocks spread over the stage."""
    depth = len(stage.blocks)
    shown = np.unique(np.linspace(0, depth - 1, min(_SHOWN_BLOCKS, depth)).round().astype(int))
    ranks = min(_SHOWN_RANKS, stage.singular_values.sizes["rank"])
    values = _mean_grid(stage, shown)[..., :ranks, :ranks]
    return matrix_of_matrices(axes, values, [stage.blocks[block].rpartition(".")[2] for block in shown])


def _mean_grid(stage: Spectra, shown: np.ndarray) -> Floats:
    """Return the mean over inputs of the grid of whole Jacobians where it was measured, else of their top-K parts."""
    part = stage.isel(block=shown)
    values = ordered(part.singular_values)
    largest = values[..., 0].reshape(shown.size, -1)
    whole = kept(part, "alignment_left_right")
    grid = low_rank_grid(ordered(part.left), values, ordered(part.right)) if whole is None else ordered(whole)
    grid = np.abs(grid).reshape(shown.size, shown.size, -1, *grid.shape[-2:])
    scale = np.where(largest > 0.0, largest, np.inf)[None, :, :, None, None]
    mean: Floats = (grid / scale).mean(axis=2)
    return mean
