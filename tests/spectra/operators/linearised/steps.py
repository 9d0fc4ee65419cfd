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
    "merged axes": lambda h: torch.addmm(weight(4), h.reshape(-1, 4), weight(4, 4)).view(h.shape).tanh(),
    "inside each token": lambda h: (h.view(-1, 3, 2, 2) @ h.view(-1, 3, 2, 2)).flatten(2),
    "positions": lambda h: h * weight(3, 1) + weight(3, 4),
    "tokens first": lambda h: (h.transpose(0, 1) * weight(3, 1, 4)).transpose(0, 1),
    "a matrix for each token": lambda h: (h.view(-1, 3, 2, 2) @ weight(3, 2, 2)).flatten(2),
}
"""Token-wise but for attention, so that the same-token Jacobians have analytic operators too."""

REFUSED = {
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
