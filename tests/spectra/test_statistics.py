"""Statistics of Jacobians: exact ones to rounding, estimates within their error bars."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ramodel.spectra import statistics
from ramodel.spectra.statistics import jacobian_statistics, leading_eigenvalues
from tests.spectra.operators.dense import DenseOperator
from tests.tolerances import DENSE_FLOAT64, ERROR_BARS, STATISTICS

NAMES = ["trace", "frobenius", "asymmetry", "normality"]
ERRORS = {
    "trace": "trace_error",
    "frobenius": "frobenius_error",
    "asymmetry_error": "asymmetry_standard_error",
    "normality_error": "normality_standard_error",
}


def matrices(problems=3, size=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(problems, size, size, dtype=torch.float64, generator=generator)


def steep(problems=4, size=60):
    """Matrices of a few large singular values, and their vectors as a solver returns them."""
    left, values, right = torch.linalg.svd(matrices(problems, size))
    values[:, 6:] *= 0.02
    return left @ torch.diag_embed(values) @ right, torch.cat([right[:, :6], left.mT[:, :6]], dim=1)


def slowly(matrix):
    """The definitions, for one matrix, in NumPy."""
    commutator = matrix @ matrix.T - matrix.T @ matrix
    norm = np.sqrt((matrix**2).sum())
    return {
        "trace": sum(matrix[i, i] for i in range(len(matrix))),
        "frobenius": norm,
        "asymmetry_error": np.sqrt(((matrix - matrix.T) ** 2).sum()) / norm,
        "normality_error": np.sqrt((commutator**2).sum()) / norm**2,
    }


@pytest.fixture
def estimated(monkeypatch):
    monkeypatch.setattr(statistics, "EXACT_SIZE", 10)


@pytest.mark.parametrize("formed", [False, True])
@pytest.mark.parametrize("chunk", [2**23, 1])
def test_small_ones_are_exact(formed, chunk, monkeypatch):
    monkeypatch.setattr(statistics, "_CHUNK", chunk)
    J = matrices()
    operator = DenseOperator(J, torch.randperm(40, generator=torch.Generator().manual_seed(1)))
    found = jacobian_statistics(operator, NAMES, jacobians=J if formed else None)
    for problem, matrix in enumerate(J.numpy()):
        for name, value in slowly(matrix).items():
            assert found[name][problem].item() == pytest.approx(value, rel=STATISTICS)
            assert found[ERRORS[name]][problem] == 0.0


@pytest.mark.parametrize("known", [False, True])
def test_large_ones_are_estimated_within_their_error_bars(known, estimated):
    J, vectors = steep()
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    found = jacobian_statistics(DenseOperator(J, order), NAMES, known=vectors if known else None)
    exact = jacobian_statistics(DenseOperator(J), NAMES, jacobians=J)
    for name, error in ERRORS.items():
        assert (found[error] > 0.0).all()
        deviation = (found[name] - exact[name]) / found[error]
        assert deviation.abs().max() < ERROR_BARS, name
        assert deviation.abs().max() > 1.0 / ERROR_BARS, name  # nor are the bars far too long


def test_error_bars_are_the_spread_over_seeds(estimated):
    J, vectors = steep(problems=1)
    draws = [jacobian_statistics(DenseOperator(J), NAMES, known=vectors, probes=8, seed=seed) for seed in range(200)]
    exact = slowly(J[0].numpy())
    for name, error in ERRORS.items():
        values = torch.cat([draw[name] for draw in draws])
        claimed = torch.cat([draw[error] for draw in draws]).square().mean().sqrt()
        assert values.std().item() == pytest.approx(claimed.item(), rel=0.25), name
        assert abs(values.mean().item() - exact[name]) < ERROR_BARS * claimed / len(draws) ** 0.5, name


def test_known_vectors_shorten_the_error_bars(estimated):
    J, vectors = steep()
    blind = jacobian_statistics(DenseOperator(J), NAMES)
    seeing = jacobian_statistics(DenseOperator(J), NAMES, known=vectors)
    for error in ERRORS.values():
        assert (seeing[error] < 0.1 * blind[error]).all(), error


def test_what_is_known_may_be_dependent(estimated):
    """Aligned blocks have u = v: the vectors known are then the same twice."""
    J, vectors = steep()
    exact = jacobian_statistics(DenseOperator(J), ["frobenius"], jacobians=J)
    found = jacobian_statistics(DenseOperator(J), ["frobenius"], known=torch.cat([vectors, vectors], dim=1))
    assert ((found["frobenius"] - exact["frobenius"]).abs() < ERROR_BARS * found["frobenius_error"]).all()


def test_a_problem_is_estimated_alike_in_every_company(estimated):
    J, vectors = steep()
    together = jacobian_statistics(DenseOperator(J), NAMES, known=vectors, seed=3)
    for problem in range(len(J)):
        alone = jacobian_statistics(
            DenseOperator(J[problem : problem + 1]),
            NAMES,
            known=vectors[problem : problem + 1],
            seed=3,
            streams=[problem],
        )
        for name, value in alone.items():
            assert value.item() == pytest.approx(together[name][problem].item(), rel=DENSE_FLOAT64)
    other = jacobian_statistics(DenseOperator(J), ["trace"], known=vectors, seed=4)
    assert not torch.equal(other["trace"], together["trace"])


@pytest.mark.parametrize("limit", [10, 1000])
def test_zero_and_symmetric_matrices(limit, monkeypatch):
    monkeypatch.setattr(statistics, "EXACT_SIZE", limit)
    J = matrices(2, 20)
    J = (J + J.mT) * torch.tensor([0.0, 1.0])[:, None, None]
    found = jacobian_statistics(DenseOperator(J), NAMES)
    assert found["frobenius"][0] == found["trace"][0] == 0.0
    assert (found["asymmetry_error"] < STATISTICS).all()
    assert (found["normality_error"] < STATISTICS).all()
    assert all(torch.isfinite(values).all() for values in found.values())


def test_only_what_is_asked_for():
    assert set(jacobian_statistics(DenseOperator(matrices()), ["trace"])) == {"trace", "trace_error"}
    found = jacobian_statistics(DenseOperator(matrices()), ["eigenvalues"], eigenvalues=3)
    assert set(found) == {"eigenvalues_real", "eigenvalues_imag"}


@given(size=st.integers(1, 7), count=st.integers(1, 9), seed=st.integers(0, 2**31))
def test_eigenvalues_are_the_largest_with_whole_pairs(size, count, seed):
    J = matrices(2, size, seed)
    found = leading_eigenvalues(J, count).numpy()
    assert found.shape == (2, min(count + 1, size))
    for row, matrix in zip(found, J.numpy(), strict=True):
        kept = row[~np.isnan(row)]
        expected = np.linalg.eigvals(matrix)
        expected = expected[np.argsort(-np.abs(expected), kind="stable")]
        assert np.allclose(np.abs(kept), np.abs(expected[: len(kept)]), rtol=1e-8)
        assert np.allclose(np.sort_complex(kept), np.sort_complex(kept.conj()))  # whole pairs
        assert len(kept) in (min(count, size), min(count + 1, size))
        assert min(np.abs(expected - one).min() for one in kept) < 1e-8 or not len(kept)


def test_bad_arguments(estimated):
    with pytest.raises(ValueError, match=r"names is 'trase'.*did you mean 'trace'"):
        jacobian_statistics(DenseOperator(matrices()), ["trase"])
    with pytest.raises(ValueError, match="40 x 30; these statistics need square ones"):
        jacobian_statistics(DenseOperator(matrices()[..., :30]), ["trace"])
    with pytest.raises(ValueError, match="names has 'eigenvalues', which take the Jacobians themselves, up to size 10"):
        jacobian_statistics(DenseOperator(matrices()), ["eigenvalues"], eigenvalues=2)
    with pytest.raises(ValueError, match="probes is 1; it must be at least 2"):
        jacobian_statistics(DenseOperator(matrices()), ["trace"], probes=1)
    with pytest.raises(ValueError, match="streams has 1 numbers; there must be one for each of 3 problems"):
        jacobian_statistics(DenseOperator(matrices()), ["trace"], streams=[0])
    with pytest.raises(ValueError, match="count is 0; it must be at least 1"):
        leading_eigenvalues(matrices(), 0)
