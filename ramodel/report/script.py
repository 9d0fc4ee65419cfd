"""What the scripts in figures/ do: draw one figure, of a run, of a measured network or of the theory."""

import argparse
import sys
from collections.abc import Sequence

from ramodel.report.figures import FIGURES, draw
from ramodel.report.illustrations import ILLUSTRATIONS, illustrate
from ramodel.report.measurements import load_measurements
from ramodel.report.portraits import PORTRAITS, portray
from ramodel.spectra import Spectra

__all__ = ["main"]


def main(name: str, arguments: Sequence[str] | None = None) -> None:
    """Draw the figure `name` as the command line says; an error is one sentence on standard error and exit code 2.

    Parameters
    ----------
    name
        Key of `FIGURES`, which are drawn from a run, of `PORTRAITS`, which are drawn from a file of `ramodel measure`,
        or of `ILLUSTRATIONS`, which compute what they show.
    arguments
        Command line; that of the process by default.
    """
    figure = ILLUSTRATIONS.get(name) or PORTRAITS.get(name) or FIGURES[name]
    parser = argparse.ArgumentParser(description=f"{figure.statement}: {figure.title}. {figure.caption}")
    if name in FIGURES:
        parser.add_argument(
            "--from", dest="run", required=True, metavar="RUN_FOLDER", help="folder written by `ramodel reproduce`"
        )
    elif name in PORTRAITS:
        parser.add_argument("--spectra", required=True, metavar="FILE", help="file written by `ramodel measure`")
        parser.add_argument("--untrained", metavar="FILE", help="file of its control, drawn in grey")
    else:
        parser.add_argument("--quick", action="store_true", help="compute less, in a second or two")
    parser.add_argument("--out", default=".", metavar="FOLDER", help="where PNG and SVG go (default: here)")
    chosen = parser.parse_args(arguments)
    try:
        if name in FIGURES:
            paths = draw([name], load_measurements(chosen.run), chosen.out)
        elif name in PORTRAITS:
            control = None if chosen.untrained is None else Spectra.load(chosen.untrained)
            paths = portray(Spectra.load(chosen.spectra), chosen.out, untrained=control, names=[name])
        else:
            paths = illustrate([name], chosen.out, quick=chosen.quick)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{error}\n")
    sys.stdout.writelines(f"{path}\n" for path in paths)
