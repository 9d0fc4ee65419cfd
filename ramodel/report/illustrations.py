"""The registry of illustrations: figures of the theory, which need no run; each computes what it shows."""

import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
import xarray as xr
from matplotlib.figure import Figure as Canvas

from ramodel.checks import one_of, writable_folder
from ramodel.experiments.demonstrations import (
    s06_threshold,
    s07_layers,
    s08_orbit,
    s09_norm_ratio,
    s10_configurations,
    s10_phase,
    s12_time_course,
    s13_stochastic_depth,
    s15_path,
)
from ramodel.experiments.store import computed_once
from ramodel.progress import progress_bar
from ramodel.report.configurations import draw_configurations
from ramodel.report.descent import draw_descent
from ramodel.report.gauge_orbit import draw_gauge_orbit
from ramodel.report.layer_profile import draw_layer_profile
from ramodel.report.norm_ratio import draw_norm_ratio
from ramodel.report.phase import draw_phase
from ramodel.report.stochastic_depth import draw_stochastic_depth
from ramodel.report.style import save, style
from ramodel.report.threshold import draw_threshold
from ramodel.report.time_course import draw_time_course

__all__ = ["ILLUSTRATIONS", "Illustration", "illustrate", "illustrations_markdown"]

DATA_FOLDER = "data"
"""Where, beside the pictures, the numbers that they show are kept."""


class Illustration(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of the theory: closed forms as lines, simulations of the same as points.

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
    compute
        ``compute(quick=..., progress=...)`` makes the numbers; quick: the same at a size that takes a second or two.
    function
        Draws them, in whatever style is set.
    """

    name: str
    statement: str
    title: str
    caption: str
    compute: Callable[..., xr.Dataset]
    function: Callable[[xr.Dataset], Canvas]

    def draw(self, dataset: xr.Dataset) -> Canvas:
        """Draw in the style of ramodel, with the statement and the title on top."""
        with style():
            canvas = self.function(dataset)
            canvas.suptitle(f"{self.statement}: {self.title}")
        return canvas


_ALL: tuple[Illustration, ...] = (
    Illustration(
        name="s06_threshold",
        statement="S6",
        title="two-matrix blocks lose rank in steps",
        caption="One squared loss of white inputs, minimised at many decays of the blocks. Left: blocks of two factors "
        "lose one direction after the other, each where its target falls below the threshold sqrt(rho) (1 + lam_W); "
        "blocks of one matrix keep their rank. Right: the same singular values, cut off at a decay (dotted) or fading.",
        compute=s06_threshold.demonstrate,
        function=draw_threshold,
    ),
    Illustration(
        name="s07_layers",
        statement="S7",
        title="within one network, what a block costs decides how blocks differ",
        caption="One cross-entropy problem with inputs far from white, minimised in three models. Left: the inverse "
        "eigenvalues of J_l lie on lines of slope 1 where blocks pay for what they move, and are constant where they "
        "pay for their size. Middle: the slope from block to block, with the median and the range over directions; "
        "singular values, the control, do not have it. Right: median and middle half over inputs of the step lengths.",
        compute=s07_layers.demonstrate,
        function=draw_layer_profile,
    ),
    Illustration(
        name="s08_orbit",
        statement="S8",
        title="without skips there is nothing to align",
        caption="Layers of a plain net at its optimum, rotated against each other: the objective stays; alignment "
        "of each layer with itself goes to chance, that of neighbours stays. The same rotations of a net with skips, "
        "the control, raise the objective. Bars reach from the least to the greatest of all draws. Below: squared "
        "cosines between the leading singular subspaces of all pairs of layers.",
        compute=s08_orbit.demonstrate,
        function=draw_gauge_orbit,
    ),
    Illustration(
        name="s09_norm_ratio",
        statement="S9",
        title="blocks preserve the norm of gradients",
        caption="Left: ratio of gradient norms across a block at optima found without the closed forms, over all "
        "samples and blocks, between the bounds of theory. Right: the greatest ratio minus 1 against depth, in the "
        "bracket of S9 and below c ln(2L)/L, the form of the bound of Zaeemzadeh, Rahnavard & Shah, with the least c. "
        "Controls: with the skips taken away the same blocks make gradients vanish; a plain net at its own optimum "
        "preserves the norm as well, along its active directions.",
        compute=s09_norm_ratio.demonstrate,
        function=draw_norm_ratio,
    ),
    Illustration(
        name="s10_phase",
        statement="S10",
        title="low rank beats the simplex, the deeper the lower",
        caption="Effective rank (singular values above a tenth of the largest) of the best configuration found in the "
        "reduced problem, over depth and decay. Lines: where opposite pairs are as good as Neural Collapse's simplex, "
        "and where the simplex ceases to be a local minimum. Circles: the optimiser over all unreduced variables found "
        "the same optimum. Values and lines are exact; that nothing is lower is searched, not proved.",
        compute=s10_phase.demonstrate,
        function=draw_phase,
    ),
    Illustration(
        name="s10_configurations",
        statement="S10",
        title="the best configurations of the logits",
        caption="Logits of each class in the space of the large singular values, at decay 0.01, and singular values of "
        "the blocks. Each is the best known at its number of classes and depth but the last. The last two have four "
        "dimensions and are drawn by a scheme: lines join opposite classes (the Petersen graph), or neighbours in "
        "pentagons that lie in orthogonal planes. Which is best is searched, not proved.",
        compute=s10_configurations.demonstrate,
        function=draw_configurations,
    ),
    Illustration(
        name="s12_time_course",
        statement="S12",
        title="weight decay aligns the blocks, at a predicted rate",
        caption="Gradient flow from one random start. Against decay times time all decays follow one curve, whose end "
        "is the slowest rate of theory (its height is taken from the last point); without decay nothing aligns. Last "
        "panel: the invariant's error by integration against the tolerance of the solver.",
        compute=s12_time_course.demonstrate,
        function=draw_time_course,
    ),
    Illustration(
        name="s13_stochastic_depth",
        statement="S13",
        title="stochastic depth penalises large blocks",
        caption="Mean and relative variance of the gain of one direction when blocks are dropped at random, by the "
        "closed form, by all patterns and by Monte Carlo, with and without the 1/q rescaling of kept blocks; and the "
        "singular values at the optimum, where a minimiser may choose them layer by layer and makes them equal.",
        compute=s13_stochastic_depth.demonstrate,
        function=draw_stochastic_depth,
    ),
    Illustration(
        name="s15_path",
        statement="S15",
        title="a spare direction leads back to the branch",
        caption="Left: F along the descent path from a constructed critical point off the branch. Middle, right: "
        "gradient descent on one loss from large random heads. Without a spare direction (d = C) starts that leave the "
        "branch stay off it, at worse critical points; with one they come back and end at the optimum.",
        compute=s15_path.demonstrate,
        function=draw_descent,
    ),
)

ILLUSTRATIONS: dict[str, Illustration] = {illustration.name: illustration for illustration in _ALL}
"""All illustrations by name."""


def illustrate(
    names: Sequence[str], out: str | os.PathLike[str], *, quick: bool = False, progress: bool = True
) -> list[Path]:
    """Compute and draw illustrations into a folder, each as PNG and SVG; all of them if `names` is empty.

    The numbers go to `out`/data/NAME.nc. Where that file was made by this version of ramodel at the same size it is
    drawn again and not computed.

    Parameters
    ----------
    names
        Keys of `ILLUSTRATIONS`.
    out
        Made where it is missing.
    quick
        Compute less, in a second or two for each.
    progress
        Show bars on a terminal.

    Raises
    ------
    ValueError
        If there is no illustration of that name.
    NotADirectoryError, PermissionError
        If `out` is not a folder that can be written to.

    Examples
    --------
    >>> illustrate(["s99"], "pictures")
    Traceback (most recent call last):
    ...
    ValueError: figure is 's99'; it must be one of ...
    """
    chosen = [ILLUSTRATIONS[one_of("figure", name, ILLUSTRATIONS)] for name in names] or list(ILLUSTRATIONS.values())
    folder = writable_folder("out", out)
    paths: list[Path] = []
    with progress_bar("figures of the theory", len(chosen), show=progress) as bar:
        for illustration in chosen:
            dataset = _numbers(illustration, folder / DATA_FOLDER, quick=quick)
            paths += save(illustration.draw(dataset), folder / illustration.name)
            bar.advance(status=illustration.name)
    return paths


def illustrations_markdown() -> str:
    """Return all illustrations with their captions in Markdown, the pictures beside it.

    Examples
    --------
    >>> print(illustrations_markdown().splitlines()[0])
    # Figures of the theory
    """
    parts = [
        "# Figures of the theory",
        "Closed forms are lines, simulations that do not know them are points, controls are grey. Each figure computes "
        "what it shows and needs no trained network; its numbers are in [data](data). To draw all of them again:",
        f"```\nramodel figures {' '.join(ILLUSTRATIONS)} --out FOLDER\n```",
    ]
    for one in _ALL:
        parts += [f"## {one.statement}: {one.title}", f"![{one.statement}: {one.title}]({one.name}.png)", one.caption]
    return "\n\n".join(parts) + "\n"


def _numbers(illustration: Illustration, folder: Path, *, quick: bool) -> xr.Dataset:
    """Return the stored numbers, or compute and store them."""
    return computed_once(
        folder / f"{illustration.name}.nc",
        lambda: illustration.compute(quick=quick, progress=False),
        origin={"ramodel": version("ramodel"), "quick": int(quick)},
    )
