"""Levels of no structure: Monte Carlo of every closed form, and the theory's own formula of S17."""

import numpy as np
import pytest

from ramodel import metrics
from ramodel.metrics import baselines
from ramodel.theory import independent_coupling_error
from tests.tolerances import DENSE_FLOAT64

WIDTH, RANK, DRAWS = 12, 4, 4000
VALUES = np.array([3.0, 2.0, 1.0, 0.5])
SAMPLING = 0.03
"""Relative: three standard deviations of the noisiest mean over that many draws."""


def haar_frames(rng):
    """Uniform orthonormal rows [draws, K, d]: QR of a normal matrix with the signs of R taken out."""
    frame, corner = np.linalg.qr(rng.normal(size=(DRAWS, WIDTH, RANK)))
    return np.swapaxes(frame * np.sign(np.diagonal(corner, axis1=-2, axis2=-1))[:, None], -1, -2)


def root_mean_square(values):
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.fixture(scope="module")
def independent():
    """Left and right vectors of two layers, [2, draws, K, d] each."""
    rng = np.random.default_rng(0)
    return tuple(np.stack([haar_frames(rng), haar_frames(rng)]) for _ in range(2))


def test_symmetry_and_normality(independent):
    left, right = independent
    values = np.broadcast_to(VALUES, left.shape[:-1])
    compact = metrics.compact_jacobians(left, values, right)
    asymmetry = root_mean_square(metrics.asymmetry_error(compact))
    assert asymmetry == pytest.approx(baselines.asymmetry_error(WIDTH), rel=SAMPLING)
    normality = root_mean_square(metrics.normality_error(compact))
    assert normality == pytest.approx(float(baselines.normality_error(VALUES, WIDTH)), rel=SAMPLING)
    cosine = np.abs(metrics.symmetry_cosine(left, right)).mean()
    assert cosine == pytest.approx(baselines.absolute_cosine(WIDTH), rel=SAMPLING)


def test_pairs_of_layers(independent):
    left, right = independent
    values = np.broadcast_to(VALUES, left.shape[:-1])
    cosine = metrics.low_rank_cosine(left, values, right)[0, 1]
    assert root_mean_square(cosine) == pytest.approx(baselines.jacobian_cosine(WIDTH), rel=SAMPLING)
    affinity = metrics.subspace_affinity_score(left[0], left[1]).mean()
    assert affinity == pytest.approx(baselines.subspace_affinity_score(RANK, WIDTH), rel=SAMPLING)
    unequal = metrics.subspace_affinity_score(left[0, :, :2], left[1]).mean()
    assert unequal == pytest.approx(baselines.subspace_affinity_score(2, WIDTH, RANK), rel=SAMPLING)
    grid = metrics.low_rank_grid(left, values, right)
    share = metrics.diagonal_energy_score(grid)[0, 1].mean()
    assert share == pytest.approx(baselines.diagonal_energy_score(RANK), rel=SAMPLING)
    positive = metrics.sign_consistency_score(grid)[0, 1].mean()
    assert positive == pytest.approx(baselines.sign_consistency_score(), rel=SAMPLING)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_coupling(independent, count):
    left, right = independent
    values = np.broadcast_to(VALUES, left.shape[:-1])
    grid = metrics.low_rank_grid(left, values, right)[..., :count, :count]
    level = float(baselines.coupling_error(VALUES[:count], WIDTH, tail_energy=float(np.sum(VALUES[count:] ** 2))))
    measured = root_mean_square(metrics.grid_coupling_error(grid, values[..., :count])[0, 1])
    assert measured == pytest.approx(level, rel=SAMPLING)
    assert level == pytest.approx(float(independent_coupling_error(VALUES, count, WIDTH)), rel=DENSE_FLOAT64)


def test_coupling_of_any_scale_and_of_nothing():
    tail = np.array([2.0, 0.0])
    levels = baselines.coupling_error([[1.0, 1.0], [0.0, 0.0]], 4, tail_energy=tail)
    assert levels == pytest.approx([np.sqrt(1.5), 0.0])
    tiny = baselines.coupling_error([1e-120, 1e-120], 4, tail_energy=2e-240)
    assert float(tiny) == pytest.approx(np.sqrt(1.5))


def test_trajectories():
    depth, width = 8, 400
    steps = np.random.default_rng(0).normal(size=(depth, 300, width))
    steps /= np.linalg.norm(steps, axis=-1, keepdims=True)
    states = np.concatenate([np.zeros((1, 300, width)), np.cumsum(steps, axis=0)])
    shape = 1 / root_mean_square(1 / metrics.line_shape_ratio(states))
    assert shape == pytest.approx(baselines.line_shape_ratio(depth), rel=SAMPLING)
    energy = 1 / np.mean(1 / metrics.geodesic_ratio(states))
    assert energy == pytest.approx(baselines.geodesic_ratio(depth), rel=SAMPLING)
    assert metrics.line_deviation_error(states).mean() == pytest.approx(baselines.line_deviation_error(depth), rel=0.01)


@pytest.mark.parametrize("depth", [1, 2, 5, 40])
def test_steps_at_right_angles_depart_from_a_line_exactly_so(depth):
    states = np.tril(np.ones((depth + 1, depth)), -1)
    assert metrics.line_deviation_error(states) == pytest.approx(baselines.line_deviation_error(depth), abs=1e-8)


@pytest.mark.parametrize(("classes", "samples", "width"), [(10, 5, 64), (3, 4, 200)])
def test_states_without_structure(classes, samples, width):
    rng = np.random.default_rng(0)
    states, labels = rng.normal(size=(600, classes * samples, width)), np.arange(classes * samples) % classes
    assert metrics.variability_error(states, labels).mean() == pytest.approx(
        baselines.variability_error(classes, samples, width), rel=SAMPLING
    )
    for name in ("equinorm_error", "equiangle_error"):
        measured = root_mean_square(getattr(metrics, name)(states, labels))
        assert measured == pytest.approx(getattr(baselines, name)(classes, width), rel=SAMPLING)
    coherence = metrics.coherence_error(states, labels).mean()
    assert coherence == pytest.approx(baselines.coherence_error(classes, width), rel=SAMPLING)
    duality = root_mean_square(metrics.self_duality_error(states, labels, rng.normal(size=(classes, width))))
    assert duality == pytest.approx(baselines.self_duality_error(), rel=SAMPLING)


def test_two_classes_are_a_simplex_whatever_they_are():
    assert baselines.equinorm_error(2, 9) == baselines.equiangle_error(2, 9) == baselines.coherence_error(2, 9) == 0.0
    assert baselines.variability_error(4, 3, 4) == np.inf


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match=r"^dimension is 5; it must be at most 4"):
        baselines.subspace_affinity_score(5, 4)
    with pytest.raises(ValueError, match=r"^width is 1; it must be at least 2.*that many singular values"):
        baselines.coupling_error([1.0, 1.0], 1)
    with pytest.raises(ValueError, match=r"^width is 1; it must be at least 2"):
        baselines.normality_error([1.0, 1.0], 1)
    with pytest.raises(ValueError, match=r"^tail_energy holds -1"):
        baselines.coupling_error([1.0], 4, tail_energy=-1.0)
    with pytest.raises(ValueError, match=r"^classes is 1; it must be at least 2"):
        baselines.variability_error(1, 2, 3)
    for level in (baselines.asymmetry_error, baselines.absolute_cosine, baselines.jacobian_cosine):
        with pytest.raises(TypeError, match=r"^width is 2.5"):
            level(2.5)
    for level in (baselines.line_shape_ratio, baselines.geodesic_ratio, baselines.line_deviation_error):
        with pytest.raises(ValueError, match=r"^depth is 0"):
            level(0)
