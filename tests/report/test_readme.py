from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from ramodel.comparison import Comparison
from ramodel.experiments import DepthRow, Plan, Reproduction
from ramodel.report import FIGURES
from ramodel.report.measurements import networks
from ramodel.report.readme import run_readme

COMMAND = "ramodel reproduce --out runs/first"


def reproduction(measurements: xr.DataTree, **changes: Any) -> Reproduction:
    proven = Comparison(
        statement="S1", claim="blocks symmetric", subject="linear", kind="exact", numeric=2e-6, theory=0.0,
        tolerance=1e-4, stationarity=3e-7,
    )  # fmt: skip
    missed = Comparison(
        statement="RA4", claim="slope", subject="relu", kind="empirical", numeric=0.03, band=(0.5, 1.5)
    )  # fmt: skip
    row = DepthRow(
        kind="linear", depth=4, networks=2, gradient_norm=3e-7, test_accuracy=0.95, top_singular_value=0.76,
        head_only_error=2e-6, unpredicted_share=1e-5, work_energy_error=1e-7, euler_error=1e-7,
    )  # fmt: skip
    fields: dict[str, Any] = {
        "folder": Path("runs/first"), "plan": Plan(depths=(4, 8)), "measurements": measurements,
        "comparisons": (proven, missed), "rows": (row,),
        "failures": {}, "seconds": 93.6,
    }  # fmt: skip
    return Reproduction(**(fields | changes))


def test_readme_says_what_was_run_and_what_came_out(run: xr.DataTree) -> None:
    text = run_readme(reproduction(run), ["ra3_spectrum", "s02_balance"], command=COMMAND)
    assert "Of 1 claims that the theory proves, 1 hold. Of 1 empirical claims, 0 hold (1 × does not hold)." in text
    assert f"```\n{COMMAND}\n```" in text
    assert "| S1 | blocks symmetric | linear | exact | 0 | 2.0e-06 | - | 3.0e-07 | holds |" in text
    assert "| linear | 4 | 2 | 3.0e-07 | 0.95 | 0.76 | 2.0e-06 | 1.0e-05 | 1.0e-07 |" in text
    assert "| depths | 4, 8 |" in text
    assert f"{len(networks(run))} networks. Wall time of this call: 94 s. Versions: numpy 2." in text
    for name in ("ra3_spectrum", "s02_balance"):
        assert f"![{FIGURES[name].title}](figures/{name}.png)\n\n{FIGURES[name].caption}\n" in text
    assert "ra1_trajectories" not in text
    assert "failed" not in text


def test_tables_are_unbroken_and_nothing_is_left_to_fill_in(run: xr.DataTree) -> None:
    text = run_readme(reproduction(run), list(FIGURES), command=COMMAND)
    assert "{" not in text
    assert "\n\n\n" not in text
    assert text.endswith("continues from here |\n")
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1, block


def test_failures_are_listed(run: xr.DataTree) -> None:
    text = run_readme(
        reproduction(run, failures={"relu-trained-L32-seed1": "ValueError: loss is NaN"}), [], command=COMMAND
    )
    assert "1 cells failed, see below." in text
    assert "- `relu-trained-L32-seed1`: ValueError: loss is NaN\n" in text
    assert "## Figures" not in text


def test_unknown_figure_is_refused(run: xr.DataTree) -> None:
    with pytest.raises(ValueError, match="figure is 'ra9'"):
        run_readme(reproduction(run), ["ra9"], command=COMMAND)


def test_versions_that_were_not_recorded_are_said_to_be(run: xr.DataTree) -> None:
    bare = xr.DataTree.from_dict({f"/{name}": node.to_dataset() for name, node in run.children.items()})
    assert "Versions: not recorded." in run_readme(reproduction(bare), [], command=COMMAND)
