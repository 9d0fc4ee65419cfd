"""Comparisons: each kind accepts what it should, refuses what it should, and cannot be built without its needs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.comparison import Comparison

FINITE = st.floats(-1e6, 1e6)


def compare(kind="exact", **fields):
    given = {"statement": "S1", "claim": "c", "subject": "linear", "kind": kind, "numeric": 0.0}
    if kind != "empirical":
        given["theory"] = 0.0
    return Comparison(**(given | fields))


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"numeric": 1e-5, "tolerance": 1e-4}, "holds"),
        ({"numeric": -2e-4, "tolerance": 1e-4}, "does not hold"),
        ({"numeric": 1e-5, "tolerance": 1e-4, "control": 0.5}, "holds"),
        ({"numeric": 1e-5, "tolerance": 1e-4, "control": 5e-5}, "control agrees"),
        ({"numeric": math.nan}, "not decided"),
        ({"numeric": math.inf, "tolerance": 1e-4}, "does not hold"),
        ({"kind": "upper_bound", "numeric": -5.0}, "holds"),
        ({"kind": "upper_bound", "numeric": 5.0}, "does not hold"),
        ({"kind": "lower_bound", "numeric": 5.0}, "holds"),
        ({"kind": "lower_bound", "numeric": -5.0, "tolerance": 4.0}, "does not hold"),
        ({"kind": "asymptotic", "numeric": -0.7, "theory": -0.71, "interval": (-0.75, -0.65)}, "holds"),
        ({"kind": "asymptotic", "numeric": -0.7, "theory": -0.8, "interval": (-0.75, -0.65)}, "does not hold"),
        ({"kind": "asymptotic", "numeric": -0.7, "theory": -0.701, "tolerance": 0.01}, "holds"),
        (
            {"kind": "asymptotic", "numeric": -0.7, "theory": -0.72, "tolerance": 0.01, "interval": (-0.9, -0.5)},
            "does not hold",
        ),
        ({"kind": "empirical", "numeric": 0.8, "band": (0.6, None)}, "holds"),
        ({"kind": "empirical", "numeric": 0.8, "band": (0.6, None), "control": 0.2}, "holds"),
        ({"kind": "empirical", "numeric": 0.8, "band": (0.6, None), "control": 0.7}, "control agrees"),
        ({"kind": "empirical", "numeric": 0.8, "band": (0.6, None), "interval": (0.5, 1.1)}, "does not hold"),
        ({"kind": "empirical", "numeric": 0.4, "band": (0.5, 1.5)}, "does not hold"),
        ({"kind": "empirical", "numeric": 0.8, "band": (0.6, None), "control": math.nan}, "holds"),
    ],
)
def test_verdict(fields, verdict):
    assert compare(**fields).verdict == verdict


@given(numeric=FINITE, theory=FINITE, tolerance=st.floats(0.0, 10.0))
def test_exact_holds_within_tolerance_only(numeric, theory, tolerance):
    comparison = compare(numeric=numeric, theory=theory, tolerance=tolerance)
    assert comparison.error == abs(numeric - theory)
    assert (comparison.verdict == "holds") == (abs(numeric - theory) <= tolerance)


@given(numeric=FINITE, theory=FINITE)
def test_bounds_are_mirror_images(numeric, theory):
    upper = compare("upper_bound", numeric=numeric, theory=theory)
    lower = compare("lower_bound", numeric=-numeric, theory=-theory)
    assert upper.error == lower.error
    assert upper.verdict == lower.verdict


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "empirical"}, "needs a band"),
        ({"kind": "empirical", "band": (None, None)}, "needs a band"),
        ({"kind": "empirical", "band": (2.0, 1.0)}, "lower end"),
        ({"theory": None}, "finite prediction"),
        ({"theory": math.inf}, "finite prediction"),
        ({"tolerance": -1.0}, "tolerance is -1.0"),
        ({"tolerance": math.nan}, "tolerance is nan"),
    ],
)
def test_refuses_what_could_not_be_judged(fields, message):
    with pytest.raises(ValueError, match=message):
        compare(**fields)
