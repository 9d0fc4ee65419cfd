"""S9 demonstrated: optima within their bounds, laws above them, the control outside."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations.s09_norm_ratio import demonstrate
from tests.tolerances import OPTIMISER


@pytest.fixture(scope="module")
def dataset():
    return demonstrate(quick=True, progress=False)


def test_ratios_lie_between_the_bounds(dataset):
    assert np.all(dataset.ratio.sel(quantile="least") >= dataset.bound.sel(side="lower") - OPTIMISER)
    assert np.all(dataset.ratio.sel(quantile="greatest") <= dataset.bound.sel(side="upper") + OPTIMISER)


def test_laws_enclose_the_greatest_ratio(dataset):
    """The targets' m are met to the decay, a percent."""
    curve = dataset.curve.interp(curve_depth=dataset.depth.astype(float))
    greatest = dataset.ratio.sel(quantile="greatest") - 1.0
    assert np.all(greatest.sel(model="frobenius") <= curve.sel(law="logarithmic") * 1.01)
    for law, model in ("frobenius upper", "frobenius"), ("nuclear", "nuclear"), ("plain", "plain"):
        np.testing.assert_allclose(greatest.sel(model=model), curve.sel(law=law), rtol=0.03)


def test_control_misses_the_bounds(dataset):
    lower = dataset.bound.sel(model="frobenius", side="lower")
    assert np.all(dataset.without_skip.sel(quantile="greatest").values < lower.values)
