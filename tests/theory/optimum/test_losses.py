import numpy as np
import pytest

from ramodel.theory.optimum import CrossEntropyLoss, LogisticLoss, SquaredLoss
from tests.tolerances import DENSE_FLOAT64, FINITE_DIFFERENCE

rng = np.random.default_rng(0)
INPUTS = rng.standard_normal((11, 5))
LABELS = np.arange(11) % 3
TARGETS = rng.standard_normal((11, 3))
SIGNS = np.where(LABELS == 0, 1.0, -1.0)


def one_by_one(name, matrix):
    """Mean loss, one sample at a time."""
    total = 0.0
    for x, label, target, sign in zip(INPUTS, LABELS, TARGETS, SIGNS, strict=True):
        z = matrix @ x
        if name == "squared":
            total += 0.5 * ((z - target) ** 2).sum()
        elif name == "cross-entropy":
            total += np.log(np.exp(z - z[label]).sum())
        else:
            total += np.log(1 + np.exp(-sign * z[0]))
    return total / len(INPUTS)


LOSSES = {
    "squared": SquaredLoss(INPUTS, TARGETS),
    "cross-entropy": CrossEntropyLoss(INPUTS, LABELS, 3),
    "logistic": LogisticLoss(INPUTS, SIGNS),
}


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_derivatives(name):
    loss = LOSSES[name]
    shape, step = (2, loss.classes, loss.width), 1e-5
    maps, change = (np.random.default_rng(seed).standard_normal(shape) for seed in (1, 2))
    value, gradient, kept = loss.evaluate(maps.copy())
    np.testing.assert_allclose(value, [one_by_one(name, m) for m in maps], rtol=DENSE_FLOAT64)
    (above, slope_above, _), (below, slope_below, _) = (loss.evaluate(maps + e * change) for e in (step, -step))
    np.testing.assert_allclose((above - below) / (2 * step), (gradient * change).sum((1, 2)), atol=FINITE_DIFFERENCE)
    before = change.copy()
    product = loss.hessian_product(kept, change)
    np.testing.assert_array_equal(change, before)
    np.testing.assert_allclose((slope_above - slope_below) / (2 * step), product, atol=FINITE_DIFFERENCE)


def test_one_sample_a_class_needs_no_inputs():
    labels = np.array([0, 1, 2, 2])
    maps = np.random.default_rng(0).standard_normal((3, 3, 4))
    short, whole = CrossEntropyLoss(None, labels, 3), CrossEntropyLoss(np.eye(4), labels, 3)
    for given, full in zip(short.evaluate(maps.copy())[:2], whole.evaluate(maps.copy())[:2], strict=True):
        np.testing.assert_allclose(given, full, rtol=DENSE_FLOAT64)
    before = maps.copy()
    short.hessian_product(short.evaluate(maps)[2], maps)
    np.testing.assert_array_equal(maps, before)


@pytest.mark.parametrize("margin", [1e-8, 1.0, 40.0, 400.0])
def test_gradients_are_accurate_at_any_margin(margin):
    """The wrong classes' probabilities, e^-margin each, to their own last digits."""
    probability = np.exp(-margin) / (1 + 2 * np.exp(-margin))
    _, gradient, _ = CrossEntropyLoss(None, np.arange(3), 3).evaluate(margin * np.eye(3)[np.newaxis])
    expected = probability / 3 * (1 - 3 * np.eye(3))
    np.testing.assert_allclose(gradient[0], expected, rtol=DENSE_FLOAT64)
    value, slope, _ = LogisticLoss(np.ones((1, 1)), np.array([-1.0])).evaluate(np.array([[[-margin]]]))
    assert slope[0, 0, 0] == pytest.approx(np.exp(-margin) / (1 + np.exp(-margin)), rel=DENSE_FLOAT64)
    assert value[0] == pytest.approx(np.log1p(np.exp(-margin)), rel=DENSE_FLOAT64)
