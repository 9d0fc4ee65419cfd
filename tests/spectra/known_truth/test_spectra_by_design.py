"""Blocks whose singular values were chosen: repeated, missing, signed, clustered, out of all proportion."""

import numpy as np
import pytest
import torch

from ramodel import measure
from tests.spectra.known_truth.explicit import linear_blocks, orthogonal
from tests.tolerances import DENSE_FLOAT64, MEASURED, MEASURED_FLOAT32, SOLVED_FLOAT64

WIDTH = 120
"""Above the size up to which Jacobians are decomposed whole."""

POINT = torch.linspace(-1.0, 1.0, WIDTH, dtype=torch.float64)[None]

UNIFORM = np.random.default_rng(0).uniform(size=WIDTH)
"""What is below the values that matter."""


def spectrum(*top, rest=UNIFORM):
    """Return WIDTH numbers in decreasing order that begin with `top`."""
    return np.sort(np.concatenate([top, rest[: WIDTH - len(top)]]))[::-1]


SPECTRA = {
    "simple": spectrum(5.0, 4.0, 3.0, 2.0, 1.5),
    "double": spectrum(3.0, 3.0, 2.0, 2.0, 1.5, 1.5, rest=0.5 * UNIFORM),
    "tenfold": spectrum(*[2.0] * 10, rest=0.5 * UNIFORM),
    "tenfold below": spectrum(3.0, *[2.0] * 10, rest=0.5 * UNIFORM),
    "double, then little": spectrum(3.0, 3.0, 2.0, 2.0, 1.0, 1.0, rest=1e-6 * UNIFORM),
    "tenfold, then little": spectrum(*[2.0] * 10, rest=1e-6 * UNIFORM),
    "double among simple": spectrum(5.0, 4.0, 3.0, 3.0, 2.0, 1.5, 1.0, 0.1, 0.01, rest=1e-3 * UNIFORM),
    "threefold behind one": spectrum(5.0, 2.0, 2.0, 2.0, rest=0.1 * UNIFORM),
    "orthogonal": np.ones(WIDTH),
    "half of an orthogonal matrix": np.repeat([1.0, 0.0], WIDTH // 2),
    "rank three": spectrum(3.0, 2.0, 1.0, rest=0.0 * UNIFORM),
    "rank one": spectrum(3.0, rest=0.0 * UNIFORM),
    "zero": np.zeros(WIDTH),
    "clustered": 1.0 + 1e-9 * UNIFORM,
    "nearly double": spectrum(3.0, 3.0 - 1e-5, 2.0, 2.0 - 1e-5, rest=0.5 * UNIFORM),
    "halving": 0.5 ** np.arange(WIDTH),
    "from 1e12 to 1e-15": np.concatenate([np.logspace(12, -15, 28), np.zeros(WIDTH - 28)]),
    "an outlier": spectrum(1e12),
    "tiny": 1e-15 * UNIFORM,
    "huge": 1e12 * UNIFORM,
}

FRAMES = ["symmetric", "negative", "two frames"]


def designed(values, frames):
    """Return U diag(s) V^T with V = U, V = -U, or V another frame."""
    left = orthogonal(WIDTH, seed=1)
    right = {"symmetric": left, "negative": -left, "two frames": orthogonal(WIDTH, seed=2)}[frames]
    return (left * np.sort(values)[::-1]) @ right.T


def measured(jacobians, **options):
    return measure(linear_blocks(jacobians), POINT, progress=False, rank=6, **options)


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize("method", ["lanczos", "dense"])
def test_values_and_vectors_of_every_kind_of_spectrum(method, frames):
    jacobians = np.stack([designed(values, frames) for values in SPECTRA.values()])
    found = measured(jacobians, method=method, tolerance=1e-5)
    assert bool(found.converged.all())
    left, right = found.left.values[:, 0], found.right.values[:, 0]
    for row, (name, values) in enumerate(SPECTRA.items()):
        expected = np.sort(values)[::-1]
        here, scale = found.singular_values.values[row, 0], expected[0] or 1.0
        np.testing.assert_allclose(here, expected[:6], rtol=0.0, atol=MEASURED * scale, err_msg=name)
        for vectors in (left[row], right[row]):
            np.testing.assert_allclose(vectors @ vectors.T, np.eye(6), atol=DENSE_FLOAT64, err_msg=name)
        # They are triplets, and the certificate is the truth about them.
        forward = np.linalg.norm(jacobians[row] @ right[row].T - left[row].T * here, axis=0)
        adjoint = np.linalg.norm(jacobians[row].T @ left[row].T - right[row].T * here, axis=0)
        relative = np.maximum(forward, adjoint) / np.maximum(np.maximum(here, 1e-3 * here[0]), 1e-300)
        assert (relative <= 2e-5).all(), (name, relative)
        np.testing.assert_allclose(found.residual.values[row, 0], relative, rtol=1e-2, atol=DENSE_FLOAT64, err_msg=name)


@pytest.mark.parametrize("block_size", [1, 2])
@pytest.mark.parametrize("frames", FRAMES)
def test_in_single_precision(frames, block_size):
    names = ["simple", "double", "tenfold", "tenfold below", "rank three", "zero", "clustered", "tiny", "huge"]
    jacobians = np.stack([designed(SPECTRA[name], frames) for name in names])
    found = measured(jacobians, method="lanczos", dtype="float32", block_size=block_size)
    assert bool(found.converged.all())
    for row, name in enumerate(names):
        expected = np.sort(SPECTRA[name])[::-1]
        here = found.singular_values.values[row, 0]
        np.testing.assert_allclose(
            here, expected[:6], rtol=0.0, atol=MEASURED_FLOAT32 * (expected[0] or 1.0), err_msg=name
        )


@pytest.mark.parametrize("block_size", [2, 3])
@pytest.mark.parametrize("name", SPECTRA)
def test_steps_of_several_vectors_find_the_same(name, block_size):
    """One Jacobian alone: no other one in the batch makes the solver careful."""
    found = measured(designed(SPECTRA[name], "two frames")[None], method="lanczos", block_size=block_size)
    expected = np.sort(SPECTRA[name])[::-1]
    assert bool(found.converged.all())
    atol = SOLVED_FLOAT64 * (expected[0] or 1.0)
    np.testing.assert_allclose(found.singular_values.values[0, 0], expected[:6], rtol=0.0, atol=atol)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 33])
@pytest.mark.parametrize("block_size", [1, 2, 8])
def test_products_alone_on_small_states(width, block_size):
    """The basis fills the space; steps may be wider than the state itself."""
    jacobian = np.random.default_rng(width).normal(size=(1, width, width))
    for rank in (1, 2, 12):
        found = measure(
            linear_blocks(jacobian),
            np.ones((1, width)),
            rank=rank,
            method="lanczos",
            block_size=block_size,
            tolerance=1e-6,
            blocks=["0"],
            progress=False,
        )
        expected = np.linalg.svd(jacobian[0], compute_uv=False)[:rank]
        assert bool(found.converged.all())
        np.testing.assert_allclose(found.singular_values.values[0, 0], expected, rtol=MEASURED)


def test_left_vectors_carry_the_sign():
    jacobians = np.stack([designed(SPECTRA["simple"], frames) for frames in ("symmetric", "negative")])
    found = measured(jacobians, tolerance=1e-6)
    cosines = (found.left.values * found.right.values).sum(-1)
    np.testing.assert_allclose(cosines[0], 1.0, atol=DENSE_FLOAT64)
    np.testing.assert_allclose(cosines[1], -1.0, atol=DENSE_FLOAT64)


@pytest.mark.parametrize("factor", [3.0, -1e-3])
@pytest.mark.parametrize("method", ["lanczos", "dense"])
def test_a_block_that_only_rescales(factor, method):
    found = measured(factor * np.eye(WIDTH)[None], method=method, statistics=["trace", "asymmetry", "normality"])
    np.testing.assert_allclose(found.singular_values, abs(factor), rtol=DENSE_FLOAT64)
    np.testing.assert_allclose((found.left.values * found.right.values).sum(-1), np.sign(factor), rtol=DENSE_FLOAT64)
    np.testing.assert_allclose(found.dataset["trace"], factor * WIDTH)
    assert float(found.dataset["asymmetry_error"].max()) < DENSE_FLOAT64
    assert float(found.dataset["normality_error"].max()) < DENSE_FLOAT64


def test_rank_below_k_ends_in_zeros_and_an_infinite_gap():
    found = measured(designed(SPECTRA["rank three"], "two frames")[None], method="lanczos")
    np.testing.assert_allclose(found.singular_values.values[0, 0], [3.0, 2.0, 1.0, 0.0, 0.0, 0.0], atol=DENSE_FLOAT64)
    assert bool(found.converged.all())
    dense = measured(designed(SPECTRA["rank three"], "two frames")[None], method="dense")
    np.testing.assert_allclose(dense.dataset["tail_energy"], 0.0, atol=DENSE_FLOAT64**2)


def test_a_zero_block_among_others():
    jacobians = np.stack([designed(SPECTRA[name], "two frames") for name in ("simple", "zero", "double")])
    found = measured(jacobians, tolerance=1e-6, alignment=True)
    np.testing.assert_array_equal(found.singular_values.values[1], 0.0)
    assert np.isfinite(found.residual.values).all()
    assert bool(found.converged.all())
    np.testing.assert_array_equal(found.alignment_left_right.values[:, 1], 0.0)  # U^T 0 V
    left, right = found.left.values[:, 0], found.right.values[:, 0]
    grid = np.einsum("ika,jab,imb->ijkm", left, jacobians, right)
    np.testing.assert_allclose(found.alignment_left_right.values[:, :, 0], grid, atol=DENSE_FLOAT64)
