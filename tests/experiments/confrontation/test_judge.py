"""Claims of sweeps on cells of known truth: those that obey the theory hold, spoilt twins miss."""

import json
import math

import msgspec
import numpy as np
import pytest
import xarray as xr

from ramodel.experiments.confrontation import Confrontation, confront_law, judge, write_confrontation_json
from ramodel.experiments.sweeps.config import Arm, Claim, SweepConfig
from ramodel.theory import FrobeniusModel, construct_critical_point

DECAY = 0.01
DEPTHS = (4, 8, 16)


def cell(arm, depth, seed, *, spoilt=0.0, **more):
    """A critical point of the Frobenius model; with `spoilt` every measured number is off by that share."""
    model = FrobeniusModel(depth, DECAY, DECAY)
    m = np.array([4.0 + seed, 2.0 + seed])
    frame = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 2)))[0]
    point = construct_critical_point(model, model.head_singular_value(m)[:, None] * frame.T)
    values = np.linalg.svd(point.jacobians, compute_uv=False)[:, None, :3] * (1.0 + spoilt)
    head = np.linalg.svd(point.head, compute_uv=False)
    predicted = np.pad(model.from_head(head), (0, 1))
    energy = np.full(depth, 2.0)
    found = xr.Dataset(
        {
            "singular_value": (("layer", "input", "rank"), np.broadcast_to(values, (depth, 4, 3))),
            "asymmetry_error": (("layer", "input"), np.full((depth, 4), spoilt)),
            "head_predicted": (("law", "rank"), [predicted, predicted]),
            "balanced_singular_value": ("rank", np.pad(model.jacobian_singular_value(m), (0, 1))),
            "block_energy": ("layer", energy),
            "block_work": ("layer", energy * (1.0 + spoilt)),
            "test_accuracy": 0.9 - spoilt + 0.01 * seed,
            "train_accuracy": 0.95,
            "stationarity": 1e-8,
            "iterations": 100,
        },
        {"law": ["frobenius", "nuclear"]},
    )
    attributes = {"arm": arm, "seed": seed, "axes": json.dumps({"network.depth": depth})}
    return found.assign(more).assign_attrs(attributes)


def sweep(**of_trained):
    cells = {f"t-{L}-{n}": cell("trained", L, n, **of_trained) for L in DEPTHS for n in (0, 1)}
    return cells | {f"c-{L}-{n}": cell("spoilt", L, n, spoilt=1.0 / L) for L in DEPTHS for n in (0, 1)}


def config(*claims):
    arms = (Arm(name="trained"), Arm(name="spoilt", control=True))
    return SweepConfig(law="depth", title="t", network={}, arms=arms, claims=claims)


def exact(reading, summary, **more):
    fields = {"statement": "S1", "claim": reading, "kind": "exact", "control": "spoilt", "tolerance": 1e-9}
    return Claim(**(fields | {"reading": reading, "summary": summary, "theory": 0.0} | more))


CLAIMS = (
    exact("asymmetry", "worst"),
    exact("asymmetry", "mean", axis="network.depth"),
    exact("head_scatter", "scatter"),
    exact("work_scatter", "scatter", statement="S19"),
    exact("head_only_error_input_frobenius", "worst"),
    exact(
        "top_singular_value", "exponent", statement="S4", axis="network.depth", theory="top_singular_value_predicted"
    ),
    exact("top_singular_value", "slope", axis="network.depth", theory="top_singular_value_predicted"),
    exact("top_singular_value", "mean", theory="top_singular_value_predicted"),
)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.reading}-{claim.summary}")
def test_critical_points_hold_and_spoilt_twins_miss(claim):
    rows = judge(sweep(), config(claim))
    assert len(rows) == (len(DEPTHS) if claim.summary == "mean" and claim.axis else 1)
    assert {row.verdict for row in rows} == {"holds"}
    assert all(row.control is not None for row in rows)
    spoilt = {
        name: cell("trained", net.sizes["layer"], net.attrs["seed"], spoilt=0.9 / net.sizes["layer"])
        for name, net in sweep().items()
        if name.startswith("t")
    }
    assert {row.verdict for row in judge(spoilt, config(claim))} == {"does not hold"}


def test_a_control_that_meets_the_claim_tells_nothing():
    cells = sweep()
    cells["c-4-0"] = cell("spoilt", 4, 0)
    assert judge(cells, config(exact("asymmetry", "worst")))[0].verdict == "control agrees"


def test_worst_is_the_smallest_where_the_band_has_a_lower_end():
    claim = Claim(statement="RA2", claim="a", reading="test_accuracy", summary="worst", at_least=0.9)
    row = judge(sweep(), config(claim))[0]
    assert row.numeric == pytest.approx(0.9)


def test_worst_of_a_band_with_two_ends_is_farthest_from_its_middle():
    band = Claim(statement="RA2", claim="a", reading="test_accuracy", summary="worst", at_least=0.8, at_most=0.95)
    cells = sweep()
    assert judge(cells, config(band))[0].verdict == "holds"
    cells["t-4-0"] = cell("trained", 4, 0, test_accuracy=0.1)  # the largest reading is still within
    assert judge(cells, config(band))[0].numeric == pytest.approx(0.1)
    number = exact("test_accuracy", "worst", theory=0.9, tolerance=0.02)
    assert judge(sweep(), config(number))[0].verdict == "holds"
    assert judge(cells, config(number))[0].verdict == "does not hold"
    cells["c-4-0"] = cell("spoilt", 4, 0, test_accuracy=0.9)  # the control nearest to the claim is its control
    assert judge(cells, config(band))[0].control is None
    assert judge(cells, config(number))[0].control == pytest.approx(0.9)


def test_a_point_or_control_whose_cells_failed_is_said_to_be_missing():
    planned = msgspec.structs.replace(
        config(exact("asymmetry", "mean", axis="network.depth")), axes={"network.depth": DEPTHS}
    )
    lost = {name: net for name, net in sweep().items() if not name.startswith("t-8") and not name.startswith("c-16")}
    rows = judge(lost, planned)
    assert [row.verdict for row in rows] == ["holds", "not decided", "holds"]
    assert "no such network was measured" in rows[1].note
    assert rows[2].control is None  # not the controls of other depths
    assert "without its control 'spoilt'" in rows[2].note


def test_what_was_not_measured_is_not_stationary():
    unknown = {"t-4-0": cell("trained", 4, 0).drop_vars("stationarity")}
    assert judge(unknown, config(exact("asymmetry", "worst")))[0].verdict == "holds"
    assert judge(unknown, config(exact("asymmetry", "worst", stationary=1e-4)))[0].verdict == "not decided"


def test_an_infinite_reading_does_not_hold():
    cells = {f"t-4-{n}": cell("trained", 4, n, test_loss=math.inf if n else 0.1) for n in (0, 1)}
    claim = Claim(statement="RA2", claim="a", reading="test_loss", at_most=1.0)
    assert judge(cells, config(claim))[0].verdict == "does not hold"


def test_difference_is_paired_by_seed_and_axes():
    claim = Claim(
        statement="RA2",
        claim="a",
        reading="test_accuracy",
        summary="difference",
        arms=("spoilt",),
        control="trained",
        at_most=0.0,
    )
    row = judge(sweep(), config(claim))[0]
    assert row.numeric == pytest.approx(-np.mean([1 / 4, 1 / 8, 1 / 16]))
    assert "paired by seed" in row.note
    assert row.control is None
    lonely = {name: net for name, net in sweep().items() if name != "c-4-0"}
    assert judge(lonely, config(claim))[0].numeric == pytest.approx(-(1 / 4 + 2 / 8 + 2 / 16) / 5)
    lonely = {name: net for name, net in sweep().items() if name != "t-4-0"}
    assert "1 of 6 networks have no partner" in judge(lonely, config(claim))[0].note
    reference = {name: net for name, net in sweep().items() if name[0] == "c"}
    reference |= {f"t-{n}": cell("trained", 4, n).assign_attrs(axes="{}") for n in (0, 1)}  # runs through no axis
    assert judge(reference, config(claim))[0].numeric == pytest.approx(row.numeric)


def test_networks_that_are_not_stationary_or_have_not_learnt_are_not_judged():
    cells = sweep()
    cells["t-4-0"] = cell("trained", 4, 0, spoilt=0.5, stationarity=0.1)
    cells["t-4-1"] = cell("trained", 4, 1, spoilt=0.5, train_accuracy=0.2)
    row = judge(cells, config(exact("asymmetry", "worst", stationary=1e-4, learnt=0.9)))[0]
    assert row.verdict == "holds"
    assert "5 of 6 networks reached" in row.note
    assert "4 of 5 networks learnt" in row.note


def test_theory_is_of_the_networks_that_are_judged():
    cells = {"t-4-0": cell("trained", 4, 0), "t-4-1": cell("trained", 4, 1, stationarity=0.1)}
    claim = exact("top_singular_value", "mean", theory="top_singular_value_predicted", stationary=1e-4, control=None)
    row = judge(cells, config(claim))[0]
    assert row.theory == pytest.approx(float(cells["t-4-0"]["balanced_singular_value"][0]))
    assert row.verdict == "holds"


def test_controls_that_were_trained_and_did_not_learn_are_none():
    cells = {name: net for name, net in sweep().items() if name.startswith("t")}
    cells["c-4-0"] = cell("spoilt", 4, 0, spoilt=0.5, train_accuracy=0.1)
    claim = exact("asymmetry", "worst", learnt=0.9)
    row = judge(cells, config(claim))[0]
    assert row.control is None
    assert "1 of 1 controls did not learn" in row.note
    cells["c-4-0"] = cell("spoilt", 4, 0, spoilt=0.5, train_accuracy=0.1, iterations=0)  # untrained by design
    assert judge(cells, config(claim))[0].control == 0.5


def test_what_was_not_measured_is_not_decided():
    claims = (
        exact("coupling", "worst"),
        exact("gain_scatter", "scatter"),
        exact("asymmetry", "worst", arms=("nobody",)),
        exact("asymmetry", "mean", theory="rank_predicted", arms=("nobody",)),
        exact("asymmetry", "exponent", axis="network.depth", theory="coupling"),
    )
    rows = judge(sweep(), config(*claims))
    assert {row.verdict for row in rows} == {"not decided"}
    assert "6 of 6 networks have no such reading" in rows[0].note
    assert "no such network was measured" in rows[2].note


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (Claim(statement="S1", claim="a", reading="asymetry", at_most=1.0), "claim 1 .'a'. has the reading 'asymetry'"),
        (Claim(statement="S1", claim="a", reading="asymmetry"), "without a band"),
        (Claim(statement="S1", claim="a", reading="asymmetry", kind="exact"), "without a theory"),
        (Claim(statement="S1", claim="a", reading="asymmetry", summary="scatter", at_most=1.0), "asks for a scatter"),
        (Claim(statement="S1", claim="a", reading="asymmetry", kind="exact", theory="no"), "has the reading 'no'"),
    ],
)
def test_claims_that_cannot_be_judged_are_refused(claim, said):
    with pytest.raises(ValueError, match=said):
        judge(sweep(), config(claim))


def test_the_file_holds_everything_and_no_bare_nan(tmp_path):
    claims = (*CLAIMS, Claim(statement="RA2", claim="b", reading="coupling", at_most=1.0, reason="why"))
    law = confront_law(config(*claims), sweep(), folder="runs/depth", failures={"x": "it broke"})
    whole = Confrontation(laws=(law,))
    assert whole.exit_code == 1  # a cell failed
    content = msgspec.json.decode(write_confrontation_json(tmp_path, whole).read_bytes())
    (stored,) = content["laws"]
    assert stored["failures"] == {"x": "it broke"}
    assert stored["rows"][-1]["numeric"] is None
    assert stored["rows"][-1]["reason"] == "why"
    assert stored["rows"][0]["verdict"] == "holds"
    assert stored["rows"][0]["readings"]["t-4-0"] == 0.0
    assert len(stored["rows"][4]["scatter"]["predicted"]) == sum(2 * 2 * L for L in DEPTHS)
    assert Confrontation(laws=(confront_law(config(*claims), sweep()),)).exit_code == 0
    assert not math.isnan(law.scatters[0].slope)
