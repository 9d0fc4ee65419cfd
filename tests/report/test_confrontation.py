"""The page, the README and the figures of a confrontation, opened in a browser where there is one."""

import html
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ramodel.comparison import Comparison
from ramodel.experiments.confrontation import Check, Confrontation, NetworkResult, confront_law
from ramodel.experiments.confrontation.confrontation import LawResult
from ramodel.report.confrontation import write_confrontation
from ramodel.report.verdict_strip import verdict_strip
from tests.report.laws.synthetic import config, sweep

HOSTILE = '<script>alert("1")</script> & | `x`'
COMMAND = "ramodel confront runs/*"
VOID = {"meta", "link", "br", "img", "line", "rect"}


def law_result() -> LawResult:
    settings = config("shuffled-labels")
    claims = (msgspec.structs.replace(settings.claims[0], reason=HOSTILE), *settings.claims[1:])
    settings = msgspec.structs.replace(settings, claims=claims, title=f"Q {HOSTILE}")
    return confront_law(
        settings, sweep("shuffled-labels"), folder="runs/a", failures={HOSTILE: f"ValueError: {HOSTILE}"}
    )


def network_result() -> NetworkResult:
    held = Comparison(
        statement="S19", claim="energy = work", subject="own", kind="exact", numeric=2.5e-6, theory=0.0, tolerance=1e-4,
        stationarity=1e-6,
    )  # fmt: skip
    return NetworkResult(
        name=f"my.py:build {HOSTILE}", inputs="20 inputs of digits", facts={"blocks": f"8 {HOSTILE}"},
        checks=(
            Check(statement="S19", question="work?", assumes="stationarity", meaning="far from it", comparison=held),
            Check(statement="S7", question="slope 1?", assumes="norm", meaning="-", reason=f"no norm {HOSTILE}"),
        ),
        notes=(f"a note {HOSTILE}",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    confrontation = Confrontation(laws=(law_result(),), network=network_result())
    paths = write_confrontation(folder, confrontation, command=f"{COMMAND} {HOSTILE}", progress=False)
    assert {path.relative_to(folder).as_posix() for path in paths} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }, "nothing temporary is left"
    return folder


class Outline(HTMLParser):
    """Headings, images, headers of tables, and whether all tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.levels: list[int] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_every_verdict_is_in_page_and_readme(report: Path) -> None:
    page, readme = (report / "index.html").read_text(), (report / "README.md").read_text()
    for judgement in law_result().judgements:
        row = judgement.comparison
        assert re.search(rf"{re.escape(row.claim)}.*{re.escape(row.subject)}.*{row.verdict}", readme)
        assert html.escape(row.claim) in page
        assert f'<span class="verdict {row.verdict.replace(" ", "-")}">' in page
    assert "**" not in re.sub(r"\*\*(does not hold|control agrees|not decided)\*\*", "", readme)
    for text in (page, readme):
        assert "runs/*" in text
        assert "no norm" in text
        assert "not applicable" in text
    widths = [
        {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines() if line.startswith("|")}
        for block in readme.split("\n\n")
    ]
    assert all(len(width) <= 1 for width in widths), "tables are unbroken"


def test_hostile_names_are_text(report: Path) -> None:
    page, readme = (report / "index.html").read_text(), (report / "README.md").read_text()
    assert "<script" not in page
    assert "<script" not in readme.replace(f"{COMMAND} {HOSTILE}", "")
    assert page.count("&lt;script&gt;") >= 6


def test_page_is_semantic_and_needs_nothing_else(report: Path) -> None:
    page = (report / "index.html").read_text()
    outline = Outline(page)
    assert not outline.open
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert max(np.diff(outline.levels)) <= 1
    assert ("html", {"lang": "en-GB"}) in outline.seen
    assert all(attributes.get("scope") for tag, attributes in outline.seen if tag == "th")
    images = [attributes for tag, attributes in outline.seen if tag == "img"]
    assert images
    assert all(str(found["src"]).startswith("data:image/png;base64,") and found["alt"] for found in images)
    addresses = [value for _, found in outline.seen for name, value in found.items() if name in ("src", "href")]
    assert all(str(value).startswith(("data:", "#")) for value in addresses)
    assert {value[1:] for value in addresses if value and value[0] == "#"} <= {
        str(found["id"]) for _, found in outline.seen if "id" in found
    }
    assert not re.search(r"url\(|@import|https?:", page)
    assert len(page) < 1_000_000


def test_own_network_alone_and_nothing_at_all(tmp_path: Path) -> None:
    write_confrontation(tmp_path / "own", Confrontation(network=network_result()), command=COMMAND, progress=False)
    assert "1 of 1 claims hold" in (tmp_path / "own" / "index.html").read_text()
    paths = write_confrontation(tmp_path / "none", Confrontation(), command=COMMAND, progress=False)
    assert [path.name for path in paths] == ["README.md", "index.html"]
    assert "No claim was judged" in paths[0].read_text()


def test_laws_that_occur_twice_have_names_of_their_own(tmp_path: Path) -> None:
    bare = confront_law(config("width"), {})
    large = msgspec.structs.replace(bare, config=msgspec.structs.replace(bare.config, size="gpu"))
    write_confrontation(tmp_path, Confrontation(laws=(bare, large, large)), command=COMMAND, progress=False)
    page = (tmp_path / "index.html").read_text()
    assert [f'<section id="{name}"' in page for name in ("width-cpu", "width-gpu-1", "width-gpu-2")] == [True] * 3


def test_bad_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="must be a folder, not a file"):
        write_confrontation(tmp_path / "file", Confrontation(), command=COMMAND)


@pytest.mark.parametrize(("kind", "fields", "order"), [
    ("empirical", {"band": (0.6, None), "control": 0.2}, ["control", "low", "measured", "end"]),
    ("empirical", {"band": (None, 0.9), "control": 3.0}, ["start", "measured", "high", "control"]),
    ("exact", {"theory": 0.5, "tolerance": 0.1, "control": None}, ["low", "high", "measured"]),
    ("upper_bound", {"theory": 1.0, "control": None}, ["start", "measured", "high"]),
])  # fmt: skip
def test_strip_has_everything_in_its_order(kind: str, fields: dict[str, object], order: list[str]) -> None:
    row = msgspec.convert(
        {"statement": "S1", "claim": "", "subject": "", "kind": kind, "numeric": 0.8, "interval": (0.75, 0.85)}
        | fields,
        Comparison,
    )
    strip = verdict_strip(row)
    assert strip is not None
    assert strip.interval is not None
    assert strip.interval[0] < strip.measured < strip.interval[1]
    places = {"start": strip.band[0], "low": strip.band[0], "high": strip.band[1], "end": strip.band[1]}
    places |= {"measured": strip.measured, "control": strip.control if strip.control is not None else np.nan}
    assert [places[name] for name in order] == sorted(places[name] for name in order)
    assert "start" not in order or strip.band[0] == 0.0
    assert "end" not in order or strip.band[1] == 100.0


def test_strip_of_nothing_is_none() -> None:
    assert verdict_strip(
        Comparison(statement="S1", claim="", subject="", kind="exact", numeric=float("nan"), theory=0.0)
    ) is None  # fmt: skip


PROBE = """<script>
addEventListener("load", () => {
  const images = [...document.images];
  document.body.setAttribute("data-probe", JSON.stringify({
    images: images.length, loaded: images.filter(image => image.naturalWidth > 0).length,
    width: document.documentElement.scrollWidth, window: innerWidth,
    wide: [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > innerWidth + 1
      && !one.closest(".box:not(.stack), pre")).map(one => one.tagName + "." + one.className).slice(0, 5),
  }));
});
</script></body>"""


def browser() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def test_page_opens_in_a_browser(report: Path, tmp_path: Path) -> None:
    program = browser()
    if program is None:
        pytest.skip("no Chromium or Chrome was found; name one in the environment variable CHROMIUM")
    page = (report / "index.html").read_text()
    page = re.sub(r"<meta http-equiv=[^>]*>", "", page).replace("</body>", PROBE)
    phone = '<iframe srcdoc="{}" style="width:360px;height:800px;border:0"></iframe>'
    for name, text in {"wide": page, "phone": f"<!DOCTYPE html>{phone.format(html.escape(page))}"}.items():
        (tmp_path / f"{name}.html").write_text(
            text.replace("document.body.set", _OUTER if name == "phone" else "document.body.set")
        )
        done = subprocess.run(
            [
                program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--enable-logging=stderr", f"--user-data-dir={tmp_path / f'{name}-profile'}",
                "--window-size=1280,900", "--virtual-time-budget=3000", "--dump-dom", str(tmp_path / f"{name}.html"),
            ],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert "CONSOLE" not in done.stderr, done.stderr
        probed = re.search(r'data-probe="([^"]*)"', done.stdout)
        assert probed, "the page has loaded"
        found = msgspec.json.decode(html.unescape(probed[1]))
        assert found["images"] == found["loaded"] >= 1
        assert found["window"] == (360 if name == "phone" else 1280)
        assert found["width"] <= found["window"], found["wide"]


_OUTER = "parent.document.body.set"
