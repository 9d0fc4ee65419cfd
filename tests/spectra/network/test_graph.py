"""Skips read off the graph: what counts as the state carried to the output unchanged."""

import pytest
import torch
from torch import nn

from ramodel.spectra.network.evaluation import CastWeights, exact_autograd
from ramodel.spectra.network.graph import Graph, continues, leads_to, seen_skip
from ramodel.spectra.network.inputs import Batch
from ramodel.spectra.network.observation import NamedBlock, observe
from tests.spectra.networks import Branch, Network, inputs

F = nn.functional


class Step(nn.Module):
    """One block, written as a function of state and branch."""

    def __init__(self, rule):
        super().__init__()
        self.branch, self.norm, self.rule = Branch(5, nn.Tanh()), nn.LayerNorm(5), rule

    def forward(self, hidden):
        return self.rule(self, hidden, self.branch)


def visited(model, batch=None):
    watched = [NamedBlock(name, module) for name, module in model.named_modules() if name]
    with exact_autograd():
        found = observe(
            model, Batch.of(inputs() if batch is None else batch).on(model, torch.float64), watched,
            CastWeights(torch.float64), needed=(),
        )  # fmt: skip
    return {visit.name: visit for visit in found.visits}, found


RULES = {
    "h + f(h)": (lambda s, h, f: h + f(h), "inside"),
    "f(h) + h": (lambda s, h, f: f(h) + h, "inside"),
    "in place": (lambda s, h, f: f(h).add_(h), "inside"),
    "two branches": (lambda s, h, f: (h + f(h)) + f(s.norm(h + f(h))), "inside"),
    "h - f(h)": (lambda s, h, f: h - f(h), "inside"),
    "scaled branch": (lambda s, h, f: torch.add(h, f(h), alpha=0.1), "inside"),
    "layer scale": (lambda s, h, f: torch.addcmul(h, f(h), f(h)), "inside"),
    "views": (lambda s, h, f: (h.view(-1, 1, 5) + f(h)[:, None]).squeeze(1).clone(), "inside"),
    "copy": (lambda s, h, f: h.clone() + F.dropout(f(h), 0.5, False), "inside"),
    "number": (lambda s, h, f: (h + 1.0) + f(h), "inside"),
    "relu": (lambda s, h, f: F.relu(h + f(h)), "masked"),
    "relu in place": (lambda s, h, f: F.relu_(f(h).add_(h)), "masked"),
    "relu of views": (lambda s, h, f: F.relu((h + f(h)).view(-1, 5)).view(-1, 5), "masked"),
    "no skip": (lambda s, h, f: f(h), None),
    "relu alone": (lambda s, h, f: F.relu(h), None),
    "nothing": (lambda s, h, f: h, None),
    "f(h) - h": (lambda s, h, f: f(h) - h, None),
    "scaled state": (lambda s, h, f: torch.add(f(h), h, alpha=0.5), None),
    "multiplied state": (lambda s, h, f: 1.5 * h + f(h), None),
    "twice": (lambda s, h, f: h + h + f(h), None),
    "twice, in one sum": (lambda s, h, f: (lambda sum: sum + sum)(h + f(h)), None),
    "post-norm": (lambda s, h, f: s.norm(h + f(h)), None),
    "normed state": (lambda s, h, f: s.norm(h) + f(h), None),
    "turned": (lambda s, h, f: h.flip(1) + f(h), None),
    "gelu": (lambda s, h, f: F.gelu(h + f(h)), None),
    "relu6": (lambda s, h, f: F.relu6(h + f(h)), None),
    "relu first, in place": (lambda s, h, f: F.relu_(h) + f(h), None),
    "another shape": (lambda s, h, f: (h + f(h))[:, :4], None),
    "no graph": (lambda s, h, f: (h + f(h)).detach(), None),
}


@pytest.mark.parametrize("case", RULES)
def test_where_the_skip_is(case):
    rule, expected = RULES[case]
    visits, _ = visited(nn.Sequential(nn.Linear(5, 5), Step(rule)))
    assert seen_skip(visits["1"]).skip == expected


def test_the_last_step_is_named():
    names = {
        case: seen_skip(visited(nn.Sequential(Step(RULES[case][0])))[0]["0"]).last_step
        for case in ("post-norm", "nothing", "no graph", "gelu")
    }
    assert names["post-norm"] == "NativeLayerNorm"
    assert names["gelu"] == "Gelu"
    assert names["nothing"].startswith("none: it returns its input")
    assert "torch.no_grad" in names["no graph"]


class Chain(nn.Module):
    def __init__(self, rule):
        super().__init__()
        self.layers, self.rule = nn.ModuleList([nn.Linear(5, 5), nn.Linear(5, 5)]), rule

    def forward(self, hidden):
        for layer in self.layers:
            hidden = self.rule(hidden, layer(hidden))
        return {"states": (hidden, None)}


@pytest.mark.parametrize(
    ("rule", "adds", "step"),
    [
        (lambda h, f: h + f, True, "added"),
        (lambda h, f: f.view(-1, 5) + h, True, "added"),
        (lambda h, f: F.relu(h + f), True, "added"),
        (lambda h, f: f, False, "returned"),
        (lambda h, f: f.clone(), False, "returned"),
        (lambda h, f: h + 0.5 * f, False, None),
        (lambda h, f: F.gelu(h + f), True, None),
        (lambda h, f: h.detach() + f, False, None),
    ],
)
def test_what_the_network_does_with_a_block(rule, adds, step):
    visits, found = visited(Chain(rule))
    graph = Graph(found.result)
    assert [graph.adds(visit) for visit in visits.values()] == [adds, adds]
    assert continues(visits["layers.0"], visits["layers.1"]) == step
    assert leads_to(visits["layers.1"], visits["layers.0"])
    assert not leads_to(visits["layers.0"], visits["layers.1"])


def test_whole_networks_of_each_convention():
    for convention, expected in (("inside", "inside"), ("branch", None), ("none", None)):
        visits, found = visited(Network(convention))
        assert seen_skip(visits["blocks.1"]).skip == expected
        assert Graph(found.result).adds(visits["blocks.2"]) == (convention == "branch")
