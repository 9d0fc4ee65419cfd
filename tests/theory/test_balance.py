"""The solver of S2: blocks, shapes, regimes that share a block."""

import mpmath
import numpy as np
import pytest

from ramodel.theory import balance
from tests.tolerances import LAST_DIGITS, ROUNDING


@pytest.mark.parametrize("size", [1, 2, balance.BLOCK - 1, balance.BLOCK, balance.BLOCK + 1, 3 * balance.BLOCK + 7])
def test_long_arrays_solve_as_their_parts(size):
    v = 10.0 ** np.random.default_rng(size).uniform(-150, 150, size)
    whole = balance.solve_balance(v, 3.5)
    some = np.unique(np.linspace(0, size - 1, 40).astype(int))
    one_by_one = [balance.solve_balance(v[i], 3.5) for i in some]
    np.testing.assert_allclose(whole[some], one_by_one, rtol=LAST_DIGITS)


def test_any_shape_and_layout():
    v = np.logspace(-3, 3, 24).reshape(2, 3, 4)
    s = balance.solve_balance(v, 8)
    assert s.shape == v.shape
    np.testing.assert_array_equal(balance.solve_balance(v.T, 8), s.T)
    np.testing.assert_array_equal(balance.solve_balance(v[:, ::2], 8), s[:, ::2])
    assert balance.solve_balance(np.empty((0, 3)), 8).shape == (0, 3)
    assert balance.solve_balance(np.array(1.0), 8).shape == ()


def test_input_is_left_alone():
    v = np.logspace(-200, 200, 50)
    before = v.copy()
    balance.solve_balance(v, 8)
    np.testing.assert_array_equal(v, before)


@pytest.mark.parametrize("depth", [1e-3, 1, 8, 1e6])
def test_seams_between_regimes_do_not_show(depth):
    """Neighbours on either side of a seam (tiny s, large s) differ as the slope says."""
    tiny = np.sqrt(balance.TINY / (1 + 2 * depth))
    large = balance.LARGE
    seams = [tiny, np.sqrt(large * (1 + large)) * (1 + large) ** depth] if depth < 50 else [tiny]
    for seam in seams:
        v = seam * (1.0 + 1e-13 * np.arange(-20, 21))
        s = balance.solve_balance(v, depth)
        slope = (1 + s) / (0.5 + (depth + 1) * s)
        np.testing.assert_allclose(np.log(s / s[20]), slope * np.log(v / v[20]), atol=ROUNDING)


@pytest.mark.parametrize("exponent", [0.5, 3.0, 5e5])
@pytest.mark.parametrize("s", [0.0, 1e-300, 1e-12, 1e-4, 0.999, 1.0, 3.0, 1e8])
def test_growth_at_small_and_large_s(s, exponent):
    with mpmath.workdps(50):
        exact = (1 + mpmath.mpf(s)) ** mpmath.mpf(exponent)
    if exact < np.finfo(np.float64).max:
        condition = 1 + exponent * s / (1 + s)
        assert balance.growth(np.array(s), exponent) == pytest.approx(float(exact), rel=ROUNDING * condition)
