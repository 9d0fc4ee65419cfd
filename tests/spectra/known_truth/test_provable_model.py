"""Networks that solve the provable model: what `measure` and `residual_alignment` must give is known in closed form."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from ramodel import FrobeniusModel, KineticModel, NuclearModel, measure, residual_alignment
from ramodel.nets import NetworkConfig, ResidualNetwork
from tests.spectra.known_truth.explicit import linear_blocks, orthogonal
from tests.tolerances import DENSE_FLOAT64, MEASURED, MEASURED_VECTORS

DEPTH, DIRECTIONS = 6, 3
WIDTHS = [8, 120]
"""One decomposed whole, one by products."""

LABELS = np.repeat(np.arange(DIRECTIONS), 2)
GAINS = [30.0, 12.0, 4.0]
"""m_k, the singular values of the whole network."""


def solution(model, width):
    """Return an optimum of `model` as a network, J_l = sum s_(l,k) v_k v_k^T and W = diag(w_k) V^T; s and V."""
    frame = orthogonal(width, seed=0)[:, :DIRECTIONS]
    profile = np.broadcast_to(model.layer_profile(GAINS).reshape(-1, DIRECTIONS), (DEPTH, DIRECTIONS))
    head = model.head_singular_value(GAINS)[:, None] * frame.T
    config = NetworkConfig(
        kind="linear", inputs=width, classes=DIRECTIONS, width=width, depth=DEPTH, embedding="identity"
    )
    network = ResidualNetwork(config)
    with torch.no_grad():
        for block, values in zip(network.blocks, profile, strict=True):
            block.linear.weight.copy_(torch.from_numpy((frame * values) @ frame.T))
        network.head.weight.copy_(torch.from_numpy(head))
    return network.eval(), profile, frame


def inputs(frame, *, on_a_line):
    """Return two inputs for each direction: along it (and orthogonal to all), or along several."""
    rng = np.random.default_rng(1)
    mixture = np.eye(DIRECTIONS)[LABELS] if on_a_line else rng.normal(size=(len(LABELS), DIRECTIONS))
    idle = rng.normal(size=(len(LABELS), len(frame)))
    return mixture @ frame.T + 0.3 * (idle - idle @ frame @ frame.T)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", [FrobeniusModel, NuclearModel, KineticModel])
def test_every_property_of_an_optimum(kind, width):
    model = kind(depth=DEPTH, jacobian_decay=0.02, head_decay=0.03)
    network, profile, frame = solution(model, width)
    points = inputs(frame, on_a_line=True)
    spectra = measure(
        network,
        points,
        rank=5,
        tolerance=1e-6,
        labels=LABELS,
        alignment=True,
        statistics=["trace", "frobenius", "asymmetry", "normality"],
        progress=False,
    )
    values = np.pad(profile, ((0, 0), (0, 2)))[:, None].repeat(len(points), axis=1)
    np.testing.assert_allclose(spectra.singular_values, values, atol=DENSE_FLOAT64)
    cosines = np.abs(spectra.right.values[..., :DIRECTIONS, :] @ frame)
    np.testing.assert_allclose(cosines, np.broadcast_to(np.eye(DIRECTIONS), cosines.shape), atol=MEASURED_VECTORS)
    first = model.jacobian_singular_value(GAINS)
    np.testing.assert_allclose(spectra.states, model.trajectory(points, frame, first), atol=DENSE_FLOAT64)

    found = residual_alignment(spectra, head=network.head.weight.detach()).dataset
    # RA2: one frame for left and right, in every block.
    for name in (
        "asymmetry_error",
        "normality_error",
        "left_right_angle",
        "coupling_error",
        "exchanged_coupling_error",
    ):
        np.testing.assert_allclose(found[name], 0.0, atol=MEASURED_VECTORS, err_msg=name)
    for name in ("symmetry_cosine", "left_right_affinity_score", "diagonal_energy_score", "sign_consistency_score"):
        np.testing.assert_allclose(found[name], 1.0, atol=MEASURED, err_msg=name)
    # RA3.
    np.testing.assert_allclose(found["energy_outside_error"], 0.0, atol=DENSE_FLOAT64)
    np.testing.assert_allclose(found["stable_rank"], ((profile / profile[:, :1]) ** 2).sum(1)[:, None].repeat(6, 1))
    np.testing.assert_array_equal(found["numerical_rank"], DIRECTIONS)
    # RA1: every input moves along one direction only, so on a line; in equal steps in the kinetic model (S5, S7).
    np.testing.assert_allclose(found["line_deviation_error"], 0.0, atol=MEASURED_VECTORS)
    np.testing.assert_allclose(found["step_cv"], model.step_cv(first)[LABELS], atol=MEASURED)
    # RA4 within a network: s_1 constant, or 1/s_1 a line of slope 1 (S7).
    slope = 1.0 if kind is KineticModel else 0.0
    for name in ("inverse_slope", "inverse_slope_least_squares", "inverse_slope_theil_sen"):
        np.testing.assert_allclose(found[name], slope, atol=MEASURED, err_msg=name)
    if kind is FrobeniusModel:  # S16 and S9
        np.testing.assert_allclose(found["energy_identity_error"], 0.0, atol=DENSE_FLOAT64)
        growth = found["state_norm_ratio"].values
        assert (growth >= 1.0).all()
        assert (growth <= 1.0 + profile[0, 0]).all()
    assert model.balance_error(*kept_matrices(spectra, network)) < DENSE_FLOAT64


def kept_matrices(spectra, network):
    """Return the Jacobians that the triplets of the first input make up, and the head."""
    first = spectra.isel(input=0)
    left, right, values = (part.values[:, 0] for part in (first.left, first.right, first.singular_values))
    return np.einsum("lk,lka,lkb->lab", values, left, right), network.head.weight.detach().numpy()


def test_a_mixture_of_directions_leaves_the_line():
    model = FrobeniusModel(depth=DEPTH, jacobian_decay=0.02, head_decay=0.03)
    network, profile, frame = solution(model, 8)
    points = inputs(frame, on_a_line=False)
    spectra = measure(network, points, rank=5, progress=False)
    np.testing.assert_allclose(spectra.states, model.trajectory(points, frame, profile[0]), atol=DENSE_FLOAT64)
    found = residual_alignment(spectra, classes=DIRECTIONS).dataset
    assert float(found["line_deviation_error"].min()) > 1e-3
    np.testing.assert_allclose(found["coupling_error"], 0.0, atol=MEASURED)


def test_below_the_threshold_of_the_nuclear_model_nothing_is_left():
    model = NuclearModel(depth=DEPTH, jacobian_decay=0.02, head_decay=0.03)
    gains = np.array([3.0, 1.001, 0.999]) * model.unit
    values = model.jacobian_singular_value(gains)
    frame = orthogonal(120, seed=0)[:, :3]
    spectra = measure(linear_blocks([(frame * values) @ frame.T] * 3), np.ones((1, 120)), rank=3, progress=False)
    np.testing.assert_allclose(spectra.singular_values.values[:, 0], [values] * 3, atol=DENSE_FLOAT64)
    assert values[2] == 0.0 < values[1]


def test_without_skips_only_neighbours_align():
    """S8: A_l = Q_l A Q_(l-1)^T for Haar Q: left vectors of a layer are right vectors of the next, and of no other."""
    frames = [orthogonal(120, seed) for seed in range(5)]
    layers = [(after[:, :3] * [3.0, 2.0, 1.0]) @ before[:, :3].T for before, after in pairwise(frames)]
    network = torch.nn.Sequential(*(torch.nn.Linear(120, 120, bias=False).double() for _ in layers)).eval()
    for module, layer in zip(network, layers, strict=True):
        module.weight.data.copy_(torch.from_numpy(layer))
    spectra = measure(
        network, np.ones((2, 120)), rank=3, tolerance=1e-6, blocks=list("0123"), skip="none", progress=False
    )
    found = residual_alignment(spectra).dataset
    affinity = found["left_right_affinity_score"].values[..., 0]
    neighbours = np.eye(4, k=1, dtype=bool)
    np.testing.assert_allclose(affinity[neighbours], 1.0, atol=MEASURED)
    assert (affinity[~neighbours] < 0.1).all()
    assert (found["coupling_error"].values[..., 0][~np.eye(4, dtype=bool)] > 0.9).all()
    # A block that stands for itself is always coupled to itself.
    np.testing.assert_allclose(found["coupling_error"].values[..., 0].diagonal(), 0.0, atol=MEASURED)


def test_signs_of_the_blocks_are_seen():
    """Blocks J and -J in turn: one frame, opposite signs."""
    frame = orthogonal(120, seed=0)[:, :3]
    jacobian = (frame * [0.5, 0.3, 0.2]) @ frame.T
    spectra = measure(
        linear_blocks([jacobian, -jacobian, jacobian]), np.ones((2, 120)), rank=3, tolerance=1e-6, progress=False
    )
    found = residual_alignment(spectra).dataset
    signs = np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(
        found["symmetry_cosine"], np.broadcast_to(signs[:, None, None], (3, 2, 3)), atol=MEASURED
    )
    np.testing.assert_allclose(found["jacobian_cosine"], np.broadcast_to(np.outer(signs, signs)[..., None], (3, 3, 2)))
    # U_i^T J_j V_i = diag(s) where i and j have one sign, -diag(s) where they have not.
    coupling = np.where(np.outer(signs, signs) > 0, 0.0, 2.0)[..., None].repeat(2, -1)
    np.testing.assert_allclose(found["coupling_error"], coupling, atol=MEASURED)
    np.testing.assert_allclose(found["sign_consistency_score"], 1.0 - coupling / 2.0, atol=MEASURED)
    np.testing.assert_allclose(found["diagonal_energy_score"], 1.0)
