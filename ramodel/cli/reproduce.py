"""`ramodel reproduce`: the main job."""

import shlex
import time
from pathlib import Path
from typing import ClassVar

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.output import say_json, show, warn

__all__ = ["Reproduce"]


class Reproduce(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Train residual networks on real digits, measure them, and confront what is found with the theory.

    Linear, factored, GELU and ReLU networks of several depths and seeds, beside untrained networks and networks
    without skips as controls. The verdict table has one row for each claim: what was predicted, what was measured,
    what the control gave. Linear and factored networks are instances of the provable model, so there the prediction
    has nothing fitted; an empirical property that does not hold is a result like any other.

    Writes into --out: measurements.nc (everything measured, with named axes), verdicts.json, README.md of the run,
    and figures/ (PNG and SVG). About three minutes on two cores, with --quick under forty seconds. The same options
    and seed give the same numbers. Interrupted, even by kill -9, the same command continues where it stopped.

    JSON: the folder, the rows of the table (a list, as in verdicts.json), failures (cells that could not be computed,
    and why), seconds. The exit code is 1 if a claim that the theory proves does not hold, or a cell failed.
    """

    EXAMPLE: ClassVar[str] = "ramodel reproduce --quick --out runs/first"
    ARGUMENTS: ClassVar[dict[str, str]] = {"data_folder": "data"}
    AFTER_INTERRUPT: ClassVar[str] = "The same command continues where this one stopped."

    out: Path
    """Folder of the run; made where it is missing, continued where it holds an unfinished run."""

    quick: Switch = False
    """Fewer seeds and depths and smaller networks: under forty seconds on two cores."""

    seed: int = 0
    """Root seed of data splits, initial weights and random problems."""

    jobs: Maybe[int] = None
    """Processes, one thread each; all cores by default."""

    data: Maybe[Path] = None
    """Data folder, where data sets other than digits are looked for; else the environment variable RAMODEL_DATA."""

    json: Switch = False
    """Print JSON instead of the table."""

    def run(self) -> int:
        """Run the plan, draw the figures, print the verdicts."""
        import msgspec

        from ramodel.checks import LARGEST_SEED, integer
        from ramodel.experiments import FULL, QUICK, reproduce
        from ramodel.experiments.store import write_atomically
        from ramodel.report import FIGURES, draw, verdict_rows, verdict_table
        from ramodel.report.measurements import networks
        from ramodel.report.readme import run_readme

        began = time.monotonic()
        seed = integer("seed", self.seed, minimum=0, maximum=LARGEST_SEED // 2)
        plan = msgspec.structs.replace(QUICK if self.quick else FULL, seed=seed)
        result = reproduce(self.out, plan=plan, jobs=self.jobs, data_folder=self.data)
        drawn = list(FIGURES) if networks(result.measurements) else []
        if drawn:
            draw(drawn, result.measurements, result.folder / "figures", jobs=self.jobs)
        readme = run_readme(result, drawn, command=self._again())
        write_atomically(result.folder / "README.md", readme)
        seconds = time.monotonic() - began
        if self.json:
            say_json(
                {
                    "folder": str(result.folder),
                    "comparisons": verdict_rows(result.comparisons),
                    "failures": result.failures,
                    "seconds": seconds,
                }
            )
        else:
            show(verdict_table(result.comparisons), f"\n{seconds:.0f} s; everything is in {result.folder}")
        for name, reason in result.failures.items():
            warn(f"ramodel reproduce: {name} failed: {reason}")
        return result.exit_code

    def _again(self) -> str:
        """Return the command line that repeats the run elsewhere."""
        options = ["--quick"] * self.quick + ["--seed", str(self.seed)] * (self.seed != 0)
        return " ".join(["ramodel reproduce", *options, "--out", shlex.quote(str(self.out))])
