"""The report of one measured network."""

import re
from pathlib import Path

import numpy as np
import pytest

from ramodel.report import PORTRAITS, write_network_report
from ramodel.report.formatting import number
from ramodel.report.measured_rows import block_rows, reading_rows
from ramodel.spectra.properties import residual_alignment
from tests.report.measured import spectra


def test_rows_of_blocks_are_medians_and_worst_cases() -> None:
    trained = spectra()
    rows = block_rows(trained)
    assert [row["block"] for row in rows] == list(trained.blocks)
    for row in rows:
        values = trained.singular_values.sel(block=row["block"]).transpose("input", "rank").values
        assert row["s_1"] == np.median(values[:, 0])
        assert row["s_k"] == np.median(values[:, -1])
        assert row["residual"] == float(trained.residual.sel(block=row["block"]).max())
        assert (row["converged"], row["triplets"], row["k"]) == (15, 15, 3)


@pytest.mark.parametrize("controlled", [True, False])
def test_everything_is_in_the_readme(controlled: bool, tmp_path: Path) -> None:
    trained, untrained = spectra(), spectra(seed=7) if controlled else None
    alignment = residual_alignment(trained, untrained)
    paths = write_network_report(
        tmp_path / "new", trained, alignment, untrained=untrained, title="A net", command="do it", progress=False
    )
    assert [path.name for path in paths] == ["README.md", *(f"{name}.png" for name in PORTRAITS)]
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in paths}
    text = paths[0].read_text()
    assert text.startswith("# A net\n\nBlocks: 5. Inputs: 5. Triplets of each: 3.")
    assert "\ndo it\n" in text
    assert all(note in text for note in (*trained.notes, *alignment.notes))
    assert all(f"\n### {stage}\n" in text for stage in ("wide", "narrow"))
    for row in reading_rows(alignment):
        label = row["label"].replace("|", "\\|")
        assert f"| {row['property']} | {label} | {row['over']} | {number(row['median'])} |" in text
    for portrait in PORTRAITS.values():
        assert f"![{portrait.title}]({portrait.name}.png)\n\n{portrait.caption}" in text
    assert ("untrained s_1" in text) is controlled
    widths = [len(re.findall(r"(?<!\\)\|", line)) - 1 for line in text.splitlines() if line.startswith("|")]
    assert set(widths) == ({9, 8} if controlled else {7})  # blocks; readings
