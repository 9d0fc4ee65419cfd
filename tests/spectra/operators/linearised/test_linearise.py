"""Recorded operators against one backward pass for each row; what is not recognised says why."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from ramodel.spectra.operators.linearised import linearise
from tests.spectra.operators.blocks import BLOCKS, Residual, Scaled, built, called, normal
from tests.spectra.operators.linearised.steps import (
    IMAGE,
    REFUSED,
    SEQUENCE,
    VECTOR,
    WRITTEN,
    Sine,
    Step,
    StraightThrough,
    attention,
    jacobians,
    prefixed,
    weight,
    without_gradient,
)
from tests.strategies import seeds
from tests.tolerances import PRODUCTS

STEPS = {
    **{name: (function, (4,)) for name, function in VECTOR.items()},
    **{name: (function, (2, 4, 4)) for name, function in IMAGE.items()},
    **{name: (function, (3, 4)) for name, function in SEQUENCE.items()},
}
WITHOUT_RULE = {"same", "down and up", "pooled", "dynamic"}


def close(measured, expected):
    return measured.shape == expected.shape and torch.allclose(
        measured, expected, rtol=0.0, atol=PRODUCTS * max(1.0, float(expected.abs().max()))
    )


def shown(operator):
    """Return J as products with the columns, and with the rows, of the identity show it, in state order."""
    rows = torch.eye(operator.output_size, dtype=operator.dtype).expand(operator.problems, -1, -1)
    columns = torch.eye(operator.input_size, dtype=operator.dtype).expand(operator.problems, -1, -1)
    in_rows = operator.in_output_order(operator.in_input_order(operator.rmatvec(rows)).mT).mT
    in_columns = operator.in_input_order(operator.in_output_order(operator.matvec(columns)).mT)
    return in_rows, in_columns


def same_token(whole, tokens):
    """Return the blocks J[t, t] of the Jacobians of sequences, inputs first."""
    blocks = whole.unflatten(1, (tokens, -1)).unflatten(3, (tokens, -1))
    return torch.stack([blocks[:, t, :, t] for t in range(tokens)], dim=1).flatten(0, 1)


@pytest.mark.parametrize("name", STEPS)
def test_every_step(name):
    function, shape = STEPS[name]
    state = normal(3, *shape)
    operator = linearise(called(Step(function), state))
    assert not isinstance(operator, str), operator
    expected = jacobians(Step(function), state)
    for measured in shown(operator):
        assert close(measured, expected)


@pytest.mark.parametrize("name", BLOCKS)
def test_every_block(name):
    module, shape = built(name)
    state = normal(2, *shape)
    operator = linearise(called(module, state))
    assert isinstance(operator, str) == (name in WITHOUT_RULE)
    if not isinstance(operator, str):
        for measured in shown(operator):
            assert close(measured, jacobians(module, state))


@pytest.mark.parametrize("name", SEQUENCE)
def test_same_token(name):
    module, state = Step(SEQUENCE[name]), normal(2, 3, 4)
    operator = linearise(called(module, state), "diagonal")
    expected = same_token(jacobians(module, state), 3)
    for measured in shown(operator):
        assert close(measured, expected)


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_recognised_says_why(reason):
    call = called(nn.Identity(), normal(3, 4))
    object.__setattr__(call, "module", Step(REFUSED[reason]))
    assert reason in linearise(call)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_to_after_use(name):
    def written(hidden):
        used, write, target = WRITTEN[name](hidden * 2.0)
        write(target)
        return torch.cat([used.flatten(1), target.flatten(1)], dim=1)

    def anew(hidden):
        used, write, target = WRITTEN[name](hidden * 2.0)
        return torch.cat([used.flatten(1), write(target.clone()).flatten(1)], dim=1)

    state = normal(3, 4)
    operator = linearise(called(Step(written), state))
    for measured in shown(operator):
        assert close(measured, jacobians(Step(anew), state))


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.branch = kind(4, 2, bidirectional=True, **options)

    def forward(self, hidden):
        return hidden + self.branch(hidden)[0]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("samples", [1, 2])
def test_recurrent_networks(kind, samples):
    torch.manual_seed(0)
    module, state = Recurrent(kind, batch_first=True).double().eval(), normal(samples, 3, 4)
    operator = linearise(called(module, state))
    expected = jacobians(module, state)
    for measured in shown(operator):
        assert close(measured, expected)
    assert close(operator.select(torch.tensor([samples - 1])).dense(), expected[-1:])
    assert isinstance(linearise(called(module, state), "diagonal"), str)


def hops(hidden):
    weights = torch.softmax(hidden @ hidden.mT, dim=-1)
    return weights @ (weights @ hidden)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda h: attention(attention(h)), "attended to each other"),
        (prefixed, "torch.cat works across its samples or tokens"),
        (hops, "attended to each other"),
        (lambda h: (h @ h.mT) @ (h @ h.mT) @ h, "attended to each other"),
        (lambda h: torch.softmax(h @ h.mT, dim=-2) @ h, "softmax over its samples or tokens"),
        (lambda h: torch.einsum("ntd,tde->nte", h, weight(3, 4, 4)), "for each token apart from its samples"),
    ],
)
def test_same_token_jacobians_that_need_other_tokens(step, reason):
    state = normal(2, 3, 4)
    assert reason in linearise(called(Step(step), state), "diagonal")
    assert close(linearise(called(Step(step), state)).dense(), jacobians(Step(step), state))


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("shape", [(), (2, 2), (1, 2, 2)])
def test_same_token_jacobians_of_any_output(samples, shape):
    state = normal(samples, 3, 4)
    module = Step(lambda h: h.square().sum(-1) if not shape else h.square().unflatten(-1, shape))
    operator = linearise(called(module, state), "diagonal")
    for measured in shown(operator):
        assert close(measured, same_token(jacobians(module, state), 3))


@pytest.mark.parametrize("function", [lambda h: h / len(h), lambda h: h * (h > 0).sum()])
def test_one_sample_is_recorded_twice_which_must_not_matter(function):
    assert "does not return what it returned" in linearise(called(Step(function), normal(1, 4)))


@pytest.mark.parametrize("step", [StraightThrough.apply, without_gradient])
@pytest.mark.parametrize("skip", ["inside", "branch"])
def test_where_numbers_and_autograd_part_it_is_refused(step, skip):
    call = called(Step(lambda h: h * step(h)), normal(3, 4), skip)
    assert "another way than automatic differentiation" in linearise(call)


@pytest.mark.parametrize("skip", ["inside", "branch", "masked"])
@pytest.mark.parametrize("shape", [(4,), (2, 2, 3)])
def test_a_backward_pass_of_its_own_that_is_right_is_taken(skip, shape):
    state = normal(3, *shape)
    call = called(Step(lambda h: (h + Sine.apply(h)).relu()), state, skip)
    expected = jacobians(call.module, state) - torch.diag_embed((call.identity * torch.ones_like(state)).flatten(1))
    for measured in shown(linearise(call)):
        assert close(measured, expected)


def test_tokens_need_a_sequence_and_steps_of_their_own():
    assert "tokens need [N, T, d]" in linearise(called(nn.Identity(), normal(2, 4)), "diagonal")
    call = called(nn.Identity(), normal(2, 3, 4))
    assert "samples or tokens" in linearise(called(Step(lambda h: h - h.mean(1, keepdim=True)), call.state), "diagonal")
    assert "sums over its samples or tokens" in linearise(
        called(Step(lambda h: torch.ones(3, 3, dtype=h.dtype) @ h), call.state), "diagonal"
    )


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("shape", [(1, 4), (3, 1)])
def test_axes_of_size_one(samples, shape):
    module = nn.TransformerEncoderLayer(shape[1], 1, 6, batch_first=True, norm_first=True).double().eval()
    state = normal(samples, *shape)
    expected = jacobians(module, state)
    assert close(linearise(called(module, state)).dense(), expected)
    assert close(linearise(called(module, state), "diagonal").dense(), same_token(expected, shape[0]))


def test_other_arguments_go_with_their_samples():
    module, state = Scaled(4).double(), normal(3, 4)
    keywords = {"hidden": None, "scale": normal(3, 1, seed=1)}
    call = called(
        module,
        state,
        arguments=(normal(4, seed=2),),
        keywords=keywords,
        places=("hidden",),
        per_sample={"scale": 1},
    )
    slope = 1 - call.output.square()
    expected = (slope * keywords["scale"])[:, :, None] * module.linear.weight.detach()
    assert close(linearise(call).dense(), expected)
    assert close(linearise(call).select(torch.tensor([2])).dense(), expected[[2]])


class PreNorm(nn.Module):
    def __init__(self, width, *, small):
        super().__init__()
        self.small = small
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.inner, self.outer = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def branch(self, hidden):
        added = self.small * functional.gelu(self.norms[0](hidden))
        return added + self.small * self.outer(functional.silu(self.inner(self.norms[1](hidden + added))))

    def forward(self, hidden):
        hidden = hidden + self.small * functional.gelu(self.norms[0](hidden))
        return hidden + self.small * self.outer(functional.silu(self.inner(self.norms[1](hidden))))


def test_a_skip_is_taken_out_without_cancellation():
    """A branch 1e-12 times its state keeps all its digits: I + J is never formed."""
    module, state = PreNorm(4, small=1e-12).double(), normal(2, 4)
    expected = jacobians(Step(module.branch), state)
    measured = linearise(called(module, state, "inside")).dense()
    assert float((measured - expected).abs().max()) <= PRODUCTS * float(expected.abs().max())


@pytest.mark.parametrize(
    ("skip", "module"),
    [
        ("inside", Residual(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4))),
        ("masked", Residual(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 4), relu=True)),
        ("inside", nn.Sequential(Residual(nn.Linear(4, 4)), nn.LayerNorm(4))),
        ("masked", nn.Sequential(Residual(nn.Linear(4, 4)), nn.GELU(), nn.ReLU())),
        ("inside", nn.Identity()),
        ("inside", nn.Linear(4, 4)),
        ("inside", Step(lambda h: h + h + h.sin())),
        ("inside", Step(torch.ones_like)),
        ("branch", Step(torch.ones_like)),
    ],
)
@pytest.mark.parametrize("samples", [1, 3])
def test_conventions(skip, module, samples):
    state = normal(samples, 4)
    call = called(module.double().eval(), state, skip)
    taken = call.identity * torch.ones_like(state)
    varying = Step(lambda h: module(h) + 0 * h)
    expected = jacobians(varying, state) - torch.diag_embed(taken)
    for measured in shown(linearise(call)):
        assert close(measured, expected)


def test_the_output_must_be_like_the_state_where_the_identity_comes_off():
    call = called(nn.Linear(4, 3).double(), normal(2, 4), "inside")
    assert "output has shape (2, 3)" in linearise(call)


def test_the_block_and_its_state_stay_as_they_were():
    module, state = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4), nn.ReLU(inplace=True)).double(), normal(2, 4)
    call = called(module, state.clone())
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    operator = linearise(call)
    vectors = normal(2, 1, 4, seed=3)
    operator.matvec(vectors)
    assert torch.equal(call.state, state)
    assert torch.equal(vectors, normal(2, 1, 4, seed=3))
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


LAYERS = {
    "linear": lambda h: functional.linear(h, torch.full((4, 4), 0.3, dtype=h.dtype) - torch.eye(4, dtype=h.dtype)),
    "relu": torch.relu,
    "gelu": functional.gelu,
    "norm": lambda h: functional.layer_norm(h, (4,)),
    "skip": lambda h: h + torch.tanh(h.flip(-1)),
    "gate": lambda h: h * torch.sigmoid(h.roll(1, -1)),
    "halves": lambda h: torch.cat([h[..., 2:] * 2, -h[..., :2]], dim=-1),
    "scale": lambda h: h / 3 + 1,
    "powers": lambda h: (h.square() + 0.1).pow(0.7) / (2 + h.sin()),
    "where": lambda h: torch.where(h > h.roll(1, -1), h, h.sin()).masked_fill(h > 2, 0.5),
    "sums": lambda h: h - h.unsqueeze(1).sum(1) * h.mean(-1, keepdim=True),
    "written to": lambda h: (h + 1).add_(h.sin(), alpha=0.5).mul_(3.0).relu_(),
    "einsum": lambda h: torch.einsum("nij,njk,kl->nil", h.view(-1, 2, 2), h.view(-1, 2, 2).cos(), weight(2, 2)).flatten(
        1
    ),
    "expanded": lambda h: h.expand(1, -1, -1).mT.squeeze(0).T.clone().unflatten(1, (2, -1)).mT.reshape(len(h), 4),
    "chosen": lambda h: h * torch.nn.functional.one_hot(h.argmax(-1), 4) + weight(4, 4)[h.argmin(-1)] * h,
    "refused": lambda h: h.cumsum(-1),
    "attention": lambda h: torch.softmax(h.unsqueeze(-1) @ h.unsqueeze(-2), dim=-1).matmul(h.unsqueeze(-1)).squeeze(-1),
}


@given(names=st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=5), inside=st.booleans(), seed=seeds)
@settings(max_examples=40, deadline=None)
def test_any_composition(names, inside, seed):
    def block(hidden):
        result = hidden
        for name in names:
            result = LAYERS[name](result)
        return hidden + result if inside else result

    state = normal(2, 4, seed=seed)
    operator = linearise(called(Step(block), state, "inside" if inside else "branch"))
    assert isinstance(operator, str) == ("refused" in names), operator
    if isinstance(operator, str):
        return
    expected = jacobians(Step(block), state) - (torch.eye(4, dtype=state.dtype) if inside else 0.0)
    for measured in shown(operator):
        assert close(measured, expected)
    for sample in range(2):
        assert close(shown(operator.select(torch.tensor([sample])))[1], expected[[sample]])
