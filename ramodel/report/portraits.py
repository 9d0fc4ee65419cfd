"""The registry of portraits: figures of one measured network, drawn from its `Spectra`."""

import math
import os
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from matplotlib.figure import Figure as Canvas

from ramodel.checks import one_of, writable_folder
from ramodel.progress import progress_bar
from ramodel.report.spectra_alignment import draw_grids
from ramodel.report.spectra_layers import draw_inverse_values, draw_singular_values
from ramodel.report.spectra_trajectories import draw_paths
from ramodel.report.style import save, style
from ramodel.spectra import Spectra
from ramodel.spectra.properties.kept import refuse_other_blocks

__all__ = ["PORTRAITS", "Portrait", "portray"]

_CHARACTERS = 13
"""Of a title in bold, in an inch."""


class Portrait(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of one measured network, with a control where there is one.

    Parameters
    ----------
    name
        Name of its files, without ending.
    statement
        Ids of the properties it shows.
    title
        What it shows, in a line.
    caption
        How to read it, in a few sentences.
    function
        Draws it from the measurement and that of the control, or None, in whatever style is set.
    """

    name: str
    statement: str
    title: str
    caption: str
    function: Callable[[Spectra, Spectra | None], Canvas]

    def draw(self, spectra: Spectra, untrained: Spectra | None = None) -> Canvas:
        """Draw in the style of ramodel, with the property, the title and the network on top.

        Parameters
        ----------
        spectra
            What `ramodel.measure` found.
        untrained
            The same of the network before training, or of another control, with the same blocks.

        Raises
        ------
        ValueError
            If the control has other blocks.
        """
        refuse_other_blocks(spectra, untrained)
        with style():
            canvas = self.function(spectra, untrained)
            title = f"{self.statement}: {self.title}"
            lines = math.ceil(len(title) / (_CHARACTERS * canvas.get_figwidth()))
            canvas.suptitle(title if lines == 1 else textwrap.fill(title, len(title) // lines + 8))
        return canvas


_ALL = (
    Portrait(
        name="spectra_trajectories",
        statement="RA1",
        title="trajectories of inputs through each stage, and the lengths of their steps",
        caption=(
            "Top: states of each input, before the first block (open) to after the last, in the plane of the first two "
            "principal axes of all states of the stage, coloured by class where there are labels; in grey the "
            "untrained network. RA1 says: straight, and equispaced. Bottom: each step over the mean step of its "
            "input, median and middle half of the inputs."
        ),
        function=draw_paths,
    ),
    Portrait(
        name="spectra_alignment",
        statement="RA2",
        title="alignment of singular vectors between the blocks of a stage",
        caption=(
            "Each block (l, m) of a panel is the matrix |u_i^T J_m v_j| / s_1(J_m), with singular vectors of block l "
            "and the Jacobian of block m (its top-K part unless measured with alignment=True), averaged over inputs. "
            "The diagonal blocks are the spectra themselves; bright diagonals in the other blocks mean alignment "
            "across depth. Single vectors are arbitrary where singular values coincide: the affinities of subspaces "
            "in the table decide then."
        ),
        function=draw_grids,
    ),
    Portrait(
        name="spectra_layers",
        statement="RA3",
        title="top singular values of the Residual Jacobian of every block",
        caption=(
            "Every rung is one singular value, the median over inputs; from dark (k = K) to bright (k = 1) on a "
            "logarithmic axis. Grey, beside it: the untrained network. RA3 says that rungs beyond the C-th fall far "
            "below the others: look for a gap after it."
        ),
        function=draw_singular_values,
    ),
    Portrait(
        name="spectra_scaling",
        statement="RA4",
        title="inverse of the top singular value, block by block",
        caption=(
            "1 / s_1, median and middle half of the inputs, and in stages of three blocks or more the Theil-Sen line "
            "with the 95 % interval of its slope over inputs. RA4 read within one network: a line of slope 1 (S7); "
            "weight decay on the blocks predicts a constant (S1, S6). Grey: untrained."
        ),
        function=draw_inverse_values,
    ),
)

PORTRAITS = {portrait.name: portrait for portrait in _ALL}
"""Every portrait by name."""


def portray(
    spectra: Spectra,
    folder: str | os.PathLike[str],
    *,
    untrained: Spectra | None = None,
    names: Sequence[str] = (),
    formats: Sequence[str] = ("png", "svg"),
    progress: bool = True,
) -> list[Path]:
    """Draw portraits of a measured network into `folder` and return the paths.

    Parameters
    ----------
    spectra
        What `ramodel.measure` found.
    folder
        Made where it is missing.
    untrained
        A control with the same blocks, drawn in grey.
    names
        Keys of `PORTRAITS`; all of them by default.
    formats
        Of the files: "png", "svg".
    progress
        Whether to show a bar.

    Raises
    ------
    ValueError
        If a name is unknown or the control has other blocks.
    """
    chosen = [PORTRAITS[one_of("names", name, PORTRAITS)] for name in names or PORTRAITS]
    target = writable_folder("folder", folder)
    paths = []
    with progress_bar("drawing", len(chosen), show=progress) as bar:
        for portrait in chosen:
            paths += save(portrait.draw(spectra, untrained), target / portrait.name, formats)
            bar.advance(status=portrait.name)
    return paths
