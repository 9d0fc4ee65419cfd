"""S13: closed forms against all 2^L patterns, against Monte Carlo, and the optimum against a general minimiser."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ramodel.theory import (
    FrobeniusModel,
    equivalent_decay,
    expected_squared_loss,
    gain_mean,
    gain_variance,
    stochastic_depth_optimum,
)
from tests.reference import theory as reference
from tests.strategies import powers_of_ten
from tests.tolerances import CLOSED_FORM, MINIMISER, MINIMISER_POINT

conventions = pytest.mark.parametrize("rescaled", [False, True])
keeps = st.floats(0.05, 1.0)


@given(powers_of_ten(-8, 1), st.integers(1, 6), keeps, st.booleans())
def test_moments_are_those_of_all_patterns(s, depth, keep, rescaled):
    mean, variance = reference.gain_moments(s, depth, keep, rescaled)
    assert gain_mean(s, depth, keep, rescaled=rescaled) == pytest.approx(float(mean), rel=CLOSED_FORM)
    found = gain_variance(s, depth, keep, rescaled=rescaled)
    assert found == pytest.approx(float(variance), rel=CLOSED_FORM)
    second = (1 + keep * (2 * s + s**2)) ** depth if not rescaled else (1 + 2 * s + s**2 / keep) ** depth
    assert found + float(mean) ** 2 == pytest.approx(second, rel=CLOSED_FORM)  # as S13 writes it


@conventions
def test_moments_and_loss_are_those_of_random_networks(rescaled):
    s, depth, keep, w, y = 0.3, 12, 0.7, 0.4, 2.0
    draws = 400_000
    kept = np.random.default_rng(0).random((depth, draws)) < keep
    gain = np.prod(1.0 + kept * (s / keep if rescaled else s), axis=0)
    loss = (w * gain - y) ** 2
    for found, sample in (
        (gain_mean(s, depth, keep, rescaled=rescaled), gain),
        (gain_variance(s, depth, keep, rescaled=rescaled), (gain - gain.mean()) ** 2),
        (expected_squared_loss(w, s, y, depth, keep, rescaled=rescaled), loss),
    ):
        assert abs(found - sample.mean()) < 5.0 * sample.std() / np.sqrt(draws)


@conventions
def test_nothing_is_random_where_all_blocks_are_kept(rescaled):
    assert gain_mean(0.5, 3, 1.0, rescaled=rescaled) == pytest.approx(1.5**3)
    assert gain_variance(0.5, 3, 1.0, rescaled=rescaled) == 0.0
    assert equivalent_decay(2.0, 0.5, 1.0, rescaled=rescaled) == 0.0


def test_arrays_and_scalars():
    s = np.array([[0.0, 0.1], [0.2, 0.3]])
    assert gain_mean(s, 4, 0.5).shape == gain_variance(s, 4, 0.5).shape == (2, 2)
    assert expected_squared_loss([[1.0], [2.0]], s, 1.0, 4, 0.5)[1, 0] == expected_squared_loss(2.0, 0.2, 1.0, 4, 0.5)
    assert isinstance(gain_mean(0.1, 4, 0.5), np.float64)


@given(powers_of_ten(-4, 0), st.integers(1, 64), keeps, st.booleans())
def test_equivalent_decay_is_a_lower_bound_and_the_limit_of_little_noise(s, depth, keep, rescaled):
    """(1/2) w^2 variance against (1/2) L lam s^2."""
    m = gain_mean(s, depth, keep, rescaled=rescaled)  # w = 1
    penalty = depth * equivalent_decay(m, s, keep, rescaled=rescaled) * s**2
    variance = gain_variance(s, depth, keep, rescaled=rescaled)
    assert penalty <= variance * (1.0 + CLOSED_FORM)
    noise = penalty / m**2  # L e
    assert variance <= penalty * np.exp(noise) * (1.0 + CLOSED_FORM)


@pytest.mark.parametrize("depth", [1, 8, 100])
def test_optimum_without_noise_is_that_of_the_frobenius_model(depth):
    found = stochastic_depth_optimum(4.0, depth, 1.0, jacobian_decay=0.02, head_decay=0.01)
    model = FrobeniusModel(depth, 0.02, 0.01)
    m = found.w * gain_mean(found.s, depth, 1.0)
    assert model.jacobian_singular_value(m) == pytest.approx(found.s, rel=MINIMISER)
    assert model.head_singular_value(m) == pytest.approx(found.w, rel=MINIMISER)
    assert 0.5 * (m - 4.0) ** 2 + 0.5 * model.cost(m) == pytest.approx(found.value, rel=MINIMISER)


@settings(max_examples=20)
@given(st.floats(0.5, 20.0), st.integers(1, 10), st.floats(0.3, 1.0), st.booleans(), powers_of_ten(-3, 0))
def test_no_minimiser_finds_a_lower_value(y, depth, keep, rescaled, decay):
    def objective(point):
        w, s = point
        noisy = expected_squared_loss(w, abs(s), y, depth, keep, rescaled=rescaled)
        return 0.5 * noisy + 0.5 * decay * (w**2 + depth * s**2)

    found = stochastic_depth_optimum(y, depth, keep, jacobian_decay=decay, head_decay=decay, rescaled=rescaled)
    assert objective((found.w, found.s)) == pytest.approx(found.value, rel=MINIMISER)
    options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000, "maxfev": 4000}
    best = min(
        (minimize(objective, start, method="Nelder-Mead", options=options) for start in ((y, 0.01), (1.0, 0.5))),
        key=lambda result: result.fun,
    )
    assert found.value <= best.fun * (1.0 + MINIMISER)
    near = minimize(objective, (found.w, found.s), method="Nelder-Mead", options=options)
    assert abs(near.x[1]) == pytest.approx(found.s, rel=MINIMISER_POINT, abs=MINIMISER_POINT / 100)


@conventions
def test_noise_shrinks_the_blocks(rescaled):
    s = [
        stochastic_depth_optimum(4.0, 8, keep, jacobian_decay=0.01, head_decay=0.01, rescaled=rescaled).s
        for keep in (1.0, 0.95, 0.8, 0.5)
    ]
    assert np.all(np.diff(s) < 0.0)


def test_optimum_of_very_deep_networks():
    found = stochastic_depth_optimum(50.0, 10**5, 0.1, jacobian_decay=1e-4, head_decay=1e-4, rescaled=True)
    assert 0.0 < found.s < 1e-3
    assert np.isfinite(found.value)


def test_optimum_at_the_ends_of_float64():
    """Where y^2 leaves float64, or what a kept block adds, the optimum need not."""
    decays = {"jacobian_decay": 0.01, "head_decay": 0.01}
    noisy = stochastic_depth_optimum(1e150, 3, 0.9, **decays)  # decay of the blocks costs nothing beside the noise
    free = stochastic_depth_optimum(1e20, 3, 0.9, **decays)
    assert noisy == pytest.approx((free.s, free.w * 1e130, free.value * 1e260), rel=MINIMISER)
    certain = stochastic_depth_optimum(-1e200, 3, 1.0, **decays)  # s^4 = |m| = |y|
    assert certain == pytest.approx((1e50, -1e50, 2e98), rel=MINIMISER)
    largest = stochastic_depth_optimum(1e300, 3, 1.0, **decays)
    assert largest == pytest.approx((1e75, 1e75, 2e148), rel=MINIMISER)
    rare = stochastic_depth_optimum(1e8, 2, 1e-300, rescaled=True, **decays)  # a kept block must add next to nothing
    assert rare == pytest.approx((1e-302, 1e8 / 1.01, 0.005e16 / 1.01), rel=MINIMISER)
    for target in (1e-200, 1e200):
        sentence = rf"target is {target}, jacobian_decay 0.01, head_decay 0.01, keep 0.9; bring them closer".replace(
            "+", r"\+"
        )
        with pytest.raises(OverflowError, match=sentence):
            stochastic_depth_optimum(target, 3, 0.9, **decays)
    with pytest.raises(OverflowError, match="s / keep exceeds"):
        gain_mean(1e10, 2, 1e-300, rescaled=True)


@pytest.mark.parametrize("function", [gain_mean, gain_variance])
def test_bad_arguments_are_refused(function):
    with pytest.raises(ValueError, match=r"^keep is 1\.5; it must be at most 1"):
        function(0.1, 3, 1.5)
    with pytest.raises(ValueError, match=r"^keep is 0; it must be greater than zero"):
        function(0.1, 3, 0)
    with pytest.raises(ValueError, match=r"^s is -0\.1"):
        function(-0.1, 3, 0.5)
    with pytest.raises(TypeError, match=r"^depth is 2\.5"):
        function(0.1, 2.5, 0.5)
    with pytest.raises(OverflowError, match=r"exceeds the largest float64"):
        function(1e300, 3, 0.5)


def test_bad_targets_and_decays_are_refused():
    with pytest.raises(ValueError, match=r"^target is 0; the optimum is 0"):
        stochastic_depth_optimum(0.0, 3, 0.5, jacobian_decay=1.0, head_decay=1.0)
    with pytest.raises(ValueError, match=r"^head_decay is 0"):
        stochastic_depth_optimum(1.0, 3, 0.5, jacobian_decay=1.0, head_decay=0)
    with pytest.raises(ValueError, match=r"^w is nan"):
        expected_squared_loss(np.nan, 0.1, 1.0, 3, 0.5)
    with pytest.raises(ValueError, match=r"^m is -1"):
        equivalent_decay(-1.0, 0.1, 0.5)
    with pytest.raises(ValueError, match=r"^m has shape \(2,\), which does not fit shape \(3,\) of s"):
        equivalent_decay([1.0, 2.0], [0.1, 0.2, 0.3], 0.5)
    with pytest.raises(ValueError, match=r"^target has shape \(2,\), which does not fit shape \(3,\) of w"):
        expected_squared_loss([1.0, 2.0, 3.0], 0.1, [1.0, 2.0], 3, 0.5)
