"""A network of every family: its axes, S19 in the mode of the objective, stand-ins, what one state or stage lacks."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from ramodel.experiments.measurement import measure_network
from ramodel.experiments.sweeps.config import MeasureSettings
from ramodel.nets import TrainingConfig, build_network, load_dataset, network_config, spread_over_classes, train
from ramodel.nets.training.batches import epoch_rows
from ramodel.nets.training.losses import mean_loss
from ramodel.spectra import residual_jacobians, work_and_energy
from tests.tolerances import DENSE_FLOAT64, TRAINED

DECAYS = {"jacobian_decay": 0.02, "head_decay": 0.01, "embedding_decay": 0.01}
TRAINING = TrainingConfig(optimiser="sgd", batch_size=16, seed=3)
DATA = load_dataset("digits", classes=[0, 1, 2, 3], train_size=60, test_size=24)
PAPER = {"family": "paper", "stem": "fully-connected", "width": 10, "depth": 3}
FAMILIES = {
    "model": {"family": "model", "kind": "gelu", "width": 9, "depth": 3},
    "paper": PAPER,
    "without BatchNorm": PAPER | {"normalisation": "none", "activation": "gelu", "outer_activation": False},
    "norm inside alone": PAPER | {"norm_ends_branch": False},
    "no skips": PAPER | {"skip": False},
    "strided": {"family": "paper", "stem": "strided", "width": 2, "depth": 5},
    "preactivation": {"family": "preactivation", "stem": "fully-connected", "width": 10, "depth": 3},
}


def network_of(settings, seed=0):
    return build_network(network_config(settings, DATA, seed))


def measured(network, **options):
    return measure_network(network, DATA, inputs=8, **(DECAYS | {"training": TRAINING} | options))


@pytest.mark.parametrize("family", FAMILIES)
def test_work_is_what_the_gradient_by_the_output_weights_says(family):
    """-<g_l, f_l> = -sum B dloss/dB, since f_l is linear in B_l: by parameters alone, in the mode of the objective."""
    network = network_of(FAMILIES[family])
    before = copy.deepcopy(network.state_dict())
    found = measured(network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())

    double = copy.deepcopy(network).double().train()
    inputs, labels = torch.as_tensor(DATA.train_inputs), torch.as_tensor(DATA.train_labels)
    has_norms = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    batches = epoch_rows(TRAINING, len(labels), 0, at_least=2) if has_norms else [slice(None)]
    value = sum(
        mean_loss("cross-entropy", double(inputs[rows]), labels[rows]) * len(labels[rows]) / len(labels)
        for rows in batches
    )
    value.backward()
    for layer, block in enumerate(double.residual_blocks):
        owned = double.output_parameters(block)
        work = -sum(float((one.detach() * one.grad).sum()) for one in owned)
        assert found["block_work"].values[layer] == pytest.approx(work, rel=DENSE_FLOAT64, abs=1e-14)
        energy = sum(float(one.detach().square().sum()) for one in owned) * (0.02 if owned[0].ndim > 1 else 0.0)
        assert found["block_energy"].values[layer] == pytest.approx(energy, rel=DENSE_FLOAT64)
    assert float(found["head_work"]) == pytest.approx(
        -float((double.head.weight.detach() * double.head.weight.grad).sum()), rel=1e-8
    )


def test_work_without_norms_is_that_of_the_instrument():
    network = network_of(FAMILIES["without BatchNorm"])
    found = measured(network)
    expected = work_and_energy(network, DATA.train_inputs, DATA.train_labels, "cross-entropy")
    np.testing.assert_allclose(found["block_work"], expected.work, rtol=1e-8)
    np.testing.assert_allclose(found["euler_work"], expected.euler, rtol=1e-8)
    assert float(found["head_work"]) == pytest.approx(expected.head_work, rel=1e-8)


def test_decayed_norms_have_energy():
    network = network_of(PAPER)
    decayed = TrainingConfig(optimiser="sgd", batch_size=16, seed=3, decay_norms=True)
    found = measured(network, training=decayed)
    block = network.residual_blocks[0]
    energy = 0.02 * sum(float(one.detach().double().square().sum()) for one in network.output_parameters(block))
    assert energy > 0.0
    assert float(found["block_energy"][0]) == pytest.approx(energy)
    assert float(measured(network)["block_energy"][0]) == 0.0
    np.testing.assert_allclose(found["block_work"], measured(network)["block_work"], rtol=1e-12)


def test_stages_stand_one_after_another_and_are_not_compared():
    found = measured(network_of(FAMILIES["strided"]))
    stages = found["stage"].values
    assert sorted(set(stages.tolist())) == [1, 2]
    assert found.sizes["state"] == found.sizes["layer"] + 2
    assert found["state_layer"].values.tolist() == [
        *range((stages == 1).sum() + 1),
        *range((stages == 1).sum(), len(stages) + 1),
    ]
    assert found.sizes["segment"] == 2
    different = stages[:, None] != stages[None, :]
    for name in ("coupling_error", "subspace_affinity"):
        np.testing.assert_array_equal(np.isnan(found[name].values), different)
    assert found["state_size"].values.tolist() == [128 if stage == 1 else 64 for stage in stages]
    assert found.attrs["classes"] == 4
    assert "head_predicted" not in found  # the head reads means over pixels


def test_mean_jacobian_secant_and_eigenvalues_of_a_linear_network_are_its_jacobian():
    network = network_of({"family": "model", "kind": "factored", "width": 9, "depth": 3})
    found = measured(network, settings=MeasureSettings(stand_ins=True))
    jacobians = network.jacobians().detach().numpy()
    values = np.linalg.svd(jacobians, compute_uv=False)[:, :6]
    np.testing.assert_allclose(found["singular_value"].isel(input=0), values, rtol=1e-9)
    np.testing.assert_allclose(found["mean_jacobian_singular_value"], values, rtol=1e-9)
    # The states of training reach every direction, some of them hardly.
    np.testing.assert_allclose(found["secant_singular_value"], values, atol=0.02 * values.max())
    real = np.sort(np.linalg.eigvals(jacobians).real, axis=-1)[:, ::-1][:, :6]
    np.testing.assert_allclose(found["eigenvalue"], real, rtol=1e-8)
    errors = found["stand_in_error"]
    np.testing.assert_allclose(errors.sel(stand_in="input"), errors.sel(stand_in="class_mean"), rtol=1e-9)
    np.testing.assert_allclose(errors.sel(stand_in="input"), errors.sel(stand_in="mean"), rtol=1e-9)


@pytest.mark.parametrize(("kind", "law"), [("linear", "frobenius"), ("factored", "nuclear")])
def test_a_trained_linear_network_obeys_its_own_law_alone(kind, law):
    network = network_of({"family": "model", "kind": kind, "width": 9, "depth": 3})
    train(network, DATA, TrainingConfig(**DECAYS, tolerance=1e-8), progress=False)
    found = measured(network, settings=MeasureSettings(stand_ins=True), training=None)
    errors = found["stand_in_error"].sel(stand_in=["input", "class_mean", "mean"])
    assert float(errors.sel(law=law).max()) < TRAINED
    assert float(errors.drop_sel(law=law).min()) > 100 * TRAINED
    first = found["singular_value"].isel(layer=0, input=0).values[:3]
    np.testing.assert_allclose(found["head_predicted"].sel(law=law).values[:3], first, atol=TRAINED)
    assert float(found["gradient_error"]) < TRAINED
    np.testing.assert_allclose(found["block_work"], found["block_energy"], rtol=TRAINED)


def test_wide_states_are_asked_for_their_leading_triplets():
    network = network_of({"family": "model", "kind": "gelu", "width": 140, "depth": 2})
    found = measured(network)
    rows = spread_over_classes(DATA.test_labels, 8)
    jacobians = residual_jacobians(network, DATA.test_inputs[rows]).numpy()
    values = np.linalg.svd(jacobians, compute_uv=False)
    assert "spectrum" not in found
    np.testing.assert_allclose(found["singular_value"], values[..., :6], rtol=1e-3)
    share = np.sum(values[..., 4:] ** 2, axis=-1) / np.sum(values**2, axis=-1)
    np.testing.assert_allclose(found["energy_outside_error"], share, rtol=1e-2)
    assert np.isfinite(found["eigenvalue"].values).all()


def test_settings_leave_parts_out():
    found = measured(network_of(PAPER), settings=MeasureSettings(work=False, collapse=False, rank=3))
    assert not {"block_work", "variability_error", "stand_in_error"} & set(found.data_vars)
    assert found.sizes["rank"] == 3


def test_blocks_that_do_nothing_have_no_relative_errors():
    network = network_of({"family": "model", "kind": "linear", "width": 9, "depth": 3})
    with torch.no_grad():
        for parameter in network.blocks.parameters():
            parameter.zero_()
    found = measured(network)  # warnings are errors
    assert np.isnan([float(found[name]) for name in ("layer_spread", "trajectory_error")]).all()
    assert float(found["gradient_norm_ratio"].max()) == 1.0
