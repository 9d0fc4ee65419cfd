"""RA2: how singular vectors of all layers align, next to a network without skips."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ramodel.report.formatting import number
from ramodel.report.measurements import MeasuredNetwork, Measurements, kinds
from ramodel.report.panels import (
    Floats,
    describe,
    grid,
    matrix_of_matrices,
    name_column,
    say_in_panel,
    trained_and_control,
)

__all__ = ["draw_alignment"]

_SHOWN_LAYERS = 5
_SHOWN_RANKS = 10


def draw_alignment(measurements: Measurements) -> Figure:
    """Draw the grid |u_i^T J_m v_j| / s_1 of a trained network of each kind above that of its control without skips."""
    shown = kinds(measurements)
    figure, panels = grid(shown, (2.15, 2.0))
    images = []
    for column, kind in enumerate(shown):
        pair = trained_and_control(measurements, kind, ("no-skip", "untrained"))
        for axes, network, nothing in zip(panels[:, column], pair, ("no trained network", "no control"), strict=True):
            if network is None or not network.has("alignment_grid"):
                say_in_panel(axes, nothing)
            else:
                images.append(_grid(axes, network))
        name_column(panels[0, column], kind)
    for axes in panels[:, 0]:
        axes.set_ylabel("layer $l$ of the vectors")
    for axes in panels[-1]:
        axes.set_xlabel("layer $m$ of the Jacobian")
    if images:
        bar = figure.colorbar(images[0], ax=panels, shrink=0.7, aspect=30, pad=0.02)
        bar.set_label(r"$|u_{l,i}^\top J_m v_{l,j}|\,/\,s_1(J_m)$")
        bar.outline.set_visible(False)
    return figure


def _grid(axes: Axes, network: MeasuredNetwork) -> AxesImage:
    """Show the blocks (l, m), each a matrix over ranks i and j, of a few layers spread over the depth."""
    values = network.array("alignment_grid", "layer", "other_layer", "rank", "other_rank")
    layers = np.unique(np.linspace(0, network.depth - 1, min(_SHOWN_LAYERS, network.depth)).round().astype(int))
    ranks = min(network.classes, _SHOWN_RANKS, values.shape[-1])
    blocks = values[np.ix_(layers, layers, np.arange(ranks), np.arange(ranks))]
    image = matrix_of_matrices(axes, blocks, [str(layer + 1) for layer in layers])
    axes.set_title(describe(network) + _affinity(network))
    return image


def _affinity(network: MeasuredNetwork) -> str:
    """Return a line with the mean affinity of top-C subspaces over pairs of different layers."""
    if not network.has("subspace_affinity") or network.depth < 2:
        return ""
    affinity: Floats = network.array("subspace_affinity", "layer", "other_layer")
    different = ~np.eye(network.depth, dtype=bool)
    return f"\nsubspace affinity {number(float(affinity[different].mean()), decimals=2)}"
