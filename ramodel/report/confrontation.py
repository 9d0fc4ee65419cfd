"""What a reader sees of a confrontation: a README, the figures, and one HTML page that can be sent to a colleague."""

import base64
import html
import io
import os
import re
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import joblib
import msgspec
from markupsafe import Markup
from PIL import Image

from ramodel.checks import integer, writable_folder
from ramodel.comparison import Comparison, Verdict
from ramodel.experiments.confrontation import Confrontation, Judgement, LawResult, NetworkResult, Scatter
from ramodel.experiments.store import write_atomically
from ramodel.experiments.sweeps.laws import LAWS
from ramodel.experiments.sweeps.toml import to_toml
from ramodel.progress import progress_bar
from ramodel.report.formatting import measured, number
from ramodel.report.laws import LAW_FIGURES
from ramodel.report.laws.scatter import SCATTER_CAPTION, draw_scatters
from ramodel.report.markdown import markdown_table, template
from ramodel.report.style import save
from ramodel.report.tables import control, predicted
from ramodel.report.verdict_strip import Strip, verdict_strip
from ramodel.statements import STATEMENTS

__all__ = ["write_confrontation"]

_FIGURES = "figures"
_COLOURS = 96
"""Colours of a figure inlined in the page: a third of the size, and no difference to be seen."""
_ORDER = {law: place for place, law in enumerate(LAWS)}
_VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_TYPOGRAPHY = (
    (re.compile(r"(?<![\w.&#])(\w|lam|rho)_(\w{1,3}|\([^()\s]{1,7}\))(?![\w(])"), r"\1<sub>\2</sub>"),
    (re.compile(r"(?<=[\w)>])\^(-?\w+)"), r"<sup>\1</sup>"),
    (re.compile(r"(?<![\w.])-(?=\d)"), "−"),
    (re.compile(r"\b([\d.]+)e-0*(\d+)\b"), r"\1×10<sup>−\2</sup>"),
    (re.compile(r"\b([\d.]+)e\+0*(\d+)\b"), r"\1×10<sup>\2</sup>"),
)
"""What stands for what, in text that is escaped already."""
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_HEADINGS = ("statement", "claim", "networks", "predicted", "measured [95 %]", "control", "verdict", "why this band")


class _Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of the report."""

    name: str
    title: str
    caption: str


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, ready to be written."""

    statement: str
    statement_title: str
    claim: str
    subject: str
    kind: str
    predicted: str
    measured: str
    control: str
    gradient: str
    verdict: str
    note: str
    reason: str
    strip: Strip | None


class _Section(msgspec.Struct, frozen=True, kw_only=True):
    """A law, ready to be written."""

    anchor: str
    title: str
    question: str
    asked: str
    size: str
    counts: dict[str, int]
    rows: list[_Row]
    pictures: list[_Picture]
    networks: int
    seeds: str
    made_by: str
    folder: str
    failures: dict[str, str]
    configuration: str


def write_confrontation(
    out_folder: str | os.PathLike[str],
    confrontation: Confrontation,
    *,
    command: str,
    jobs: int | None = None,
    progress: bool = True,
) -> list[Path]:
    """Write README.md, figures/ and index.html of a confrontation, laws in the order of `LAWS`; return all paths.

    The page is one file: figures and style are in it, it asks for nothing else and runs no program. The same
    confrontation gives the same bytes, and each file is replaced as a whole.

    Parameters
    ----------
    out_folder
        Made where it is missing.
    confrontation
        Of sweeps, or of one network.
    command
        What repeats it.
    jobs
        Processes that draw; None for one on each core, never more than figures. A figure takes about two seconds.
    progress
        Show a bar on a terminal.

    Raises
    ------
    NotADirectoryError, PermissionError
        If `out_folder` is not a folder that can be written to.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     paths = write_confrontation(folder, Confrontation(), command="ramodel confront", progress=False)
    >>> [path.name for path in paths]
    ['README.md', 'index.html']
    """
    folder = writable_folder("out_folder", out_folder)
    figures = folder / _FIGURES
    laws = sorted(confrontation.laws, key=lambda law: _ORDER.get(law.config.law, len(_ORDER)))
    anchors = _anchors(laws)
    tasks = [joblib.delayed(_draw)(law, anchor, figures) for law, anchor in zip(laws, anchors, strict=True)]
    if tasks:
        figures.mkdir(exist_ok=True)
    workers = joblib.cpu_count() if jobs is None else integer("jobs", jobs)
    pool = joblib.Parallel(n_jobs=max(1, min(workers, sum(bool(law.cells) for law in laws))), return_as="generator")
    pictures: dict[str, list[_Picture]] = {}
    paths: list[Path] = []
    with progress_bar("figures", len(tasks), show=progress) as bar:
        for anchor, (drawn, written) in zip(anchors, pool(tasks), strict=True):
            pictures[anchor] = drawn
            paths += written
            bar.advance(status=anchor)
    sections = [_section(law, anchor, pictures[anchor]) for law, anchor in zip(laws, anchors, strict=True)]
    inlined = {path.stem: _inlined(path) for path in paths if path.suffix == ".png"}
    content = _content(confrontation, sections, command)
    page, readme = template("confrontation.html.j2"), template("confrontation.md.j2")
    files = {
        "README.md": readme.render(content, tables=[_markdown(section.rows) for section in sections], plain=_plain),
        "index.html": page.render(content, inlined=inlined, mathematics=_mathematics),
    }
    for name, text in files.items():
        write_atomically(folder / name, text)
    return [*(folder / name for name in files), *paths]


def _anchors(laws: Sequence[LawResult]) -> list[str]:
    """Return a name for each law: its key, with the size and a number where it would occur twice."""
    keys = [law.config.law for law in laws]
    named = [key if keys.count(key) == 1 else f"{key}-{law.config.size}" for key, law in zip(keys, laws, strict=True)]
    return [
        name if named.count(name) == 1 else f"{name}-{named[: place + 1].count(name)}"
        for place, name in enumerate(named)
    ]


def _draw(law: LawResult, anchor: str, folder: Path) -> tuple[list[_Picture], list[Path]]:
    """Draw the figure of a law, and its scatters where it has any."""
    pictures: list[_Picture] = []
    paths: list[Path] = []
    figure = LAW_FIGURES.get(law.config.law)
    if figure is not None and law.cells:
        paths += save(figure.draw(law.cells, law.config), folder / anchor)
        pictures.append(_Picture(name=anchor, title=figure.title, caption=figure.caption))
    known: list[Scatter] = [scatter for scatter in law.scatters if scatter.predicted]
    if known:
        name = f"{anchor}-scatter"
        paths += save(draw_scatters(known), folder / name)
        pictures.append(
            _Picture(name=name, title="predicted against measured, nothing fitted", caption=SCATTER_CAPTION)
        )
    return pictures, paths


def _section(law: LawResult, anchor: str, pictures: list[_Picture]) -> _Section:
    config = law.config
    known = LAWS.get(config.law)
    versions = ", ".join(f"{package} {' and '.join(numbers)}" for package, numbers in law.versions.items())
    return _Section(
        anchor=anchor,
        title=known.title if known is not None else config.law,
        question=config.title,
        asked=known.question if known is not None else "",
        size=config.size,
        counts=_counts([judgement.comparison for judgement in law.judgements]),
        rows=[_row(judgement.comparison, judgement) for judgement in law.judgements],
        pictures=pictures,
        networks=len(law.cells),
        seeds=", ".join(str(seed) for seed in range(config.seed, config.seed + config.seeds)),
        made_by="; ".join(filter(None, [", ".join(law.devices), versions])) or "not recorded",
        folder=law.folder,
        failures=law.failures,
        configuration=to_toml(config),
    )


def _row(row: Comparison, judgement: Judgement | None = None) -> _Row:
    known = STATEMENTS.get(row.statement)
    return _Row(
        statement=row.statement,
        statement_title=known.title if known is not None else "",
        claim=row.claim,
        subject=row.subject,
        kind=row.kind.replace("_", " "),
        predicted=predicted(row) + (f" ± {number(row.tolerance)}" if row.kind != "empirical" and row.tolerance else ""),
        measured=measured(row.numeric, row.interval),
        control=control(row),
        gradient=number(row.stationarity),
        verdict=row.verdict,
        note=row.note,
        reason=judgement.claim.reason if judgement is not None else "",
        strip=verdict_strip(row),
    )


def _counts(rows: Sequence[Comparison]) -> dict[str, int]:
    found = Counter(row.verdict for row in rows)
    return {verdict: found[verdict] for verdict in _VERDICTS}


def _content(confrontation: Confrontation, sections: list[_Section], command: str) -> dict[str, Any]:
    rows = confrontation.comparisons
    proven = [row for row in rows if row.kind != "empirical"]
    network = confrontation.network
    return {
        "title": "Theory against sweeps" if network is None else f"Theory against {network.name}",
        "verdicts": _VERDICTS,
        "counts": _counts(rows),
        "claims": len(rows),
        "kinds": [
            ("claims that the theory proves", _counts(proven), len(proven)),
            ("empirical claims", _counts([row for row in rows if row.kind == "empirical"]), len(rows) - len(proven)),
        ],
        "sections": sections,
        "network": network,
        "checks": _checks(network),
        "failures": confrontation.failures,
        "command": command,
        "ramodel": version("ramodel"),
        "figures": _FIGURES,
    }


def _checks(network: NetworkResult | None) -> list[dict[str, Any]]:
    """Return the checks of one network: those that apply with their row, the others with the reason why not."""
    if network is None:
        return []
    return [
        {
            "check": check,
            "title": STATEMENTS[check.statement].title if check.statement in STATEMENTS else "",
            "row": None if check.comparison is None else _row(check.comparison),
        }
        for check in network.checks
    ]


def _markdown(rows: Sequence[_Row]) -> str:
    lines = [
        [
            _plain(row.statement),
            _plain(row.claim + (f" ({row.note})" if row.note else "")),
            _plain(row.subject),
            _plain(row.predicted),
            row.measured,
            _plain(row.control),
            row.verdict if row.verdict == "holds" else f"**{row.verdict}**",
            _plain(row.reason),
        ]
        for row in rows
    ]
    return markdown_table(_HEADINGS, lines)


def _plain(text: str) -> str:
    """Return text from outside on one line, with nothing in it that Markdown would take for HTML."""
    return _TAG.sub("&lt;", " ".join(text.split()))


def _mathematics(text: str) -> Markup:
    """Return text, escaped for HTML, with indices and powers set low and high: s_1, w_k^2, 2.5e-03, and <= as a sign.

    Examples
    --------
    >>> _mathematics("w_k^2 > rho <b>")
    Markup('w<sub>k</sub><sup>2</sup> &gt; rho &lt;b&gt;')
    >>> _mathematics("<= 2.5e-03")
    Markup('≤ 2.5×10<sup>−3</sup>')
    """
    found = html.escape(text, quote=True).replace("&lt;=", "≤").replace("&gt;=", "≥")
    for pattern, replacement in _TYPOGRAPHY:
        found = pattern.sub(replacement, found)
    return Markup(found)


def _inlined(path: Path) -> str:
    """Return a picture as a data URI, in few colours."""
    content = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(_COLOURS).save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
