import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.report.formatting import bound, duration, measured, number

finite = st.floats(-1e12, 1e12, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1e-300, "1.0e-300"),
        (0.00999, "1.0e-02"),
        (0.0123, "0.012"),
        (0.1, "0.10"),
        (9.994, "9.99"),
        (12.34, "12.3"),
        (99999.0, "99999"),
        (1e5, "1.0e+05"),
        (-0.7, "-0.70"),
        (math.inf, "-"),
        (-math.inf, "-"),
    ],
)
def test_number_examples(value: float, text: str) -> None:
    assert number(value) == text


@given(finite)
def test_number_is_within_its_last_written_digit(value: float) -> None:
    written = float(number(value))
    assert abs(written - value) <= 0.06 * abs(value)


@given(finite, st.integers(0, 4))
def test_fixed_decimals_never_write_negative_zero(value: float, decimals: int) -> None:
    text = number(value, decimals=decimals)
    assert float(text) != 0.0 or not text.startswith("-")


@given(finite, finite, finite)
def test_interval_keeps_its_order(value: float, low: float, high: float) -> None:
    low, high = sorted((low, high))
    _, _, inside = measured(value, (low, high)).partition("[")
    left, right = (float(end) for end in inside.rstrip("]").split(","))
    assert left <= right


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.86, (0.81, 0.90), "0.86 [0.81, 0.90]"),
        (0.012, (0.011, 0.013), "0.012 [0.011, 0.013]"),
        (0.03, (-0.02, 0.07), "0.03 [-0.02, 0.07]"),
        (0.5, (0.5, 0.5), "0.50 [0.50, 0.50]"),
        (0.5, (math.nan, 1.0), "0.50"),
        (math.nan, (0.0, 1.0), "-"),
        (None, None, "-"),
    ],
)
def test_measured_examples(value: float | None, interval: tuple[float, float] | None, text: str) -> None:
    assert measured(value, interval) == text


def test_bounds_and_durations() -> None:
    assert bound(None, None) == "-"
    assert bound(-1.25, -0.5) == "-1.25 .. -0.5"
    assert duration(math.nan) == "-"
    assert duration(9.96) == "10 s"
    assert duration(59.6) == "60 s"
    assert duration(3599.6) == "1 h 0 min"
