"""The README of a run: what was run, what came out, and how to read the figures."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from ramodel.checks import one_of
from ramodel.experiments.confront import DepthRow
from ramodel.experiments.reproduction import Reproduction
from ramodel.report.figures import FIGURES
from ramodel.report.formatting import duration, number
from ramodel.report.markdown import markdown_table, template
from ramodel.report.measurements import Measurements, networks
from ramodel.report.tables import verdict_markdown

__all__ = ["run_readme"]

_REACHED = ("nets", "L", "seeds", "gradient", "test accuracy", "s_1", "s_k from the head", "beyond", "work")


def run_readme(run: Reproduction, figures: Sequence[str], *, command: str, folder: str = "figures/") -> str:
    """Return the README of a run as Markdown.

    Parameters
    ----------
    run
        What the run gave.
    figures
        Names of the figures that were drawn, keys of `FIGURES`; they are shown with their captions.
    command
        Command line that repeats the run.
    folder
        Where the figures lie, relative to the README, with a slash at the end.

    Raises
    ------
    ValueError
        If there is no figure of one of these names.
    """
    shown = [FIGURES[one_of("figure", name, FIGURES)] for name in figures]
    return template("run.md.j2").render(
        summary=_summary(run),
        command=command,
        verdicts=verdict_markdown(run.comparisons),
        reached=_reached(run.rows),
        figures=shown,
        folder=folder,
        plan=[(name, _setting(value)) for name, value in msgspec.structs.asdict(run.plan).items()],
        networks=len(networks(run.measurements)),
        seconds=duration(run.seconds),
        versions=_versions(run.measurements),
        failures=sorted(run.failures.items()),
    )


def _summary(run: Reproduction) -> str:
    """Count the verdicts, proven claims apart from empirical ones."""
    parts = []
    for name, rows in (
        ("claims that the theory proves", [row for row in run.comparisons if row.kind != "empirical"]),
        ("empirical claims", [row for row in run.comparisons if row.kind == "empirical"]),
    ):
        counts = Counter(row.verdict for row in rows)
        others = ", ".join(f"{count} × {verdict}" for verdict, count in counts.items() if verdict != "holds")
        parts.append(f"Of {len(rows)} {name}, {counts['holds']} hold" + (f" ({others})." if others else "."))
    if run.failures:
        parts.append(f"{len(run.failures)} cells failed, see below.")
    return " ".join(parts)


def _reached(rows: Sequence[DepthRow]) -> str:
    lines = []
    for row in rows:
        values = (
            row.gradient_norm,
            row.test_accuracy,
            row.top_singular_value,
            row.head_only_error,
            row.unpredicted_share,
            row.work_energy_error,
        )
        lines.append((row.kind, str(row.depth), str(row.networks), *map(number, values)))
    return markdown_table(_REACHED, lines)


def _setting(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _versions(measurements: Measurements) -> str:
    stored = measurements.attrs.get("versions")
    if stored is None:
        return "not recorded"
    versions = msgspec.json.decode(stored, type=dict[str, str])
    return ", ".join(f"{name} {version}" for name, version in versions.items())
