"""`ramodel figures`: pictures of a run, of a measured network, of the theory."""

from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.errors import UsageError
from ramodel.cli.output import say, say_json, warn

__all__ = ["Figures"]


class Figures(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw figures, each as PNG and SVG: of a run, of one measured network, and illustrations of the theory.

    Theory is drawn as a line, measurements and simulations as points, the control in grey. Illustrations compute what
    they show and need no run; their numbers are kept in --out/data and drawn again from there. Figures of a run are
    drawn from the measurements of `ramodel reproduce`: those in --from, else those in --out; where there are none,
    `ramodel reproduce --quick` is run into --out/run first (under forty seconds on two cores).

    Of a run: ra1_trajectories, ra2_alignment, ra3_spectrum, ra4_depth, ra4_layers, s02_balance, s19_work_energy.

    Illustrations: s06_threshold, s07_layers, s08_orbit, s09_norm_ratio, s10_phase, s10_configurations, s12_time_course,
    s13_stochastic_depth, s15_path.

    Of a file that `ramodel measure` wrote (--spectra): spectra_trajectories, spectra_alignment, spectra_layers,
    spectra_scaling; all four and nothing else where no names are given, beside a control with --untrained.

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

    spectra: Maybe[Path] = None
    """File of one measured network, written by `ramodel measure`."""

    untrained: Maybe[Path] = None
    """File of its control, such as the one that `ramodel measure --untrained` wrote."""

    out: Path
    """Folder for the pictures; made where it is missing."""

    quick: Switch = False
    """Compute smaller illustrations, in a second or two for each."""

    json: Switch = False
    """Print the paths as a JSON list."""

    def run(self) -> int:
        """Draw and print where the files are."""
        from ramodel.checks import existing_file, one_of, writable_folder
        from ramodel.report import FIGURES, ILLUSTRATIONS, PORTRAITS, draw, illustrate, load_measurements, portray
        from ramodel.spectra import Spectra

        names = [one_of("figure", name, [*FIGURES, *ILLUSTRATIONS, *PORTRAITS]) for name in self.names]
        if not names:
            names = [*FIGURES, *ILLUSTRATIONS] if self.spectra is None else list(PORTRAITS)
        measured, computed, portraits = (
            [name for name in names if name in registry] for registry in (FIGURES, ILLUSTRATIONS, PORTRAITS)
        )
        if portraits and self.spectra is None:
            raise UsageError(
                f"ramodel figures: {portraits[0]} shows a measured network; give the file: --spectra spectra.nc."
            )
        if self.untrained is not None and self.spectra is None:
            raise UsageError("ramodel figures: --untrained is the control of --spectra; give both.")
        if self.spectra is not None and not portraits:
            raise UsageError(
                f"ramodel figures: --spectra is '{self.spectra}', but {names[0]} does not show a measured network; "
                f"leave it out, or ask for {', '.join(PORTRAITS)}."
            )
        network, control = (
            None if path is None else Spectra.load(existing_file(option, path))
            for option, path in (("spectra", self.spectra), ("untrained", self.untrained))
        )
        folder = writable_folder("out", self.out)
        paths = portray(network, folder, untrained=control, names=portraits) if network and portraits else []
        paths += draw(measured, load_measurements(self._measurements(folder)), folder, jobs=None) if measured else []
        paths += illustrate(computed, folder, quick=self.quick) if computed else []
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
