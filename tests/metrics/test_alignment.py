"""RA2: equality with the reference, aligned and random networks, invariances, zero Jacobians, scores of grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import (
    alignment_grid,
    asymmetry_error,
    diagonal_energy_score,
    jacobian_cosine,
    leading_directions,
    pair_means,
    sign_consistency_score,
    signed_grid,
    subspace_affinity_score,
)
from tests.reference import metrics as reference
from tests.strategies import orthogonal_matrices, powers_of_ten, seeds
from tests.tolerances import DENSE_FLOAT64


def triplets(jacobians, rank):
    columns, values, rows = np.linalg.svd(jacobians)
    return np.swapaxes(columns, -1, -2)[..., :rank, :], values[..., :rank], rows[..., :rank, :]


@st.composite
def networks(draw):
    """Jacobians [L, N, d, d] of different sizes, and a rank."""
    depth, samples, width = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(seeds))
    jacobians = rng.normal(size=(depth, samples, width, width)) * rng.lognormal(size=(depth, samples, 1, 1))
    return jacobians, draw(st.integers(1, width))


def aligned_network(rng, depth=3, width=6, rank=3):
    """J_l = V diag(s_l) V^T, the structure of S1, with a cluster of equal singular values."""
    frame = np.linalg.qr(rng.normal(size=(width, width)))[0][:, :rank]
    spectra = np.array([[2.0, 2.0, 0.5]]) / np.arange(1, depth + 1)[:, None]
    return frame @ (spectra[:, :, None] * frame.T)


@given(networks())
def test_equal_to_the_reference(network):
    jacobians, rank = network
    left, _, right = triplets(jacobians, rank)
    grid, cosine, asymmetry = (
        alignment_grid(left, jacobians, right),
        jacobian_cosine(jacobians),
        asymmetry_error(jacobians),
    )
    affinity = subspace_affinity_score(left, right)
    for n in range(jacobians.shape[1]):
        here = jacobians[:, n]
        assert np.allclose(grid[:, :, n], reference.alignment_grid(left[:, n], here, right[:, n]), atol=DENSE_FLOAT64)
        for i in range(len(here)):
            expected = reference.subspace_affinity_score(left[i, n], right[i, n])
            assert affinity[i, n] == pytest.approx(expected, abs=DENSE_FLOAT64)
            assert asymmetry[i, n] == pytest.approx(reference.asymmetry_error(here[i]), abs=DENSE_FLOAT64)
            for j in range(len(here)):
                assert cosine[i, j, n] == pytest.approx(reference.cosine(here[i], here[j]), abs=DENSE_FLOAT64)


@given(networks(), st.data(), st.floats(-250.0, 250.0))
def test_invariances(network, data, exponent):
    jacobians, rank = network
    turn = data.draw(orthogonal_matrices(jacobians.shape[-1]))
    other = data.draw(orthogonal_matrices(jacobians.shape[-1]))
    left, _, right = triplets(jacobians, rank)
    turned, scaled = turn.T @ jacobians @ turn, jacobians * 10.0**exponent
    signs = np.where(np.arange(rank) % 2, -1.0, 1.0)[:, None]
    grid = alignment_grid(left, jacobians, right)
    assert np.allclose(alignment_grid(left @ turn, turned, right @ turn), grid, atol=1e-8)
    assert np.allclose(alignment_grid(left * signs, scaled, right), grid, atol=1e-8)
    assert np.allclose(asymmetry_error(turned), asymmetry_error(jacobians), atol=1e-8)
    assert np.allclose(asymmetry_error(scaled), asymmetry_error(jacobians), atol=1e-8)
    assert np.allclose(jacobian_cosine(turn @ jacobians @ other), jacobian_cosine(jacobians), atol=1e-8)
    assert np.allclose(jacobian_cosine(scaled), jacobian_cosine(jacobians), atol=1e-8)
    basis = data.draw(orthogonal_matrices(rank))
    affinity = subspace_affinity_score(left[:, None], left[None])
    assert np.allclose(subspace_affinity_score((basis @ left)[:, None], (left * signs)[None]), affinity, atol=1e-8)
    assert np.allclose(subspace_affinity_score((left @ turn)[:, None], (left @ turn)[None]), affinity, atol=1e-8)


@given(networks())
def test_ranges_and_symmetry(network):
    jacobians, rank = network
    left, values, right = triplets(jacobians, rank)
    grid, cosine = alignment_grid(left, jacobians, right), jacobian_cosine(jacobians)
    assert np.all((grid >= 0.0) & (grid <= 1.0 + DENSE_FLOAT64))
    for layer in range(len(jacobians)):
        own = values[layer] / values[layer, :, :1]
        assert np.allclose(grid[layer, layer], own[..., None] * np.eye(rank), atol=DENSE_FLOAT64)
        assert np.allclose(cosine[layer, layer], 1.0)
    assert np.all(np.abs(cosine) <= 1.0)
    assert np.allclose(cosine, np.swapaxes(cosine, 0, 1), atol=DENSE_FLOAT64)
    assert np.all((asymmetry_error(jacobians) >= 0.0) & (asymmetry_error(jacobians) <= 2.0 + DENSE_FLOAT64))
    affinity = subspace_affinity_score(left[:, None], left[None])
    assert np.all((affinity >= 0.0) & (affinity <= 1.0))
    assert np.allclose(affinity[np.arange(len(left)), np.arange(len(left))], 1.0)


def test_aligned_network_meets_the_theory_even_with_a_cluster():
    jacobians = aligned_network(np.random.default_rng(0))
    left, values, right = triplets(jacobians, 3)
    assert np.allclose(asymmetry_error(jacobians), 0.0, atol=DENSE_FLOAT64)
    assert np.allclose(jacobian_cosine(jacobians), 1.0)
    assert np.allclose(subspace_affinity_score(left[:, None], right[None]), 1.0)
    grid = alignment_grid(left, jacobians, right)
    assert np.allclose(grid[:, :, 2, 2], values[:, 2] / values[:, 0])
    assert np.allclose(grid[:, :, 2, :2], 0.0, atol=DENSE_FLOAT64)


def test_single_vectors_are_arbitrary_inside_a_cluster_and_subspaces_are_not():
    jacobians = aligned_network(np.random.default_rng(0))
    left, _, right = triplets(jacobians, 3)
    turn = np.array([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, np.sqrt(2.0)]]) / np.sqrt(2.0)
    left[1], right[1] = turn @ left[0], turn @ right[0]  # singular vectors of the same matrix as good as any
    assert np.allclose(alignment_grid(left[:2], jacobians[[0, 0]], right[:2])[1, 0], np.diag([1.0, 1.0, 0.25]))
    mixed = alignment_grid(left[:2], jacobians[[0, 0]], np.stack([right[0], right[0]]))
    assert np.allclose(mixed[1, 0, :2, :2], np.sqrt(0.5))
    assert subspace_affinity_score(left[0], left[1]) == pytest.approx(1.0)


def test_random_frames_are_at_the_haar_level():
    rng = np.random.default_rng(1)
    width, rank = 40, 8
    jacobians = rng.normal(size=(12, width, width))
    left, _, _ = triplets(jacobians, rank)
    off = ~np.eye(12, dtype=bool)
    assert subspace_affinity_score(left[:, None], left[None])[off].mean() == pytest.approx(rank / width, rel=0.05)
    assert asymmetry_error(jacobians).mean() == pytest.approx(np.sqrt(2.0), rel=0.02)
    assert np.abs(jacobian_cosine(jacobians)[off]).max() < 5 / width


def test_zero_jacobians_have_documented_values():
    jacobians = np.zeros((2, 3, 3))
    jacobians[0, 0, 0] = 1.0
    left, values, right = triplets(jacobians, 2)
    grid = alignment_grid(left, jacobians, right)
    assert np.array_equal(grid[:, 1], np.zeros((2, 2, 2)))
    assert np.array_equal(asymmetry_error(jacobians), [0.0, 0.0])
    assert np.array_equal(jacobian_cosine(jacobians), [[1.0, 0.0], [0.0, 0.0]])
    kept = leading_directions(left, values, 2)
    assert np.array_equal(np.abs(kept[0]), [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert np.array_equal(kept[1], np.zeros((2, 3)))
    assert np.array_equal(subspace_affinity_score(kept[:, None], kept[None]), [[1.0, 0.0], [0.0, 0.0]])


def test_affinity_of_unequal_dimensions_counts_the_larger():
    assert subspace_affinity_score(np.eye(4)[:1], np.eye(4)[:2]) == pytest.approx(0.5)


def test_leading_directions_keep_what_is_above_the_floor():
    vectors, values = np.eye(3), [1.0, 0.2, 0.01]
    assert np.array_equal(leading_directions(vectors, values, 3, floor=0.1), np.diag([1.0, 1.0, 0.0]))
    assert np.array_equal(leading_directions(vectors, values, 2, floor=0.0), np.eye(3)[:2])
    with pytest.raises(ValueError, match=r"^count is 4; it must be at most 3\. Measure with a larger rank"):
        leading_directions(vectors, values, 4)
    with pytest.raises(ValueError, match=r"^floor is -1"):
        leading_directions(vectors, values, 2, floor=-1)
    with pytest.raises(ValueError, match=r"^singular_values has shape \(2,\)"):
        leading_directions(vectors, values[:2], 2)


@pytest.mark.parametrize("function", [asymmetry_error, jacobian_cosine])
@pytest.mark.parametrize(
    ("jacobians", "error", "rule"),
    [
        (np.ones((2, 3, 4)), ValueError, "of equal length"),
        (np.ones(3), ValueError, "axes must be"),
        (np.ones((0, 3, 3)), ValueError, "empty"),
        (np.full((1, 2, 2), np.nan), ValueError, "not finite"),
        (None, TypeError, "real numbers"),
    ],
)
def test_bad_jacobians_are_refused(function, jacobians, error, rule):
    with pytest.raises(error, match=f"^jacobians.*{rule}"):
        function(jacobians)


def test_vectors_that_do_not_fit_are_refused():
    eye = np.eye(3)[None]
    with pytest.raises(ValueError, match=r"^right has shape \(1, 2, 3\).*must have shape \(1, 3, 3\)"):
        alignment_grid(eye, eye, eye[:, :2])
    with pytest.raises(ValueError, match=r"^left has shape \(2, 3, 3\)"):
        alignment_grid(np.repeat(eye, 2, axis=0), eye, eye)
    with pytest.raises(ValueError, match="second has vectors of 4 coordinates and first of 3"):
        subspace_affinity_score(np.eye(3), np.eye(4))
    with pytest.raises(ValueError, match=r"^second has rows that are not orthonormal"):
        subspace_affinity_score(np.eye(3), 2 * np.eye(3))
    with pytest.raises(ValueError, match=r"^first has rows that are not orthonormal"):
        subspace_affinity_score(np.ones((2, 3)) / np.sqrt(3), np.eye(3))


@given(networks())
def test_signed_grids_and_their_scores_equal_to_the_reference(network):
    jacobians, rank = network
    left, _, right = triplets(jacobians, rank)
    grid = signed_grid(left, jacobians, right)
    share, positive = diagonal_energy_score(grid), sign_consistency_score(grid)
    for n in range(jacobians.shape[1]):
        expected = reference.signed_grid(left[:, n], jacobians[:, n], right[:, n])
        assert np.allclose(grid[:, :, n], expected, rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64)
        for i, j in np.ndindex(expected.shape[:2]):
            diagonal = np.diag(expected[i, j])
            assert share[i, j, n] == pytest.approx(np.sum(diagonal**2) / np.sum(expected[i, j] ** 2), abs=1e-8)
            above = sum(entry for entry in diagonal if entry > 0.0)
            assert positive[i, j, n] == pytest.approx(above / sum(abs(diagonal)), abs=1e-8)
    here = np.arange(len(grid))
    assert np.allclose(share[here, here], 1.0)
    assert np.allclose(positive[here, here], 1.0)


@given(networks(), st.data(), powers_of_ten(-150, 150))
def test_scores_of_grids_are_invariant(network, data, scale):
    jacobians, rank = network
    left, _, right = triplets(jacobians, rank)
    turn, other = (data.draw(orthogonal_matrices(jacobians.shape[-1])) for _ in range(2))
    signs = np.where(np.arange(rank) % 2, -1.0, 1.0)[:, None]
    grid = signed_grid(left, jacobians, right)
    moved = scale * signed_grid(signs * left @ turn, turn.T @ jacobians @ other, signs * right @ other)
    for score in (diagonal_energy_score, sign_consistency_score):
        assert np.allclose(score(moved), score(grid), atol=1e-8)


def test_aligned_network_has_diagonal_positive_grids_and_turned_signs_show():
    jacobians = aligned_network(np.random.default_rng(0))[:, None]
    left, _, right = triplets(jacobians, 3)
    turned = np.concatenate([jacobians, -jacobians[:1]])
    left, right = np.concatenate([left, left[:1]]), np.concatenate([right, right[:1]])
    grid = signed_grid(left, turned, right)
    assert np.allclose(diagonal_energy_score(grid)[:3, 3], 1.0, atol=DENSE_FLOAT64)
    assert np.allclose(sign_consistency_score(grid)[:3, 3], 0.0, atol=DENSE_FLOAT64)
    assert np.allclose(sign_consistency_score(grid)[:3, :3], 1.0, atol=DENSE_FLOAT64)
    assert diagonal_energy_score(np.zeros((2, 2))) == sign_consistency_score(np.zeros((2, 2))) == 0.0


@given(seeds, st.integers(2, 5))
def test_means_over_pairs(seed, depth):
    pairs = np.random.default_rng(seed).normal(size=(depth, depth, 2))
    means = pair_means(pairs)
    near = [pairs[i, j] for i in range(depth) for j in range(depth) if abs(i - j) == 1]
    every = [pairs[i, j] for i in range(depth) for j in range(depth) if i != j]
    np.testing.assert_allclose(means.adjacent, np.mean(near, axis=0), atol=DENSE_FLOAT64)
    np.testing.assert_allclose(means.all_pairs, np.mean(every, axis=0), atol=DENSE_FLOAT64)
    np.testing.assert_allclose(pair_means(pairs[::-1, ::-1]).adjacent, means.adjacent, atol=DENSE_FLOAT64)


def test_bad_grids_and_pairs_are_refused():
    for score in (diagonal_energy_score, sign_consistency_score):
        with pytest.raises(ValueError, match=r"^grid has shape \(2, 3\).*of equal length"):
            score(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^pairs has shape \(1, 1\).*at least two"):
        pair_means([[1.0]])
    with pytest.raises(ValueError, match=r"^pairs has shape \(2, 3\)"):
        pair_means(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^left has shape"):
        signed_grid(np.eye(3), np.eye(3)[None], np.eye(3)[None])
