"""S17: the coupling measure against the reference, aligned and random blocks, clusters, invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ramodel.metrics import coupling_error, grid_coupling_error, signed_grid
from tests.reference import metrics as reference
from tests.strategies import orthogonal_matrices, seeds
from tests.tolerances import DENSE_FLOAT64


def coupling(jacobians, rank):
    columns, values, rows = np.linalg.svd(jacobians)
    left = np.swapaxes(columns, -1, -2)[..., :rank, :]
    return coupling_error(left, jacobians, rows[..., :rank, :], values[..., :rank])


@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_equal_to_the_reference(seed, depth, rank):
    jacobians = np.random.default_rng(seed).normal(size=(depth, 2, 4, 4))
    grid = coupling(jacobians, rank)
    for n in range(2):
        for i in range(depth):
            for j in range(depth):
                expected = reference.coupling_error(jacobians[j, n], jacobians[i, n], rank)
                assert grid[i, j, n] == pytest.approx(expected, abs=DENSE_FLOAT64)


@given(seeds, orthogonal_matrices(4), orthogonal_matrices(4), st.floats(-200.0, 200.0))
def test_invariances(seed, turn, other, exponent):
    jacobians = np.random.default_rng(seed).normal(size=(3, 4, 4))
    columns, values, rows = np.linalg.svd(jacobians)
    left, right, signs = np.swapaxes(columns, -1, -2)[:, :2], rows[:, :2], np.array([[1.0], [-1.0]])
    grid = coupling_error(left, jacobians, right, values[:, :2])
    turned = turn.T @ jacobians @ other
    scale = 10.0**exponent
    moved = coupling_error(signs * left @ turn, scale * turned, signs * right @ other, scale * values[:, :2])
    np.testing.assert_allclose(moved, grid, atol=DENSE_FLOAT64)


@given(orthogonal_matrices(6), st.integers(1, 6))
def test_zero_where_blocks_are_increasing_functions_of_one_matrix_even_with_clusters(frame, rank):
    """S1(d) and S6: all equal; white S7: s_l = t/(L + (l-1) t). K may cut a cluster or exceed the rank."""
    t = np.array([2.0, 2.0, 2.0, 0.5, 0.5, 0.0])
    jacobians = np.stack([(frame * (t / (3.0 + layer * t))) @ frame.T for layer in range(3)])
    np.testing.assert_allclose(coupling(jacobians, rank), 0.0, atol=DENSE_FLOAT64)


def test_inside_a_cluster_the_basis_counts_unless_the_other_block_has_it_too():
    """J_2 = I has every frame; J_1 = diag(2, 1) is diagonal in one of them."""
    first, turn = np.diag([2.0, 1.0]), np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2.0)
    values = [[2.0, 1.0], [1.0, 1.0]]
    for frame, expected in (np.eye(2), 0.0), (turn, np.sqrt(0.2)):
        vectors = np.stack([np.eye(2), frame])
        grid = coupling_error(vectors, [first, np.eye(2)], vectors, values)
        assert grid[1, 0] == pytest.approx(expected)
        assert grid[0, 1] == pytest.approx(0.0)


def test_left_and_right_exchanged_is_the_same_for_symmetric_blocks_only():
    rng = np.random.default_rng(0)
    blocks = rng.normal(size=(2, 5, 5))
    symmetric = blocks @ np.swapaxes(blocks, -1, -2)
    for jacobians, same in (symmetric, True), (blocks, False):
        columns, values, rows = np.linalg.svd(jacobians)
        left = np.swapaxes(columns, -1, -2)
        swapped = coupling_error(rows, jacobians, left, values)
        assert np.allclose(swapped, coupling_error(left, jacobians, rows, values)) == same


def test_a_zero_block_is_coupled_to_everything():
    jacobians = np.stack([np.zeros((3, 3)), np.diag([1.0, 0.5, 0.0])])
    assert coupling(jacobians, 2)[:, 0].tolist() == [0.0, 0.0]


def test_bad_arrays_are_refused():
    eye = np.eye(3)[None]
    with pytest.raises(ValueError, match=r"^singular_values has shape \(1, 2\).*must have shape \(1, 3\)"):
        coupling_error(eye, eye, eye, np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"^singular_values must be non-negative and decrease"):
        coupling_error(eye, eye, eye, [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match=r"^right has shape"):
        coupling_error(eye, eye, eye[:, :2], np.ones((1, 3)))
    with pytest.raises(TypeError, match=r"^jacobians"):
        coupling_error(eye, None, eye, np.ones((1, 3)))


@given(seeds, st.integers(1, 4))
def test_tokens_stay_an_axis_and_fewer_directions_are_a_cut_of_the_grid(seed, count):
    """Jacobians [L, input, token, d, d] of a transformer."""
    jacobians = np.random.default_rng(seed).normal(size=(2, 3, 2, 4, 4))
    columns, values, rows = np.linalg.svd(jacobians)
    left = np.swapaxes(columns, -1, -2)
    grid = signed_grid(left, jacobians, rows)
    cut = grid_coupling_error(grid[..., :count, :count], values[..., :count])
    assert cut.shape == (2, 2, 3, 2)
    np.testing.assert_allclose(cut[:, :, 1, 1], coupling(jacobians[:, 1, 1], count), atol=DENSE_FLOAT64)


def test_grids_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"^grid has shape \(2, 3\); its axes must be"):
        grid_coupling_error(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^singular_values has shape \(2, 1\).*must have shape \(2, 3\)"):
        grid_coupling_error(np.ones((2, 2, 3, 3)), np.ones((2, 1)))
