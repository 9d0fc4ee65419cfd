"""Matrices whose singular values are known, and what is asked of solved triplets."""

import torch

from tests.tolerances import BASIS_FLOAT32, BASIS_FLOAT64, SOLVED_FLOAT32, SOLVED_FLOAT64

VALUES = {torch.float32: SOLVED_FLOAT32, torch.float64: SOLVED_FLOAT64}
BASIS = {torch.float32: BASIS_FLOAT32, torch.float64: BASIS_FLOAT64}


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def with_values(values, problems=2, output_size=None, seed=0, dtype=torch.float64):
    """Return matrices [problems, m, n] with n given singular values and random vectors."""
    size = len(values)
    left = torch.linalg.qr(normal(problems, output_size or size, size, seed=seed))[0]
    right = torch.linalg.qr(normal(problems, size, size, seed=seed + 1))[0]
    return (left * torch.as_tensor(values, dtype=torch.float64) @ right.mT).to(dtype)


def assert_solved(solved, matrices, values=None):
    """Assert that triplets are those of the matrices: values against a full SVD, vectors by what they must do."""
    dtype = matrices.dtype
    rank = solved.singular_values.shape[1]
    expected = torch.linalg.svdvals(matrices.double())[:, :rank] if values is None else values
    scale = torch.clamp(expected[:, :1], min=torch.finfo(torch.float64).tiny)
    assert torch.all((solved.singular_values - expected).abs() <= VALUES[dtype] * scale)
    assert torch.all(solved.converged)
    for vectors in (solved.left, solved.right):
        gram = vectors.double() @ vectors.double().mT
        assert torch.allclose(gram, torch.eye(rank, dtype=torch.float64).expand_as(gram), atol=5 * BASIS[dtype])
    assert_residuals(solved, matrices)


def assert_residuals(solved, matrices):
    """Assert that the residuals told are those of the vectors."""
    values, exact = solved.singular_values[:, :, None], matrices.double()
    scale = torch.clamp(torch.maximum(values, 1e-3 * values[:, :1])[..., 0], min=torch.finfo(torch.float64).tiny)
    forward = solved.right.double() @ exact.mT - values * solved.left.double()
    adjoint = solved.left.double() @ exact - values * solved.right.double()
    rounding = BASIS[matrices.dtype] * values[:, :1, 0] / scale
    for told, vectors in ((solved.residual_forward, forward), (solved.residual_adjoint, adjoint)):
        assert torch.all((told - torch.linalg.vector_norm(vectors, dim=2) / scale).abs() <= rounding)
