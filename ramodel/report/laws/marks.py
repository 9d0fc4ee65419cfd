"""The marks that all figures of laws share: points with intervals over seeds, bands of claims, direct labels."""

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator

from ramodel.experiments.confrontation.readings import READINGS
from ramodel.experiments.intervals import mean_interval
from ramodel.experiments.sweeps.config import Claim, SweepConfig
from ramodel.report.laws.cells import MeasuredCell, Series, axis_label
from ramodel.report.panels import log_axis, say_in_panel
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES

__all__ = [
    "BAND_COLOUR",
    "accepted",
    "along_axis",
    "canvas",
    "claims_of",
    "dots",
    "interval_of",
    "label_ends",
    "layer_ticks",
    "reading_along_axis",
    "reading_dots",
    "reading_label",
    "shade_band",
    "theory_key",
    "wrapped",
]

Direction = Literal["x", "y"]
Dashes = Literal["-", "--", ":"]

BAND_COLOUR = OKABE_ITO["yellow"]
"""Colour, drawn pale, of what a claim accepts."""

_BAND: dict[str, Any] = {"color": BAND_COLOUR, "alpha": 0.28, "linewidth": 0, "zorder": 0.5}
_EDGE: dict[str, Any] = {"color": "#a89a00", "linewidth": 0.6, "linestyle": (0, (4, 2)), "zorder": 0.6}
_WIDE = 30.0
"""Ratio of the greatest to the least number above which an axis is logarithmic."""
_SHARES = frozenset({"nearest_centre_score", "subspace_affinity", "test_accuracy", "train_accuracy"})
"""Readings from 0 to 1: no axis goes beyond."""
_FEW = 2
_MOST_TICKS = 6
_KEY_LETTERS = 130
"""Letters of a key that fit on one line."""
_GLUE = "\x1f"
"""Stands for the spaces inside formulas while lines are broken."""


def canvas(rows: Sequence[float], columns: int, *, widths: Sequence[float] | None = None) -> tuple[Figure, np.ndarray]:
    """Return a figure as wide as the page with rows of these heights in inches, and its axes [row, column]."""
    figure = Figure(figsize=(WIDTH_INCHES, sum(rows) + 0.55))
    axes = figure.subplots(len(rows), columns, squeeze=False, height_ratios=rows, width_ratios=widths)
    return figure, axes


def wrapped(text: str, width: int = 26) -> str:
    r"""Break a label into as few lines as go, of about equal length; formulas between dollars stay whole.

    Examples
    --------
    >>> wrapped("affinity of $s_1 / s_2$ over layers", 20)
    'affinity of\n$s_1 / s_2$\nover layers'
    """
    parts = text.split("$")
    whole = "$".join(part.replace(" ", _GLUE) if place % 2 else part for place, part in enumerate(parts))

    def lines(room: int) -> list[str]:
        return textwrap.wrap(whole, room, break_long_words=False, break_on_hyphens=False)

    fewest = len(lines(width))
    narrowest = next(room for room in range(1, width + 1) if len(lines(room)) <= fewest)
    return "\n".join(lines(narrowest)).replace(_GLUE, " ")


def reading_label(name: str) -> str:
    """Return how a reading is called on an axis."""
    return READINGS[name].label if name in READINGS else name.replace("_", " ")


def interval_of(values: Sequence[float]) -> tuple[float, float, float]:
    """Return mean and 95 % interval over seeds of the finite `values`; of one or two, the least and the greatest.

    Student's interval of two numbers is 13 times as wide as they are apart: it would run out of every panel.

    Examples
    --------
    >>> interval_of([0.5, float("nan")]), interval_of([0.25, 0.75])
    ((0.5, 0.5, 0.5), (0.5, 0.25, 0.75))
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return math.nan, math.nan, math.nan
    centre = float(np.mean(finite))
    interval = mean_interval(finite) if len(finite) > _FEW else None
    low, high = interval or (min(finite), max(finite))
    return centre, low, high


def claims_of(config: SweepConfig, reading: str, *summaries: str) -> list[Claim]:
    """Return the claims of a configuration about a reading; with these summaries only."""
    return [
        claim for claim in config.claims if claim.reading == reading and (not summaries or claim.summary in summaries)
    ]


def shade_band(axes: Axes, claims: Sequence[Claim], direction: Direction = "y") -> None:
    """Shade what the claims accept, to the edge of the panel where a band is open, and draw predictions as a line."""
    bands = [band for band in dict.fromkeys(map(accepted, claims)) if not math.isnan(band[0])]
    low_end, high_end = _include(axes, bands, direction)
    span, line = (axes.axhspan, axes.axhline) if direction == "y" else (axes.axvspan, axes.axvline)
    for low, high in bands:
        if low < high:
            span(max(low, low_end), min(high, high_end), **_BAND)
        for edge in (low, high):
            if low_end < edge < high_end:
                line(edge, **_EDGE)
    for claim in claims:
        if claim.kind != "empirical" and isinstance(claim.theory, (int, float)):
            line(claim.theory, color=THEORY_COLOUR, linewidth=0.9)


def dots(
    axes: Axes,
    found: Sequence[Series],
    reading: Callable[[MeasuredCell], float],
    *,
    claims: Sequence[Claim] = (),
    logarithmic: bool | None = None,
) -> bool:
    """Draw a row for each series: every network a small dot, the mean with its 95 % interval over it; tell if any.

    What a claim accepts is shaded in the rows of which it speaks.
    """
    table = [[value for value in map(reading, one.cells) if math.isfinite(value)] for one in found]
    axes.set_ylim(max(len(found), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(found)), [wrapped(one.label) for one in found])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for label, one in zip(axes.get_yticklabels(), found, strict=True):
        label.set_color(one.colour if not one.control else "#555555")
    everything = [value for row in table for value in row]
    if not everything:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=CONTROL_COLOUR)
        axes.set_xticks([])
        return False
    _fit(axes, everything, "x", logarithmic)
    for row, (one, values) in enumerate(zip(found, table, strict=True)):
        if not values:
            axes.text(
                0.5, row, "not measured", transform=axes.get_yaxis_transform(), ha="center", va="center",
                color=CONTROL_COLOUR, fontsize=6,
            )  # fmt: skip
            continue
        centre, low, high = interval_of(values)
        axes.plot(values, [row + 0.22] * len(values), ".", color=one.colour, markersize=3, markeredgewidth=0, alpha=0.6)
        axes.errorbar(
            centre, row, xerr=[[centre - low], [high - centre]], fmt=one.marker, color=one.colour, markersize=4.5,
            elinewidth=1.0, capsize=2.0,
        )  # fmt: skip
    _bands_of_rows(axes, found, table, claims)
    return True


def accepted(claim: Claim, reference: float = 0.0) -> tuple[float, float]:
    """Return the least and the greatest number that a claim accepts; `reference` is what a difference is taken from.

    Examples
    --------
    >>> accepted(Claim(statement="RA2", claim="affinity", reading="subspace_affinity", at_least=0.6))
    (0.6, inf)
    """
    if claim.kind == "empirical":
        shift = reference if claim.summary == "difference" else 0.0
        return claim.at_least + shift, claim.at_most + shift
    if not isinstance(claim.theory, (int, float)):
        return math.nan, math.nan
    low = -math.inf if claim.kind == "upper_bound" else claim.theory - claim.tolerance
    high = math.inf if claim.kind == "lower_bound" else claim.theory + claim.tolerance
    return low, high


def reading_dots(axes: Axes, found: Sequence[Series], config: SweepConfig, name: str) -> None:
    """Draw a reading, by name, of every series, over the bands of the claims about it."""
    dots(axes, found, lambda cell: cell.reading(name), claims=claims_of(config, name, "mean", "worst", "difference"))
    if name in _SHARES:
        _end_at_one(axes, "x")
    axes.set_title(wrapped(reading_label(name), 17))


def along_axis(
    axes: Axes,
    found: Sequence[Series],
    axis: str,
    reading: Callable[[MeasuredCell], float],
    *,
    claims: Sequence[Claim] = (),
    logarithmic: bool | None = None,
    bottom: float | None = None,
    whole: bool = False,
    named: bool = True,
) -> bool:
    """Draw a reading of every series along an axis: mean and 95 % interval over seeds, joined; tell if any was drawn.

    Names stand at the right ends of the lines; `whole` numbers have whole ticks.
    """
    everything: list[float] = []
    places: list[float] = []
    ends: list[tuple[float, str, str]] = []
    for one in found:
        rows = [(value, *interval_of([reading(cell) for cell in cells])) for value, cells in one.along(axis)]
        rows = [row for row in rows if math.isfinite(row[1])]
        if not rows:
            continue
        x, centre, low, high = np.array(rows).T
        axes.errorbar(
            x, centre, [centre - low, high - centre], fmt=one.marker, color=one.colour, elinewidth=0.7,
            linestyle="--" if one.control else "-", linewidth=0.8, zorder=2.0 if one.control else 2.5,
        )  # fmt: skip
        everything += [reading(cell) for _, cells in one.along(axis) for cell in cells]
        places += list(x)
        ends.append((float(centre[-1]), one.label, "#555555" if one.control else one.colour))
    if not everything:
        say_in_panel(axes, "not measured")
        return False
    if min(places) > 0 and max(places) / min(places) >= 4:
        axes.set_xscale("log")
        log_axis(axes.xaxis)
    if len(set(places)) <= 7:
        axes.set_xticks(sorted(set(places)), [f"{place:g}" for place in sorted(set(places))])
        axes.minorticks_off()
    axes.set_xlabel(axis_label(axis))
    _fit(axes, everything, "y", logarithmic)
    if whole:
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    if bottom is not None:
        axes.set_ylim(bottom=bottom)
    shade_band(axes, claims)
    if named and len(ends) > 1:
        label_ends(axes, ends)
    return True


def reading_along_axis(
    axes: Axes, found: Sequence[Series], config: SweepConfig, axis: str, name: str, *, named: bool = True
) -> None:
    """Draw a reading, by name, along an axis; over its bands, with what theory predicts from other measurements."""
    claims = claims_of(config, name, "mean", "worst")
    if not along_axis(axes, found, axis, lambda cell: cell.reading(name), claims=claims, named=named):
        axes.set_title(wrapped(reading_label(name), 34))
        return
    for claim in claims_of(config, name):
        if isinstance(claim.theory, str):
            for one in found:
                if not one.control and (not claim.arms or one.cells[0].arm in claim.arms):
                    _prediction(axes, one, axis, claim.theory)
    if name in _SHARES:
        _end_at_one(axes, "y")
    axes.set_title(wrapped(reading_label(name), 34))


def layer_ticks(axes: Axes, depth: int) -> None:
    """Write the numbers of layers at the rows and columns of a map, from 1, at even steps."""
    ticks = range(0, depth, math.ceil(depth / _MOST_TICKS))
    names = [str(tick + 1) for tick in ticks]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write names (height, name, colour) to the right of the panel at the heights of the ends, moved apart."""
    place = axes.transScale + axes.transLimits
    heights = [float(place.transform((axes.get_xlim()[1], height))[1]) for height, _, _ in ends]
    order = sorted(range(len(ends)), key=lambda index: heights[index])
    lines = [wrapped(name, 18) for _, name, _ in ends]
    step = 0.085
    placed: dict[int, float] = {}
    free = -math.inf
    for index in order:
        room = step * (lines[index].count("\n") + 1)
        placed[index] = max(heights[index], free + room / 2)
        free = placed[index] + room / 2
    over = max(0.0, free - 1.05)
    for index, (_, _, colour) in enumerate(ends):
        axes.annotate(
            lines[index], (1.0, placed[index] - over), xycoords="axes fraction", xytext=(3, 0),
            textcoords="offset points", color=colour, fontsize=6, va="center", ha="left", annotation_clip=False,
        )  # fmt: skip


def theory_key(figure: Figure, *lines: tuple[Dashes, str], band: bool = True, control: bool = True) -> None:
    """Put one key below the figure: lines of theory (dashes, name), the band of the claims, the grey of controls."""
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=THEORY_COLOUR, linestyle=dashes, linewidth=0.9, label=name) for dashes, name in lines
    ]
    if band:
        handles.append(Patch(**_BAND, label="what the claim accepts"))
    if control:
        handles.append(
            Line2D([], [], color=CONTROL_COLOUR, marker="x", linestyle="--", linewidth=0.8, label="control")
        )  # fmt: skip
    if handles:
        long = sum(len(str(handle.get_label())) + 8 for handle in handles) > _KEY_LETTERS
        figure.legend(handles=handles, loc="outside lower center", ncols=3 if long else len(handles))


def _bands_of_rows(
    axes: Axes, found: Sequence[Series], table: Sequence[Sequence[float]], claims: Sequence[Claim]
) -> None:
    names = [one.cells[0].arm for one in found]
    means = {name: interval_of(values)[0] for name, values in zip(names, table, strict=True)}
    absolute = [claim for claim in claims if claim.summary != "difference"]
    rows: list[tuple[int, tuple[float, float], Claim]] = []
    for claim in absolute or claims:
        band = accepted(claim, means.get(claim.control or "", math.nan))
        spoken_of = [
            row for row, one in enumerate(found) if (names[row] in claim.arms if claim.arms else not one.control)
        ]
        rows += [(row, band, claim) for row in spoken_of if not math.isnan(band[0])]
    low_end, high_end = _include(axes, [band for _, band, _ in rows], "x")
    for row, (low, high), claim in rows:
        if low < high:
            axes.fill_betweenx([row - 0.45, row + 0.45], max(low, low_end), min(high, high_end), **_BAND)
        edges = [edge for edge in (low, high) if low_end < edge < high_end]
        axes.vlines(edges, row - 0.45, row + 0.45, **_EDGE)
        if claim.kind != "empirical" and isinstance(claim.theory, (int, float)):
            axes.vlines(claim.theory, row - 0.45, row + 0.45, color=THEORY_COLOUR, linewidth=0.9)


def _include(axes: Axes, bands: Sequence[tuple[float, float]], direction: Direction) -> tuple[float, float]:
    """Widen a panel so that the finite ends of the bands lie in it; return its ends."""
    low_end, high_end = axes.get_ylim() if direction == "y" else axes.get_xlim()
    linear = (axes.get_yscale() if direction == "y" else axes.get_xscale()) == "linear"
    edges = [edge for band in bands for edge in band if math.isfinite(edge) and (linear or edge > 0)]
    if edges:
        margin = 0.05 * (max(high_end, *edges) - min(low_end, *edges))
        low_end = min(low_end, min(edges) - margin if linear else min(edges) / 1.3)
        high_end = max(high_end, max(edges) + margin if linear else max(edges) * 1.3)
    (axes.set_ylim if direction == "y" else axes.set_xlim)(low_end, high_end)
    return low_end, high_end


def _end_at_one(axes: Axes, direction: Direction) -> None:
    """Cut an axis of shares at 0 and 1, with room for half a mark."""
    low, high = axes.get_ylim() if direction == "y" else axes.get_xlim()
    (axes.set_ylim if direction == "y" else axes.set_xlim)(max(low, -0.04), min(high, 1.0 + 0.04 * (1.0 - low)))


def _prediction(axes: Axes, one: Series, axis: str, name: str) -> None:
    rows = [(value, interval_of([cell.reading(name) for cell in cells])[0]) for value, cells in one.along(axis)]
    rows = [row for row in rows if math.isfinite(row[1])]
    if rows:
        axes.plot(*np.array(rows).T, color=THEORY_COLOUR, linewidth=0.9, marker="_", markersize=6, zorder=3)


def _fit(axes: Axes, values: Sequence[float], direction: Direction, logarithmic: bool | None) -> None:
    """Choose scale and ends of an axis by the numbers of networks; intervals of few seeds may run out of the panel."""
    finite = [value for value in values if math.isfinite(value)]
    least, greatest = min(finite), max(finite)
    wanted = least > 0 and greatest / least > _WIDE if logarithmic is None else logarithmic and least > 0
    ends = axes.set_xlim if direction == "x" else axes.set_ylim
    if wanted:
        axis = axes.xaxis if direction == "x" else axes.yaxis
        log_axis(axis)
        axis.set_major_locator(LogLocator(numticks=3 if direction == "x" else 5))
        axis.set_major_formatter(LogFormatterSciNotation())
        room = (greatest / least) ** 0.15
        ends(least / room, greatest * room)
    else:
        room = max(0.15 * (greatest - least), 0.03 * max(abs(least), abs(greatest)), 1e-12)
        ends(least - room, greatest + room)
        (axes.xaxis if direction == "x" else axes.yaxis).set_major_locator(MaxNLocator(4 if direction == "x" else 5))
