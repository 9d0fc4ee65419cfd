"""A slow, obvious transformer: one token, one head and one weight matrix at a time, NumPy only."""

import math

import numpy as np


def normalised(state, weights, prefix):
    """LayerNorm of one token, or the token itself where there is none."""
    if f"{prefix}norm.weight" not in weights:
        return state
    centred = state - state.mean()
    return centred / math.sqrt((centred**2).mean() + 1e-5) * weights[f"{prefix}norm.weight"]


def attention(states, weights, prefix, heads):
    """What attention adds to each token: it reads itself and those before it."""
    rows = [weights[f"{prefix}read.weight"] @ normalised(state, weights, prefix) for state in states]
    width = len(states[0])
    size = width // heads
    added = []
    for token in range(len(states)):
        found = np.zeros(width)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            query = rows[token][:width][part]
            keys = [row[width : 2 * width][part] for row in rows[: token + 1]]
            values = [row[2 * width :][part] for row in rows[: token + 1]]
            scores = [math.exp(query @ key / math.sqrt(size)) for key in keys]
            found[part] = sum(score * value for score, value in zip(scores, values, strict=True)) / sum(scores)
        added.append(weights[f"{prefix}output.weight"] @ found)
    return added


def feed_forward(states, weights, prefix):
    """What the feed-forward part adds to each token: B gelu(A norm(h))."""
    added = []
    for state in states:
        inner = weights[f"{prefix}inner.weight"] @ normalised(state, weights, prefix)
        active = np.array([0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0))) for x in inner])
        added.append(weights[f"{prefix}output.weight"] @ active)
    return added


def logits(weights, tokens, *, depth, heads, parallel=False, skip=True):
    """Logits at every token of one row; weights by the names of the layers' parameters."""
    states = [
        weights["token_embedding.weight"][token] + weights["position_embedding.weight"][place]
        for place, token in enumerate(tokens)
    ]
    for layer in range(depth):
        prefix = f"blocks.{layer}."
        attended = attention(states, weights, f"{prefix}attention.", heads)
        between = [h + a for h, a in zip(states, attended, strict=True)] if skip else attended
        more = feed_forward(states if parallel else between, weights, f"{prefix}feed_forward.")
        if parallel and not skip:
            states = [a + m for a, m in zip(attended, more, strict=True)]
        else:
            states = [b + m for b, m in zip(between, more, strict=True)] if skip else more
    return np.array([weights["head.weight"] @ normalised(state, weights, "") for state in states])
