"""Class by class: equality with NumPy's quantiles, order, infinities, bad values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import class_quartiles
from tests.strategies import seeds
from tests.tolerances import DENSE_FLOAT64


@given(seeds, st.integers(1, 20))
def test_equal_to_numpy_and_independent_of_order(seed, count):
    rng = np.random.default_rng(seed)
    values, labels = rng.normal(size=(3, count)), rng.integers(-2, 3, size=count)
    found = class_quartiles(values, labels)
    assert found.classes == tuple(np.unique(labels))
    assert found.counts == tuple(np.unique(labels, return_counts=True)[1])
    for column, label in enumerate(found.classes):
        expected = np.quantile(values[:, labels == label], [0.25, 0.5, 0.75], axis=1)
        for measured, level in zip((found.lower, found.median, found.upper), expected, strict=True):
            np.testing.assert_allclose(measured[:, column], level, atol=DENSE_FLOAT64)
    order = rng.permutation(count)
    assert np.array_equal(class_quartiles(values[:, order], labels[order]).median, found.median)


def test_infinite_values_have_quartiles():
    found = class_quartiles([1.0, np.inf, np.inf, np.inf, 2.0], [0, 0, 0, 1, 2])
    assert found.lower.tolist() == [np.inf, np.inf, 2.0]
    assert found.median.tolist() == [np.inf, np.inf, 2.0]


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match=r"^values\[1\] is NaN; every entry must be a number"):
        class_quartiles([1.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match=r"^labels has 1 entries for 2 inputs"):
        class_quartiles([1.0, 2.0], [0])
    with pytest.raises(ValueError, match=r"^labels\[0\] is not finite"):
        class_quartiles([1.0, 2.0], [np.nan, 1])
