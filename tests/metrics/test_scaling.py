"""RA4: exact power laws and lines, equality with scipy, coverage of the interval, replicates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import depth_exponent, inverse_line
from tests.reference import metrics as reference
from tests.strategies import seeds
from tests.tolerances import DENSE_FLOAT64

DEPTHS = [4, 8, 16, 32]


@given(st.floats(-2.0, 0.0), st.floats(1e-100, 1e100))
def test_power_law_is_found(exponent, scale):
    fit = depth_exponent(DEPTHS, scale * np.array(DEPTHS, dtype=float) ** exponent)
    assert fit.slope == pytest.approx(exponent, abs=DENSE_FLOAT64)
    assert fit.intercept == pytest.approx(np.log(scale), abs=1e-8)
    assert fit.interval[1] - fit.interval[0] == pytest.approx(0.0, abs=1e-8)
    assert fit.points == 4
    assert all(type(entry) is float for entry in (fit.slope, fit.intercept, *fit.interval, fit.r_squared))


@given(seeds)
def test_exponent_equal_to_scipy(seed):
    values = np.random.default_rng(seed).lognormal(size=4)
    fit = depth_exponent(DEPTHS, values)
    slope, interval, r_squared = reference.line(np.log(DEPTHS), np.log(values))
    assert fit.slope == pytest.approx(slope, rel=1e-8, abs=DENSE_FLOAT64)
    assert fit.interval == pytest.approx(interval, rel=1e-8)
    assert fit.r_squared == pytest.approx(r_squared, abs=1e-8)


@given(seeds)
def test_replicates_are_averaged_first(seed):
    """Two axes of seeds, or the same points listed one by one in any order, give the regression of the means."""
    rng = np.random.default_rng(seed)
    values = rng.lognormal(size=(4, 3))
    fit = depth_exponent(DEPTHS, values)
    means = depth_exponent(DEPTHS, np.exp(np.log(values).mean(axis=1)))
    order = rng.permutation(12)
    listed = depth_exponent(np.repeat(DEPTHS, 3)[order], values.reshape(-1)[order])
    for other in (means, listed, depth_exponent(DEPTHS, values.reshape(4, 3, 1))):
        assert np.allclose([fit.slope, *fit.interval, fit.r_squared], [other.slope, *other.interval, other.r_squared])


def test_unequal_numbers_of_replicates_are_weights():
    """The slope is that of ordinary least squares on all points."""
    depths, values = [4, 4, 8, 16, 16, 16], np.array([1.0, 1.3, 0.7, 0.2, 0.25, 0.3])
    slope, _, _ = reference.line(np.log(depths), np.log(values))
    assert depth_exponent(depths, values).slope == pytest.approx(slope, rel=DENSE_FLOAT64)


def test_interval_covers_the_exponent_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        fit = depth_exponent(DEPTHS, np.array(DEPTHS)[:, None] ** -0.7 * rng.lognormal(sigma=0.2, size=(4, 3)))
        hits += fit.interval[0] <= -0.7 <= fit.interval[1]
    assert 930 <= hits <= 968  # 950 +- 2.8 standard deviations


def test_equal_steps_of_aligned_blocks_give_slope_one():
    """S11: s_l = 1/(l + c)."""
    layers = np.arange(1, 9)[:, None]
    fit = inverse_line(1 / (layers + np.array([0.0, 2.5])))
    assert np.allclose(fit.slope, 1.0)
    assert np.allclose(fit.intercept, [0.0, 2.5])
    assert np.allclose(fit.r_squared, 1.0)


def test_equal_blocks_give_slope_zero():
    fit = inverse_line(np.full(8, 0.3))
    assert (fit.slope, fit.r_squared) == pytest.approx((0.0, 1.0), abs=DENSE_FLOAT64)


@given(seeds, st.integers(3, 10), st.floats(0.01, 100.0))
def test_line_equal_to_scipy_and_scales(seed, depth, scale):
    values = np.random.default_rng(seed).lognormal(size=(depth, 2))
    fit, scaled = inverse_line(values), inverse_line(scale * values)
    for n in range(2):
        slope, interval, r_squared = reference.line(np.arange(1, depth + 1), 1 / values[:, n])
        assert fit.slope[n] == pytest.approx(slope, rel=1e-8, abs=DENSE_FLOAT64)
        assert (fit.interval[0][n], fit.interval[1][n]) == pytest.approx(interval, rel=1e-8)
        assert fit.r_squared[n] == pytest.approx(r_squared, abs=1e-8)
    assert np.allclose(scaled.slope * scale, fit.slope)
    assert np.allclose(scaled.interval[0] * scale, fit.interval[0])
    assert np.allclose(scaled.r_squared, fit.r_squared)


@pytest.mark.parametrize("function", [inverse_line, lambda s: depth_exponent([1, 2, 3], s)])
@pytest.mark.parametrize(
    ("values", "error", "rule"),
    [
        ([1.0, 0.0, 1.0], ValueError, "holds 0; every entry must be positive"),
        ([1.0, -2.0, 1.0], ValueError, "holds -2"),
        ([1.0, np.inf, 1.0], ValueError, r"\[1\] is not finite"),
        ([], ValueError, "empty"),
        (["a", "b", "c"], TypeError, "real numbers"),
    ],
)
def test_bad_singular_values_are_refused(function, values, error, rule):
    with pytest.raises(error, match=f"^singular_values.*{rule}"):
        function(values)


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match=r"^singular_values holds 2 layers; .*needs three"):
        inverse_line([1.0, 0.5])
    with pytest.raises(ValueError, match=r"^depths holds 2 distinct values"):
        depth_exponent([4, 8, 4], [1.0, 0.5, 0.9])
    with pytest.raises(ValueError, match=r"^depths has 4 entries and singular_values has shape"):
        depth_exponent(DEPTHS, [1.0, 0.5, 0.3])
    with pytest.raises(ValueError, match=r"^depths holds 0; every entry must be positive"):
        depth_exponent([0, 4, 8], [1.0, 0.5, 0.3])
