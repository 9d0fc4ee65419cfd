"""`ramodel measure`: the instrument on a saved network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ramodel.cli.command import Command, Maybe, Switch
from ramodel.cli.output import columns, number, say_json, show

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray
    from rich.console import RenderableType

__all__ = ["Measure"]


class Measure(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Measure the Residual Jacobians of a network trained by `ramodel train` at inputs it has not seen.

    Writes a netCDF file with named axes: singular_value [layer, input, rank], the singular vectors left and right,
    states [state, input, coordinate], and the same at the class means. Prints the properties RA1-RA4 in numbers: the
    median over inputs and layers, and between which values the middle half of them lies.

    JSON: a list of property, metric, median, lower_quartile, upper_quartile, if_it_holds; null where a metric is not
    defined (such as the gap where no more than C singular values are kept) or infinite.
    """

    EXAMPLE: ClassVar[str] = "ramodel measure --checkpoint runs/linear-8 --out runs/linear-8/spectra.nc"
    ARGUMENTS: ClassVar[dict[str, str]] = {"folder": "checkpoint", "data_folder": "data", "name_or_path": "dataset"}

    checkpoint: Path
    """Folder that `ramodel train` wrote."""

    out: Path
    """File to write, such as spectra.nc; its folder is made where it is missing."""

    inputs: int = 50
    """Number of test inputs, spread evenly over the classes."""

    rank: Maybe[int] = None
    """Number of singular triplets to keep; by default two more than there are classes."""

    data: Maybe[Path] = None
    """Data folder, where data sets other than digits are looked for; else the environment variable RAMODEL_DATA."""

    json: Switch = False
    """Print JSON instead of a table."""

    def run(self) -> int:
        """Measure, write, print."""
        from ramodel.checks import integer, writable_folder
        from ramodel.experiments.store import write_measurements
        from ramodel.nets import load_checkpoint, spread_over_classes, trained_on
        from ramodel.spectra import measure

        integer("inputs", self.inputs)
        choice = trained_on(self.checkpoint)
        target = writable_folder("out", self.out.parent) / self.out.name
        if target.is_dir():
            raise IsADirectoryError(f"out is {str(self.out)!r}; it must be a file, such as {self.out / 'spectra.nc'}.")
        network = load_checkpoint(self.checkpoint).network.double()
        dataset = choice.load(self.data)
        chosen = spread_over_classes(dataset.test_labels, self.inputs)
        found = measure(
            network,
            dataset.test_inputs[chosen],
            labels=dataset.test_labels[chosen],
            rank=self.rank if self.rank is not None else dataset.classes + 2,
            keep_jacobians=True,
        )
        rows = _readings(found, dataset.classes)
        write_measurements(target, found.drop_vars("jacobian").assign_attrs(checkpoint=str(self.checkpoint)))
        if self.json:
            say_json(rows)
        else:
            config = network.config
            title = f"{config.kind} network, L = {config.depth}, d = {config.width}, at {chosen.size} inputs"
            show(_table(rows, title), f"written to {target}")
        return 0


def _readings(found: "xr.Dataset", classes: int) -> list[dict[str, Any]]:
    """Return each metric at every input, layer or pair of layers, as quartiles."""
    import numpy as np

    from ramodel import metrics

    states, jacobians = found["states"].values, found["jacobian"].values
    values, tail = found["singular_value"].values, found["tail_energy"].values
    depth, _, kept = values.shape
    top = min(classes, kept)
    directions = metrics.leading_directions(found["right"].values, values, top)
    affinity = metrics.subspace_affinity_score(directions[:, None], directions[None, :])
    different = ~np.eye(depth, dtype=bool)
    largest = values[..., 0]
    undefined = np.empty(0)
    within, beyond = kept >= classes, kept > classes
    lined = depth > 2 and bool((largest > 0.0).all())
    outside = metrics.energy_outside_error(values, classes, tail_energy=tail) if within else undefined
    rows: list[tuple[str, str, NDArray[np.float64], str]] = [
        ("RA1", "distance from a line", metrics.line_deviation_error(states), "0"),
        ("RA1", "line-shape ratio", metrics.line_shape_ratio(states), "1"),
        ("RA1", "step CV", metrics.step_cv(states), "0"),
        ("RA2", f"affinity of top-{top} subspaces between layers", affinity[different], "1"),
        ("RA2", "cosine between Jacobians of two layers", metrics.jacobian_cosine(jacobians)[different], "1"),
        ("RA2", "asymmetry |J - J^T| / |J|", metrics.asymmetry_error(jacobians), "0"),
        ("RA3", "stable rank", metrics.stable_rank(values, tail_energy=tail), f"<= {classes}"),
        ("RA3", "share of energy outside the top C", outside, "0"),
        ("RA3", "gap s_C / s_(C+1)", metrics.gap(values, classes) if beyond else undefined, "large"),
        ("RA4", "largest singular value s_1", largest, "~ 1/L"),
        ("RA4", "slope of 1/s_1 against layer", metrics.inverse_line(largest).slope if lined else undefined, "1"),
    ]
    return [
        {"property": id, "metric": name, **_quartiles(entries), "if_it_holds": ideal}
        for id, name, entries, ideal in rows
    ]


def _quartiles(entries: "NDArray[np.float64]") -> dict[str, float]:
    import numpy as np

    # The middle entry itself, not a mean of two: a gap can be infinite.
    levels = np.quantile(entries, [0.5, 0.25, 0.75], method="nearest") if entries.size else np.full(3, np.nan)
    return dict(zip(("median", "lower_quartile", "upper_quartile"), map(float, levels), strict=True))


def _table(rows: list[dict[str, Any]], title: str) -> "RenderableType":
    cells = (
        [
            row["property"],
            row["metric"],
            number(row["median"], 4),
            f"{number(row['lower_quartile'], 4)} .. {number(row['upper_quartile'], 4)}",
            row["if_it_holds"],
        ]
        for row in rows
    )
    return columns(cells, ("", "metric", "median", "middle half", "if it holds"), title=title, left=2)
