"""The confrontation: readings, intervals, controls and verdicts on cells whose numbers are known."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ramodel.experiments import readings
from ramodel.experiments.claims import CLAIMS, DEPTH_CLAIMS
from ramodel.experiments.confront import confront, depth_rows, mean_interval


def cell(kind="linear", arm="trained", depth=4, seed=0, *, s=None, error=0.0, accuracy=0.9):
    """A cell that obeys the theory with leading values `s`, but for a relative `error` of everything measured."""
    top = np.array([2.0 / depth, 1.0 / depth, 0.0]) if s is None else np.asarray(s)
    flat = np.full((depth, 2), error)
    measured = np.broadcast_to(np.where(top > 0.0, top * (1.0 + error), top[0] * error), (depth, 2, 3)).copy()
    found = xr.Dataset(
        {
            "singular_value": (("layer", "input", "rank"), measured),
            "asymmetry_error": (("layer", "input"), flat),
            "energy_outside_error": (("layer", "input"), flat),
            "subspace_affinity": (("layer", "other_layer"), np.full((depth, depth), 1.0 - error)),
            "line_shape_ratio": ("input", np.full(2, 1.0 + error)),
            "step_cv": ("input", np.full(2, error)),
            "block_work": ("layer", np.full(depth, 1.0 + error)),
            "block_energy": ("layer", np.ones(depth)),
            "euler_work": ("state", np.full(depth + 1, 2.0 * (1.0 + error))),
            "head_energy": 2.0,
            "stationarity": 1e-8,
            "train_accuracy": accuracy,
            "test_accuracy": accuracy,
        },
        attrs={"kind": kind, "arm": arm, "depth": depth, "seed": seed},
    )
    if kind in ("linear", "factored"):
        for name in ("predicted_singular_value", "balanced_singular_value"):
            found[name] = ("rank", top)
        for name in ("balance_error", "layer_spread", "trajectory_error", "reduced_cost_error"):
            found[name] = error
    return found


def plan(**of_trained):
    """Trained, untrained and no-skip cells of all kinds at three depths."""
    cells = {}
    for kind in ("linear", "factored", "gelu", "relu"):
        for depth in (4, 8, 16):
            for seed in (0, 1):
                cells[f"{kind}-trained-{depth}-{seed}"] = cell(kind, depth=depth, seed=seed, **of_trained)
            cells[f"{kind}-untrained-{depth}"] = cell(kind, "untrained", depth, error=0.8)
            cells[f"{kind}-no-skip-{depth}"] = cell(kind, "no-skip", depth, s=[1.0, 1.0, 1.0], error=0.9)
    return cells


def verdicts(rows, statement, subject):
    return {row.claim: row.verdict for row in rows if row.statement == statement and row.subject == subject}


def test_cells_that_obey_the_theory_hold():
    rows = confront(plan())
    exact = [row for row in rows if row.kind != "empirical"]
    # gelu obeys Euler's identity in these made-up cells, so that the control of that claim agrees
    assert {row.verdict for row in exact if "g_l" not in row.claim} == {"holds"}
    assert {row.verdict for row in exact if "g_l" in row.claim} == {"control agrees"}
    assert len(rows) == sum(len(claim.kinds) for claim in (*CLAIMS, *DEPTH_CLAIMS))


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.kind == "exact"], ids=lambda claim: claim.claim)
def test_every_exact_claim_can_fail(claim):
    """An error of thirty per cent in what is measured is refused by every exact claim."""
    cells = {kind: cell(kind, error=0.3) for kind in claim.kinds}
    rows = [row for row in confront(cells) if row.claim == claim.claim and math.isfinite(row.numeric)]
    assert rows
    assert {row.verdict for row in rows} == {"does not hold"}


def test_factored_nets_are_judged_by_the_nuclear_statement():
    rows = confront(plan())
    assert verdicts(rows, "S6", "factored")["blocks symmetric"] == "holds"
    assert "factored" not in {row.subject for row in rows if row.statement == "S1"}


def test_exact_claims_report_the_worst_network():
    cells = plan()
    cells["worst"] = cell("linear", depth=8, seed=2, error=0.05)
    row = next(row for row in confront(cells) if row.claim == "blocks symmetric" and row.subject == "linear")
    assert row.numeric == pytest.approx(0.05)
    assert row.verdict == "does not hold"


def test_networks_that_are_not_stationary_are_left_out_and_counted():
    cells = plan()
    cells["gelu-trained-16-0"] = cell("gelu", depth=16, error=0.5).assign(stationarity=1e-2)
    row = next(row for row in confront(cells) if row.subject == "gelu" and row.claim.startswith("block energy"))
    assert row.verdict == "holds"
    assert row.note == "judged on the 5 of 6 networks with a relative gradient <= 0.0001"
    assert row.stationarity == 1e-8


@pytest.mark.parametrize(("value", "verdict", "note"), [(math.inf, "does not hold", ""), (math.nan, "holds", "1 of 7")])
def test_readings_that_are_not_finite_are_never_passed_over_in_silence(value, verdict, note):
    cells = plan()
    cells["odd"] = cell("linear", depth=8, seed=2).assign(balance_error=value)
    row = next(
        row for row in confront(cells) if row.subject == "linear" and row.claim.startswith("block from the head")
    )
    assert row.verdict == verdict
    assert row.note == (f"{note} networks have no such reading" if note else "")


def test_exponent_is_predicted_from_each_network():
    row = next(row for row in confront(plan()) if row.statement == "S4")
    assert row.numeric == pytest.approx(-1.0)
    assert row.theory == pytest.approx(-1.0)
    assert row.control == pytest.approx(0.0)
    assert row.control_name == "linear, no skip"


def test_exponent_needs_three_depths():
    cells = {name: found for name, found in plan().items() if found.attrs["depth"] != 16}
    rows = [row for row in confront(cells) if "exponent" in row.claim]
    assert {row.verdict for row in rows} == {"not decided"}
    assert all("three depths" in row.note for row in rows)


def test_a_control_that_does_not_train_is_replaced_and_said():
    cells = plan()
    for name in [name for name in cells if name.startswith("relu-no-skip")]:
        cells[name] = cell("relu", "no-skip", int(cells[name].attrs["depth"]), accuracy=0.1)
    row = next(row for row in confront(cells) if row.subject == "relu" and "equispaced" in row.claim)
    assert row.control_name == "untrained"
    assert row.note == "3 of 3 networks without skips do not train and are no control"


def test_missing_kinds_are_not_decided():
    rows = confront({"a": cell("relu", depth=4)})
    assert {row.verdict for row in rows if row.subject == "linear"} == {"not decided"}


def test_rows_come_in_the_order_of_the_statements():
    order = [row.statement for row in confront(plan())]
    assert order == sorted(order, key=lambda name: (name.startswith("RA"), int(name.strip("SRA"))))


@given(st.lists(st.floats(-100.0, 100.0), min_size=2, max_size=20))
def test_mean_interval_is_students(values):
    low, high = mean_interval(values)
    if np.std(values) > 1e-6:
        expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
        assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)
    else:
        assert low == pytest.approx(high, abs=1e-4)


def test_mean_interval_needs_two():
    assert mean_interval([1.0]) is None
    assert mean_interval([]) is None


def test_depth_rows_hold_one_row_for_kind_and_depth():
    rows = depth_rows(plan())
    assert [(row.kind, row.depth, row.networks) for row in rows] == [
        (kind, depth, 2) for kind in ("linear", "factored", "gelu", "relu") for depth in (4, 8, 16)
    ]
    assert rows[0].head_only_error == 0.0
    assert math.isnan(rows[-1].head_only_error)


@pytest.mark.parametrize(
    ("reading", "value"),
    [
        (readings.head_only_error, 0.25),
        (readings.end_to_end_error, 0.25),
        (readings.asymmetry, 0.25),
        (readings.layer_spread, 0.25),
        (readings.unpredicted_share, 0.25),
        (readings.work_energy_error, 0.25),
        (readings.euler_error, 0.25),
        (readings.line_shape, 1.25),
        (readings.step_variation, 0.25),
        (readings.subspace_affinity, 0.75),
        (readings.energy_outside, 0.25),
        (readings.top_singular_value, 0.625),
        (readings.inverse_slope, 0.0),
    ],
)
def test_reading(reading, value):
    assert reading(cell(error=0.25)) == pytest.approx(value, abs=1e-12)


def test_predicted_values_below_the_share_do_not_count():
    found = cell(s=[1.0, 0.5 * readings.PREDICTED_SHARE, 0.0])
    found["singular_value"][:, :, 1] = 1.0
    assert readings.head_only_error(found) == 0.0


def test_slope_within_a_network():
    found = cell()
    found["singular_value"][:, :, 0] = 1.0 / (3.0 + np.arange(4.0))[:, None]
    assert readings.inverse_slope(found) == pytest.approx(1.0)
