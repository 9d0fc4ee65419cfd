"""What `ramodel measure` prints: the blocks, and the properties RA1-RA4."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ramodel.cli.output import columns, number, say_json, show

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ramodel.experiments.subjects import Subject
    from ramodel.nets import Inputs
    from ramodel.spectra import Spectra
    from ramodel.spectra.properties import ResidualAlignment

__all__ = ["print_measurement"]

_ADVICE = re.compile(r"\b(alignment|rank|statistics|tolerance|vectors)=(\[[^]]*\]|'?\w+'?)")

_BLOCKS = "Medians over inputs; the effective number of s_1 ... s_K is exp(entropy of s_k / sum s)."

_SHOWN = {
    ("line_shape_ratio", None),
    ("step_cv", None),
    ("asymmetry_error", None),
    ("left_right_affinity_score", "same block"),
    ("left_affinity_score", "all pairs of blocks"),
    ("right_affinity_score", "all pairs of blocks"),
    ("diagonal_energy_score", "all pairs of blocks"),
    ("stable_rank", None),
    ("energy_outside_error", None),
    ("gap", None),
    ("largest_singular_value", None),
    ("inverse_slope_theil_sen", None),
}
"""Readings in the table, and the pairs of blocks that they are taken over; all are in the JSON and in the report."""

_BETWEEN = {
    "adjacent blocks": "neighbours",
    "all pairs of blocks": "all pairs",
    "same block": "same block",
    "left with right of next block": "next block",
}
"""Short words for the pairs of blocks over which a metric is taken."""


def print_measurement(
    subject: "Subject",
    inputs: "Inputs",
    spectra: "Spectra",
    alignment: "ResidualAlignment",
    files: Sequence[Path],
    *,
    as_json: bool,
) -> None:
    """Print a measurement as tables, or as one line of JSON."""
    from ramodel.report.measured_rows import block_rows, reading_rows

    blocks, readings = block_rows(spectra), reading_rows(alignment)
    notes = [*spectra.notes, *alignment.notes]
    if as_json:
        say_json(
            {
                "network": subject.name,
                "inputs": {"count": len(inputs.values), "from": inputs.origin},
                "written": [str(file) for file in files],
                "notes": notes,
                "converged": all(row["converged"] == row["triplets"] for row in blocks),
                "blocks": blocks,
                "readings": readings,
            }
        )
        return
    count = len(inputs.values)
    title = f"{subject.name}, at {count} input{'' if count == 1 else 's'}: {inputs.origin}"
    tables = [_block_table(blocks, title)]
    for stage in alignment.stages:
        rows = [row for row in readings if row["stage"] == stage and _is_shown(row)]
        tables.append(_reading_table(rows, stage if len(alignment.stages) > 1 else "", alignment.untrained is not None))
    show(*tables, "\n".join(map(_as_options, notes)), _written(files), gap=True)


def _is_shown(row: dict[str, Any]) -> bool:
    return (row["metric"], None) in _SHOWN or (row["metric"], row["over"]) in _SHOWN


def _written(files: Sequence[Path]) -> str:
    return f"written to {files[0]}" if len(files) == 1 else "\n  ".join(["written to", *map(str, files)])


def _as_options(note: str) -> str:
    """Return a note with the arguments that it advises, such as ``rank=12``, as options, such as ``--rank 12``."""

    def option(hit: re.Match[str]) -> str:
        words = re.findall(r"\w+", hit[2])
        return " ".join([f"--{hit[1]}", *words]) if words != ["True"] else f"--{hit[1]}"

    return _ADVICE.sub(option, note)


def _block_table(rows: list[dict[str, Any]], title: str) -> "RenderableType":
    cells = (
        [
            row["block"],
            row["skip"],
            number(row["s_1"], 4),
            number(row["s_k"], 4),
            str(row["k"]),
            number(row["effective_number"], 3),
            f"{row['residual']:.1e}",
            f"{row['converged']} of {row['triplets']}",
        ]
        for row in rows
    )
    headings = ("block", "skip", "s_1", "s_K", "K", "effective number", "largest residual", "converged")
    return columns(cells, headings, title=title, note=_BLOCKS, left=2)


def _reading_table(rows: list[dict[str, Any]], title: str, controlled: bool) -> "RenderableType":
    headings = ["", "metric", "blocks", "median", "middle half", "if it holds", "no structure", "untrained"]
    cells = (
        [
            row["property"],
            row["label"],
            _BETWEEN.get(row["over"], ""),
            number(row["median"], 3),
            f"{number(row['lower_quartile'], 3)} .. {number(row['upper_quartile'], 3)}",
            row["if_it_holds"],
            *("" if row[level] is None else number(row[level], 3) for level in ("no_structure", "untrained")),
        ][: len(headings) if controlled else -1]
        for row in rows
    )
    return columns(cells, headings if controlled else headings[:-1], title=title, left=3, folding=1)
