"""The registry of figures: what can be drawn from a run, and how it is read."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import joblib
import msgspec
from matplotlib.figure import Figure as Canvas

from ramodel.checks import integer, one_of, writable_folder
from ramodel.progress import progress_bar
from ramodel.report.alignment import draw_alignment
from ramodel.report.balance import draw_balance
from ramodel.report.depth import draw_depth
from ramodel.report.energy import draw_energy
from ramodel.report.layers import draw_layers
from ramodel.report.measurements import Measurements
from ramodel.report.spectrum import draw_spectrum
from ramodel.report.style import save, style
from ramodel.report.trajectories import draw_trajectories

__all__ = ["FIGURES", "Figure", "draw"]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that can be drawn from the measurements of a run.

    Parameters
    ----------
    name
        Name of its files, without ending.
    statement
        Ids of the statements it shows.
    title
        What it shows, in a line.
    caption
        How to read it, in a few sentences.
    function
        Draws it from the measurements, in whatever style is set.
    """

    name: str
    statement: str
    title: str
    caption: str
    function: Callable[[Measurements], Canvas]

    def draw(self, measurements: Measurements) -> Canvas:
        """Draw in the style of ramodel, with the statement and the title on top."""
        with style():
            canvas = self.function(measurements)
            canvas.suptitle(f"{self.statement}: {self.title}")
        return canvas


_ALL = (
    Figure(
        name="ra1_trajectories",
        statement="RA1, S5",
        title="trajectories of inputs, and the lengths of their steps",
        caption=(
            "Top: states h_0 (open) to h_L of test inputs in the plane of the first two principal axes of all states, "
            "with the class beyond the end of its longest trajectory; below, in grey, the same of an untrained "
            "network. RA1 says: straight, and equispaced. Bottom: length of each step over the mean step of its "
            "input, median and middle half of the inputs. For linear and factored blocks S5 predicts from the head "
            "alone that steps grow by 1 + s_k a layer: the black line along the fastest direction, the shade down to "
            "the slowest."
        ),
        function=draw_trajectories,
    ),
    Figure(
        name="ra2_alignment",
        statement="RA2",
        title="alignment of singular vectors between layers, with and without skips",
        caption=(
            "Each block (l, m) is the matrix |u_i^T J_m v_j| / s_1(J_m) with singular vectors of layer l and the "
            "Jacobian of layer m, averaged over inputs; bright diagonals in every block mean alignment across depth. "
            "Below, the network without skips, where nothing asks for a common frame (S8). Where singular values "
            "coincide single vectors are arbitrary, and the affinity of the top-C subspaces over all pairs of layers, "
            "in the titles, decides (1 = same subspace, C/d = chance)."
        ),
        function=draw_alignment,
    ),
    Figure(
        name="ra3_spectrum",
        statement="RA3, S1",
        title="singular values of the Residual Jacobians, and what lies beyond the C-th",
        caption=(
            "Singular values in units of the largest, mean and middle half over all layers and inputs; the dashed "
            "line stands after the C-th. Grey crosses: untrained. Black line: predicted from the head alone, with "
            "nothing fitted. Triangles on the floor: below what is drawn."
        ),
        function=draw_spectrum,
    ),
    Figure(
        name="ra4_depth",
        statement="RA4, S4, S6",
        title="top singular value across depth",
        caption=(
            "Top: largest singular value (median over layers and inputs) against the number of blocks, geometric mean "
            "over seeds with 95 % intervals; slope of the regression in the title. Solid: predicted from each "
            "network's own end-to-end singular value; dashed: at their mean; dotted: 1/L. Grey: controls. Bottom: "
            "exponent between neighbouring depths, and the theory's local exponent (dashed)."
        ),
        function=draw_depth,
    ),
    Figure(
        name="ra4_layers",
        statement="RA4, S1, S7",
        title="top singular value within one network, layer by layer",
        caption=(
            "Inverse of the largest singular value of every layer, median and middle half over inputs. Weight decay "
            "on the blocks predicts a constant (S1, S6), transport cost and equal steps a line of slope 1 (S7, S11). "
            "The slope in the titles is of the median over inputs, with its 95 % interval. Below: untrained."
        ),
        function=draw_layers,
    ),
    Figure(
        name="s02_balance",
        statement="S1, S2, S6, S18",
        title="closed form, optimiser and trained networks on one curve",
        caption=(
            "Left: in terms of the head, one curve holds for all depths: w^2 = rho s (1 + s) (Frobenius model, linear "
            "blocks) and w^2 = rho (1 + s) (nuclear model, factored blocks). Middle: networks against their "
            "end-to-end singular values, a curve for each depth (S18). Right: the optimiser on random problems without "
            "embedding (S2, S6), which knows nothing of the curves. Below: relative departure of each point from its "
            "closed form. Directions below 1 % of the largest are left out."
        ),
        function=draw_balance,
    ),
    Figure(
        name="s19_work_energy",
        statement="S19",
        title="weight energy of every block against its work",
        caption=(
            "Left: work against energy of every block of every trained network, with the worst relative gradient norm "
            "reached by its kind: a departure from the line measures how far from stationary it is. Grey: untrained "
            "(negative work cannot be shown on the logarithmic axis). Below: relative departure. Right: -<g_l, h_l> "
            "in units of the energy of the head, which is 1 in every layer for bias-free blocks that are "
            "1-homogeneous."
        ),
        function=draw_energy,
    ),
)

FIGURES: dict[str, Figure] = {figure.name: figure for figure in _ALL}
"""All figures by name."""


def draw(
    names: Sequence[str],
    measurements: Measurements,
    out: str | os.PathLike[str],
    *,
    jobs: int | None = 1,
    progress: bool = True,
) -> list[Path]:
    """Draw figures into a folder, each as PNG and SVG; all of them if `names` is empty.

    The same measurements give the same bytes, and each file is replaced as a whole.

    Parameters
    ----------
    names
        Keys of `FIGURES`.
    measurements
        From `load_measurements`.
    out
        Made where it is missing.
    jobs
        Processes; None for one on each core. A figure takes about two seconds.
    progress
        Show a bar on a terminal.

    Raises
    ------
    ValueError
        If there is no figure of that name.
    NotADirectoryError, PermissionError
        If `out` is not a folder that can be written to.

    Examples
    --------
    >>> draw(["ra5"], Measurements(), "pictures")
    Traceback (most recent call last):
    ...
    ValueError: figure is 'ra5'; it must be one of 'ra1_trajectories', ...
    """
    chosen = [one_of("figure", name, FIGURES) for name in names] or list(FIGURES)
    folder = writable_folder("out", out)
    pool = joblib.Parallel(n_jobs=-1 if jobs is None else integer("jobs", jobs), return_as="generator")
    tasks = [joblib.delayed(_draw)(name, measurements, folder) for name in chosen]
    paths: list[Path] = []
    with progress_bar("figures", len(chosen), show=progress) as bar:
        for name, drawn in zip(chosen, pool(tasks), strict=True):
            paths += drawn
            bar.advance(status=name)
    return paths


def _draw(name: str, measurements: Measurements, folder: Path) -> list[Path]:
    return save(FIGURES[name].draw(measurements), folder / name)
