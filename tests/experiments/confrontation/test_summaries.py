"""Summaries over networks: known cases, and intervals that hold the truth as often as they say."""

import math

import numpy as np
import pytest
import xarray as xr

from ramodel.experiments.confrontation.predictions import Pairs
from ramodel.experiments.confrontation.scatter import pooled
from ramodel.experiments.confrontation.summaries import bootstrap_interval, difference, extreme, mean, trend

REPETITIONS = 400
"""The share of intervals that miss has a standard deviation of 1.1 % then."""


def covered(interval, truth):
    return interval[0] <= truth <= interval[1]


def share(intervals, truth):
    return np.mean([covered(interval, truth) for interval in intervals])


def test_means_and_differences_cover_at_95_per_cent():
    generator = np.random.default_rng(1)
    nets = [xr.Dataset()] * 3
    means = [mean(list(1.0 + generator.normal(size=3)), nets, lambda _: 0.0).interval for _ in range(REPETITIONS)]
    assert 0.92 < share(means, 1.0) < 0.98
    pairs = [
        difference([(one + 0.5 + generator.normal(), one) for one in generator.normal(size=4, scale=10.0)]).interval
        for _ in range(REPETITIONS)
    ]
    assert 0.92 < share(pairs, 0.5) < 0.98  # what the seeds share does not widen it


@pytest.mark.parametrize("logarithmic", [True, False])
def test_trends_cover_at_95_per_cent(logarithmic):
    generator = np.random.default_rng(2)
    sizes = np.array([4.0, 8.0, 16.0, 32.0, 64.0])
    line = -np.log(sizes) if logarithmic else 0.01 * sizes
    found = []
    for _ in range(REPETITIONS):
        noisy = line + 0.1 * generator.normal(size=5)
        found.append(trend(sizes, np.exp(noisy) if logarithmic else noisy, logarithmic=logarithmic).interval)
    assert 0.92 < share(found, -1.0 if logarithmic else 0.01) < 0.98


def test_one_network_has_an_interval_over_its_inputs():
    values = np.random.default_rng(3).normal(size=50)
    net = xr.Dataset({"x": ("input", values), "y": ("input", np.zeros(50)), "z": 1.0})
    found = mean([values.mean()], [net], lambda cell: float(cell["x"].mean() + cell["z"] - 1.0))
    assert found.note == "one network: interval over inputs"
    reach = 1.96 * values.std() / math.sqrt(50)
    assert found.interval == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.2 * reach)
    assert mean([0.0], [net], lambda cell: float(cell["y"].mean())).interval is None  # inputs tell nothing of it
    assert mean([1.0], [net[["z"]]], lambda cell: float(cell["z"])).interval is None


def test_extremes_and_what_is_missing():
    assert extreme([1.0, 3.0, 2.0], abs).value == 3.0
    assert extreme([1.0, 3.0, 2.0], abs, nearest=True).value == 1.0
    for missing in (
        extreme([], abs),
        mean([], [], lambda _: 0.0),
        difference([]),
        trend([4, 8], [1, 2], logarithmic=False),
    ):
        assert math.isnan(missing.value)
        assert missing.interval is None
    assert "three sizes" in trend([4.0, 8.0], [1.0, 2.0], logarithmic=True).note
    assert math.isnan(trend([4.0, 8.0, 16.0], [1.0, -1.0, 2.0], logarithmic=True).value)
    lossy = trend([4.0, 8.0, 16.0, 32.0], [1.0, 2.0, 4.0, 0.0], logarithmic=True)
    assert lossy.value == pytest.approx(1.0)
    assert "1 of 4 readings" in lossy.note


def test_replicates_of_one_size_count_as_one_point():
    single = trend([1.0, 2.0, 4.0], [1.0, 2.5, 3.5], logarithmic=False)
    double = trend([1.0, 1.0, 2.0, 2.0, 4.0, 4.0], [0.5, 1.5, 2.5, 2.5, 3.0, 4.0], logarithmic=False)
    assert double.value == pytest.approx(single.value)
    assert double.interval == pytest.approx(single.interval)


def scatter(*pairs):
    return pooled(pairs, statement="S1", claim="s_k", subject="linear", label="s_k")


def test_a_scatter_on_the_line():
    values = np.array([0.1, 0.2, 0.4])
    found = scatter(Pairs(values, values), Pairs(2 * values, 2 * values))
    assert (found.slope, found.r_squared, found.median_error) == (pytest.approx(1.0), 1.0, 0.0)
    assert found.networks == 2
    assert len(found.predicted) == 6


def test_a_scatter_off_the_line():
    values = np.array([1.0, 2.0, 3.0])
    found = scatter(Pairs(values, 1.5 * values))
    assert found.slope == pytest.approx(1.5)
    assert found.median_error == pytest.approx(0.5)
    assert found.r_squared == pytest.approx(1.0 - 3.5 / 4.5)  # of the prediction: the fitted slope does not mend it
    assert found.interval is None
    assert scatter(Pairs(np.empty(0), np.empty(0))) is None


def test_a_scatter_has_an_interval_over_networks():
    values = np.ones(5)
    nets = [Pairs(values, values * (1.0 + error)) for error in (0.1, 0.2, 0.3, 0.4)]
    low, high = scatter(*nets).interval
    assert 0.1 <= low < 0.25 < high <= 0.4


def test_errors_where_nothing_is_predicted():
    pairs = Pairs(np.array([0.0, 0.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    assert pairs.errors.tolist() == [0.0, math.inf, 0.5]


def test_draws_that_do_not_differ_are_no_interval():
    assert bootstrap_interval(lambda _: 1.0) is None
    assert bootstrap_interval(lambda _: math.nan) is None
    assert bootstrap_interval(lambda generator: generator.normal(), seed=4) == bootstrap_interval(
        lambda generator: generator.normal(), seed=4
    )
