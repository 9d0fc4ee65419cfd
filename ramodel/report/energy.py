"""S19: the energy of every block against its work, in all kinds of networks."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ramodel.report.formatting import number
from ramodel.report.measurements import MeasuredNetwork, Measurements, networks
from ramodel.report.panels import Floats, legend_below, log_axis, say_in_panel
from ramodel.report.style import CONTROL_COLOUR, THEORY_COLOUR, WIDTH_INCHES, kind_colour, kind_marker

__all__ = ["draw_energy"]


_HOMOGENEOUS = ("linear", "factored", "relu")
"""Kinds of blocks with f(c h) = c f(h), c > 0, without biases: Euler's identity needs them."""


def draw_energy(measurements: Measurements) -> Figure:
    """Draw work against energy of all blocks with the relative departure below, and -<g_l, h_l> along the depth."""
    figure = Figure(figsize=(WIDTH_INCHES, 3.6))
    places = figure.add_gridspec(2, 2, height_ratios=(3, 1.4))
    top = figure.add_subplot(places[0, 0])
    bottom = figure.add_subplot(places[1, 0], sharex=top)
    euler = figure.add_subplot(places[:, 1])
    top.tick_params(labelbottom=False)
    _identity(top, bottom, measurements)
    _euler(euler, measurements)
    legend_below(figure, (top, euler), columns=4)
    return figure


def _identity(top: Axes, bottom: Axes, measurements: Measurements) -> None:
    """Draw the identity line, the controls in grey and the trained networks on top."""
    needed = ("block_energy", "block_work")
    nets = [net for arm in ("untrained", "trained") for net in networks(measurements, arm=arm) if net.has(*needed)]
    if not nets:
        say_in_panel(top, "work and energy were not measured")
        bottom.set_axis_off()
        return
    seen = []
    for net in nets:
        energy, work = net.array("block_energy", "layer"), net.array("block_work", "layer")
        kept = np.isfinite(energy) & np.isfinite(work) & (energy > 0)
        energy, work = energy[kept], work[kept]
        seen.append(energy)
        look = _look(net)
        top.plot(energy[work > 0], work[work > 0], **look, label=_label(net, nets))
        bottom.plot(energy, np.maximum(np.abs(work / energy - 1.0), np.finfo(float).eps), **look)
    ends = np.array([np.concatenate(seen).min() / 1.5, np.concatenate(seen).max() * 1.5])
    top.plot(ends, ends, color=THEORY_COLOUR, linewidth=0.9, zorder=1.5, label="S19: energy = work")
    top.set_title("every block")
    top.set_ylabel(r"work $-\langle g_l, f_l(h_{l-1})\rangle$")
    bottom.set_ylabel("relative departure")
    bottom.set_xlabel(r"energy $\lambda_J \|B_l\|_F^2$")
    for axes in (top, bottom):
        log_axis(axes.xaxis)
        log_axis(axes.yaxis)


def _euler(axes: Axes, measurements: Measurements) -> None:
    """Draw -<g_l, h_l> in units of the head's energy against the relative depth."""
    needed = ("euler_work", "head_energy")
    nets = [net for net in networks(measurements, arm="trained") if net.has(*needed) and net.scalar("head_energy") > 0]
    if not nets:
        say_in_panel(axes, "work along the states was not measured")
        return
    for net in nets:
        ratio: Floats = net.array("euler_work", "state") / net.scalar("head_energy")
        axes.plot(np.linspace(0, 1, net.depth + 1), ratio, **(_look(net) | {"linestyle": "-", "linewidth": 0.6}))
    axes.axhline(1.0, color=THEORY_COLOUR, linewidth=0.9, zorder=1.5)
    others = ", ".join(dict.fromkeys(net.kind for net in nets if net.kind not in _HOMOGENEOUS))
    axes.set_title("along the depth" + (f"\n({others}: not homogeneous, no prediction)" if others else ""))
    axes.set_xlabel("relative layer $l / L$")
    axes.set_ylabel(r"$-\langle g_l, h_l\rangle\,/\,\lambda_W \|W\|_F^2$")


def _look(network: MeasuredNetwork) -> dict[str, Any]:
    control = network.arm == "untrained"
    return {
        "color": CONTROL_COLOUR if control else kind_colour(network.kind),
        "marker": "x" if control else kind_marker(network.kind),
        "linestyle": "none",
        "markersize": 3,
        "markerfacecolor": "none",
        "zorder": 1.8 if control else 2,
    }


def _label(network: MeasuredNetwork, nets: list[MeasuredNetwork]) -> str:
    if network.arm == "untrained":
        return "untrained"
    alike = [net for net in nets if net.kind == network.kind and net.arm == network.arm]
    reached = max(net.scalar("stationarity") for net in alike)
    return f"{network.kind} (gradient {number(reached)})"
