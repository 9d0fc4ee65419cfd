"""RA2, basis-free: principal angles against scipy, exact small angles, invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import subspace_angles

from ramodel.metrics import principal_angles, subspace_affinity_score
from tests.strategies import orthogonal_matrices, seeds
from tests.tolerances import ANGLE, DENSE_FLOAT64


def frames(rng, *shape):
    """Orthonormal rows [..., K, d]."""
    return np.swapaxes(np.linalg.qr(rng.normal(size=(*shape[:-2], shape[-1], shape[-2])))[0], -1, -2)


@given(seeds, st.integers(1, 4), st.integers(1, 4), st.integers(4, 7))
def test_angles_equal_to_scipy_and_to_the_affinity(seed, first_rank, second_rank, width):
    rng = np.random.default_rng(seed)
    first, second = frames(rng, 2, first_rank, width), frames(rng, 2, second_rank, width)
    angles = principal_angles(first, second)
    for n in range(2):
        np.testing.assert_allclose(angles[n], subspace_angles(first[n].T, second[n].T)[::-1], atol=ANGLE)
    affinity = np.sum(np.cos(angles) ** 2, axis=-1) / max(first_rank, second_rank)
    np.testing.assert_allclose(affinity, subspace_affinity_score(first, second), atol=DENSE_FLOAT64)


@given(seeds, orthogonal_matrices(5), orthogonal_matrices(2))
def test_angles_do_not_depend_on_bases_order_or_rotation(seed, turn, basis):
    rng = np.random.default_rng(seed)
    first, second = frames(rng, 3, 5), frames(rng, 2, 5)
    angles = principal_angles(first, second)
    np.testing.assert_allclose(principal_angles(second, first), angles, atol=1e-8)
    np.testing.assert_allclose(principal_angles(first @ turn, -basis @ second @ turn), angles, atol=1e-8)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-5, 0.7, np.pi / 2])
def test_small_angles_are_exact(angle):
    first = np.eye(4)[:2]
    second = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, np.cos(angle), np.sin(angle), 0.0]])
    assert principal_angles(first, second) == pytest.approx([0.0, angle], rel=DENSE_FLOAT64, abs=1e-15)


def test_angles_of_all_pairs_of_layers():
    vectors = frames(np.random.default_rng(0), 3, 5, 2, 6)
    angles = principal_angles(vectors[:, None], vectors[None])
    assert angles.shape == (3, 3, 5, 2)
    np.testing.assert_allclose(angles[0, 2, 4], principal_angles(vectors[0, 4], vectors[2, 4]), atol=DENSE_FLOAT64)


def test_rows_without_direction_have_no_angle():
    with pytest.raises(ValueError, match=r"^second has rows that are not orthonormal"):
        principal_angles(np.eye(3)[:2], np.diag([1.0, 0.0, 0.0])[:2])
    with pytest.raises(ValueError, match=r"^second has vectors of 4 coordinates and first of 3"):
        principal_angles(np.eye(3), np.eye(4))
    with pytest.raises(TypeError, match=r"^first"):
        principal_angles(None, np.eye(4))
