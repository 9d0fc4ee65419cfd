"""How every figure looks: one style file, one colour per block kind, grey for controls, and how it is saved."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib.style
from matplotlib.figure import Figure

from ramodel.experiments.store import write_atomically

__all__ = [
    "CONTROL_COLOUR",
    "OKABE_ITO",
    "THEORY_COLOUR",
    "WIDTH_INCHES",
    "kind_colour",
    "kind_marker",
    "save",
    "style",
]

OKABE_ITO = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "orange": "#E69F00",
    "yellow": "#F0E442",
}
"""Palette of Okabe & Ito (2008), safe for the common kinds of colour blindness; without its black."""

CONTROL_COLOUR = "#8c8c8c"
THEORY_COLOUR = "#000000"
WIDTH_INCHES = 7.0

_KIND_COLOURS = {
    "linear": OKABE_ITO["blue"],
    "factored": OKABE_ITO["vermillion"],
    "gelu": OKABE_ITO["green"],
    "relu": OKABE_ITO["purple"],
}
_KIND_MARKERS = {"linear": "o", "factored": "s", "gelu": "^", "relu": "D"}

_UNDATED: dict[str, dict[str, str | None]] = {"png": {"Software": None}, "svg": {"Date": None}}
"""Metadata that would change from day to day, or with matplotlib's version, and are left out."""


def kind_colour(kind: str) -> str:
    """Return the colour of a block kind, the same in every figure; a kind without its own is drawn in sky blue.

    Examples
    --------
    >>> kind_colour("linear")
    '#0072B2'
    """
    return _KIND_COLOURS.get(kind, OKABE_ITO["sky"])


def kind_marker(kind: str) -> str:
    """Return the marker of a block kind, so that kinds can be told apart without colour.

    Examples
    --------
    >>> kind_marker("relu")
    'D'
    """
    return _KIND_MARKERS.get(kind, "v")


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in the style of ramodel inside the body; settings from outside return afterwards.

    Examples
    --------
    >>> with style():
    ...     matplotlib.rcParams["svg.hashsalt"]
    'ramodel'
    """
    with as_file(files("ramodel.report") / "ramodel.mplstyle") as path, matplotlib.style.context(["default", path]):
        yield


def save(figure: Figure, stem: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write `figure` as stem.png and stem.svg and return the paths.

    The bytes depend on the figure alone (no dates, fixed ids), and a file is either the old or the new one, never
    half of it.
    """
    paths = []
    with style():
        for suffix in formats:
            content = io.BytesIO()
            figure.savefig(content, format=suffix, metadata=_UNDATED[suffix])
            figure.set_layout_engine("none")  # the layout is found; finding it takes longer than drawing
            paths.append(stem.with_name(f"{stem.name}.{suffix}"))
            write_atomically(paths[-1], content.getvalue())
    return paths
