"""What cannot be measured is refused with the way out; the rest is left as it was."""

import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from ramodel.spectra import states
from ramodel.spectra.network import inspect, record, refuse_unmeasurable, untouched
from tests.spectra.networks import ImageNetwork, Network, TokenNetwork, images, inputs, tokens

MODELS = [(Network, inputs), (ImageNetwork, images), (TokenNetwork, tokens)]


def snapshot(network):
    return {
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()],
        "modes": [m.training for m in network.modules()],
        "parameters": [
            (p.requires_grad, p.dtype, p.data_ptr(), p._version, None if p.grad is None else p.grad.sum().item())
            for p in network.parameters()
        ],
        "buffers": [(b.data_ptr(), b._version) for b in network.buffers()],
    }


@pytest.mark.parametrize(("build", "batch"), MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_left_as_it_was(build, batch, dtype, fails):
    network = build()
    first = next(network.parameters()).requires_grad_(False)
    network.head.train()
    network.head.weight.grad = torch.ones_like(network.head.weight)
    network.head.register_forward_hook(lambda module, arguments, output: None)
    before, weights = snapshot(network), copy.deepcopy(network.state_dict())
    block = inspect(network, batch(), dtype=dtype).blocks[-1].module
    original = block.forward

    def forward(*arguments, **keywords):
        network.head.eval()
        first.requires_grad_(True)
        if fails:
            raise RuntimeError("told to fail")
        return original(*arguments, **keywords)

    inspection = inspect(network, batch(), dtype=dtype)
    block.forward = forward
    expected = pytest.raises(RuntimeError, match="told to fail") if fails else nullcontext()
    with expected, untouched(network):
        record(network, batch(), inspection, dtype)
    del block.forward
    assert snapshot(network) == before
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())


def test_what_a_forward_notes_down_is_forgotten():
    class Rescaling(nn.Linear):
        rescaled = None

        def forward(self, hidden):
            if not self.rescaled:
                with torch.no_grad():
                    self.weight.div_(2.0)
            self.rescaled = True
            return super().forward(hidden)

    network = Network()
    network.head = Rescaling(4, 3).eval()
    network.head.rescaled = False
    for _ in range(2):
        with pytest.raises(ValueError, match=r"writes to its own 'head\.weight'.*call the network if one"):
            states(network, inputs())
        assert network.head.rescaled is False
    network(inputs().float())
    assert states(network, inputs()).shape == (4, 6, 4)


def test_a_forward_that_writes_to_its_weights_is_named():
    network = Network()
    with pytest.raises(RuntimeError, match=r"writes to its own weight 'head\.bias'"), untouched(network):
        network.head.bias.detach().add_(1.0)


def test_other_things_than_networks_and_lazy_ones():
    with pytest.raises(TypeError, match=r"^model is of type function; it must be a torch"), untouched(inputs):
        pass
    with pytest.raises(ValueError, match="a lazy module"):
        states(nn.Sequential(nn.LazyLinear(3)), torch.ones(2, 3))


class Attending(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.attention_dropout = dropout


class Checkpointed(nn.Module):
    gradient_checkpointing = True


class Recomputed(nn.Module):
    grad_checkpointing = True


class Unnormalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.norm.running_var[1] = torch.inf


class Buffered(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.register_buffer("mask", torch.full((2, 2), value))


def quantised():
    module = nn.Module()
    module.weight = nn.Parameter(torch.zeros(2, dtype=torch.int8), requires_grad=False)
    return module


def eight_bits():
    module = nn.Module()
    module.register_buffer("weight", torch.zeros(2).to(torch.float8_e4m3fn))
    return module


def infinite():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[0, 1] = -torch.inf
    return layer


REFUSED = {
    "batch norm": (
        nn.BatchNorm1d(3),
        ValueError,
        r"BatchNorm1d on batch statistics: samples mix\. Call model\.eval\(\)",
    ),
    "no statistics": (nn.BatchNorm1d(3, track_running_stats=False).eval(), ValueError, "Give it running statistics"),
    "bad statistics": (Unnormalised().eval(), ValueError, "running statistics of '0.norm' hold .* not finite"),
    "dropout": (nn.Dropout(0.1), ValueError, r"active Dropout: its output is random\. Call model\.eval\(\)"),
    "rrelu": (nn.RReLU(), ValueError, r"active RReLU: its output is random"),
    "functional dropout": (Attending(0.1), ValueError, r"training mode with attention_dropout = 0\.1.*model\.eval\(\)"),
    "attention": (nn.MultiheadAttention(4, 2, dropout=0.2), ValueError, r"training mode with dropout = 0\.2"),
    "checkpointing": (Checkpointed(), ValueError, r"gradient checkpointing.*Call model\.eval\(\)"),
    "recomputation": (Recomputed().eval(), ValueError, r"gradient checkpointing.*set_grad_checkpointing\(False\)"),
    "lazy": (nn.LazyLinear(3), ValueError, r"not there yet \(a lazy module\); call the network once"),
    "meta": (nn.Linear(2, 2, device="meta"), ValueError, "on the meta device, without numbers; load the weights"),
    "int8": (quantised(), ValueError, r"is quantised \(of type torch\.int8\).*before quantising"),
    "float8": (eight_bits(), ValueError, r"is quantised \(of type torch\.float8_e4m3fn\)"),
    "weight": (infinite(), ValueError, r"weight '0\.weight' holds a number that is not finite"),
    "buffer": (Buffered(torch.nan), ValueError, r"weight '0\.mask' holds a number that is not finite"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_the_way_out(case):
    module, error, rule = REFUSED[case]
    with pytest.raises(error, match=rule):
        refuse_unmeasurable(nn.Sequential(module).train(module.training))


@pytest.mark.parametrize(
    "module",
    [
        nn.Dropout(0.1).eval(),
        nn.Dropout(0.0),
        Attending(0.0),
        Attending(0.1).eval(),
        Checkpointed().eval(),
        nn.BatchNorm1d(3).eval(),
        nn.MultiheadAttention(4, 2),
        Buffered(-torch.inf),
    ],
)
def test_harmless_modules_pass(module):
    network = nn.Sequential(module)
    network.training = module.training
    refuse_unmeasurable(network)


def test_wrappers_and_other_things():
    with pytest.raises(TypeError, match=r"^model is of type list; it must be a torch\.nn\.Module"):
        refuse_unmeasurable([nn.Tanh()])
    with pytest.raises(TypeError, match=r"^model is a DataParallel; pass the network that it wraps"):
        refuse_unmeasurable(nn.DataParallel(nn.Tanh()))


def test_torchscript_and_quantised_modules():
    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        script = torch.jit.script(nn.Tanh())
    with pytest.raises(TypeError, match=r"TorchScript"):
        refuse_unmeasurable(nn.Sequential(script))
    with pytest.raises(ValueError, match=r"quantised Linear, without derivative"):
        refuse_unmeasurable(nn.Sequential(type("Linear", (nn.Module,), {"__module__": "torch.ao.nn.quantized"})()))
