"""S15 demonstrated: F along the path is the formula; with a spare direction descent returns to the branch."""

import numpy as np
import pytest

from ramodel.experiments.demonstrations import s15_path
from tests.tolerances import DENSE_FLOAT64


@pytest.fixture(scope="module")
def dataset():
    return s15_path.demonstrate(quick=True, progress=False)


def test_f_along_the_path(dataset):
    curve = dataset.change.values[-1] * np.sin(dataset.theta.values / 2.0) ** 2
    np.testing.assert_allclose(dataset.evaluated, curve, atol=DENSE_FLOAT64)
    assert dataset.change.values[-1] < -0.1


def test_without_spare_width_descent_stays_off_the_branch(dataset):
    least = dataset.least.sel(spare=0)
    left = least.min("step") < 0.0
    assert left.any()
    np.testing.assert_array_equal(least.isel(step=-1) < 0.0, left)
    off = dataset.excess.sel(spare=0).where(left, drop=True)
    assert (off > 1.5).all()


def test_with_spare_width_descent_comes_back(monkeypatch):
    monkeypatch.setattr(s15_path, "SPARE", (1,))
    monkeypatch.setitem(s15_path.QUICK, "steps", 4500)
    dataset = s15_path.demonstrate(quick=True, progress=False)
    least = dataset.least.sel(spare=1)
    assert (least.min("step") < -0.1).any()
    assert (least.isel(step=-1) > 0.0).all()
