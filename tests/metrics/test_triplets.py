"""RA2 from triplets alone: the same as from the rank-K matrices, at any rank, clusters, zero blocks, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel import metrics
from tests.reference import metrics as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, seeds
from tests.tolerances import DENSE_FLOAT64


def triplets(jacobians, rank):
    columns, values, rows = np.linalg.svd(jacobians)
    return np.swapaxes(columns, -1, -2)[..., :rank, :], values[..., :rank], rows[..., :rank, :]


@st.composite
def networks(draw):
    """Jacobians [L, N, d, d] cut to rank K, and their triplets."""
    depth, samples, width = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(2, 7))
    rank = draw(st.integers(1, width))
    found = triplets(np.random.default_rng(draw(seeds)).normal(size=(depth, samples, width, width)), rank)
    cut = np.empty((depth, samples, width, width))
    for spot in np.ndindex(depth, samples):
        cut[spot] = reference.low_rank(*(part[spot] for part in found))
    return cut, found


@given(networks())
def test_same_as_from_the_rank_k_matrices(network):
    jacobians, (left, values, right) = network
    compact = metrics.compact_jacobians(left, values, right)
    assert compact.shape[-1] == min(2 * values.shape[-1], jacobians.shape[-1])
    for function in (metrics.asymmetry_error, metrics.normality_error):
        np.testing.assert_allclose(function(compact), function(jacobians), atol=DENSE_FLOAT64)
    cosine = metrics.low_rank_cosine(left, values, right)
    np.testing.assert_allclose(cosine, metrics.jacobian_cosine(jacobians), atol=DENSE_FLOAT64)
    grid = metrics.low_rank_grid(left, values, right)
    np.testing.assert_allclose(grid, metrics.signed_grid(left, jacobians, right), atol=DENSE_FLOAT64)
    exchanged = metrics.low_rank_grid(left, values, right, exchanged=True)
    np.testing.assert_allclose(exchanged, metrics.signed_grid(right, jacobians, left), atol=DENSE_FLOAT64)


@given(networks(), st.data(), powers_of_ten(-100, 100))
def test_invariances(network, data, scale):
    jacobians, (left, values, right) = network
    width, rank = jacobians.shape[-1], values.shape[-1]
    turn, other = data.draw(orthogonal_matrices(width)), data.draw(orthogonal_matrices(width))
    signs = np.where(np.arange(rank) % 2, -1.0, 1.0)[:, None]
    left_moved, right_moved = signs * left @ turn, signs * right @ turn
    cosine = metrics.symmetry_cosine(left, right)
    np.testing.assert_allclose(metrics.symmetry_cosine(left_moved, right_moved), cosine, atol=DENSE_FLOAT64)
    error = metrics.asymmetry_error(metrics.compact_jacobians(left, values, right))
    moved = metrics.compact_jacobians(left_moved, scale * values, right_moved)
    np.testing.assert_allclose(metrics.asymmetry_error(moved), error, atol=DENSE_FLOAT64)
    np.testing.assert_allclose(
        metrics.low_rank_cosine(left @ turn, scale * values, right @ other),
        metrics.low_rank_cosine(left, values, right),
        atol=DENSE_FLOAT64,
    )


@given(orthogonal_matrices(5))
def test_symmetric_blocks_show_the_signs_of_their_eigenvalues(frame):
    jacobian = frame[:, :3] * np.array([3.0, -2.0, 1.0]) @ frame[:, :3].T
    left, values, right = triplets(jacobian, 3)
    np.testing.assert_allclose(metrics.symmetry_cosine(left, right), [1.0, -1.0, 1.0], atol=DENSE_FLOAT64)
    compact = metrics.compact_jacobians(left, values, right)
    assert metrics.asymmetry_error(compact) == pytest.approx(0.0, abs=DENSE_FLOAT64)


@given(orthogonal_matrices(5), orthogonal_matrices(2))
def test_the_basis_of_a_cluster_does_not_count(frame, basis):
    """u_k, v_k may turn together where singular values are equal."""
    left, right = frame[:3], np.roll(frame, 1, axis=0)[:3]
    turn = np.eye(3)
    turn[:2, :2] = basis
    values = np.array([2.0, 2.0, 1.0])
    both = [metrics.compact_jacobians(t @ left, values, t @ right) for t in (np.eye(3), turn)]
    for function in (metrics.asymmetry_error, metrics.normality_error):
        assert function(both[1]) == pytest.approx(function(both[0]), abs=DENSE_FLOAT64)
    layers = (np.stack([vectors, turn @ vectors]) for vectors in (left, right))
    cosine = metrics.low_rank_cosine(next(layers), np.stack([values, values]), next(layers))
    np.testing.assert_allclose(cosine, 1.0, atol=DENSE_FLOAT64)


def test_zero_blocks_have_documented_values():
    frame = np.stack([np.eye(3)[:2]] * 2)
    values = np.array([[1.0, 0.5], [0.0, 0.0]])
    assert np.array_equal(metrics.asymmetry_error(metrics.compact_jacobians(frame, values, frame)), [0.0, 0.0])
    assert metrics.low_rank_cosine(frame, values, frame).round(12).tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert np.array_equal(metrics.low_rank_grid(frame, values, frame)[0, 1], np.zeros((2, 2)))


@pytest.mark.parametrize("function", [metrics.compact_jacobians, metrics.low_rank_cosine, metrics.low_rank_grid])
def test_bad_triplets_are_refused(function):
    frame = np.eye(3)[None]
    with pytest.raises(ValueError, match=r"^right has shape \(1, 2, 3\) and left \(1, 3, 3\)"):
        function(frame, np.ones((1, 3)), frame[:, :2])
    with pytest.raises(ValueError, match=r"^singular_values has shape \(1, 2\).*must have shape \(1, 3\)"):
        function(frame, np.ones((1, 2)), frame)
    with pytest.raises(ValueError, match=r"^singular_values must be non-negative and decrease"):
        function(frame, [[1.0, 2.0, 3.0]], frame)
    with pytest.raises(ValueError, match=r"^left\[0, 0, 0\] is not finite"):
        function(np.nan * frame, np.ones((1, 3)), frame)
    with pytest.raises(ValueError, match=r"^right has shape"):
        metrics.symmetry_cosine(frame, frame[:, :2])
