"""Threshold depth of pairs against the simplex: THEORY.md's table, and fifty digits."""

import mpmath
import numpy as np
import pytest

from ramodel.theory import FrobeniusModel
from ramodel.theory.configurations import pair, simplex, threshold_depth
from tests.tolerances import PRINTED, ROOT

# THEORY.md: decay, then L* for C = 4, 6, 10.
TABLE = [(0.01, (6.9536, 3.5300, 2.4150)), (0.001, (6.3604, 3.2446, 2.2272)), (0.1, (7.6845, 4.0065, 2.8082))]

# At decay 0.01: C, F, m, a, b.
DETAILS = [
    (4, 0.02607742, 7.1936, 13.5423, 0.1296),
    (6, 0.07528386, 6.3441, 12.0292, 0.3153),
    (10, 0.18273987, 5.8503, 10.9333, 0.6234),
]


@pytest.mark.parametrize(("decay", "depths"), TABLE)
def test_table(decay, depths):
    assert [round(threshold_depth(classes, decay, decay).depth, 4) for classes in (4, 6, 10)] == list(depths)


@pytest.mark.parametrize(("classes", "value", "m", "a", "b"), DETAILS)
def test_details(classes, value, m, a, b):
    found = threshold_depth(classes, 0.01, 0.01)
    assert found.value == pytest.approx(value, rel=10 * PRINTED)
    assert [round(x, 4) for x in (found.margin, found.within, found.between)] == [m, a, b]


def test_fifty_digits():
    """The four equations (three slopes and equal values) in m, a, b and L, for C = 8 and decays that differ."""
    classes, jacobian_decay, head_decay = 8, 0.02, 0.01
    found = threshold_depth(classes, jacobian_decay, head_decay)
    with mpmath.workdps(50):
        rho = mpmath.mpf(jacobian_decay) / mpmath.mpf(head_decay)

        def s_of(m, depth):
            return mpmath.findroot(
                lambda s: s * (1 + s) ** (2 * depth + 1) - m**2 / rho, mpmath.mpf(m) ** 0.2 / depth / 2
            )

        def cost(m, depth):
            s = s_of(m, depth)
            return mpmath.mpf(jacobian_decay) * (s + (depth + 1) * s**2)

        def slope(m, depth):
            s = s_of(m, depth)
            return mpmath.mpf(jacobian_decay) * s * (1 + s) / m

        def equations(m, a, b, depth):
            half = classes // 2
            p = 1 / (mpmath.exp(m) + classes - 1)
            near, far = mpmath.exp(-a), mpmath.exp(-(a + b) / 2)
            total = 1 + near + (classes - 2) * far
            pairs = mpmath.log(total) + (half * cost(a, depth) + (half - 1) * cost(b, depth)) / 2
            alone = mpmath.log1p((classes - 1) * mpmath.exp(-m)) + (classes - 1) * cost(m, depth) / 2
            return [
                slope(m, depth) - p,
                half * slope(a, depth) - (near + (classes - 2) * far / 2) / total,
                (half - 1) * slope(b, depth) - (classes - 2) * far / 2 / total,
                pairs - alone,
            ]

        start = [found.margin, found.within, found.between, found.depth]
        exact = [float(x) for x in mpmath.findroot(equations, start, tol=1e-30)]
    assert start == pytest.approx(exact, rel=ROOT)


def test_pairs_win_beyond_the_threshold_and_lose_before():
    found = threshold_depth(6, 0.01, 0.01)
    for depth, sign in ((found.depth + 0.01, -1.0), (found.depth - 0.01, 0.0)):
        model = FrobeniusModel(depth, 0.01, 0.01)
        difference = pair(6, model).value - simplex(6, model).value
        assert np.sign(round(difference, 12)) == sign


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((5, 0.01, 0.01), "classes is 5; it must be even"),
        ((2, 0.01, 0.01), "classes is 2; it must be at least 4"),
        ((6, 0.0, 0.01), "jacobian_decay is 0.0; it must be greater than zero"),
        ((6, 0.01, -1.0), "head_decay is -1.0; it must be greater than zero"),
        ((6, 1e4, 1e4), "no threshold was found"),
    ],
)
def test_bad_input(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        threshold_depth(*arguments)
