"""`ramodel figures`: pictures of a run."""

from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from ramodel.cli.command import Command, Switch
from ramodel.cli.output import say, say_json, warn

__all__ = ["Figures"]


class Figures(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw figures, each as PNG and SVG, from the measurements of a run of `ramodel reproduce`.

    Theory is drawn as a line, measurements as points with error bars, the control in grey. Without --from, the
    measurements in --out are used; where there are none, `ramodel reproduce --quick` is run into its folder `run`
    first (under forty seconds on two cores).

    Names: ra1_trajectories, ra2_alignment, ra3_spectrum, ra4_depth, ra4_layers, s02_balance, s19_work_energy.

    Prints the paths of the files.
    """

    EXAMPLE: ClassVar[str] = "ramodel figures ra4_depth s02_balance --from runs/first --out pictures"
    ARGUMENTS: ClassVar[dict[str, str]] = {"figure": "names", "path": "source"}
    OPTIONS: ClassVar[dict[str, str]] = {"source": "--from"}

    names: Annotated[
        tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]", help_behavior_hint="")
    ] = ()
    """Figures to draw; all of them by default."""

    source: Annotated[Path | None, tyro.conf.arg(name="from", help_behavior_hint="")] = None
    """Folder of a run, or its netCDF file; by default --out, see above."""

    out: Path
    """Folder for the pictures; made where it is missing."""

    json: Switch = False
    """Print the paths as a JSON list."""

    def run(self) -> int:
        """Draw and print where the files are."""
        from ramodel.checks import one_of, writable_folder
        from ramodel.report import FIGURES, draw, load_measurements

        names = [one_of("figure", name, FIGURES) for name in self.names] or list(FIGURES)
        folder = writable_folder("out", self.out)
        paths = draw(names, load_measurements(self._measurements(folder)), folder, jobs=None)
        if self.json:
            say_json([str(path) for path in paths])
        else:
            say("\n".join(map(str, paths)))
        return 0

    def _measurements(self, folder: Path) -> Path:
        """Return where the measurements are, making them where there are none."""
        if self.source is not None:
            return self.source
        for place in (folder, folder / "run"):
            if (place / "measurements.nc").is_file():
                return place
        from ramodel.experiments import QUICK, reproduce

        warn(
            f"ramodel figures: no measurements in {folder}; running `ramodel reproduce --quick` into {folder / 'run'}."
        )
        return reproduce(folder / "run", plan=QUICK).folder
