"""S2: closed form, optimiser and trained networks on one curve."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.measurements import SIMULATIONS, MeasuredNetwork, Measurements, networks
from ramodel.report.panels import Floats, finite_mean, legend_below, log_axis, say_in_panel
from ramodel.report.style import THEORY_COLOUR, WIDTH_INCHES, kind_colour
from ramodel.theory import BLOCK_MODELS

__all__ = ["draw_balance"]

_LEAST_SHARE = 0.01
"""Singular values predicted below this share of the largest are left out: zero on a log axis, or still relaxing."""

_SOURCES = {"trained": ("L-BFGS", "o"), "sgd": ("SGD", "^")}
_BLOCKS = {"frobenius": ("linear", "Frobenius"), "nuclear": ("factored", "nuclear")}


class _Points(msgspec.Struct, frozen=True):
    """Measured s against x (of the head or of the end-to-end map), and the closed form that takes x to s."""

    kind: str
    label: str
    marker: str
    depth: int
    x: Floats
    s: Floats
    law: Callable[[Floats], Floats]

    def kept(self) -> tuple[Floats, Floats, Floats]:
        """Return x, measured and predicted s of the directions that are drawn."""
        finite = np.isfinite(self.x) & np.isfinite(self.s)
        x, s = self.x[finite], self.s[finite]
        predicted = np.asarray(self.law(x))
        large = predicted > _LEAST_SHARE * predicted.max(initial=0.0)
        return x[large], s[large], predicted[large]


def draw_balance(measurements: Measurements) -> Figure:
    """Draw s against the head (one curve for all), and against m for networks (S18) and optimiser (S2, S6).

    Below each panel stands the relative departure of every point from its closed form.
    """
    figure = Figure(figsize=(WIDTH_INCHES + 0.4, 3.7))
    panels = figure.subplots(2, 3, squeeze=False, height_ratios=(3, 1.3), sharex="col")
    panels[1, 0].sharey(panels[1, 1])
    panels[1, 1].sharey(panels[1, 2])
    nets = [net for arm in _SOURCES for net in networks(measurements, arm=arm) if net.kind in BLOCK_MODELS]
    trained = [points for net in nets for points in _of_network(net)]
    simulated = list(_of_optimiser(measurements))
    heads = [head for head, _ in trained + simulated]
    _panel(panels[:, 0], heads, "head variables:\none curve for all depths", r"$w_k / \sqrt{\rho}$")
    _panel(panels[:, 1], [end for _, end in trained], "networks with embedding\n(S18)", "$m_k$")
    _panel(panels[:, 2], [end for _, end in simulated], "optimiser, random problems\n(S2, S6)", r"$m_k / \sqrt{\rho}$")
    panels[0, 0].set_ylabel("singular value $s_k$")
    panels[1, 0].set_ylabel(r"$|s_k / \hat{s}_k - 1|$")
    legend_below(figure, panels.flat, columns=4)
    return figure


def _of_network(network: MeasuredNetwork) -> Iterable[tuple[_Points, _Points]]:
    """Yield the points of a network in head variables and in end-to-end variables."""
    model = network.model()
    needed = ("singular_value", "head_singular_value", "end_to_end_singular_value")
    if model is None or not network.has(*needed):
        return
    s = finite_mean(network.array("singular_value", "layer", "input", "rank"), axis=(0, 1))
    head = network.array("head_singular_value", "rank") / np.sqrt(model.decay_ratio)
    m = network.array("end_to_end_singular_value", "rank")
    unit = BLOCK_MODELS[network.kind](1, 1.0, 1.0)
    source, marker = _SOURCES[network.arm]
    place = (network.kind, f"{network.kind} net, {source}", marker, network.depth)
    yield _Points(*place, head, s, unit.from_head), _Points(*place, m, s, model.jacobian_singular_value)


def _of_optimiser(measurements: Measurements) -> Iterable[tuple[_Points, _Points]]:
    """Yield the points of every problem that the optimiser solved, in units of sqrt(rho)."""
    if SIMULATIONS not in measurements.children:
        return
    found: xr.Dataset = measurements[SIMULATIONS].to_dataset()
    unit = np.sqrt(float(found.attrs.get("rho", 1.0)))
    for index in range(found.sizes["problem"]):
        problem = found.isel(problem=index)
        kind, name = _BLOCKS[str(problem["model"].item())]
        law = BLOCK_MODELS[kind](int(problem["depth"]), 1.0, 1.0)
        head, s, m = (np.asarray(problem[key].values, dtype=float) for key in ("head", "jacobian", "end_to_end"))
        place = (kind, f"{name} problem, optimiser", "x", int(problem["depth"]))
        yield _Points(*place, head / unit, s, law.from_head), _Points(*place, m / unit, s, law.jacobian_singular_value)


def _panel(pair: Iterable[Axes], series: Sequence[_Points], title: str, label: str) -> None:
    """Draw points over their closed forms above, and their departures below."""
    top, bottom = pair
    top.set_title(title)
    shown = [points for points in series if points.kept()[0].size]
    if not shown:
        say_in_panel(top, "nothing measured")
        bottom.set_axis_off()
        return
    universal = label.startswith("$w")
    every_x, every_s = (np.concatenate([points.kept()[i] for points in shown]) for i in (0, 1))
    line = np.geomspace(every_x.min() / 1.2, every_x.max() * 1.2, 400)
    for points in {(p.kind, 0 if universal else p.depth): p for p in shown}.values():
        _curve(top, points, line, every_s.min() / 1.5, name_depth=not universal)
    for points in shown:
        x, s, predicted = points.kept()
        colour = kind_colour(points.kind)
        look: dict[str, Any] = {
            "color": colour,
            "marker": points.marker,
            "linestyle": "none",
            "markerfacecolor": "none",
        }
        top.plot(x, s, **look, label=points.label)
        bottom.plot(x, np.maximum(np.abs(s / predicted - 1.0), np.finfo(float).eps), **look)
    for axes in pair:
        log_axis(axes.xaxis)
        log_axis(axes.yaxis)
    bottom.set_xlabel(label)


def _curve(axes: Axes, points: _Points, line: Floats, least: float, *, name_depth: bool) -> None:
    """Draw the closed form along `line` where it exceeds `least`; depths stand at its end, a column for each model."""
    s = np.asarray(points.law(line))
    line, s = line[s > least], s[s > least]
    frobenius = points.kind == "linear"
    name = "Frobenius" if frobenius else "nuclear"
    look: dict[str, Any] = {
        "linestyle": "-" if frobenius else "--",
        "linewidth": 0.8,
        "color": THEORY_COLOUR,
        "zorder": 1.5,
    }
    axes.plot(line, s, **look, label=f"{name} model: closed form")
    if name_depth and line.size:
        axes.annotate(
            f"$L={points.depth}$",
            (line[-1], s[-1]),
            (2 if frobenius else 22, 0),
            textcoords="offset points",
            fontsize=5.5,
            color=kind_colour(points.kind),
            va="center",
        )
