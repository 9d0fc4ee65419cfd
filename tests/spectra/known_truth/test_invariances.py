"""What must change no number of a measurement, and what a measurement must not change."""

import copy
import functools
import random

import numpy as np
import pytest
import torch
from torch import nn

from ramodel import measure
from tests.spectra.known_truth.explicit import AddsTo
from tests.spectra.networks import ImageNetwork, Network, TokenNetwork, images, inputs, tokens
from tests.tolerances import DENSE_FLOAT64, MEASURED, MEASURED_FLOAT32


def wide(**options):
    """Return a network whose states are above the size up to which Jacobians are decomposed whole."""
    return Network(width=100, activation=nn.GELU(), **options)


NETWORKS = {"vectors": (wide, inputs), "images": (ImageNetwork, images), "tokens": (TokenNetwork, tokens)}


def measured(network, points, **options):
    return measure(network, points, progress=False, **({"rank": 3, "method": "lanczos", "tolerance": 1e-6} | options))


def values(found):
    return found.singular_values.values


@functools.cache
def plain(kind):
    """Return the values of one of the networks, to compare with."""
    build, points = NETWORKS[kind]
    return values(measured(build(), points()))


OPTIONS = [
    {"batch_size": 2},
    {"method": "dense"},
    {"dtype": "float32", "tolerance": 1e-4},
    {"batch_size": 1000},
    {"seed": 7},
    {"block_size": 2},
    {"tolerance": 1e-8},
    {"rank": 5},
    {"vectors": "none"},
    {"statistics": ["trace"], "alignment": True},
    {"keep_jacobians": True},
]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("vectors", options) for options in OPTIONS]
    + [(kind, options) for kind in ("images", "tokens") for options in OPTIONS[:3]],
    ids=lambda part: part if isinstance(part, str) else ",".join(part),
)
def test_how_it_is_measured_changes_no_value(kind, options):
    build, points = NETWORKS[kind]
    rtol = MEASURED_FLOAT32 if "dtype" in options else MEASURED
    expected, found = plain(kind), values(measured(build(), points(), **options))
    np.testing.assert_allclose(found[..., :3], expected, rtol=rtol, atol=rtol * expected.max())


@pytest.mark.parametrize("kind", NETWORKS)
def test_order_company_and_number_of_the_inputs(kind):
    build, points = NETWORKS[kind]
    network, order = build(), [2, 0, 0, 1]
    again, alone = measured(network, points()[order]), measured(network, points()[:1])
    expected = plain(kind)[:, order]
    np.testing.assert_allclose(values(again), expected, rtol=MEASURED, atol=MEASURED * expected.max())
    np.testing.assert_allclose(values(alone), expected[:, 1:2], rtol=MEASURED, atol=MEASURED * expected.max())
    np.testing.assert_allclose(
        values(again)[:, 1], values(again)[:, 2], rtol=DENSE_FLOAT64, atol=DENSE_FLOAT64 * expected.max()
    )


def test_the_same_call_gives_the_same_bits():
    assert measured(wide(), inputs()).identical(measured(wide(), inputs()))


def test_number_of_threads():
    expected, threads = values(measured(wide(), inputs(2))), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = values(measured(wide(), inputs(2)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(found, expected, rtol=DENSE_FLOAT64)


@pytest.mark.parametrize("around", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_gradient_modes_around_the_call(around):
    expected = plain("vectors")
    with around():
        np.testing.assert_array_equal(values(measured(wide(), inputs())), expected)  # the network is made inside, too
    with torch.inference_mode():
        network, points = wide(), inputs()
    np.testing.assert_array_equal(values(measured(network, points)), expected)


def test_default_dtype_and_autocast_around_the_call():
    network, expected = wide(), plain("vectors")
    torch.set_default_dtype(torch.float64)
    try:
        np.testing.assert_array_equal(values(measured(network, inputs())), expected)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = measured(network, inputs())
        assert torch.is_autocast_enabled("cpu")
    np.testing.assert_array_equal(values(found), expected)
    assert any("autocast is on" in note for note in found.notes)


def test_frozen_weights_and_gradients_in_place():
    network, expected = wide(), plain("vectors")
    first, *others = network.parameters()
    for parameter in others:
        parameter.requires_grad_(False)
    first.grad = torch.ones_like(first)
    kept = first.grad
    np.testing.assert_array_equal(values(measured(network, inputs())), expected)
    assert first.requires_grad
    assert not any(parameter.requires_grad for parameter in others)
    assert first.grad is kept
    assert bool((kept == 1.0).all())


def _surroundings():
    return (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
        torch.get_float32_matmul_precision(),
        torch.backends.mha.get_fastpath_enabled(),
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.mkldnn.enabled,
        torch.random.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - the state that others use
        random.getstate(),
    )


@pytest.mark.parametrize("deterministic", [False, True])
def test_nothing_outside_changes(deterministic):
    torch.use_deterministic_algorithms(deterministic)
    try:
        before = _surroundings()
        for build, points in NETWORKS.values():
            network = build()
            weights = copy.deepcopy(network.state_dict())
            modes = [module.training for module in network.modules()]
            before = (*before[:11], *_surroundings()[11:])  # making the network and inputs may draw numbers
            measured(network, points(), statistics=["trace", "normality"], alignment=True)
            assert _surroundings() == before
            for name, tensor in network.state_dict().items():
                assert torch.equal(tensor, weights[name]), name
            assert [module.training for module in network.modules()] == modes
            assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    finally:
        torch.use_deterministic_algorithms(False)


def test_hooks_of_the_user_stay_and_count():
    network, calls = wide(), []
    handle = network.blocks[1].register_forward_hook(lambda *_: calls.append(1))
    network.blocks[2].register_forward_hook(lambda _, arguments, output: arguments[0] + 2.0 * (output - arguments[0]))
    hooks = [dict(module._forward_hooks) for module in network.modules()]
    found = measured(network, inputs())
    assert calls
    assert [dict(module._forward_hooks) for module in network.modules()] == hooks
    expected = plain("vectors")
    np.testing.assert_allclose(values(found)[2], 2.0 * expected[2], rtol=MEASURED)  # it is the network as it is called
    handle.remove()


@pytest.mark.parametrize("where", ["whole", "block in place", "block"])
def test_compiled_networks(where):
    expected, network = plain("vectors"), wide()
    if where == "whole":
        network = torch.compile(network, backend="eager")
    elif where == "block":
        network.blocks[1] = torch.compile(network.blocks[1], backend="eager")
    else:
        network.blocks[1].compile(backend="eager")
    found = measured(network, inputs())
    np.testing.assert_allclose(values(found), expected, rtol=DENSE_FLOAT64)


def test_more_triplets_than_there_are():
    for method in ("dense", "lanczos"):
        found = measured(Network(width=5), inputs(), rank=10**12, method=method)
        assert found.singular_values.sizes["rank"] == 5
        assert bool(np.isinf(found.gap).all())
        whole = measured(Network(width=5), inputs(), keep_jacobians=True).jacobian
        np.testing.assert_allclose(
            values(found), np.linalg.svd(whole.values, compute_uv=False), rtol=MEASURED, atol=DENSE_FLOAT64
        )


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_a_state_of_one_number(method):
    branch = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    network = nn.Sequential(AddsTo(branch), AddsTo(copy.deepcopy(branch))).eval()
    points = torch.tensor([[0.5], [-1.0]], dtype=torch.float64)
    found = measured(network, points, method=method, statistics=["trace", "eigenvalues"], alignment=True)
    first, last = branch[0].weight[:, 0], branch[2].weight[0]
    for row, point in enumerate(points):
        slope = (last * (1.0 - torch.tanh(branch[0](point)) ** 2) * first).sum().item()
        assert values(found)[0, row, 0] == pytest.approx(abs(slope), rel=DENSE_FLOAT64)
        assert found.dataset["trace"].values[0, row] == pytest.approx(slope, rel=DENSE_FLOAT64)
        assert found.left.values[0, row, 0, 0] == pytest.approx(np.sign(slope))
