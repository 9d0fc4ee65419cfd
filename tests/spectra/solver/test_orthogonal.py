"""Gram-Schmidt in batches."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from ramodel.spectra.solver.orthogonal import less, orthonormal, orthonormal_or_zero, random_rows, swept
from tests.spectra.solver.matrices import normal
from tests.strategies import seeds
from tests.tolerances import BASIS_FLOAT64

CPU = torch.device("cpu")


def orthonormal_rows(problems, count, size, seed=0):
    return torch.linalg.qr(normal(problems, size, count, seed=seed))[0].mT


def no_floor(problems):
    return torch.zeros(problems, 1, 1, dtype=torch.float64)


@given(seeds, st.integers(1, 4))
def test_rows_are_what_their_factor_says(seed, count):
    rows = normal(3, count, 9, seed=seed)
    for road in (orthonormal, lambda given, out: orthonormal_or_zero(given.clone(), given[:, :0], out, no_floor(3))):
        out = torch.empty_like(rows)
        factor = road(rows, out)
        assert torch.allclose(factor.mT @ out, rows, atol=BASIS_FLOAT64)
        assert torch.allclose(out @ out.mT, torch.eye(count, dtype=torch.float64), atol=1e-9)
        assert torch.all(torch.tril(factor, -1) == 0.0)


def test_sweeps():
    known, rows = orthonormal_rows(2, 3, 8), normal(2, 2, 8, seed=1)
    clean = swept(rows.clone(), known)
    assert torch.allclose(clean @ known.mT, torch.zeros(()).double(), atol=BASIS_FLOAT64)
    assert torch.allclose(clean, less(rows, rows @ known.mT, known))
    assert torch.allclose(
        less(rows[:, :1], rows[:, :1, :1], known[:, :1]), rows[:, :1] - rows[:, :1, :1] * known[:, :1]
    )
    assert torch.equal(swept(rows.clone(), known[:, :0]), rows)


def test_rows_that_cancel_are_swept_again():
    known = orthonormal_rows(1, 3, 30)
    rows = known[:, :1] + 1e-9 * normal(1, 1, 30, seed=1)
    out = torch.empty_like(rows)
    orthonormal_or_zero(rows, known, out, no_floor(1))
    assert torch.allclose(out @ known.mT, torch.zeros(()).double(), atol=BASIS_FLOAT64)


def test_vanished_rows_are_zero_or_random():
    known, rows = orthonormal_rows(2, 3, 8), normal(2, 2, 8, seed=1)
    rows[0, 1] = 2.0 * rows[0, 0] + known[0, 1]
    floor = torch.full((2, 1, 1), 1e-9, dtype=torch.float64)
    for spare in (None, lambda: random_rows(2, 8, 5, torch.float64, CPU)):
        out = torch.empty_like(rows)
        factor = orthonormal_or_zero(rows.clone(), known, out, floor, spare)
        assert factor[0, 1, 1] == 0.0
        assert torch.all(factor[1].diagonal() > 0.0)
        lengths = torch.linalg.vector_norm(out, dim=2)
        assert torch.allclose(lengths, torch.tensor([[1.0, 0.0 if spare is None else 1.0], [1.0, 1.0]]).double())
        assert torch.allclose(out @ known.mT, torch.zeros(()).double(), atol=BASIS_FLOAT64)
        assert abs((out[0, 0] @ out[0, 1]).item()) < BASIS_FLOAT64


def test_no_direction_left():
    out = torch.empty(1, 1, 4, dtype=torch.float64)
    orthonormal_or_zero(
        torch.zeros_like(out),
        orthonormal_rows(1, 4, 4),
        out,
        no_floor(1),
        lambda: random_rows(1, 4, 0, torch.float64, CPU),
    )
    assert torch.all(out == 0.0)


def test_random_rows_depend_on_the_seed_alone():
    rows = random_rows(2, 5, 7, torch.float64, CPU)
    assert torch.equal(rows, random_rows(2, 5, 7, torch.float64, CPU))
    assert not torch.equal(rows, random_rows(2, 5, 8, torch.float64, CPU))
    assert torch.equal(rows.float(), random_rows(2, 5, 7, torch.float32, CPU))
    assert torch.equal(random_rows(1, 5, 2**63 - 1 + 7, torch.float64, CPU), random_rows(1, 5, 6, torch.float64, CPU))
