"""Blocks found in networks of every build, and what is said where they cannot be."""

import pytest
import torch
from torch import nn

from ramodel.spectra.network import inspect
from tests.spectra.networks import Block, Branch, ImageNetwork, Network, TokenNetwork, images, inputs, tokens


def residual(width=5, skip=True):
    return Block(Branch(width, nn.Tanh()), skip)


def found(model, batch=None, **choices):
    stages = inspect(model, inputs() if batch is None else batch, **choices).stages
    return {stage.name: ([block.name for block in stage.blocks], stage.shape) for stage in stages}


class Attributes(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = residual(), residual()

    def forward(self, hidden):
        return self.second(self.first(hidden))


class Towers(nn.Module):
    """Two lists side by side, as encoder and decoder."""

    def __init__(self):
        super().__init__()
        self.left, self.right = (nn.Sequential(residual(), residual()) for _ in range(2))

    def forward(self, batch):
        return self.left(batch) + self.right(batch.flip(1))


class Nested(nn.Module):
    """Stages as modules of their own, with lists inside."""

    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([nn.Sequential(residual(), residual()), nn.Sequential(residual(), residual())])

    def forward(self, hidden):
        for stage in self.stages:
            hidden = stage(hidden)
        return hidden


class Inner(nn.Module):
    """A block with a list of residual modules on its branch."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(residual(), nn.Linear(5, 5))

    def forward(self, hidden):
        return hidden + self.layers(hidden)


def test_stages_of_images_are_kept_apart():
    network = ImageNetwork()
    inspection = inspect(network, images())
    assert found(network, images()) == {
        "layer1": (["layer1.0", "layer1.1"], (3, 6, 6)),
        "layer2": (["layer2.1", "layer2.2"], (4, 3, 3)),
    }
    assert inspection.notes[0].startswith("layer1: 2 blocks (PostActivationBlock), layer1.0 .. layer1.1, states")
    assert inspection.notes[2].startswith("layer2.0 (Sequential) is left out: it maps states of shape (3, 6, 6) to")


def test_layers_of_tokens_and_one_sample_alone():
    names = [f"layers.{i}" for i in range(3)]
    assert found(TokenNetwork(), tokens()) == {"layers": (names, (5, 4))}
    assert found(TokenNetwork(), tokens(1 + 1)[1:]) == {"layers": (names, (5, 4))}


def test_lists_in_lists():
    first = (["stages.0.0", "stages.0.1"], (5,))
    assert found(Nested()) == {"stages.0": first, "stages.1": (["stages.1.0", "stages.1.1"], (5,))}
    assert found(nn.Sequential(nn.Linear(5, 5), *Nested().stages)) == {
        "1": (["1.0", "1.1"], (5,)),
        "2": (["2.0", "2.1"], (5,)),
    }


def test_a_block_may_hold_blocks():
    assert found(nn.Sequential(Inner(), Inner())) == {"model": (["0", "1"], (5,))}


def test_what_stands_between_blocks_parts_them():
    inspection = inspect(nn.Sequential(residual(), nn.Tanh(), residual(), residual(), nn.Dropout()).eval(), inputs())
    assert [(stage.name, len(stage.blocks)) for stage in inspection.stages] == [("0", 1), ("2 .. 3", 2)]
    assert inspection.notes[-2:] == (
        "1 (Tanh) is left out: it shows no skip of its own.",
        "4 (Dropout) is left out: it shows no skip of its own.",
    )


def test_own_blocks_come_first():
    network = Network()
    network.blocks_of_the_head = nn.Sequential(residual(4), residual(4))
    network.head = nn.Sequential(network.blocks_of_the_head, network.head)
    assert list(found(network)) == ["blocks"]


def test_given_blocks_are_grouped_by_list_and_shape():
    network = ImageNetwork()
    branches = [f"layer1.{i}.branch" for i in range(2)]
    given = ["layer1.0", network.layer1[1], "layer2.2", *branches]
    assert found(network, images(), blocks=given) == {
        "layer1": (["layer1.0", "layer1.1"], (3, 6, 6)),
        "layer2": (["layer2.2"], (4, 3, 3)),
        "layer1.*.branch": (branches, (3, 6, 6)),
    }
    assert found(Attributes(), blocks=["first", "second"]) == {"model": (["first", "second"], (5,))}


def test_listed_blocks_that_cannot_be_are_refused():
    network = Network()
    for blocks, error, rule in [
        (
            ["blocks.9"],
            ValueError,
            r"blocks has 'blocks\.9'; Network has no module of that name; did you mean 'blocks\.",
        ),
        ([nn.Tanh()], ValueError, r"blocks has a Tanh that is not part of Network"),
        ([3], TypeError, r"blocks has an entry of type int"),
        ("blocks", TypeError, r"blocks is 'blocks'; it must be a list"),
        (network.blocks[0], TypeError, r"blocks is Block\("),
        ([], ValueError, r"blocks is empty"),
        (["blocks.0", network.blocks[0]], ValueError, r"blocks has 'blocks\.0' 2 times; list every module once"),
        (["blocks.0", "blocks.2"], ValueError, r"blocks 'blocks\.0' \.\. 'blocks\.2' do not follow one another"),
        (["blocks.0", "blocks"], ValueError, r"block 'blocks' was not called"),
        (["blocks.0", "head"], ValueError, r"block 'head' maps \(2, 4\) to \(2, 3\).*Leave it out of blocks"),
    ]:
        with pytest.raises(error, match=rule):
            inspect(network, inputs(), blocks=blocks)


class Overwriting(nn.Linear):
    def forward(self, hidden):
        return super().forward(nn.functional.relu_(hidden))


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Overwriting(5, 5), Overwriting(5, 5)])

    def forward(self, hidden):
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        return hidden


class Narrowing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(5, 4)])

    def forward(self, hidden):
        return self.layers[0](hidden)


class TwoPlainLists(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.ModuleDict({"0": nn.Sequential(nn.Linear(5, 5), nn.Tanh())})
        self.tail = nn.Sequential(nn.Linear(5, 5), nn.Tanh())

    def forward(self, hidden):
        return self.tail(self.body["0"](hidden))


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (Attributes(), r"These modules add to their input: say blocks=\['first', 'second'\], or some of them"),
        (nn.Linear(5, 5), r"^blocks is None and Linear has no ModuleList .*\. Pass the blocks, as modules or names\.$"),
        (Narrowing(), r"it has 'layers'\. Pass the blocks, as modules or names, such as blocks=\['layers\.0'\]\.$"),
        (InPlace(), r"change their input in place \('layers\.0'\) hide what is added: use inplace=False"),
        (
            Towers(),
            r"Towers has several lists of blocks, not in a row\. Say which to measure:\n"
            r"  blocks=model\.left  # 2 x Block, state \(5,\)\n  blocks=model\.right",
        ),
        (
            TwoPlainLists(),
            r"no list of blocks whose skip can be seen\. Say which to measure:\n"
            r"  blocks=model\.get_submodule\('body\.0'\)  # 2 x Linear, state \(5,\)\n  blocks=model\.tail",
        ),
    ],
)
def test_no_blocks_or_too_many_candidates(model, rule):
    with pytest.raises(ValueError, match=rule):
        inspect(model, inputs())


def test_what_the_error_says_to_type_works():
    towers = Towers()
    assert found(towers, blocks=towers.left) == {"left": (["left.0", "left.1"], (5,))}
    plain = TwoPlainLists()
    names = ["body.0.0", "body.0.1"]
    assert found(plain, blocks=plain.get_submodule("body.0"), skip="none") == {"body.0": (names, (5,))}


def test_a_block_called_twice_is_refused():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([residual()])

        def forward(self, hidden):
            return self.blocks[0](self.blocks[0](hidden))

    for blocks in (None, ["blocks.0"]):
        with pytest.raises(ValueError, match=r"block 'blocks\.0' is called twice"):
            inspect(Shared(), inputs(), blocks=blocks)


def test_a_compiled_network_is_looked_into():
    class Compiled(nn.Module):
        def __init__(self, network):
            super().__init__()
            self._orig_mod = network

    network = Network()
    assert inspect(Compiled(network), inputs()).model is network


def test_blocks_without_gradients_upstream():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(2, 2)
            self.layers = nn.ModuleList([residual(), residual()])

        def forward(self, tokens):
            hidden = nn.functional.one_hot(tokens, 5).double().sum(1)
            for layer in self.layers:
                hidden = layer(hidden)
            return hidden

    assert found(Counting(), torch.tensor([[1, 2], [3, 4]])) == {"layers": (["layers.0", "layers.1"], (5,))}


def test_members_of_a_dictionary():
    network = nn.Module()
    network.layers = nn.ModuleDict({"low": residual(), "high": residual()})
    network.forward = lambda hidden: network.layers["high"](network.layers["low"](hidden))
    names = {"layers": (["layers.low", "layers.high"], (5,))}
    assert found(network) == found(network, blocks=network.layers) == names


class Calling(nn.Module):
    """Calls its layers as `hand` says."""

    def __init__(self, hand):
        super().__init__()
        self.layers, self.hand = nn.ModuleList([residual(), residual()]), hand

    def forward(self, hidden):
        return self.hand(self.layers, hidden)


def sealed(layers, hidden):
    with torch.no_grad():
        return layers[1](layers[0](hidden))


def inferred(layers, hidden):
    with torch.inference_mode():
        return layers[0](hidden)


@pytest.mark.parametrize(
    ("hand", "rule"),
    [
        (lambda layers, hidden: layers[0](layers[0](hidden)), r"'layers\.0' is called twice.*module of its own"),
        (sealed, r"'layers\.0' computes under torch\.no_grad"),
        (inferred, r"returns a tensor made under torch\.inference_mode, which has no derivative; take that off"),
    ],
)
def test_what_keeps_a_list_from_being_found(hand, rule):
    with pytest.raises(ValueError, match=rule):
        inspect(Calling(hand), inputs())


def test_what_goes_on_inside_of_vmap_is_left_alone():
    network = Calling(lambda layers, hidden: hidden + torch.func.vmap(layers[1].branch)(layers[0](hidden)))
    assert found(network) == {"layers": (["layers.0"], (5,))}
