"""The public assertions: what holds passes, the spoilt twin of each property fails, and the message says where."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import ramodel
from ramodel.testing import (
    assert_balanced,
    assert_norm_preserving,
    assert_residual_alignment,
    critical_points,
    haar_matrix,
    networks,
)
from ramodel.theory import FrobeniusModel, KineticModel, LayerDecayModel, NuclearModel, PlainModel, trajectory
from tests.tolerances import DENSE_FLOAT64, OPTIMISER

EXACT = {
    "line_tolerance": DENSE_FLOAT64,
    "step_tolerance": None,
    "symmetry_tolerance": DENSE_FLOAT64,
    "alignment_tolerance": DENSE_FLOAT64,
    "rank_tolerance": DENSE_FLOAT64,
    "slope_tolerance": DENSE_FLOAT64,
    "inverse_slope": 0.0,
}
DEPTH, WIDTH = 5, 4


def aligned(inputs=None, s=0.3, seed=3):
    """Jacobians [L, (N,) d, d] and states [L + 1, (N,) d] of equal blocks of rank two: RA holds exactly."""
    frame = haar_matrix(WIDTH, seed)[:, :2]
    jacobian = s * frame @ frame.T
    start = np.random.default_rng(seed).standard_normal((inputs or 1, WIDTH))
    states = trajectory(start, frame, [s, s], DEPTH)
    jacobians = np.tile(jacobian, (DEPTH, inputs or 1, 1, 1))
    return (jacobians, states) if inputs else (jacobians[:, 0], states[:, 0])


def message_of(assertion, *arguments, **options):
    with pytest.raises(AssertionError) as caught:
        assertion(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("inputs", [None, 3])
@pytest.mark.parametrize("kind", [np.asarray, torch.tensor, np.ndarray.tolist])
def test_aligned_blocks_pass_in_any_form(inputs, kind):
    jacobians, states = (kind(array) for array in aligned(inputs))
    assert_residual_alignment(jacobians, states, classes=2, **EXACT)
    assert_residual_alignment(jacobians, classes=2)
    assert_residual_alignment(states=states)


def test_tensors_may_carry_gradients_and_single_precision():
    jacobians, states = (torch.tensor(array, dtype=torch.float32, requires_grad=True) for array in aligned(2))
    assert_residual_alignment(jacobians, states, classes=2)


def test_lists_may_hold_tensors_that_carry_gradients():
    model = FrobeniusModel(3, 0.02, 0.01)
    head = haar_matrix(3, 1)[:2]
    blocks = [torch.nn.Parameter(torch.tensor(block)) for block in model.predicted_jacobians(head)]
    assert_balanced(blocks, torch.nn.Parameter(torch.tensor(head)), model, tolerance=DENSE_FLOAT64)
    assert_residual_alignment(blocks, [[row, row] for row in torch.ones(4, 3, requires_grad=True).cumsum(0)], classes=2)
    assert_norm_preserving([torch.ones(2, requires_grad=True)] * 3, delta=0.1)


@settings(max_examples=20)
@given(critical_points(branches="positive", embedding=False))
def test_every_positive_critical_point_passes(point):
    s = point.eigenvalues[0]
    classes = len(s)
    assert_residual_alignment(point.jacobians, classes=classes, **EXACT)
    assert_balanced(point.jacobians, point.head, point.model, tolerance=DENSE_FLOAT64)


def spoil_symmetry(jacobians, states):
    jacobians[2, 1, 0, 1] += 0.9
    return "RA2 left = right singular vectors", "layer 3, input 1"


def spoil_frame(jacobians, states):
    turn = np.roll(np.eye(WIDTH), 1, axis=0)
    jacobians[3, 2] = turn @ jacobians[3, 2] @ turn.T
    return "RA2 aligned across depth", "and 4, input 2"


def spoil_rank(jacobians, states):
    jacobians[1, 0] = 0.3 * np.eye(WIDTH)
    return "RA3 rank at most 2", "layer 2, input 0"


def spoil_slope(jacobians, states):
    jacobians[:, 1] *= np.array([1.0, 1 / 3, 1 / 5, 1 / 7, 1 / 30])[:, None, None]
    return "RA4 scale with depth", "layer 5, input 1"


def spoil_line(jacobians, states):
    chord = states[-1, 0] - states[0, 0]
    states[4:, 0] += np.linalg.norm(chord) * np.linalg.svd(chord[None])[2][1]  # a step to the side
    return "RA1 states on a line", "layer 4, input 0"


def spoil_steps(jacobians, states):
    states[2:, 1] += 20.0 * (states[2, 1] - states[1, 1])
    return "RA1 equal steps", "layer 2, input 1"


SPOILS = [spoil_symmetry, spoil_frame, spoil_rank, spoil_slope, spoil_line, spoil_steps]


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_the_spoilt_twin_of_each_property_fails_where_it_was_spoilt(spoil):
    jacobians, states = (array.copy() for array in aligned(3))
    assert_residual_alignment(jacobians, states, classes=2)
    title, place = spoil(jacobians, states)
    message = message_of(assert_residual_alignment, jacobians, states, classes=2)
    assert message.startswith("Residual Alignment fails in ")
    (line,) = [line for line in message.splitlines() if line.strip().startswith(title)]
    assert place in line
    assert "allowed is" in line


def test_left_and_right_vectors_are_both_to_align():
    first, second = np.eye(WIDTH)[:, :1], np.eye(WIDTH)[:, 1:2]
    for turned in (first @ second.T, second @ first.T):
        message = message_of(assert_residual_alignment, [first @ first.T, turned], classes=1, symmetry_tolerance=None)
        assert "RA2 aligned across depth: 1 - affinity of the top-1 subspaces is 1 at layers 1 and 2;" in message


def test_message_counts_and_lists_what_held():
    jacobians, states = aligned()
    jacobians[1] = [[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    message = message_of(
        assert_residual_alignment, jacobians, states, classes=2, alignment_tolerance=None, slope_tolerance=None
    )
    first, second, last = message.splitlines()
    assert first == "Residual Alignment fails in 1 of 4 checks."
    assert second == (
        "  RA2 left = right singular vectors: ||J - J^T|| / ||J|| is 2 at layer 2; allowed is 0.5 (1 of 5 are larger)."
    )
    assert last.startswith("  Held: RA1 states on a line ")
    assert "RA3 rank at most 2" in last


def test_the_tolerance_decides():
    jacobians, _ = aligned()
    jacobians[0, 0, 1] += 0.01
    assert_residual_alignment(jacobians, classes=2)
    message_of(assert_residual_alignment, jacobians, classes=2, symmetry_tolerance=1e-3)
    assert_residual_alignment(jacobians, classes=2, symmetry_tolerance=None)


def test_inverse_slope_tells_transport_from_weight_decay():
    frame = np.diag([1.0, 0.0])
    transport = np.array([frame / (layer + 2.0) for layer in range(6)])
    constant = np.array([0.3 * frame] * 6)
    for pair in ([0.0, 1.0], (0, 1), np.array([0.0, 1.0])):
        assert_residual_alignment(transport, classes=1, inverse_slope=pair)
    for jacobians, slope, other in ((transport, 1.0, 0.0), (constant, 0.0, 1.0)):
        assert_residual_alignment(jacobians, classes=1, inverse_slope=slope, slope_tolerance=OPTIMISER)
        assert "RA4" in message_of(assert_residual_alignment, jacobians, classes=1, inverse_slope=other)
        assert_residual_alignment(jacobians, classes=1)


def test_blocks_that_are_zero():
    zero = np.zeros((4, 3, 3))
    assert_residual_alignment(zero, classes=2)
    zero[2] = np.eye(3)[:, :1] @ np.eye(3)[:1]
    message = message_of(assert_residual_alignment, zero, classes=2)
    assert "RA2 aligned across depth" in message
    assert "RA4" in message


def test_a_pair_of_layers_counts_once():
    first, second = np.diag([0.3, 0.0]), np.diag([0.0, 0.3])
    message = message_of(assert_residual_alignment, [first, second, second], classes=1, slope_tolerance=None)
    assert "is 1 at layers 1 and 2; allowed is 0.4 (2 of 3 are larger)." in message
    twice = np.array([first, second, second])[:, None].repeat(2, axis=1)
    message = message_of(assert_residual_alignment, twice, classes=1, slope_tolerance=None)
    assert "is 1 at layers 1 and 2, input 0; allowed is 0.4 (4 of 6 are larger)." in message
    assert_residual_alignment(
        [0.3 * haar_matrix(3, 1)], classes=2, alignment_tolerance=0.0, symmetry_tolerance=None, rank_tolerance=None
    )


def test_one_jacobian_may_stand_for_all_inputs():
    jacobians, _ = aligned()
    _, states = aligned(3)
    assert_residual_alignment(jacobians, states, classes=2)


def test_two_layers_have_no_slope():
    jacobians = np.array([np.eye(2), 1e-3 * np.eye(2)])
    assert_residual_alignment(jacobians, classes=2, slope_tolerance=0.0)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({}, TypeError, "both missing"),
        ({"jacobians": np.ones((3, 2, 2))}, TypeError, "classes is missing"),
        ({"jacobians": np.ones((3, 2, 2)), "classes": 0}, ValueError, "classes is 0"),
        ({"jacobians": np.ones((3, 2, 4)), "classes": 1}, ValueError, r"jacobians has shape \(3, 2, 4\)"),
        ({"jacobians": np.ones((2, 2)), "classes": 1}, ValueError, r"jacobians has shape \(2, 2\)"),
        ({"jacobians": np.full((3, 2, 2), np.nan), "classes": 1}, ValueError, r"jacobians\[0, 0, 0\] is not finite"),
        ({"jacobians": np.ones((3, 2, 2)), "states": np.ones((9, 5)), "classes": 1}, ValueError, "9 layers .* have 4,"),
        ({"jacobians": np.ones((3, 2, 2)), "states": np.ones((4, 5)), "classes": 1}, ValueError, "width 5; .* and 2:"),
        ({"jacobians": np.ones((3, 6, 2, 2)), "states": np.ones((4, 7, 2)), "classes": 1}, ValueError, "7 inputs"),
        ({"states": np.ones(3)}, ValueError, r"states has shape \(3,\)"),
        ({"states": [["a"]]}, TypeError, "states"),
        ({"states": np.ones((1, 3))}, ValueError, "later state"),
        ({"states": np.ones((3, 2)), "line_tolerance": -1.0}, ValueError, "line_tolerance is -1.0"),
        ({"states": np.ones((3, 2)), "line_tolerance": None, "step_tolerance": None}, ValueError, "every tolerance"),
        ({"jacobians": np.ones((3, 2, 2)), "classes": 1, "inverse_slope": (1.0, 0.0)}, ValueError, "inverse_slope is"),
        ({"jacobians": np.ones((3, 2, 2)), "classes": 1, "inverse_slope": (1.0,)}, ValueError, "inverse_slope is"),
    ],
)
def test_bad_measurements_are_named(arguments, error, match):
    with pytest.raises(error, match=match):
        assert_residual_alignment(**arguments)


def test_your_own_network_by_way_of_measure():
    """Somebody's network: float32, blocks that are branches, a skip outside."""

    class Mine(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList(torch.nn.Linear(3, 3, bias=False) for _ in range(4))
            for layer in self.layers:
                torch.nn.init.eye_(layer.weight).data.mul_(0.2)

        def forward(self, h):
            for layer in self.layers:
                h = h + layer(h)
            return h

    model = Mine()
    inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    spectra = ramodel.measure(model, inputs, blocks=list(model.layers), keep_jacobians=True, progress=False)
    assert_residual_alignment(spectra.jacobian, spectra.states, classes=3)
    model.layers[1].weight.data.copy_(torch.tensor([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]))
    spectra = ramodel.measure(model, inputs, blocks=list(model.layers), keep_jacobians=True, progress=False)
    assert "layer 2, input" in message_of(assert_residual_alignment, spectra.jacobian, spectra.states, classes=3)


def test_gradients_within_and_outside():
    gradients = np.ones((4, 2, 3))
    assert_norm_preserving(gradients, delta=0.01)
    gradients[:2, 1] *= 1.5
    assert_norm_preserving(gradients, delta=0.5)
    message = message_of(assert_norm_preserving, torch.tensor(gradients), delta=0.25)
    assert message == (
        "Norms are not preserved.\n"
        "  backward ||g_(l-1)|| / ||g_l|| is 1.5 at layer 2, input 1; allowed is 0.75 .. 1.25 (1 of 6 are outside)."
    )


def test_shrinking_gradients_are_found_too():
    assert "is 0.25 at layer 1;" in message_of(assert_norm_preserving, [[0.25], [1.0]], delta=0.5)


def test_sizes_near_the_ends_of_float64():
    """Squares of these leave float64."""
    for scale in (1e-200, 1e200, 1e-310):
        assert "is 0.2774 at layer 1;" in message_of(
            assert_norm_preserving, [[scale, scale], [5 * scale, scale]], delta=0.1
        )
        assert_norm_preserving([[scale, scale], [scale, -scale]], delta=0.1)
    assert "is inf at layer 1;" in message_of(assert_norm_preserving, [[1e200], [1e-200]], delta=0.1)


def test_zero_gradients():
    assert_norm_preserving(np.zeros((3, 2)), delta=0.1)
    assert "is inf at layer 1;" in message_of(assert_norm_preserving, [[1.0], [0.0]], delta=0.5)


@settings(max_examples=15)
@given(networks(kinds=["linear"], max_classes=3, bias=False))
def test_a_network_is_bounded_by_its_largest_singular_value(network):
    labels = [0, network.config.classes - 1]
    inputs = torch.randn(2, network.config.inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    largest = float(torch.linalg.matrix_norm(network.jacobians().detach(), ord=2).max())
    assert_norm_preserving(network, inputs, labels, loss="squared", delta=max(largest, 1e-6))


def test_a_network_that_stretches():
    network = ramodel.nets.ResidualNetwork(
        ramodel.nets.NetworkConfig(kind="linear", inputs=2, classes=2, width=2, depth=3, embedding="identity")
    )
    with torch.no_grad():
        for block, size in zip(network.blocks, (0.1, 2.0, 0.1), strict=True):
            block.linear.weight.copy_(size * torch.eye(2))
    inputs = torch.eye(2, dtype=torch.float64)
    assert_norm_preserving(network, inputs, [0, 1], delta=2.0)
    message = message_of(assert_norm_preserving, network, inputs, [0, 1], delta=1.0)
    assert "backward ||g_(l-1)|| / ||g_l|| is 3 at layer 2, input" in message
    assert "forward ||h_l|| / ||h_(l-1)|| is 3 at layer 2, input" in message


@pytest.mark.parametrize(
    ("arguments", "options", "error", "match"),
    [
        ((np.ones((3, 2)),), {"delta": 0.0}, ValueError, "delta is 0.0"),
        ((np.ones((1, 2)),), {"delta": 0.1}, ValueError, "at least two layers"),
        ((np.ones(2),), {"delta": 0.1}, ValueError, "gradients has shape"),
        ((np.ones((3, 2)), np.ones((2, 2))), {"delta": 0.1}, TypeError, "gradients stand alone"),
        ((torch.nn.Linear(2, 2),), {"delta": 0.1}, TypeError, "inputs is missing"),
        ((torch.nn.Linear(2, 2), np.ones((2, 2))), {"delta": 0.1}, TypeError, "targets is missing"),
    ],
)
def test_bad_gradients_are_named(arguments, options, error, match):
    with pytest.raises(error, match=match):
        assert_norm_preserving(*arguments, **options)


@pytest.mark.parametrize("kind", [FrobeniusModel, NuclearModel, KineticModel])
def test_predicted_blocks_are_balanced_in_every_model(kind):
    model = kind(3, 0.02, 0.01)
    head = 2.0 * haar_matrix(3, 1)[:2]
    jacobians = model.predicted_jacobians(head)
    assert_balanced(jacobians, head, model, tolerance=DENSE_FLOAT64)
    assert_balanced(torch.tensor(jacobians)[:, None], torch.tensor(head), model, tolerance=DENSE_FLOAT64)
    jacobians[1] *= 1.01
    message = message_of(assert_balanced, jacobians, head, model)
    assert message.startswith(f"Blocks and head are not those of a critical point of {kind.__name__}(depth=3, ")
    assert "at layer 2; allowed is 1e-06 (1 of 3 are larger)." in message


def test_plain_layers_are_balanced_with_the_next():
    model = PlainModel(2, 0.01, 0.01)
    layers, head = np.array([[[2.0]], [[2.0]]]), np.array([[2.0]])
    assert_balanced(layers, head, model, tolerance=DENSE_FLOAT64)
    layers[0] = 3.0
    assert "at layer 1;" in message_of(assert_balanced, layers, head, model)


@pytest.mark.parametrize("kind", [FrobeniusModel, NuclearModel, KineticModel, PlainModel])
def test_an_embedding_is_looked_at(kind):
    """Of optima of depth 1 along two axes, by the closed forms of one singular value."""
    model = kind(1, 0.02, 0.01, 0.03)
    m = np.array([30.0, 20.0])
    head, start = (np.diag(part(m)) for part in (model.head_singular_value, model.embedding_singular_value))
    jacobians = np.array([np.diag(model.jacobian_singular_value(m))])
    assert_balanced(jacobians, head, model, embedding=start, tolerance=DENSE_FLOAT64)
    assert_balanced(jacobians, head, model, embedding=torch.tensor(start, requires_grad=True), tolerance=DENSE_FLOAT64)
    message = message_of(assert_balanced, jacobians, head, model, embedding=1.1 * start)
    if kind is KineticModel:  # there E enters the balance of blocks, and its own does not depend on its size
        assert "balance: relative departure is 0.128 at layer 1;" in message
    else:
        assert "balance of the embedding: relative departure is 0.21; allowed is 1e-06." in message
    with pytest.raises(ValueError, match=r"embedding is missing, but embedding_decay is 0\.03"):
        assert_balanced(jacobians, head, model)
    with pytest.raises(ValueError, match="embedding is given, but embedding_decay is None"):
        assert_balanced(jacobians, head, kind(1, 0.02, 0.01), embedding=start)


@pytest.mark.parametrize("embedding_decay", [None, 0.03])
def test_decays_by_layer(embedding_decay):
    model = LayerDecayModel([0.02, 0.05], 0.01, embedding_decay)
    head = 2.0 * haar_matrix(3, 1)[:2]
    jacobians = model.predicted_jacobians(head)
    start = None if embedding_decay is None else np.linalg.svd(head)[2][:2].T * 2.0 * np.sqrt(0.01 / embedding_decay)
    assert_balanced(jacobians, head, model, embedding=start, tolerance=DENSE_FLOAT64)
    message = message_of(assert_balanced, jacobians[::-1], head, model, embedding=start)
    assert message.startswith("Blocks and head are not those of a critical point of LayerDecayModel(")
    assert "(2 of 2 are larger)" in message
    with pytest.raises(ValueError, match="jacobians has shape"):
        assert_balanced(jacobians[:1], head, model, embedding=start)
    if start is not None:
        message = message_of(assert_balanced, jacobians, head, model, embedding=1.1 * start)
        assert "balance of the embedding: relative departure is 0.21;" in message


def test_kinetic_inputs_need_not_be_white():
    model, moment = KineticModel(3, 0.02, 0.01), np.diag([4.0, 1.0, 0.25])
    head = 2.0 * haar_matrix(3, 1)[:2]
    jacobians = model.predicted_jacobians(head, moment)
    assert_balanced(jacobians, head, model, second_moment=moment, tolerance=DENSE_FLOAT64)
    message_of(assert_balanced, jacobians, head, model)
    jacobians[1] *= 1.01
    assert "is 0.01 at layer 2;" in message_of(assert_balanced, jacobians, head, model, second_moment=moment)
    with pytest.raises(ValueError, match="second_moment is given, but model is a FrobeniusModel"):
        assert_balanced(jacobians, head, FrobeniusModel(3, 0.02, 0.01), second_moment=moment)


def test_inputs_are_named_where_there_are_any():
    model = FrobeniusModel(2, 1.0, 1.0)
    jacobians = np.ones((2, 3, 1, 1))
    jacobians[1, 2] = 2.0
    assert "balance: relative departure is 2 at layer 2, input 2;" in message_of(
        assert_balanced, jacobians, [[2**0.5]], model
    )


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((np.ones((2, 1, 1)), [[1.0]], "frobenius"), TypeError, "model is 'frobenius'.*LayerDecayModel"),
        ((np.ones((3, 1, 1)), [[1.0]], FrobeniusModel(2, 1.0, 1.0)), ValueError, r"jacobians has shape \(3, 1, 1\)"),
        ((np.ones((2, 1, 1)), [[1.0, 2.0]], FrobeniusModel(2, 1.0, 1.0)), ValueError, "jacobians has shape"),
        ((np.ones((2, 1, 1)), [[1.0]], FrobeniusModel(2.5, 1.0, 1.0)), TypeError, "depth is 2.5"),
    ],
)
def test_bad_blocks_are_named(arguments, error, match):
    with pytest.raises(error, match=match):
        assert_balanced(*arguments)


def test_traceback_ends_at_the_caller():
    """Pytest hides frames that set `__tracebackhide__`."""
    for assertion in (assert_residual_alignment, assert_norm_preserving, assert_balanced):
        assert "__tracebackhide__" in assertion.__code__.co_varnames
