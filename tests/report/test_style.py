import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb

from ramodel.report.style import CONTROL_COLOUR, OKABE_ITO, THEORY_COLOUR, kind_colour, kind_marker, style

KINDS = ("linear", "factored", "gelu", "relu")


def test_settings_from_outside_return() -> None:
    before = dict(mpl.rcParams)
    with style():
        assert mpl.rcParams["svg.hashsalt"] == "ramodel"
        assert mpl.rcParams["font.sans-serif"] == ["DejaVu Sans"]
    assert dict(mpl.rcParams) == before


def test_settings_from_outside_do_not_leak_in() -> None:
    with mpl.rc_context({"lines.linestyle": ":"}), style():
        assert mpl.rcParams["lines.linestyle"] == "-"


def test_kinds_differ_in_colour_and_marker() -> None:
    assert len({kind_colour(kind) for kind in (*KINDS, "another")}) == 5
    assert len({kind_marker(kind) for kind in (*KINDS, "another")}) == 5
    assert {kind_colour(kind) for kind in KINDS} <= set(OKABE_ITO.values())


def test_only_control_and_theory_are_without_hue() -> None:
    for colour in (CONTROL_COLOUR, THEORY_COLOUR):
        assert np.ptp(to_rgb(colour)) == 0.0
    assert all(np.ptp(to_rgb(colour)) > 0.2 for colour in OKABE_ITO.values())
