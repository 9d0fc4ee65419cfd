"""Functions of a batch of states, one for every kind of step that has a linear rule, and some that have none."""

import torch
from torch import nn
from torch.nn import functional


class Step(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, hidden):
        return self.function(hidden)


def jacobians(module, state):
    """Return the Jacobians [N, m, n], one row of one sample at a time."""

    def of_one(vector):
        output = module(vector.reshape(1, *state.shape[1:]).clone())
        return (output[0] if isinstance(output, tuple) else output).flatten()

    return torch.stack([torch.autograd.functional.jacobian(of_one, sample.flatten()) for sample in state])


def weight(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def attention(hidden, *, heads=2, causal=False, mask=None, written_out=False, keys=2, **options):
    """Self-attention without weights of its own; `keys` heads of keys and values."""
    tokens, width = hidden.shape[1:]
    size = width // heads
    mixed = functional.linear(hidden, weight((heads + 2 * keys) * size, width))
    query, key, value = mixed.split([heads * size, keys * size, keys * size], dim=-1)
    query = query.view(-1, tokens, heads, size).transpose(1, 2)
    key, value = (part.view(-1, tokens, keys, size).transpose(1, 2) for part in (key, value))
    if written_out:
        scores = query @ key.transpose(-2, -1) / size**0.5
        if causal:
            scores = scores.masked_fill(torch.ones(tokens, tokens).tril() == 0, float("-inf"))
        result = torch.softmax(scores, dim=-1) @ value
    else:
        result = functional.scaled_dot_product_attention(query, key, value, mask, is_causal=causal, **options)
    return result.transpose(1, 2).reshape(-1, tokens, width)


def in_place(hidden):
    doubled = hidden * 2
    doubled += hidden.sin()
    return doubled.neg_().relu_()


def unbound(hidden):
    first, second = functional.linear(hidden, weight(8, 4)).reshape(-1, 2, 4).permute(1, 0, 2).unbind(0)
    return first * second


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden):
        return hidden.round()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Sine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden):
        ctx.save_for_backward(hidden)
        return hidden.sin()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0].cos()


def without_gradient(hidden):
    with torch.no_grad():
        size = hidden.abs().mean(-1, keepdim=True)
    return hidden / size


def turned(hidden):
    """Rotary embedding in complex numbers."""
    pairs = torch.view_as_complex(hidden.reshape(*hidden.shape[:-1], -1, 2)) * torch.polar(weight(2).abs(), weight(2))
    return torch.view_as_real(pairs).flatten(-2)


def met_before(hidden):
    factor = weight(4)
    once = hidden * factor
    factor.add_(1.0)
    return once + hidden * factor


def written_through_detach(hidden):
    doubled = hidden * 2
    constant = doubled.detach()
    doubled.relu_()
    return doubled * constant


def heads(hidden):
    """Queries, keys and values [N, heads, T, size] of two heads."""
    return [
        part.unflatten(-1, (2, 2)).transpose(1, 2) for part in functional.linear(hidden, weight(12, 4)).chunk(3, -1)
    ]


def rotary(hidden):
    query, key, value = heads(hidden)
    angles = torch.arange(3.0, dtype=hidden.dtype)[:, None] * torch.tensor([1.0, 0.1], dtype=hidden.dtype)

    def turned(part):
        return part * angles.cos() + torch.cat([-part[..., 1:], part[..., :1]], dim=-1) * angles.sin()

    mixed = torch.softmax(turned(query) @ turned(key).mT, dim=-1) @ value
    return mixed.transpose(1, 2).flatten(2)


def relative(hidden):
    """Biases by distance, talking heads, einsum."""
    query, key, value = heads(hidden)
    distance = torch.arange(3)[:, None] - torch.arange(3) + 2
    scores = torch.einsum("nhtd,nhsd->nhts", query, key) + weight(5, 2)[distance].permute(2, 0, 1)
    weights = torch.einsum("nhts,gh->ngts", scores, weight(2, 2)).softmax(-1)
    return torch.einsum("nhts,nhsd->nthd", weights, value).flatten(2)


def prefixed(hidden):
    """Keys and values of its own, beside those of the tokens; of which one more is attended to in vain."""
    query, key, value = functional.linear(hidden, weight(12, 4)).chunk(3, -1)
    scores = torch.cat([query @ weight(2, 4).T, query @ key.mT, weight(3, 1).expand(len(hidden), -1, -1)], dim=-1)
    weights = torch.softmax(scores, dim=-1)
    return weights[..., 2:-1] @ value + weights[..., :2] @ weight(2, 4)


VECTOR = {
    "activations": lambda h: functional.gelu(h) + functional.silu(h) * torch.tanh(h) - functional.softplus(h).sigmoid(),
    "leaky": lambda h: functional.leaky_relu(h) + functional.elu(h) + functional.hardswish(h) + h.clamp(-0.5, 0.7),
    "prelu": lambda h: functional.prelu(h, weight(1).abs()),
    "arithmetic": lambda h: (2 - h) * 3 / (1 + h * h) - h / 4 + (-h).exp() ** 2 + torch.add(h, h, alpha=0.5),
    "gated": lambda h: functional.glu(functional.linear(h, weight(8, 4)), dim=-1),
    "where": lambda h: torch.where(h > 0, h.square(), h.abs().sqrt()).masked_fill(h > 1, 3.0),
    "joined": lambda h: torch.cat([h[:, 1:3].sin(), torch.ones_like(h[:, :1]), h[:, ::3]], dim=1),
    "stacked": lambda h: torch.stack([h, h * h], dim=1).mean(1) + torch.stack([h, h.cos()], dim=-1).sum(-1),
    "chunks": lambda h: torch.cat(functional.linear(h, weight(9, 4)).chunk(3, dim=-1)[::-1], dim=-1),
    "unbound": unbound,
    "rearranged": lambda h: h.flip(-1).roll(1, -1).unflatten(1, (2, 2)).mT.flatten(1).unsqueeze(1).squeeze(1),
    "padded": lambda h: functional.pad(h, (1, 2)).repeat(1, 2)[:, 2:9].narrow(1, 1, 4),
    "expanded": lambda h: (h.unsqueeze(1) * h.sin().unsqueeze(2)).flatten(1) + weight(16),
    "broadcast": lambda h: h + h.mean(-1, keepdim=True) * weight(1, 4),
    "einsum": lambda h: torch.einsum("ni,nj,jk->nik", h, h, weight(4, 4)).flatten(1),
    "matrices": lambda h: (h.view(-1, 2, 2) @ h.view(-1, 2, 2).mT @ weight(2, 3)).flatten(1),
    "weights of its own": lambda h: (
        functional.linear(h.unsqueeze(1), weight(3, 4)) @ weight(3, 2)
        + functional.linear(weight(3, 4), h).T.unsqueeze(1).mean(-1, keepdim=True)
    ),
    "constant on the left": lambda h: (weight(5, 2) @ h.view(-1, 2, 2)).flatten(1),
    "addmm": lambda h: torch.addmm(weight(3), h, weight(4, 3), beta=0.5, alpha=2.0),
    "softmax": lambda h: torch.softmax(h.view(-1, 2, 2), dim=1).flatten(1),
    "norms": lambda h: functional.layer_norm(h, (4,), weight(4), weight(4)) + functional.rms_norm(h, (4,), weight(4)),
    "two linear": lambda h: functional.linear(functional.linear(h, weight(7, 4)), weight(4, 7), weight(4)),
    "in place": in_place,
    "sums of one": lambda h: h.unsqueeze(1).sum(1) * h[:, None].mean(1, keepdim=True).flatten(1),
    "leading axes of one": lambda h: h.expand(1, -1, -1)[0].sin() + (h.cos() * weight(1, 1, 4)).squeeze(0),
    "reversed difference": lambda h: torch.rsub(h, h.sin(), alpha=3.0) + torch.lerp(h, h.sin(), h.cos()),
    "powers": lambda h: (h.abs() + 0.1) ** h + 2.0**h / (2 + h.sin()) + torch.maximum(h, h.flip(-1)) % 0.7,
    "integers": lambda h: (
        h * functional.one_hot(h.argmax(-1), 4) + h * weight(4, 4)[h.argmin(-1)] * (h > 0).sum(-1, True)
    ),
    "matrix of each sample": lambda h: (h[:, None] @ weight(4, 4, 4)[h.argmax(-1)])[:, 0],
    "joined with nothing": lambda h: torch.cat([torch.zeros(0, dtype=h.dtype), h.sin()], dim=1),
    "one number": lambda h: torch.einsum("ni,ni->n", h, h.sin()),
    "stop gradient": lambda h: h * h.detach(),
    "dropout in eval": lambda h: functional.dropout(h, 0.5, training=False).sin(),
}
IMAGE = {
    "strided": lambda h: functional.conv2d(h, weight(3, 2, 3, 3), stride=2, padding=1),
    "grouped": lambda h: functional.conv2d(h, weight(4, 1, 3, 3), padding=(2, 1), dilation=(2, 1), groups=2),
    "padded beyond the kernel": lambda h: functional.conv2d(h, weight(2, 2, 2, 2), weight(2), padding=2),
    "same": lambda h: functional.conv2d(h, weight(2, 2, 3, 3), padding="same"),
    "scaled before and after": lambda h: (
        functional.conv2d(h * weight(2, 1, 1), weight(4, 1, 1, 1), groups=2) * weight(4, 1, 1)
    ),
    "group norm": lambda h: functional.group_norm(h, 2, weight(2), weight(2)),
    "pooled": lambda h: functional.avg_pool2d(h, 3, stride=1, padding=1) + functional.adaptive_avg_pool2d(h, 1),
    "squeeze and excite": lambda h: (
        h * torch.sigmoid(functional.linear(h.mean((2, 3)), weight(2, 2)))[:, :, None, None]
    ),
    "batch norm": lambda h: functional.batch_norm(h, weight(2), weight(2).abs(), weight(2), weight(2)),
    "flattened": lambda h: functional.linear(h.flatten(1), weight(5, 32)),
    "conv1d": lambda h: functional.conv1d(h.flatten(2), weight(3, 2, 3), padding=1, dilation=2),
}
SEQUENCE = {
    "attention": attention,
    "causal": lambda h: attention(h, causal=True),
    "written out": lambda h: attention(h, causal=True, written_out=True),
    "additive mask": lambda h: attention(h, mask=weight(3, 3)),
    "grouped queries": lambda h: attention(h, keys=1, enable_gqa=True, scale=0.3),
    "nobody to attend to": lambda h: attention(h, mask=torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1]]).bool()),
    "two attentions": lambda h: attention(h) * attention(h.sin(), causal=True),
    "rotary": rotary,
    "relative": relative,
    "merged axes": lambda h: torch.addmm(weight(4), h.reshape(-1, 4), weight(4, 4)).view(h.shape).tanh(),
    "inside each token": lambda h: (h.view(-1, 3, 2, 2) @ h.view(-1, 3, 2, 2)).flatten(2),
    "positions": lambda h: h * weight(3, 1) + weight(3, 4),
    "tokens first": lambda h: (h.transpose(0, 1) * weight(3, 1, 4)).transpose(0, 1),
    "a matrix for each token": lambda h: (h.view(-1, 3, 2, 2) @ weight(3, 2, 2)).flatten(2),
}
"""Token-wise but for attention, so that the same-token Jacobians have analytic operators too."""

WRITTEN = {
    "layer norm": lambda g: (functional.layer_norm(g, (4,)), torch.Tensor.sin_, g),
    "softmax": lambda g: (torch.softmax(g, -1), torch.Tensor.exp_, g),
    "its own softmax": lambda g: (lambda p: (p * g.cos(), torch.Tensor.square_, p))(torch.softmax(g, -1)),
    "product": lambda g: (g * g.sin(), torch.Tensor.exp_, g),
    "matrices": lambda g: ((g.view(-1, 2, 2) @ g.sin().view(-1, 2, 2)).flatten(1), torch.Tensor.neg_, g),
    "left matrix": lambda g: (lambda a: (a @ g.sin().view(-1, 2, 2), torch.Tensor.exp_, a))(g.view(-1, 2, 2) * 2.0),
    "right matrix": lambda g: (lambda a: (g.sin().view(-1, 2, 2) @ a, torch.Tensor.exp_, a))(g.view(-1, 2, 2) * 2.0),
    "dropout in eval": lambda g: (g.clone(), torch.Tensor.relu_, functional.dropout(g, 0.5, training=False)),
}
"""What uses a value, and what is then written to it: autograd refuses some of these."""

REFUSED = {
    "computes with complex numbers": turned,
    "computes in torch.float32, with a state in torch.float64": lambda h: h.type("torch.FloatTensor") * h,
    "as numbers of another kind": lambda h: h.view(torch.int64).double() * h,
    "a constant that its state has met before": met_before,
    "reads a view of a tensor that was written": written_through_detach,
    "draws at random": lambda h: functional.rrelu(h, training=True),
    "does not return what it returned": lambda h: h * torch.rand(4, dtype=h.dtype),
    "part without entries": lambda h: torch.cat([h[:, :0], h], dim=1),
    "torch.roll on the flattened state": lambda h: torch.roll(h, 1, ()),
    "recording it failed": lambda h: h.unsqueeze_(1).transpose_(1, 2),
    "torch.cumsum, which has no linear rule": lambda h: h.cumsum(-1),
    "torch.mean works across its samples": lambda h: h - h.mean(0, keepdim=True),
    "torch.sum works across its samples": lambda h: h * h.sum(),
    "combines its samples or tokens with each other": lambda h: h @ h.T @ h,
    "splits samples": lambda h: h.reshape(2, -1),
    "written to through a view": lambda h: (lambda g: (g.view(-1, 2, 2).relu_(), g)[1])(h * 2),
    "view of a tensor that was written to": lambda h: (lambda g: (g[:, :2], g.relu_())[0] + 1)(h * 2),
    "drops entries at random": lambda h: functional.dropout(h, 0.5, training=True),
    "matrix with a vector": lambda h: h @ weight(4),
    "writes the state into another tensor": lambda h: torch.zeros(len(h), 4, dtype=h.dtype).copy_(h),
    "the state as weight": lambda h: functional.conv1d(weight(1, 4, 5), h.view(-1, 4, 1)),
    "pools to a given size": lambda h: functional.adaptive_avg_pool2d(h.view(-1, 1, 2, 2), (2, 1)),
    "over the batch": lambda h: functional.batch_norm(h, None, None, training=True),
}
