"""Networks whose Jacobians are set by hand: what is measured on them is known by plain linear algebra."""

import itertools

import numpy as np
import pytest
import torch

from ramodel.experiments.confrontation import READINGS
from ramodel.experiments.measurement import measure_network
from ramodel.experiments.sweeps.config import MeasureSettings
from ramodel.nets import Dataset, NetworkConfig, ResidualNetwork
from tests.tolerances import DENSE_FLOAT64

WIDTH, CLASSES, SAMPLES, DEPTH = 6, 3, 60, 5
DECAYS = {"jacobian_decay": 0.01, "head_decay": 0.01, "embedding_decay": 0.01}
LABELS = np.arange(SAMPLES) % CLASSES
COORDINATE_FREE = (
    *("line_shape", "step_variation", "inverse_slope", "inverse_slope_eigen", "asymmetry", "coupling", "rank_found"),
    *("subspace_affinity", "affinity_excess", "energy_outside", "head_scatter", "gain_scatter", "gradient_norm_spread"),
    *("collapse_gain", "self_duality_error", "head_only_error_secant_frobenius", "balance_error", "euler_error"),
)


def measured(jacobians, head, embedding, inputs, labels=LABELS):
    network = ResidualNetwork(
        NetworkConfig(kind="linear", inputs=WIDTH, classes=CLASSES, width=WIDTH, depth=len(jacobians), seed=0)
    )
    with torch.no_grad():
        network.embedding.weight.copy_(torch.as_tensor(embedding))
        network.head.weight.copy_(torch.as_tensor(head))
        for block, jacobian in zip(network.residual_blocks, jacobians, strict=True):
            (weight,) = block.parameters()
            weight.copy_(torch.as_tensor(jacobian))
    data = Dataset(
        train_inputs=inputs,
        train_labels=labels,
        test_inputs=inputs,
        test_labels=labels,
        class_names=("a", "b", "c"),
        image_shape=(WIDTH,),
        name="made up",
    )
    settings = MeasureSettings(stand_ins=True)
    return measure_network(network, data, inputs=9, settings=settings, **DECAYS)


def read(found, name):
    return READINGS[name].function(found)


def equal_steps(displacement):
    """Return the blocks of the optimum of transport cost (S7): P_l = I + (l/L)(P - I)."""
    maps = [np.eye(WIDTH) + step / DEPTH * displacement for step in range(DEPTH + 1)]
    return [after @ np.linalg.inv(before) - np.eye(WIDTH) for before, after in itertools.pairwise(maps)]


@pytest.mark.parametrize("white", [True, False])
def test_the_optimum_of_transport_cost_has_slope_one_in_eigenvalues_and_equal_steps(white):
    generator = np.random.default_rng(0)
    inputs = np.linalg.qr(generator.normal(size=(SAMPLES, WIDTH)))[0] * np.sqrt(SAMPLES)
    spread = np.eye(WIDTH) if white else np.diag([3.0, 2.0, 1.0, 1.0, 0.5, 0.5])
    frame = np.linalg.qr(generator.normal(size=(WIDTH, WIDTH)))[0][:, :CLASSES]
    symmetric = (frame * [2.0, 1.0, 0.5]) @ frame.T
    # P Sigma is symmetric, P itself is not where inputs are not white.
    blocks = equal_steps(spread @ symmetric @ np.linalg.inv(spread))
    head = generator.normal(size=(CLASSES, WIDTH))
    found = measured(blocks, head, np.eye(WIDTH), inputs @ spread)
    assert read(found, "inverse_slope_eigen") == pytest.approx(1.0)
    np.testing.assert_allclose(np.diff(1.0 / found["whitened_singular_value"][:, 0]), 1.0, rtol=1e-8)
    assert read(found, "step_variation") == pytest.approx(0.0, abs=DENSE_FLOAT64)
    assert read(found, "line_shape") == pytest.approx(1.0)
    assert read(found, "rank_found") == CLASSES
    for name in ("asymmetry", "coupling"):
        assert (read(found, name) < DENSE_FLOAT64) is white
    assert (abs(read(found, "inverse_slope") - 1.0) < DENSE_FLOAT64) is white

    turn = np.linalg.qr(generator.normal(size=(WIDTH, WIDTH)))[0]
    turned = measured([turn @ block @ turn.T for block in blocks], head @ turn.T, turn, inputs @ spread)
    for name in COORDINATE_FREE:
        assert read(turned, name) == pytest.approx(read(found, name), rel=1e-6, abs=1e-8), name


def test_gradients_work_and_gains_are_those_of_explicit_products():
    generator = np.random.default_rng(1)
    blocks = 0.3 * generator.normal(size=(4, WIDTH, WIDTH))
    head, inputs = generator.normal(size=(CLASSES, WIDTH)), generator.normal(size=(SAMPLES, WIDTH))
    found = measured(blocks, head, np.eye(WIDTH), inputs)
    states = [inputs]
    for block in blocks:
        states.append(states[-1] + states[-1] @ block.T)
    likely = np.exp(states[-1] @ head.T)
    gradients = [(likely / likely.sum(axis=1, keepdims=True) - np.eye(CLASSES)[LABELS]) @ head]
    for block in blocks[::-1]:
        gradients.insert(0, gradients[0] + gradients[0] @ block)
    lengths = np.linalg.norm(gradients, axis=-1)
    for name, share in (("", 0.5), ("_lower", 0.25), ("_upper", 0.75)):
        quantile = np.quantile(lengths[:-1] / lengths[1:], share, axis=1, method="nearest")
        np.testing.assert_allclose(found[f"gradient_norm_ratio{name}"], quantile, rtol=1e-10)
    largest = np.linalg.svd(blocks, compute_uv=False)[:, 0]
    excess = (found["gradient_norm_ratio"].values - 1.0 - largest).max()
    assert read(found, "gradient_bound_excess") == pytest.approx(excess)
    inner = [-np.sum(g * h) / SAMPLES for g, h in zip(gradients, states, strict=True)]
    np.testing.assert_allclose(found["euler_work"], inner, rtol=1e-9)
    steps = zip(gradients[1:], states[1:], states[:-1], strict=True)
    np.testing.assert_allclose(found["block_work"], [-np.sum(g * (h - k)) / SAMPLES for g, h, k in steps], atol=1e-12)
    rows = np.linalg.svd(head)[2][:CLASSES]
    first, last = (
        np.stack([h[label == LABELS].mean(axis=0) for label in range(CLASSES)]) for h in states[:: len(blocks)]
    )
    first, last = ((means - means.mean(axis=0)) @ rows.T for means in (first, last))
    gain = np.sum(first * last, axis=0) / np.sum(first**2, axis=0)
    np.testing.assert_allclose(found["class_mean_gain"][:CLASSES], gain, rtol=1e-6)


def test_an_exact_simplex_has_collapsed():
    simplex = np.eye(CLASSES, WIDTH)
    simplex[:, :CLASSES] -= 1.0 / CLASSES
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(WIDTH, WIDTH)))[0]
    found = measured(np.zeros((2, WIDTH, WIDTH)), simplex @ turn, np.eye(WIDTH), simplex[LABELS] @ turn)
    for name in ("variability_error", "equinorm_error", "equiangle_error", "coherence_error", "self_duality_error"):
        assert read(found, name) == pytest.approx(0.0, abs=1e-12), name
    assert read(found, "nearest_centre_score") == 1.0
