"""RA3 and RA4 of a measured network: the top singular values of every block, and their inverse against the layer."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import ColorType

from ramodel.metrics import resampled_inverse_line
from ramodel.report.block_axis import BlockAxis, block_panel
from ramodel.report.formatting import measured
from ramodel.report.panels import Floats, error_bars, legend_below, log_axis
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR
from ramodel.spectra import Spectra
from ramodel.spectra.properties.kept import ordered

__all__ = ["draw_inverse_values", "draw_singular_values"]

_REACH = 0.2
"""Half the length of a rung, in blocks."""

_FLOOR = 1e-6
"""Least s_k / s_1 drawn."""


def draw_singular_values(spectra: Spectra, control: Spectra | None) -> Figure:
    """Draw the median over inputs of every singular value, block by block, as the rungs of a ladder."""
    figure, axes, axis = block_panel(spectra, 3.2)
    rank = spectra.singular_values.sizes["rank"]
    colours = matplotlib.colormaps["viridis_r"]
    norm = Normalize(1, max(2, rank))
    if control is not None:
        _rungs(axes, _medians(control, spectra), axis.positions + _REACH, [CONTROL_COLOUR] * rank)
    shift = -_REACH if control is not None else 0.0
    _rungs(axes, _medians(spectra, spectra), axis.positions + shift, [colours(norm(k + 1)) for k in range(rank)])
    log_axis(axes.yaxis)
    axes.set_ylabel("singular value $s_k$")
    bar = figure.colorbar(matplotlib.cm.ScalarMappable(norm, colours), ax=axes, pad=0.02, aspect=30)
    bar.set_label("index $k$")
    bar.ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    bar.outline.set_visible(False)
    if control is not None:
        axes.plot([], [], color=CONTROL_COLOUR, label="untrained")
        axes.plot([], [], color=colours(0.9), label="trained")
        legend_below(figure, [axes])
    return figure


def draw_inverse_values(spectra: Spectra, control: Spectra | None) -> Figure:
    """Draw 1/s_1 of every block, and in each stage the line through it with the interval of its slope."""
    figure, axes, axis = block_panel(spectra, 3.0)
    for measured_spectra, colour, marker, label in (
        (control, CONTROL_COLOUR, "x", "untrained"),
        (spectra, OKABE_ITO["blue"], "o", "trained" if control is not None else "measured"),
    ):
        if measured_spectra is not None:
            largest = _largest(measured_spectra, spectra)
            inverse = np.divide(1.0, largest, out=np.full_like(largest, np.nan), where=largest > 0)
            error_bars(axes, axis.positions, inverse, colour=colour, marker=marker, label=label)
            _lines(axes, axis, largest, colour, named=measured_spectra is spectra)
    axes.set_ylabel("$1 / s_1$")
    axes.set_ylim(bottom=0.0)
    legend_below(figure, [axes])
    return figure


def _rungs(axes: Axes, values: Floats, positions: Floats, colours: Sequence[ColorType]) -> None:
    floor = _FLOOR * values.max()
    for rank, colour in enumerate(colours):
        heights = values[:, rank]
        seen = np.isfinite(heights) & (heights > floor)
        axes.hlines(heights[seen], positions[seen] - _REACH, positions[seen] + _REACH, colors=[colour], linewidth=1.2)


def _medians(spectra: Spectra, like: Spectra) -> Floats:
    """Return the median over inputs (and pairs of tokens), [block, rank], in the blocks of another measurement."""
    values = ordered(spectra.singular_values.sel(block=list(like.blocks)))
    medians: Floats = np.median(values.reshape(len(values), -1, values.shape[-1]), axis=1)
    return medians


def _largest(spectra: Spectra, like: Spectra) -> Floats:
    values = ordered(spectra.singular_values.sel(block=list(like.blocks)))[..., 0]
    return values.reshape(len(values), -1)


def _lines(axes: Axes, axis: BlockAxis, largest: Floats, colour: str, *, named: bool) -> None:
    """Draw the line through 1/s_1 in every stage of three blocks or more."""
    for members in axis.stages.values():
        values = largest[members]
        if len(members) < 3 or not (values > 0).all():
            continue
        fit = resampled_inverse_line(values)
        layers = np.arange(1.0, len(members) + 1)
        slope = float(fit.slope)
        axes.plot(axis.positions[members], float(fit.intercept) + slope * layers, color=colour, linewidth=0.8)
        if named:
            text = f"slope {measured(slope, (float(fit.interval[0]), float(fit.interval[1])))}"
            place = (axis.positions[members].mean(), 0.04)
            axes.text(*place, text, transform=axes.get_xaxis_transform(), ha="center", fontsize=7, color=THEORY_COLOUR)
