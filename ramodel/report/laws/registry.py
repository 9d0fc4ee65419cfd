"""The registry of figures of laws: one for each law that a sweep can try, and how it is read."""

from collections.abc import Callable, Mapping

import msgspec
import xarray as xr
from matplotlib.figure import Figure

from ramodel.experiments.sweeps.config import SweepConfig
from ramodel.experiments.sweeps.laws import LAWS
from ramodel.report.laws.classes import draw_classes
from ramodel.report.laws.collapse import draw_collapse
from ramodel.report.laws.counterfactual import draw_counterfactual
from ramodel.report.laws.decay import draw_weight_decay
from ramodel.report.laws.depth import draw_depth_law
from ramodel.report.laws.interventions import draw_interventions
from ramodel.report.laws.norms import draw_norms
from ramodel.report.laws.paper import draw_paper
from ramodel.report.laws.profile import draw_profiles
from ramodel.report.laws.sizes import draw_along_axis
from ramodel.report.laws.stochastic import draw_stochastic_depth_law
from ramodel.report.laws.time_course import draw_time_course_law
from ramodel.report.laws.transformer import draw_transformer
from ramodel.report.laws.work import draw_work
from ramodel.report.style import style

__all__ = ["LAW_FIGURES", "LawFigure"]

_ROWS = (
    "Small dots are networks, large marks their mean with a 95 % interval over seeds (of two networks, both), controls "
    "grey. Shaded: what a claim, written before the run, accepts in that row; differences count from the mean of the "
    "arm compared with. Intervals of few seeds may run out of the panel."
)
_MAPS = "Below: affinity of the top-C singular subspaces of every pair of blocks, 1 where they are the same."


class LawFigure(msgspec.Struct, frozen=True, kw_only=True):
    """The figure of a law: theory against measurement, from the cells of one sweep.

    Parameters
    ----------
    name
        Key of the law in `ramodel.experiments.sweeps.laws.LAWS`; the name of its files, without ending.
    statements
        Ids of the statements it shows.
    title
        What it asks, in a line.
    caption
        How to read it, in a few sentences.
    function
        Draws it from the cells, by name, and the configuration of their sweep, in whatever style is set. What was not
        measured is said in its panel.
    """

    name: str
    statements: tuple[str, ...]
    title: str
    caption: str
    function: Callable[[Mapping[str, xr.Dataset], SweepConfig], Figure]

    def draw(self, cells: Mapping[str, xr.Dataset], config: SweepConfig) -> Figure:
        """Draw in the style of ramodel, with statements and title on top."""
        with style():
            canvas = self.function(cells, config)
            canvas.suptitle(f"{', '.join(self.statements)}: {self.title}")
        return canvas


def _figure(
    name: str, title: str, caption: str, function: Callable[[Mapping[str, xr.Dataset], SweepConfig], Figure]
) -> LawFigure:
    return LawFigure(name=name, statements=LAWS[name].statements, title=title, caption=caption, function=function)


_ALL = (
    _figure(
        "skips",
        "what is left without skip connections",
        f"One panel for each property, a row for each arm. {_ROWS} {_MAPS}",
        draw_counterfactual,
    ),
    _figure(
        "classes",
        "does the rank of the blocks follow the number of classes?",
        "Top: singular values in units of the largest, median over layers, inputs and seeds; the dotted line stands "
        "after the C-th; dashed black, where the blocks are linear: predicted from the head alone. Below, against C: "
        "numerical rank with C (RA3) and C - 1 (S1c), energy outside the top C and affinity of the top-C subspaces; "
        "shaded: what the claims accept. Grey: control. Small singular values that do not break off are what training "
        "has left of the random start.",
        draw_classes,
    ),
    _figure(
        "stochastic-depth",
        "what randomly dropped blocks do to the singular values",
        "Readings against the probability q to keep a block, mean and 95 % interval over seeds; the black line is the "
        "mean at q = 1, and the shade what the claim about the difference to it accepts. Last panel: variance of the "
        "gain over its squared mean, S13's penalty. Points: at the measured s_1; dashed: what the blocks of q = 1 "
        "would pay. Points below the dashed line have given way to the penalty.",
        draw_stochastic_depth_law,
    ),
    _figure(
        "shuffled-labels",
        "networks that memorise against networks that generalise",
        f"One panel for each property; the control has learnt shuffled labels. {_ROWS} {_MAPS}",
        draw_counterfactual,
    ),
    _figure(
        "untrained",
        "what is there before training",
        f"One panel for each property; controls are the same networks at their random start. {_ROWS} {_MAPS}",
        draw_counterfactual,
    ),
    _figure(
        "time-course",
        "how Residual Alignment comes about during training",
        "Each property against the iteration, thin lines for networks, thick ones for the median; grey: control. "
        "Black: exp(-r t), its height taken from the last look, with S12's slowest rate at the measured singular "
        "values, of pairs of active directions (dashed) and of pairs with an inactive one too (solid); t is the "
        "learning rate times the iterations. Shaded: what the claim about the trained network accepts.",
        draw_time_course_law,
    ),
    _figure(
        "depth",
        "singular values across depth, and from layer to layer",
        "Left: largest singular value against the number of blocks, geometric mean over seeds with 95 % intervals; "
        "black: predicted from each network's gain of its class means by S6 (solid) and S4 (dashed); dotted: the form "
        "1/(2L+1), fitted height. Top right: fitted exponents with intervals, over the band of the claim. Bottom "
        "right: 1/s_l from layer to layer, less its mean and in units of L, a line for each depth: flat where all "
        "blocks are equal (S1, S6), the dotted diagonal where 1/s_l has slope 1 (RA4). Grey: control.",
        draw_depth_law,
    ),
    _figure(
        "width",
        "readings across width",
        "Each property against the width, mean and 95 % interval over seeds; shaded: what the claims accept; grey: "
        "control. Chance affinity of random subspaces is C/d.",
        draw_along_axis,
    ),
    _figure(
        "weight-decay",
        "size and rank of the blocks against their decay",
        "Top left: largest singular value; top right: numerical rank; both against the decay, mean and 95 % interval "
        "over seeds, black: predicted from the trained head alone, for the rank by the threshold w_k^2 > rho of S6. "
        "Below: alignment and accuracy. Grey: control.",
        draw_weight_decay,
    ),
    _figure(
        "which-penalty",
        "which penalty acts on a block",
        "Top: inverse of the largest singular value from layer to layer, median and middle half over inputs and seeds; "
        "solid: constant, as decayed weights ask (S1, S6); dashed: slope 1, as transport cost asks (S7). Below: fitted "
        "slopes, of singular values and of eigenvalues of the mean Jacobian, and the "
        f"variation of step lengths (0: equal steps). {_ROWS}",
        draw_profiles,
    ),
    _figure(
        "norm-preservation",
        "what a block does to the norm of the gradient",
        "Top: ratio of gradient norms across every block, thin lines for networks, thick ones for the mean; shaded: "
        "from 1 to 1 + s_1, the bounds of S9, at the largest measured s_1 of each block. Below: the largest |ln ratio| "
        f"over blocks, and the test accuracy. {_ROWS}",
        draw_norms,
    ),
    _figure(
        "neural-collapse",
        "Neural Collapse along depth, beside alignment",
        "Top: metrics of Neural Collapse at every state from input to output. Below: alignment, asymmetry, rank and "
        "size of every block. Thin lines are networks, thick ones their median; grey and dashed: control.",
        draw_collapse,
    ),
    _figure(
        "interventions",
        "does more alignment make a better network?",
        f"Top: one panel for each reading. {_ROWS} Below: test accuracy against alignment, every network a dot, every "
        "arm its mean with intervals both ways: if alignment helped, points would rise from left to right (affinity) "
        "or fall (coupling error).",
        draw_interventions,
    ),
    _figure(
        "transformer",
        "coupling of the blocks of transformers",
        "Top: coupling error of every pair of blocks (0: aligned, about 1: independent). Middle: one panel for each "
        f"reading. {_ROWS} Below: the same along training.",
        draw_transformer,
    ),
    _figure(
        "paper",
        "RA1 to RA4 in every architecture and data set",
        f"One panel for each property, a row for each network and data set. {_ROWS}",
        draw_paper,
    ),
    _figure(
        "work-energy",
        "weight energy of every block against its work",
        "Top left: every block of every network on S19's diagonal (negative work cannot be shown). Top right: median "
        "departure against the gradient norm reached; weights in front of a norm keep the latter from vanishing, and "
        "where a norm follows every addition (pre-activation) all states can shrink together: there is no stationary "
        "point, and S19 does not apply. Bottom left: "
        "-<g_l, h_l> in units of the head's energy: constant in l where blocks are 1-homogeneous, 1 at stationarity. "
        "Bottom right: departure of each linear stand-in of a block from the law of the head, S1 or S6, whichever is "
        "met better, mean and 95 % interval over seeds. Grey: untrained.",
        draw_work,
    ),
)

LAW_FIGURES: dict[str, LawFigure] = {figure.name: figure for figure in _ALL}
"""The figure of every law, by the key of the law."""
