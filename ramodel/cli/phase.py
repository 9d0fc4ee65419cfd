"""`ramodel phase`: effective rank of the best configuration over depth and decay."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ramodel.cli.command import Command, Switch
from ramodel.cli.output import columns, say, say_json, show

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Phase"]


_CURVE_POINTS = 4
"""Points of the lines for each step from decay to decay."""


class Phase(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Draw the phase diagram of the optimal rank: which configuration is best at which depth and decay (S10).

    Orthonormal class inputs, mean cross-entropy, Frobenius model, equal decay on blocks and head. Each point of the
    grid is the lowest of the known families and of a free search over all end-to-end maps; optima spread from
    neighbour to neighbour until none improves. Lines: the depth from which opposite pairs are better than the simplex
    (even C), and that from which the simplex is a saddle. With more than 16 classes only the lines are computed. About
    a minute for ten classes.

    Writes phase_C.png, phase_C.svg and phase_C.nc, the numbers, into --out; where these were made with the same options
    they are drawn again and not computed.

    JSON: depths, decays, effective_rank and value (a list for each depth; null where not searched), curve_decays,
    threshold_depth and stability_depth (null where there is none), files.
    """

    EXAMPLE: ClassVar[str] = "ramodel phase --classes 6 --quick --out fig"
    AFTER_INTERRUPT: ClassVar[str] = "No file is half written; --quick computes a coarse grid."
    AXES: ClassVar[tuple[str, str]] = ("depths", "decays")

    classes: int
    """Number of classes C, at least 2."""

    out: Path
    """Folder for the pictures and numbers; made where it is missing."""

    depths: tuple[float, float] = (1.0, 64.0)
    """Least and greatest depth L."""

    decays: tuple[float, float] = (1e-4, 0.1)
    """Least and greatest weight decay lam_J = lam_W."""

    grid: tuple[int, int] = (19, 7)
    """Number of depths and of decays, spaced by equal factors."""

    starts: int = 4
    """Random starts of a free search for each possible rank."""

    seed: int = 0
    """Seed of the random starts."""

    quick: Switch = False
    """A grid of 5 depths and 4 decays with one start for each rank, whatever --grid and --starts say."""

    json: Switch = False
    """Print JSON instead of a table."""

    def run(self) -> int:
        """Compute or read the numbers, draw them, print the table of ranks."""
        from ramodel.checks import integer, writable_folder
        from ramodel.report.phase import draw_phase
        from ramodel.report.style import save, style

        integer("classes", self.classes, minimum=2)
        rows, columns = (5, 4) if self.quick else self.grid
        axes = self._axis("depths", rows), self._axis("decays", columns)  # refused before a folder is made
        stem = writable_folder("out", self.out) / f"phase_{self.classes}"
        dataset = self._numbers(stem.with_suffix(".nc"), *axes)
        with style():
            figure = draw_phase(dataset)
            figure.suptitle("S10: rank of the best configuration")
        files = [stem.with_suffix(".nc"), *save(figure, stem)]
        if self.json:
            say_json(_plain(dataset) | {"files": [str(path) for path in files]})
            return 0
        if dataset["effective_rank"].notnull().all():
            show(_table(dataset))
            say("")
        say("\n".join(map(str, files)))
        return 0

    def _numbers(self, path: Path, depths: Any, decays: Any) -> "xr.Dataset":
        """Return the stored numbers where they were made with the same options, else compute and store them."""
        from ramodel import __version__
        from ramodel.experiments.demonstrations import s10_phase
        from ramodel.experiments.store import computed_once

        starts = 1 if self.quick else self.starts
        return computed_once(
            path,
            lambda: s10_phase.phase_dataset(
                [self.classes],
                depths,
                decays,
                curve_points=_CURVE_POINTS * (len(decays) - 1) + 1,
                starts=starts,
                seed=self.seed,
            ),
            origin={"ramodel": __version__, "starts": starts, "seed": self.seed},
            axes={"classes": [self.classes], "depth": depths, "decay": decays},
        )

    def _axis(self, name: str, count: int) -> Any:
        """Return `count` values between the ends of `name`, by equal factors."""
        import numpy as np

        from ramodel.checks import integer, positive

        low, high = (positive(f"{name}[{place}]", end) for place, end in enumerate(getattr(self, name)))
        if low >= high:
            raise ValueError(f"{name} is {low:g} {high:g}; the second must be greater than the first.")
        return np.geomspace(low, high, integer(f"grid[{list(self.AXES).index(name)}]", count, minimum=2))


def _table(dataset: "xr.Dataset") -> Any:
    """Return the table of effective ranks, deepest on top, as in the picture."""
    group = dataset.isel(classes=0)
    rows = [
        [f"{float(line['depth']):.3g}", *(f"{int(rank)}" for rank in line["effective_rank"].values)]
        for line in (group.isel(depth=place) for place in reversed(range(group.sizes["depth"])))
    ]
    headings = ["depth L", *(f"{decay:.2g}" for decay in group["decay"].values)]
    return columns(rows, headings, title=f"Effective rank, C = {int(group['classes'])}; columns: decay")


def _plain(dataset: "xr.Dataset") -> dict[str, Any]:
    group = dataset.isel(classes=0)
    return {
        "depths": group["depth"].values.tolist(),
        "decays": group["decay"].values.tolist(),
        "effective_rank": [
            [int(rank) if rank == rank else None for rank in row] for row in group["effective_rank"].values
        ],
        "value": group["value"].values.tolist(),
        "curve_decays": group["curve_decay"].values.tolist(),
        "threshold_depth": group["threshold_depth"].values.tolist(),
        "stability_depth": group["stability_depth"].values.tolist(),
    }
