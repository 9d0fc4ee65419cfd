"""The top singular triplets of known matrices, by either method, and what is said of them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ramodel.progress import Progress
from ramodel.spectra.solver import solve, solve_method
from tests.spectra.operators.dense import DenseOperator
from tests.spectra.solver.matrices import VALUES, assert_residuals, assert_solved, normal, with_values
from tests.strategies import seeds
from tests.tolerances import FLOAT32_STATE

SIZE = 120
SPECTRA = {
    "no gap": torch.linspace(1.0, 0.0, SIZE),
    "decay": torch.logspace(0, -6, SIZE),
    "fast decay": torch.cat([torch.logspace(0, -6, 10), torch.full((SIZE - 10,), 1e-7)]),
    "rank 4": torch.cat([torch.ones(4), torch.zeros(SIZE - 4)]),
    "identity": torch.ones(SIZE),
    "ten equal": torch.cat([torch.ones(10), torch.linspace(0.9, 0.0, SIZE - 10)]),
    "pairs": torch.cat([torch.tensor([5.0, 4.0, 3.0, 2.0]).repeat_interleave(2), torch.linspace(1.0, 0.0, SIZE - 8)]),
    "zero": torch.zeros(SIZE),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SPECTRA)
def test_known_spectra(name, dtype):
    matrices = with_values(SPECTRA[name], dtype=dtype)
    assert_solved(solve(DenseOperator(matrices), 10, method="lanczos"), matrices)


@pytest.mark.parametrize("block_size", [2, 3])
@pytest.mark.parametrize("name", ["no gap", "rank 4", "ten equal", "pairs", "zero"])
def test_blocks_of_vectors(name, block_size):
    matrices = with_values(SPECTRA[name])
    assert_solved(solve(DenseOperator(matrices), 10, method="lanczos", block_size=block_size), matrices)


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (3, 3), (7, 9), (30, 33), (10, 60), (60, 10)])
@pytest.mark.parametrize("block_size", [2, 4, 9])
def test_blocks_of_vectors_that_fill_the_space(rows, columns, block_size):
    matrices = normal(3, rows, columns)
    for rank in (1, 12):
        assert_solved(solve(DenseOperator(matrices), rank, method="lanczos", block_size=block_size), matrices)


@pytest.mark.parametrize("block_size", [1, 2, 3])
@pytest.mark.parametrize(("dtype", "outlier"), [(torch.float64, 1e12), (torch.float32, 1e6)])
def test_blocks_of_vectors_beside_one_direction_that_outweighs_all(block_size, dtype, outlier):
    alone = with_values([1.0] + [0.0] * 149, 1, dtype=dtype)
    above_others = with_values([outlier, *torch.linspace(1.0, 0.1, 149).tolist()], 1, dtype=dtype)
    for matrices in (alone, above_others):
        assert_solved(solve(DenseOperator(matrices), 12, method="lanczos", block_size=block_size), matrices)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("block_size", [1, 2])
def test_steps_made_of_rounding_errors_stay_orthogonal(block_size, dtype):
    """Where J^T J is c^2, every step but the first starts from what rounding left."""
    for seed in range(3):
        matrices = with_values([0.7] * 150, seed=seed, dtype=dtype)
        assert_solved(solve(DenseOperator(matrices), 12, method="lanczos", block_size=block_size, seed=seed), matrices)


@settings(max_examples=25)
@given(seeds, st.integers(1, 40), st.integers(1, 40), st.integers(1, 45), st.sampled_from(["dense", "lanczos"]))
def test_any_shape_and_rank(seed, rows, columns, rank, method):
    matrices = normal(2, rows, columns, seed=seed)
    solved = solve(DenseOperator(matrices), rank, method=method)
    assert solved.singular_values.shape == (2, min(rank, rows, columns))
    assert_solved(solved, matrices)


@pytest.mark.parametrize("scale", [1e-20, 1e15])
def test_extreme_scales_of_single_precision(scale):
    matrices = with_values(SPECTRA["no gap"], dtype=torch.float32)
    expected = torch.linalg.svdvals(matrices.double())[:, :5] * scale
    solved = solve(DenseOperator(matrices * scale), 5)
    assert torch.all((solved.singular_values - expected).abs() <= VALUES[torch.float32] * expected[:, :1])
    assert torch.all(solved.converged)


def test_methods_agree():
    matrices = normal(3, 130, 110)
    dense, lanczos = (
        solve(DenseOperator(matrices), 4, method=method, tolerance=1e-9) for method in ("dense", "lanczos")
    )
    for field in ("singular_values", "left", "right", "gap"):
        assert torch.allclose(getattr(lanczos, field), getattr(dense, field), atol=1e-6)
    assert torch.all(torch.isnan(lanczos.tail_energy))
    energy = torch.linalg.svdvals(matrices)[:, 4:].square().sum(1)
    assert torch.allclose(dense.tail_energy, energy)


def test_easy_problems_do_not_pay_for_hard_ones():
    dense_spectrum = with_values(torch.linspace(1.0, 0.7, SIZE))
    matrices = torch.cat([dense_spectrum, with_values(SPECTRA["decay"]), with_values(SPECTRA["zero"])])
    solved = solve(DenseOperator(matrices), 8, method="lanczos")
    assert_solved(solved, matrices)
    hard, easy, nothing = solved.passes[::2].tolist()
    assert hard > easy >= nothing


@given(st.permutations(range(5)), st.integers(1, 4))
@settings(max_examples=5)
def test_order_and_company_of_problems_change_nothing(order, cut):
    matrices = torch.cat(
        [with_values(SPECTRA[name], 1) for name in ("no gap", "decay", "rank 4", "fast decay", "pairs")]
    )
    alone = solve(DenseOperator(matrices), 6, method="lanczos", tolerance=1e-10)
    parts = [
        solve(DenseOperator(matrices[part]), 6, method="lanczos", tolerance=1e-10)
        for part in (order[:cut], order[cut:])
    ]
    values = torch.cat([part.singular_values for part in parts])
    assert torch.allclose(values, alone.singular_values[list(order)], atol=1e-12)
    projectors = [part.right[:, :4].mT @ part.right[:, :4] for part in parts]
    assert torch.allclose(torch.cat(projectors), (alone.right[:, :4].mT @ alone.right[:, :4])[list(order)], atol=1e-6)


def test_the_seed_changes_nothing_but_the_way():
    matrices = with_values(SPECTRA["no gap"])
    first, again, other = (solve(DenseOperator(matrices), 6, method="lanczos", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.right, again.right)
    assert not torch.equal(first.right, other.right)
    assert torch.allclose(first.singular_values, other.singular_values, atol=VALUES[torch.float64])


def test_vectors_come_in_the_order_of_the_state_with_fixed_signs():
    matrices, shuffle = with_values(SPECTRA["decay"]), torch.randperm(SIZE, generator=torch.Generator().manual_seed(0))
    plain, shuffled = (solve(DenseOperator(matrices, order), 5, tolerance=1e-9) for order in (None, shuffle))
    assert torch.allclose(plain.right, shuffled.right, atol=1e-6)
    assert torch.allclose(plain.left, shuffled.left, atol=1e-6)
    assert torch.all(plain.right.gather(2, plain.right.abs().argmax(2, keepdim=True)) > 0.0)
    assert_residuals(shuffled, matrices)


def test_gap_is_to_the_next_value():
    values = torch.cat([torch.tensor([4.0, 3.0]), torch.linspace(2.0, 0.1, SIZE - 2)])
    gap = solve(DenseOperator(with_values(values)), 2).gap
    assert torch.all((gap >= 1.5) & (gap < 1.55))
    assert torch.all(solve(DenseOperator(with_values(SPECTRA["zero"])), 2).gap == math.inf)
    assert torch.all(solve(DenseOperator(normal(2, 5, 9)), 5).gap == math.inf)


def test_problems_given_up_say_so():
    matrices = with_values(SPECTRA["no gap"])
    solved = solve(DenseOperator(matrices), 10, method="lanczos", max_passes=40)
    assert not torch.any(solved.converged.all(dim=1))
    assert torch.equal(solved.converged, torch.maximum(solved.residual_forward, solved.residual_adjoint) <= 1e-4)
    assert_residuals(solved, matrices)


def test_passes_are_those_made():
    operator = DenseOperator(with_values(SPECTRA["no gap"], 1))
    assert solve(operator, 10, method="lanczos").passes.item() == operator.products


def test_single_precision_in_single_precision_out():
    solved = solve(DenseOperator(with_values(SPECTRA["no gap"], dtype=torch.float32)), 3)
    assert (solved.left.dtype, solved.right.dtype) == (torch.float32, torch.float32)
    assert (solved.singular_values.dtype, solved.residual_adjoint.dtype) == (torch.float64, torch.float64)
    dense = solve(DenseOperator(with_values(SPECTRA["no gap"], dtype=torch.float32)), 3, method="dense")
    assert torch.allclose(dense.right, solved.right, atol=1e3 * FLOAT32_STATE)
    assert dense.left.dtype == torch.float32


def test_auto_takes_the_dense_road_for_small_states_and_large_ranks():
    assert [solve_method("auto", 10, size, size) for size in (64, 65, 4096)] == ["dense", "lanczos", "lanczos"]
    assert [solve_method("auto", rank, 400, 800) for rank in (100, 101)] == ["lanczos", "dense"]
    assert solve_method("lanczos", 10, 8, 8) == "lanczos"


class Steps(Progress):
    def __init__(self):
        self.done = 0.0

    def advance(self, steps=1.0, *, status=None):
        self.done += steps


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_progress_counts_problems(method):
    steps = Steps()
    matrices = torch.cat([with_values(SPECTRA["no gap"]), with_values(SPECTRA["decay"])])
    solve(DenseOperator(matrices), 6, method=method, progress=steps)
    assert steps.done == 4.0


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_products_that_are_not_finite_are_refused(method, number):
    matrices = with_values(SPECTRA["no gap"], dtype=torch.float32)
    matrices[1, 3, 4] = number
    with pytest.raises(ValueError, match=r"operator returned a product that is not finite; .* range of torch.float32"):
        solve(DenseOperator(matrices), 3, method=method)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("rank", 0, "rank is 0; it must be at least 1"),
        ("tolerance", 0.0, "tolerance is 0.0; it must be greater than zero"),
        ("method", "lancsoz", "method is 'lancsoz'; .* did you mean 'lanczos'"),
        ("block_size", 0, "block_size is 0; it must be at least 1"),
        ("seed", -1, "seed is -1; it must be at least 0"),
        ("max_passes", 0, "max_passes is 0; it must be at least 1"),
    ],
)
def test_bad_input(argument, value, message):
    with pytest.raises(ValueError, match=message):
        solve(DenseOperator(normal(1, 4, 4)), **{"rank": 2, argument: value})
