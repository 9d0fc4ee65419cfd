import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ramodel import metrics
from ramodel.nets import NetworkConfig, ResidualNetwork
from ramodel.nets.architectures.blocks import LinearBlock
from ramodel.nets.architectures.trainable import BlockNetwork
from ramodel.nets.architectures.transformer import Transformer, TransformerConfig
from ramodel.nets.training.interventions import coupling_penalty, smooth_gradients
from tests import tolerances


def fully_connected(kind="gelu", **options):
    sizes = {"inputs": 5, "classes": 3, "width": 4, "depth": 3, "block_scale": 3.0}
    return ResidualNetwork(NetworkConfig(kind=kind, **(sizes | options)))


def transformer(**options):
    sizes = {"vocabulary": 7, "context": 5, "width": 4, "depth": 3, "heads": 2, "hidden": 6}
    return Transformer(TransformerConfig(**(sizes | options))).double()


class TwoStages(BlockNetwork):
    """Two stages of linear blocks of one width, with a map between them."""

    def __init__(self, depths=(2, 3), width=3):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        first, second = ([LinearBlock(width, skip=True, bias=False) for _ in range(depth)] for depth in depths)
        for block in (*first, *second):
            block.initialise(1.0, 0.0, generator)
        between = nn.utils.skip_init(nn.Linear, width, width, bias=False, dtype=torch.float64)
        self.blocks = nn.ModuleList([*first, between, *second])
        self.head = nn.Identity()
        nn.init.eye_(between.weight)

    def forward(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return inputs


def some_inputs(network, samples=3):
    generator = torch.Generator().manual_seed(1)
    if isinstance(network, Transformer):
        return torch.randint(0, 7, (samples, 5), generator=generator)
    width = network.config.inputs if isinstance(network, ResidualNetwork) else 3
    return torch.randn(samples, width, dtype=torch.float64, generator=generator)


def states_of(network, inputs):
    if isinstance(network, Transformer):
        states = [network.token_embedding(inputs) + network.position_embedding.weight]
        for block in network.blocks:
            states.append(block(states[-1]))
        return states[:-1]
    return list(network.states(inputs)[:-1])


@sdpa_kernel(SDPBackend.MATH)
def dense_jacobians(network, inputs):
    """J_l at every input, as matrices, in the graph of the weights: [block][input]."""
    network.eval()
    found = []
    for block, states in zip(network.residual_blocks, states_of(network, inputs), strict=True):
        rows = []
        for state in states:
            matrix = torch.autograd.functional.jacobian(
                lambda h, block=block: network.branch(block, h[None])[0], state, create_graph=True
            )
            rows.append(matrix.reshape(state.numel(), state.numel()))
        found.append(rows)
    return found


def dense_penalty(jacobians, inner):
    """The formula of the docstring, from matrices; `inner` is an inner product of two of them at one input."""
    terms = []
    for first, second in pairwise(jacobians):
        across = sum(inner(n, a, b) for n, (a, b) in enumerate(zip(first, second, strict=True)))
        sizes = [sum(inner(n, a, a) for n, a in enumerate(own)) for own in (first, second)]
        terms.append(1.0 - across / (sizes[0] * sizes[1]).sqrt())
    return sum(terms) / len(terms)


NETWORKS = {
    "gelu": lambda: fully_connected("gelu"),
    "relu": lambda: fully_connected("relu"),
    "linear": lambda: fully_connected("linear"),
    "no skip": lambda: fully_connected("gelu", skip=False),
    "fixed embedding": lambda: fully_connected("gelu", inputs=4, embedding="identity"),
    "transformer": transformer,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_value_and_gradient_are_those_of_explicit_jacobians_with_the_same_signs(name):
    network = NETWORKS[name]()
    inputs = some_inputs(network)
    state = states_of(network, inputs)[0]
    signs = 2.0 * torch.randint(0, 2, state.shape, generator=torch.Generator().manual_seed(5)).double() - 1.0
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]

    expected = dense_penalty(
        dense_jacobians(network, inputs), lambda n, a, b: (a.T @ signs[n].flatten()) @ (b.T @ signs[n].flatten())
    )
    expected_gradient = torch.autograd.grad(expected, weights, materialize_grads=True)
    found = coupling_penalty(network, inputs, torch.Generator().manual_seed(5))
    gradient = torch.autograd.grad(found, weights, materialize_grads=True)
    torch.testing.assert_close(found, expected, rtol=tolerances.DENSE_FLOAT64, atol=0)
    torch.testing.assert_close(gradient, expected_gradient, rtol=tolerances.OPTIMISER, atol=tolerances.UNREDUCED)


@pytest.mark.parametrize("name", ["gelu", "transformer"])
def test_many_signs_estimate_the_traces(name):
    network = NETWORKS[name]()
    inputs = some_inputs(network, samples=1)
    expected = dense_penalty(dense_jacobians(network, inputs), lambda _, a, b: (a * b).sum())
    copies = inputs.expand(20_000 if name == "gelu" else 5_000, *inputs.shape[1:])
    found = coupling_penalty(network, copies, torch.Generator().manual_seed(0))
    assert found.item() == pytest.approx(expected.item(), abs=tolerances.PROBES)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), width=st.integers(2, 5), kept=st.integers(1, 5), closeness=st.floats(0.0, 1.0))
def test_the_penalty_bounds_the_coupling(seed, width, kept, closeness):
    """The inequality of the docstring, for two Jacobians that are more or less alike."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(width, width))
    pair = [closeness * shared + (1.0 - closeness) * rng.normal(size=(width, width)) for _ in range(2)]
    kept = min(kept, width)
    triplets = [np.linalg.svd(matrix) for matrix in pair]
    left = np.stack([u.T[:kept] for u, _, _ in triplets])
    right = np.stack([vt[:kept] for _, _, vt in triplets])
    values = np.stack([s[:kept] for _, s, _ in triplets])
    coupling = metrics.coupling_error(left, np.stack(pair), right, values)
    inner = float((pair[0] * pair[1]).sum())
    cosine = inner / np.linalg.norm(pair[0]) / np.linalg.norm(pair[1])
    if inner > 0.0:
        for i, j in ((0, 1), (1, 0)):
            share = np.linalg.norm(pair[j]) / np.linalg.norm(values[j])
            assert coupling[i, j] ** 2 <= 4.0 * (1.0 - cosine**2) * share**2 + tolerances.DENSE_FLOAT64


def test_equal_jacobians_up_to_a_factor_cost_nothing_and_opposite_ones_two():
    for factor, expected in ((3.0, 0.0), (-2.0, 2.0)):
        network = fully_connected("linear", depth=2)
        with torch.no_grad():
            network.blocks[1].linear.weight.copy_(factor * network.blocks[0].linear.weight)
        found = coupling_penalty(network, some_inputs(network), torch.Generator())
        assert found.item() == pytest.approx(expected, abs=tolerances.DENSE_FLOAT64)


def test_nothing_is_left_behind():
    network = transformer(keep_probability=0.5).train()
    network.blocks[1].eval()
    before = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    state = torch.get_rng_state()
    coupling_penalty(network, some_inputs(network), torch.Generator().manual_seed(0))
    assert modes == [module.training for module in network.modules()]
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(block._forward_pre_hooks for block in network.blocks)
    assert torch.equal(torch.get_rng_state(), state)


def test_blocks_that_add_nothing_have_a_penalty_and_a_finite_gradient():
    network = fully_connected("gelu", block_scale=0.0, initial_orthogonal=0.0)
    found = coupling_penalty(network, some_inputs(network), torch.Generator())
    found.backward()
    assert found.item() == 1.0
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_stages_are_coupled_apart():
    network = TwoStages()
    with torch.no_grad():
        for block in network.blocks[:2]:
            block.linear.weight.copy_(torch.eye(3))
        for block in network.blocks[3:]:
            block.linear.weight.copy_(-torch.eye(3))
    found = coupling_penalty(network, some_inputs(network), torch.Generator())
    assert found.item() == pytest.approx(0.0, abs=tolerances.DENSE_FLOAT64)


def test_descent_on_the_penalty_couples_the_blocks():
    network = fully_connected("gelu", depth=3)
    inputs, generator = some_inputs(network, 20), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.03)
    start = coupling_penalty(network, inputs, generator).item()
    for _ in range(60):
        optimiser.zero_grad()
        coupling_penalty(network, inputs, generator).backward()
        optimiser.step()
    assert coupling_penalty(network, inputs, generator).item() < 0.2 * start


@pytest.mark.parametrize(
    "network", [fully_connected(depth=1), TwoStages((1, 1)), transformer(depth=1, block="addition")]
)
def test_no_neighbours(network):
    with pytest.raises(ValueError, match="without two neighbouring blocks"):
        coupling_penalty(network, some_inputs(network), torch.Generator())


def smoothed_one_by_one(rows, strength):
    """New gradients from the old ones, block by block."""
    new = []
    for row in rows:
        for place, own in enumerate(row):
            beside = [row[other] for other in (place - 1, place + 1) if 0 <= other < len(row)]
            mean = sum(beside) / len(beside) if beside else own
            new.append((1.0 - strength) * own + strength * mean)
    return new


@settings(max_examples=20)
@given(depth=st.integers(1, 6), strength=st.floats(0.0, 1.0), seed=st.integers(0, 2**32))
def test_gradients_are_smoothed_as_by_hand(depth, strength, seed):
    network = transformer(depth=depth, block="addition")
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    old = {name: parameter.grad.clone() for name, parameter in network.named_parameters()}
    expected = dict(old)
    for kind, names in ((0, ("norm", "read", "output")), (1, ("norm", "inner", "output"))):
        for name in names:
            row = [f"blocks.{2 * layer + kind}.{name}.weight" for layer in range(depth)]
            expected |= dict(zip(row, smoothed_one_by_one([[old[key] for key in row]], strength), strict=True))
    smooth_gradients(network, strength)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=tolerances.UNREDUCED, atol=1e-14)


def test_gradients_of_stages_are_smoothed_apart():
    network = TwoStages()
    for number, parameter in enumerate(network.parameters()):
        parameter.grad = torch.full_like(parameter, float(number))
    smooth_gradients(network, 1.0)
    found = [parameter.grad.unique().item() for parameter in network.parameters()]
    assert found == [1.0, 0.0, 2.0, 4.0, 4.0, 4.0]


def test_parameters_without_a_gradient_are_left_out():
    network = fully_connected("linear", depth=3)
    smooth_gradients(network, 0.5)
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("strength", "error", "message"),
    [
        (-0.1, ValueError, "strength is -0.1; it must not be negative"),
        (1.5, ValueError, "strength is 1.5; it must be at most 1"),
        (float("nan"), ValueError, "strength is nan"),
        ("1", TypeError, "strength is '1'"),
    ],
)
def test_bad_strength(strength, error, message):
    with pytest.raises(error, match=message):
        smooth_gradients(fully_connected(), strength)
