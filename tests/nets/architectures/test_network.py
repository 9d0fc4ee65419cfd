import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ramodel.nets import NetworkConfig, ResidualNetwork
from tests import tolerances
from tests.reference import nets as reference

KINDS = ("linear", "factored", "relu", "gelu")


def make(kind="relu", **options):
    sizes = {"inputs": 5, "classes": 3, "width": 4, "depth": 3}
    return ResidualNetwork(NetworkConfig(kind=kind, **(sizes | options)))


def weights_of(network):
    """(E, [matrices of each block], W) as NumPy arrays."""
    arrays = [parameter.detach().numpy() for parameter in network.parameters()]
    step = 1 if network.config.kind == "linear" else 2
    inner = arrays[1:-1]
    return arrays[0], [tuple(inner[i : i + step]) for i in range(0, len(inner), step)], arrays[-1]


@given(
    kind=st.sampled_from(KINDS),
    skip=st.booleans(),
    depth=st.integers(1, 5),
    width=st.integers(1, 6),
    seed=st.integers(0, 2**32),
)
def test_states_and_logits_equal_the_slow_walk(kind, skip, depth, width, seed):
    network = make(kind, skip=skip, depth=depth, width=width, seed=seed)
    x = np.random.default_rng(seed).normal(size=(2, 5))
    embedding, blocks, head = weights_of(network)
    expected = [reference.walk(kind, embedding, blocks, row, skip=skip) for row in x]
    states = network.states(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(states, np.stack(expected, axis=1), rtol=tolerances.DENSE_FLOAT64, atol=1e-13)
    logits = network(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(logits, states[-1] @ head.T, rtol=tolerances.DENSE_FLOAT64, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [False, True])
def test_blocks_can_be_walked_from_outside(kind, bias):
    network = make(kind, bias=bias)
    x = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    hidden = network.embedding(x)
    for block in network.blocks:
        assert torch.equal(block(hidden), hidden + block.branch(hidden))
        hidden = block(hidden)
    torch.testing.assert_close(network.head(hidden), network(x), rtol=tolerances.DENSE_FLOAT64, atol=1e-13)


@pytest.mark.parametrize("kind", ["linear", "factored"])
@pytest.mark.parametrize("skip", [True, False])
def test_jacobians_of_linear_kinds_equal_automatic_differentiation(kind, skip):
    network = make(kind, skip=skip)
    hidden = torch.ones(4, dtype=torch.float64)
    found = network.jacobians()
    assert found.shape == (3, 4, 4)
    for jacobian, block in zip(found, network.blocks, strict=True):
        expected = torch.func.jacrev(lambda h, block=block: block.branch(h[None])[0])(hidden)
        torch.testing.assert_close(jacobian, expected, rtol=tolerances.DENSE_FLOAT64, atol=1e-15)


def test_the_seed_decides_the_weights_and_nothing_global_moves():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, again, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.head.weight, other.head.weight)


@pytest.mark.parametrize("kind", ["linear", "factored"])
def test_initial_branches_have_size_one_over_depth(kind):
    sizes = [make(kind, width=60, depth=depth).jacobians().detach().square().mean().sqrt() for depth in (4, 16)]
    assert float(sizes[0] / sizes[1]) == pytest.approx(4.0, rel=0.1)


def test_without_skip_the_initial_layers_are_orthogonal_and_have_no_common_frame():
    eye = torch.eye(40, dtype=torch.float64)
    for kind in ("linear", "factored"):
        layers = make(kind, width=40, depth=50, skip=False, block_scale=0.0).jacobians().detach() / 1.2
        torch.testing.assert_close(
            layers @ layers.mT, eye.expand(50, 40, 40), rtol=tolerances.DENSE_FLOAT64, atol=1e-12
        )
        overlap = torch.einsum("iab,jab->ij", layers, layers) / 40
        assert float((overlap - torch.eye(50)).abs().max()) < 0.2


def test_embedding_modes():
    assert make().embedding.weight.requires_grad
    assert not make(embedding="fixed").embedding.weight.requires_grad
    identity = make(embedding="identity", inputs=4)
    assert torch.equal(identity.embedding.weight, torch.eye(4, dtype=torch.float64))
    assert not identity.embedding.weight.requires_grad


@pytest.mark.parametrize("use", [lambda network, x: network(x), lambda network, x: network.states(x)])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            torch.ones(3, 4, dtype=torch.float64),
            ValueError,
            r"inputs has shape \(3, 4\); it must have shape \(any, 5\)",
        ),
        (torch.ones(5, dtype=torch.float64), ValueError, r"inputs has shape \(5,\)"),
        (torch.ones(3, 5), TypeError, r"inputs has type torch\.float32; the network has torch\.float64"),
        ([[1.0] * 5], TypeError, "inputs is a list; it must be a torch tensor"),
    ],
)
def test_bad_inputs_are_refused(use, x, error, message):
    with pytest.raises(error, match=f"^{message}"):
        use(make(), x)


def test_hidden_width_of_two_matrix_blocks():
    network = make("gelu", hidden=9)
    assert network.blocks[0].inner.weight.shape == (9, 4)
    assert network.blocks[0].outer.weight.shape == (4, 9)


def test_nonlinear_blocks_have_no_single_jacobian():
    with pytest.raises(ValueError, match=r"kind is 'gelu'.*ramodel\.measure"):
        make("gelu").jacobians()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "rellu"}, "did you mean 'relu'"),
        ({"depth": 0}, "depth is 0; it must be at least 1"),
        ({"width": -1}, "width is -1"),
        ({"embedding": "none"}, "embedding is 'none'"),
        ({"embedding": "identity"}, r"width is 4; .* inputs \(5\)"),
        ({"kind": "linear", "hidden": 3}, "hidden is 3; linear blocks"),
        ({"block_scale": float("nan")}, "block_scale is nan"),
        ({"initial_orthogonal": -1.0}, "initial_orthogonal is -1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is 9223372036854775808; it must be at most"),
    ],
)
def test_bad_configurations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_unknown_fields_are_refused():
    with pytest.raises(TypeError, match="dept"):
        make(dept=3)
