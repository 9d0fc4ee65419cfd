"""S17: the bound on the coupling measure, and its level for frames that know nothing of each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.theory import coupling_bound, independent_coupling_error
from tests.reference import metrics as reference
from tests.strategies import seeds
from tests.tolerances import DENSE_FLOAT64


@given(seeds, st.integers(1, 5), st.floats(-3.0, 1.0))
def test_bound_holds_also_in_clusters(seed, rank, exponent):
    rng = np.random.default_rng(seed)
    first = np.diag(rng.integers(1, 3, 5).astype(float)) if seed % 2 else rng.normal(size=(5, 5))
    second = first + 10.0**exponent * rng.normal(size=(5, 5))
    top = np.linalg.svd(first, compute_uv=False)[:rank]
    bound = coupling_bound(np.linalg.norm(first - second), top)
    assert reference.coupling_error(first, second, rank) <= bound * (1.0 + DENSE_FLOAT64)


def test_no_smaller_bound_would_do():
    """J_1 = -1 and J_2 slightly above 0: m = 2, and the bound is hardly more."""
    assert reference.coupling_error(np.array([[-1.0]]), np.array([[1e-6]]), 1) == pytest.approx(2.0)
    assert coupling_bound(1.0 + 1e-6, [1.0]) == pytest.approx(2.0)


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_level_of_independent_haar_frames(rank):
    rng = np.random.default_rng(rank)
    width, draws = 6, 4000
    values = np.array([3.0, 2.0, 2.0, 0.5, 0.1, 0.0])
    first = np.diag(values)
    frames, triangles = np.linalg.qr(rng.normal(size=(2, draws, width, width)))
    frames = frames * np.sign(np.diagonal(triangles, axis1=-2, axis2=-1))[..., None, :]
    left, right = frames[..., :rank]
    departures = np.swapaxes(left, -1, -2) @ first @ right - np.diag(values[:rank])
    squares = np.sum(departures**2, axis=(-2, -1)) / np.sum(values[:rank] ** 2)
    level = independent_coupling_error(values, rank, width) ** 2
    assert abs(squares.mean() - level) < 5.0 * squares.std() / np.sqrt(draws)
    listed = min(rank, 5)  # zeros need not be
    assert independent_coupling_error(values[:5], listed, 6) == independent_coupling_error(values, listed, 6)


def test_scale_does_not_matter():
    wanted = coupling_bound(1.0, [1.0, 0.5])
    for scale in (1e200, 1e-200, 1e307):
        assert coupling_bound(scale, [scale, 0.5 * scale]) == pytest.approx(wanted)
        level = independent_coupling_error([scale, 0.5 * scale, 0.1 * scale], 2, 4)
        assert level == pytest.approx(independent_coupling_error([1.0, 0.5, 0.1], 2, 4))
    assert coupling_bound(1e200, [1e200, 1.0]) == pytest.approx(2.0)
    assert coupling_bound(1.0, [1e-200, 0.0]) == pytest.approx(2e200)
    with pytest.raises(OverflowError, match="the bound exceeds the largest float64"):
        coupling_bound(1e200, [1e-200, 0.0])


def test_bad_arguments_are_refused():
    for function in (lambda s: coupling_bound(1.0, s), lambda s: independent_coupling_error(s, 1, 4)):
        with pytest.raises(ValueError, match=r"^singular_values increases along the last axis"):
            function([1.0, 3.0])
        with pytest.raises(ValueError, match=r"^singular_values are all zero"):
            function([[1.0, 0.5], [0.0, 0.0]])
    with pytest.raises(
        ValueError, match=r"^difference_norm has shape \(3,\).*\(2,\) of singular_values without its last"
    ):
        coupling_bound([1.0, 2.0, 3.0], [[2.0, 1.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match=r"^singular_values are all zero"):
        coupling_bound(1.0, [0.0, 0.0])
    with pytest.raises(ValueError, match=r"^difference_norm is -1"):
        coupling_bound(-1.0, [1.0])
    with pytest.raises(ValueError, match=r"^singular_values is the number 1"):
        coupling_bound(1.0, 1.0)
    with pytest.raises(ValueError, match=r"^count is 3; it must be at most 2"):
        independent_coupling_error([1.0, 0.5], 3, 4)
    with pytest.raises(ValueError, match=r"^width is 1; it must be at least 2"):
        independent_coupling_error([1.0, 0.5], 1, 1)
    with pytest.raises(ValueError, match=r"^singular_values\[0\] is nan"):
        independent_coupling_error([np.nan, 0.5], 1, 2)
