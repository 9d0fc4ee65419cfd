"""S10: pictures of logit configurations, over the singular values of their blocks."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.panels import Floats
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_configurations"]

_COLUMNS = 4

_VIEW = np.radians([28.0, 18.0])
"""Azimuth and elevation from which points in space are seen."""

_BEST = 1e-7
"""Relative difference to the best value known up to which a configuration counts as best."""

_RANK_SHARE = 0.1
"""Singular values below this share of the largest do not count for the effective rank, and are drawn pale."""


def draw_configurations(dataset: xr.Dataset) -> Figure:
    """Draw the logits of all classes in the span of the large singular values; below, all singular values s_k.

    Configurations in four dimensions are drawn by a scheme, without the origin.
    """
    count = dataset.sizes["picture"]
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH_INCHES * columns / _COLUMNS + 0.2, 2.75 * rows + 0.25))
    panels = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=(2.1, 1.0) * rows)
    for place in range(rows * columns):
        top, bottom = (panels[2 * (place // columns) + part, place % columns] for part in (0, 1))
        if place < count:
            picture = dataset.isel(picture=place)
            _points(top, picture)
            _bars(bottom, picture)
        else:
            top.set_axis_off()
            bottom.set_axis_off()
    for row in range(rows):
        panels[2 * row + 1, 0].set_ylabel("$s_k$")
    return figure


def _points(axes: Axes, picture: xr.Dataset) -> None:
    """Draw the points, near ones larger and darker, and the edges between them."""
    classes = int(picture["classes"])
    seen = _seen(picture["position"].values[:classes])
    distance = seen[:, 2]
    share = (distance - distance.min()) / max(np.ptp(distance), 1e-9) if np.ptp(distance) > 1e-6 else np.ones(classes)
    for first, second in picture["edge"].values:
        if first >= 0:
            nearness = 0.5 * (share[first] + share[second])
            axes.plot(
                *seen[[first, second], :2].T,
                color=CONTROL_COLOUR,
                linewidth=0.6 + 0.5 * nearness,
                alpha=0.35 + 0.6 * nearness,
                zorder=nearness,
            )
    look: dict[str, Any] = {"color": OKABE_ITO["blue"], "edgecolors": "white", "linewidths": 0.7, "zorder": 2}
    axes.scatter(seen[:, 0], seen[:, 1], s=14 + 22 * share, **look)
    if not int(picture["is_scheme"]):
        axes.plot(0, 0, "+", color=THEORY_COLOUR, markersize=4, markeredgewidth=0.6, zorder=1.5)
    axes.set_aspect("equal")
    axes.set_xlim(-1.15, 1.15)
    axes.set_ylim(-1.1, 1.1)
    axes.set_axis_off()
    axes.set_title(f"{picture['picture'].item()}\n$C = {classes}$, $L = {int(picture['depth'])}$", pad=2)


def _seen(points: Floats) -> Floats:
    """Return (right, up, towards the viewer); flat figures are seen from above."""
    if np.abs(points[:, 2]).max() == 0.0:
        return points
    azimuth, elevation = _VIEW
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    viewer = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    seen: Floats = points @ np.stack([right, np.cross(viewer, right), viewer]).T
    return seen


def _bars(axes: Axes, picture: xr.Dataset) -> None:
    """Draw all s_k, those that count for the effective rank in full colour, and say whether this is the best known."""
    classes = int(picture["classes"])
    s = picture["singular_value"].values[:classes]
    large = s > _RANK_SHARE * s[0]
    index = np.arange(1, classes + 1)
    axes.bar(index, s, color=[OKABE_ITO["blue"] if full else OKABE_ITO["sky"] for full in large], width=0.75)
    axes.set_xticks([1, classes])
    axes.set_ylim(0.0, 1.25 * s[0])
    axes.locator_params(axis="y", nbins=3)
    axes.grid(visible=False, axis="x")
    excess = float(picture["value"] / picture["best_value"]) - 1.0
    verdict = "best known" if excess <= _BEST else f"{100 * excess:.1f} % worse"
    axes.set_xlabel(f"$k$;  rank {int(large.sum())}, {verdict}", labelpad=1)
