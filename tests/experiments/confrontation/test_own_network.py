"""One's own network: every check that applies holds at a critical point, none is left out, and all can miss."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from ramodel.experiments.confrontation.own_network import confront_network
from ramodel.experiments.confrontation.subject_network import SubjectNetwork
from ramodel.experiments.subjects import Subject
from ramodel.nets import Inputs
from tests.tolerances import OPTIMISER

DECAY = 0.05


class Linear(nn.Module):
    """h + J h."""

    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)

    def forward(self, hidden):
        return hidden + self.linear(hidden)


class Normed(nn.Module):
    """relu(h + BN(B relu(A h)))."""

    def __init__(self, width):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, hidden):
        return torch.relu(hidden + self.norm(self.outer(torch.relu(self.inner(hidden)))))


def built(block=Linear, seed=0, *, head=True):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(6, 5, bias=False), *(block(5) for _ in range(3))]
        return nn.Sequential(*layers, nn.Linear(5, 3, bias=False) if head else nn.Tanh()).double()


def data(count=24):
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 3
    values = np.eye(3, 6)[labels] * 2.0 + 0.3 * generator.normal(size=(count, 6))
    return Inputs(values=values, labels=labels, kind="inputs", origin="made up")


def trained():
    """A critical point, found by torch's own optimiser: nothing of ramodel's training."""
    network, points = built(), data()
    for layer in network[1:4]:
        nn.init.zeros_(layer.linear.weight)
    inputs, labels = torch.tensor(points.values), torch.tensor(points.labels)
    optimiser = torch.optim.LBFGS(
        network.parameters(), max_iter=4000, tolerance_grad=1e-11, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        decay = sum(weight.square().sum() for weight in network.parameters())
        value = nn.functional.cross_entropy(network(inputs), labels) + 0.5 * DECAY * decay
        value.backward()
        return value

    optimiser.step(closure)
    return network.eval()


def confronted(network, points=None, **options):
    settings = {"jacobian_decay": DECAY, "head_decay": DECAY, "embedding_decay": DECAY, "progress": False}
    subject = Subject(name="mine", network=network, fresh=lambda seed: built(seed=seed + 1), classes=3)
    return confront_network(subject, points or data(), **(settings | options))


@pytest.fixture(scope="module")
def critical():
    return confronted(trained())


def test_every_exact_statement_holds_at_a_critical_point_found_elsewhere(critical):
    exact = [check for check in critical.network.checks if check.comparison and check.comparison.kind != "empirical"]
    assert {check.statement for check in exact} == {"S1", "S2", "S5", "S9", "S16", "S17", "S18", "S19"}
    assert {check.comparison.verdict for check in exact} == {"holds"}
    assert critical.exit_code == 0
    controlled = [check.comparison for check in exact if check.comparison.control is not None]
    assert len(controlled) >= 12
    energy = next(check.comparison for check in exact if check.statement == "S16")
    assert energy.numeric < 100 * OPTIMISER
    assert critical.network.facts["blocks"] == "linear, 1 weight matrix"


def test_checks_that_do_not_apply_are_listed_with_the_reason(critical):
    unasked = {check.question: check.reason for check in critical.network.checks if check.comparison is None}
    assert unasked["rank found minus number of w_k^2 > rho"] == "blocks have no two weight matrices"
    assert all(unasked.values())


def test_other_decays_are_seen_to_be_no_stationary_point():
    found = confronted(trained(), head_decay=4 * DECAY)
    exact = [check for check in found.network.checks if check.comparison and check.comparison.kind == "exact"]
    assert [check.question for check in exact] == ["-<g_l, h_l> the same at every layer, spread"]
    head = next(check for check in found.network.checks if check.statement == "S1" and check.comparison)
    assert head.comparison.verdict == "does not hold"
    assert "not a stationary point" in head.reason


def test_norms_and_an_outer_activation():
    network = built(Normed).eval()
    found = confronted(network, untrained=False, embedding_decay=None).network
    assert found.facts["residual blocks"] == "3 in 1 stage, skip masked"
    assert found.facts["blocks"] == "nonlinear, 2 weight matrices, biases and norms"
    kinds = {check.comparison.kind for check in found.checks if check.comparison}
    assert kinds == {"empirical"}
    assert {check.statement for check in found.checks} >= {"S6", "S7", "S19", "RA1", "RA2", "RA3", "RA4"}
    assert any("levels without structure" in note for note in found.notes)
    rows = {row.claim: row for row in found.comparisons}
    assert rows["on a line: line-shape ratio"].control_name == "no structure"


class Homogeneous(Normed):
    """h + BN(B relu(A h)) without biases: 1-homogeneous in evaluation mode at the start, and not in training."""

    def __init__(self, width):
        super().__init__(width)
        self.inner = nn.Linear(width, width, bias=False)

    def forward(self, hidden):
        return hidden + self.norm(self.outer(torch.relu(self.inner(hidden))))


def test_batch_normalisation_is_not_homogeneous():
    """Else Euler's identity, which is about the objective, would seem to fail."""
    found = confronted(built(Homogeneous).eval(), untrained=False)
    reasons = {check.question: check.reason for check in found.network.checks}
    assert reasons["-<g_l, h_l> the same at every layer, spread"] == "blocks are not 1-homogeneous"
    assert reasons["energy of a block against its work, median error"] == "no decay falls on what ends the blocks"
    assert "question" in reasons["slope of 1/s_l against l is 1"]
    assert found.exit_code == 0
    decayed = confronted(built(Homogeneous).eval(), untrained=False, decay_norms=True).network
    assert any(row.claim == "energy of a block against its work, median error" for row in decayed.comparisons)


def test_a_norm_before_the_head_and_biases_are_no_exact_model():
    network = built()
    network.insert(4, nn.LayerNorm(5).double())
    reasons = {check.question: check.reason for check in confronted(network.eval(), untrained=False).network.checks}
    assert "something unknown" in reasons["-<g_l, h_l> against the energy of the head, largest error"]
    assert "something unknown" in reasons["energy of the embedding against that of the head"]
    assert reasons["slope of 1/s_l against l is 1"] == "no norm ends the branch, so decay is no transport cost"
    network = built()
    for block in network[1:4]:
        block.linear.bias = nn.Parameter(torch.ones(5).double())
        block.linear.weight.data -= 3.0 * torch.eye(5).double()
    reasons = {check.question: check.reason for check in confronted(network.eval(), untrained=False).network.checks}
    assert "blocks have biases" in reasons["blocks symmetric, largest |J - J^T|/|J|"]
    assert "another branch" in reasons["all blocks equal, largest departure from their mean"]


def test_without_labels_what_needs_them_says_so():
    points = data()
    unlabelled = Inputs(values=points.values, kind="inputs")
    found = confronted(built(), unlabelled).network
    reasons = {check.question: check.reason for check in found.checks}
    assert reasons["energy of the head against its work"] == "labels are not known"
    assert found.facts["labels"] == "unknown"


def test_a_network_without_a_linear_head_still_has_its_properties():
    found = confronted(built(head=False), untrained=False).network
    first, *rest = found.checks
    assert "no linear layer" in first.reason
    assert {check.statement for check in rest} == {"RA1", "RA2", "RA3", "RA4"}
    assert (
        confronted(built(), untrained=False, skip="none", blocks=["1", "2", "3"])
        .network.checks[0]
        .reason.startswith("its blocks have no skips")
    )


def test_the_last_operation_of_a_block_is_found():
    network = built(Normed).eval()
    seen = SubjectNetwork(network, list(network)[1:4], torch.tensor(data().values[:2]))
    assert seen.output_parameters(network[1]) == (network[1].norm.weight, network[1].norm.bias)
    assert seen.head is network[4]
    assert seen.embedding is network[0]
    gated = nn.Sequential(nn.Linear(6, 5), nn.TransformerEncoderLayer(5, 1, batch_first=True), nn.Linear(5, 3))
    found = SubjectNetwork(gated.double().eval(), [gated[1]], torch.tensor(data().values[:2]))
    assert found.output_parameters(gated[1]) == ()  # two summands, and a norm after them


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"jacobian_decay": 0.0}, "jacobian_decay is 0.0"),
        ({"head_decay": math.nan}, "head_decay is nan"),
        ({"embedding_decay": -1.0}, "embedding_decay is -1.0"),
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"blocks": ["9"]}, "9"),
    ],
)
def test_bad_arguments_are_refused(options, said):
    with pytest.raises((ValueError, TypeError), match=said):
        confronted(built(), **options)
