import io
import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from ramodel.comparison import Comparison
from ramodel.report.tables import verdict_markdown, verdict_rows, verdict_table


def comparison(**changes: Any) -> Comparison:
    fields: dict[str, Any] = {
        "statement": "S1", "claim": "blocks symmetric", "subject": "linear", "kind": "exact",
        "numeric": 2.1e-6, "theory": 0.0, "tolerance": 1e-4,
    }  # fmt: skip
    return Comparison(**(fields | changes))


ROWS = [
    comparison(control=0.98, control_name="untrained", stationarity=3e-7),
    comparison(claim="s_k from the head alone, median error", numeric=3.6e-3, stationarity=8e-7),
    comparison(statement="S4", claim="exponent of s_1 across depth", kind="asymptotic", theory=-0.71,
               tolerance=0.02, numeric=-0.70, interval=(-0.74, -0.66), control=-0.021, control_name="no skip"),
    comparison(statement="RA2", claim="affinity of top-C subspaces, all pairs", subject="relu", kind="empirical",
               theory=None, numeric=0.86, interval=(0.81, 0.90), band=(0.6, None), control=0.17,
               control_name="no skip", stationarity=0.13),
    comparison(statement="RA1", claim="on a line", subject="gelu", kind="empirical", theory=None, numeric=1.02,
               band=(None, 1.1), control=1.05, control_name="untrained"),
    comparison(statement="RA4", claim="slope", subject="relu", kind="empirical", theory=None, numeric=math.nan,
               band=(0.5, 1.5), note="no trained network of this kind has the reading"),
    comparison(statement="S9", claim="gain of the norm", kind="upper_bound", theory=0.25, numeric=0.2),
]  # fmt: skip

GOLDEN = """\
id  claim                              nets   kind       predicted  measured [95 %]      control          verdict
S1  blocks symmetric                   linear exact      0          2.1e-06              0.98 (untrained) holds
S1  s_k from the head alone, median    linear exact      0          3.6e-03              -                does not hold
    error
S4  exponent of s_1 across depth       linear asymptotic -0.71      -0.70 [-0.74, -0.66] -0.021 (no skip) holds
RA2 affinity of top-C subspaces, all   relu   empirical  >= 0.6     0.86 [0.81, 0.90]    0.17 (no skip)   holds
    pairs
RA1 on a line                          gelu   empirical  <= 1.1     1.02                 1.05 (untrained) control agrees
RA4 slope                              relu   empirical  0.5 .. 1.5 -                    -                not decided
S9  gain of the norm                   linear bound      <= 0.25    0.20                 -                holds
relative gradient norm reached: linear 8.0e-07, relu 0.13
relu, slope: no trained network of this kind has the reading
"""


LONG_WORDS = [
    comparison(statement="S18", claim="trajectories of the optimiser, end-to-end", subject="simulated",
               kind="empirical", theory=None, band=(-1.25, 0.9), control=0.1, control_name="untrained"),
]  # fmt: skip


def render(width: int, rows: Sequence[Comparison] = ROWS, *, colour: bool = False) -> str:
    console = Console(
        width=width, file=io.StringIO(), force_terminal=colour, color_system="standard" if colour else None
    )
    console.print(verdict_table(rows))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def test_table_of_120_columns_is_the_golden_one() -> None:
    assert render(120) == GOLDEN


def test_a_note_of_several_claims_stands_once() -> None:
    note = "1 of 2 networks without skips do not train"
    rows = [comparison(claim=claim, subject="gelu", note=note) for claim in ("a", "b")]
    assert render(120, rows).count(f"gelu: {note}") == 1


@pytest.mark.parametrize("width", [80, 90, 100])
def test_narrow_table_loses_no_word(width: int) -> None:
    text = render(width, ROWS + LONG_WORDS)
    assert max(map(len, text.splitlines())) <= width
    for word in ("does", "not", "hold", "control", "agrees", "decided", "(untrained)", "-0.66]", "trajectories", "0.9"):
        assert word in text.split(), word
    assert "…" not in text
    assert ("empirical" in text) == (width >= 100)


def test_colours_only_repeat_what_the_words_say() -> None:
    assert "\x1b[1;31mdoes not hold" in render(120, colour=True)


def test_markup_in_a_claim_is_printed_as_it_is() -> None:
    console = Console(width=120, file=io.StringIO())
    console.print(verdict_table([comparison(claim="[bold]x[/]", control=1.0, control_name="[red]y", note="[/]")]))
    assert "[bold]x[/]" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]y" in console.file.getvalue()  # type: ignore[attr-defined]


def test_markdown_has_a_row_each_and_escapes_bars() -> None:
    lines = verdict_markdown([*ROWS, comparison(claim="|J - J^T|")]).splitlines()
    assert len(lines) == 2 + len(ROWS) + 1
    assert {line.replace("\\|", "").count("|") for line in lines} == {10}
    assert "**control agrees**" in lines[2 + 4]
    assert lines[2 + 3].split("|")[-3].strip() == "0.13"


def test_rows_are_json_with_everything_in_them() -> None:
    rows = json.loads(json.dumps(verdict_rows(ROWS), allow_nan=False))
    assert rows[0]["verdict"] == "holds"
    assert rows[0]["error"] == ROWS[0].error
    assert rows[3]["interval"] == [0.81, 0.90]
    assert rows[5]["numeric"] is None
    assert set(Comparison.__struct_fields__) | {"error", "verdict"} == set(rows[0])


def test_no_comparison_gives_a_table_with_headings_only() -> None:
    assert verdict_table([]).row_count == 0
    assert verdict_markdown([]).count("\n") == 1
    assert verdict_rows([]) == []
