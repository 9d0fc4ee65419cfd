"""The report of one measured network: a README with tables and the portraits."""

import os
from importlib.metadata import version
from pathlib import Path

from ramodel.checks import writable_folder
from ramodel.files import whole_file
from ramodel.report.formatting import number
from ramodel.report.markdown import markdown_table, template
from ramodel.report.measured_rows import block_rows, reading_rows
from ramodel.report.portraits import PORTRAITS, portray
from ramodel.spectra import Spectra
from ramodel.spectra.properties import ResidualAlignment

__all__ = ["write_network_report"]


def write_network_report(
    folder: str | os.PathLike[str],
    spectra: Spectra,
    alignment: ResidualAlignment,
    *,
    title: str,
    command: str,
    untrained: Spectra | None = None,
    progress: bool = True,
) -> list[Path]:
    """Write README.md with the blocks, RA1-RA4 and the portraits of a measured network; return all paths.

    Parameters
    ----------
    folder
        Made where it is missing.
    spectra
        What `ramodel.measure` found.
    alignment
        What `ramodel.spectra.properties.residual_alignment` made of it.
    title
        Name of the network and of its inputs.
    command
        What repeats the measurement.
    untrained
        The control, with the same blocks.
    progress
        Whether to show a bar.

    Raises
    ------
    ValueError
        If the control has other blocks.
    """
    target = writable_folder("folder", folder)
    pictures = portray(spectra, target, untrained=untrained, formats=("png",), progress=progress)
    rank, inputs = (spectra.singular_values.sizes[axis] for axis in ("rank", "input"))
    text = template("network.md.j2").render(
        title=" ".join(title.split()),
        inputs=f"Blocks: {len(spectra.blocks)}. Inputs: {inputs}. Triplets of each: {rank}.",
        command=command,
        versions=", ".join(f"{name} {version(name)}" for name in ("ramodel", "torch", "numpy")),
        notes=[*spectra.notes, *alignment.notes],
        blocks=_block_table(spectra, untrained),
        rank=rank,
        controlled=alignment.untrained is not None,
        readings=[(stage, _reading_table(alignment, stage)) for stage in alignment.stages],
        portraits=PORTRAITS.values(),
    )
    with whole_file(target / "README.md") as temporary:
        temporary.write_text(text)
    return [target / "README.md", *pictures]


def _block_table(spectra: Spectra, untrained: Spectra | None) -> str:
    rank = spectra.singular_values.sizes["rank"]
    headings = ["block", "skip", "s_1", f"s_{rank}", "effective number", "largest residual", "converged"]
    controls = [None] * len(spectra.blocks) if untrained is None else block_rows(untrained)
    if untrained is not None:
        headings += ["untrained s_1", f"untrained s_{rank}"]
    lines = []
    for row, control in zip(block_rows(spectra), controls, strict=True):
        cells = [row["block"], row["skip"], number(row["s_1"]), number(row["s_k"]), number(row["effective_number"])]
        cells += [f"{row['residual']:.1e}", f"{row['converged']} of {row['triplets']}"]
        if control is not None:
            cells += [number(control["s_1"]), number(control["s_k"])]
        lines.append(cells)
    return markdown_table(headings, lines)


def _reading_table(alignment: ResidualAlignment, stage: str) -> str:
    headings = ["", "metric", "over", "median", "middle half", "if it holds", "no structure"]
    if alignment.untrained is not None:
        headings.append("untrained")
    lines = []
    for row in reading_rows(alignment):
        if row["stage"] == stage:
            spread = f"{number(row['lower_quartile'])} .. {number(row['upper_quartile'])}"
            cells = [row["property"], row["label"], row["over"], number(row["median"]), spread]
            cells += [row["if_it_holds"], number(row["no_structure"]), number(row["untrained"])]
            lines.append(cells[: len(headings)])
    return markdown_table(headings, lines)
