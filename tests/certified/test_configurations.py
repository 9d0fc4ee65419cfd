"""Certified S10: the table of THEORY.md, and proofs that refuse what is not there."""

import math

import numpy as np
import pytest

from ramodel.certified import CertifiedConfigurations
from ramodel.theory import FrobeniusModel

THRESHOLDS = {
    (4, 0.01): 6.9536, (6, 0.01): 3.5300, (10, 0.01): 2.4150,
    (4, 0.001): 6.3604, (6, 0.001): 3.2446, (10, 0.001): 2.2272,
    (4, 0.1): 7.6845, (6, 0.1): 4.0065, (10, 0.1): 2.8082,
}  # fmt: skip
VALUES = {(4, 0.01): 0.02607742, (6, 0.01): 0.07528386, (10, 0.01): 0.18273987}


def configurations(classes, decay, **more):
    return CertifiedConfigurations(classes=classes, jacobian_decay=decay, head_decay=decay, **more)


@pytest.mark.parametrize(("classes", "decay"), THRESHOLDS)
def test_thresholds_of_s10(classes, decay):
    found = configurations(classes, decay, digits=10).threshold()
    assert round(float(found.depth), 4) == pytest.approx(THRESHOLDS[classes, decay], abs=1e-4 / 2)
    if (classes, decay) in VALUES:
        assert round(float(found.value), 8) == VALUES[classes, decay]


@pytest.mark.parametrize(("classes", "depth", "decay", "family", "value", "levels"), [
    (4, 8, 0.01, "pair", 0.022978259292, [(0.432415977882, 2), (0.009004655236, 1)]),
    (10, 4, 0.001, "pair", 0.013804679375, [(0.916255138232, 5), (0.016974758826, 4)]),
    (4, 8, 0.1, "pair", 0.183445446197, [(0.368840369108, 2), (0.016554699152, 1)]),
    (6, 2, 0.05, "simplex", 0.437517461239, [(0.800502487891, 5)]),
    (6, 32, 0.03, "pair", 0.029944673179, [(0.123811662949, 3), (0.000180304923, 2)]),
])  # fmt: skip
def test_values_of_s10(classes, depth, decay, family, value, levels):
    found = configurations(classes, decay).configuration(depth, family)
    assert round(float(found.value), 12) == value
    assert [(round(float(s), 12), count) for s, count in found.levels] == levels
    assert found.local_minimum
    model = FrobeniusModel(depth, decay, decay)
    for (s, _), m in zip(found.levels, found.end_to_end, strict=True):
        assert float(model.end_to_end_singular_value(float(s))) in m
        assert abs(float(s)) in s


def test_stability_rule():
    smallest = {2: 40, 4: 18, 8: 14, 16: 13}
    for depth, classes in smallest.items():
        assert configurations(classes, 0.01).stability_margin(depth).sign == -1
        assert configurations(classes - 1, 0.01).stability_margin(depth).sign == 1
    assert round(float(configurations(10, 0.1).stability_threshold().depth), 3) == 6.591
    at = configurations(10, 0.1).stability_threshold().depth
    assert configurations(10, 0.1).stability_margin(at.lower * (1 - 1e-9)).sign == 1
    assert configurations(10, 0.1).stability_margin(at.upper * (1 + 1e-9)).sign == -1


def test_the_margin_has_the_sign_of_the_least_hessian_eigenvalue():
    for classes, depth in ((10, 6.0), (10, 7.0), (30, 2.0), (30, 4.0)):
        found = configurations(classes, 0.1).configuration(depth)
        (s, _), m = found.levels[0], float(found.end_to_end[0])
        p = 1 / (math.exp(m) + classes - 1)
        step = 1e-4
        model = FrobeniusModel(depth, 0.1, 0.1)
        curvature = (model.cost(m + step) - 2 * model.cost(m) + model.cost(m - step)) / (2 * step**2)
        least = p / classes + curvature
        margin = configurations(classes, 0.1).stability_margin(depth)
        assert margin.sign == (1 if least > 0 else -1), float(s)


def test_numbers_of_numpy_are_exact_too():
    found = configurations(np.int64(4), np.float64(0.05)).configuration(np.int32(8), "pair")
    assert found == configurations(4, 0.05).configuration(8, "pair")
    assert configurations(np.int8(10), np.uint8(1)).stability_margin(np.int64(2)).sign == 1


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: configurations(5, 0.01).threshold(), ValueError, "classes is 5; the pair family needs an even number"),
    (lambda: configurations(3, 0.01).stability_margin(4), ValueError, "classes is 3; the stability rule is for"),
    (lambda: configurations(4, 0.01).configuration(0), ValueError, "depth is 0; it must be greater than zero"),
    (lambda: configurations(4, 0.01).configuration(8, "cube"), ValueError, "family is 'cube'"),
    (lambda: configurations(4, 0.0), ValueError, "jacobian_decay is 0.0"),
    (lambda: configurations(1, 0.1), ValueError, "classes is 1"),
    (lambda: configurations(4, 0.1, digits=0), ValueError, "digits is 0; it must be at least 1"),
    (lambda: configurations(4, 0.1, digits=2.5), TypeError, "digits is 2.5; it must be a whole number"),
    (lambda: configurations(4, 0.01).stability_threshold(), ArithmeticError, "do not change places between depths"),
])  # fmt: skip
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
