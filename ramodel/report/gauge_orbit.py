"""S8: the gauge orbit of a plain net, and what a skip makes of it."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import beta

from ramodel.report.panels import legend_below
from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, WIDTH_INCHES

__all__ = ["draw_gauge_orbit"]

_PLAIN: dict[str, Any] = {"color": OKABE_ITO["vermillion"], "marker": "v"}
_SKIP: dict[str, Any] = {"color": CONTROL_COLOUR, "marker": "o"}
_NEIGHBOUR: dict[str, Any] = {"color": OKABE_ITO["green"], "marker": "s"}
_PICTURES = {
    "plain, symmetric gauge": "plain optimum,\nsymmetric gauge",
    "plain, rotated": "the same, rotated:\nequal objective",
    "frobenius": "with skips: optimum,\nno rotation allowed",
}
_BINS = 25


def draw_gauge_orbit(dataset: xr.Dataset) -> Figure:
    """Draw objective, alignment and cosines along the orbit; below, which layers' singular vectors agree."""
    figure = Figure(figsize=(WIDTH_INCHES, 5.3))
    panels = figure.subplots(2, 3)
    _objective(panels[0, 0], dataset)
    _alignment(panels[0, 1], dataset)
    _cosines(panels[0, 2], dataset)
    for axes, picture in zip(panels[1], _PICTURES, strict=True):
        image = _affinity(axes, dataset, picture)
    figure.colorbar(image, ax=panels[1], label="squared cosine", shrink=0.85, aspect=12)
    panels[1, 0].set_ylabel("left vectors of layer")
    legend_below(figure, panels[0], columns=3)
    return figure


def _objective(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("rotating layers\nagainst each other")
    names = {"plain": "plain net", "frobenius": "control: net with skips"}
    for model, look in (("plain", _PLAIN), ("frobenius", _SKIP)):
        part = dataset.sel(model=model)
        axes.axhline(
            float(part["haar_objective"]), color=THEORY_COLOUR, linewidth=0.8,
            linestyle="-" if model == "plain" else "--",
            label="S8: invariance" if model == "plain" else "mean over random rotations, with skips",
        )  # fmt: skip
        _spread(axes, dataset["angle"].values, part["objective"].values, look | {"label": names[model]})
    axes.set_yscale("log")
    axes.set_xlabel("angle of the rotations (rad)")
    axes.set_ylabel("objective / optimum")


def _alignment(axes: Axes, dataset: xr.Dataset) -> None:
    axes.set_title("plain net: alignment is\na matter of gauge")
    angles = dataset["angle"].values
    chance = dataset.attrs["rank"] / dataset.attrs["width"]
    axes.axhline(1.0, color=THEORY_COLOUR, linewidth=0.8)
    axes.axhline(chance, color=THEORY_COLOUR, linewidth=0.8, linestyle=":", label="S8: chance, rank / $d$")
    _spread(axes, angles, dataset["neighbour"].values, _NEIGHBOUR | {"label": "left vectors and next layer's right"})
    _spread(axes, angles, dataset["own"].values, _PLAIN | {"label": "left and right vectors of a layer", "marker": "D"})
    axes.set_ylim(0.0, 1.08)
    axes.set_xlabel("angle of the rotations (rad)")
    axes.set_ylabel("mean squared cosine")


def _cosines(axes: Axes, dataset: xr.Dataset) -> None:
    width = dataset.attrs["width"]
    cosines = dataset["squared_cosine"].values
    axes.set_title(f"random rotations:\nmean {cosines.mean():.4f}, theory $1/d = {1 / width:.4g}$")
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    law = beta(0.5, 0.5 * (width - 1))
    axes.hist(
        cosines,
        edges.tolist(),
        density=True,
        color=_PLAIN["color"],
        alpha=0.5,
        label="left and right vector, plain net",
    )
    expected = np.diff(law.cdf(edges)) * _BINS
    axes.stairs(expected, edges, color=THEORY_COLOUR, linewidth=0.8, label="S8: Haar rotations")
    axes.set_yscale("log")
    axes.set_xlabel("squared cosine within a layer")
    axes.set_ylabel("density")


def _affinity(axes: Axes, dataset: xr.Dataset, picture: str) -> Any:
    axes.set_title(_PICTURES[picture])
    values = dataset["affinity"].sel(picture=picture).values
    depth = len(values)
    image = axes.imshow(values, vmin=0.0, vmax=1.0, cmap="viridis", extent=(0.5, depth + 0.5, depth + 0.5, 0.5))
    axes.set_xticks(range(1, depth + 1))
    axes.set_yticks(range(1, depth + 1))
    axes.set_xlabel("right vectors of layer")
    axes.grid(visible=False)
    return image


def _spread(axes: Axes, x: Any, values: Any, look: dict[str, Any]) -> None:
    """Draw means over draws, with bars from the least to the greatest."""
    middle = values.mean(axis=1)
    reach = [middle - values.min(axis=1), values.max(axis=1) - middle]
    axes.errorbar(x, middle, np.maximum(reach, 0.0), linestyle="none", elinewidth=0.7, **look)
