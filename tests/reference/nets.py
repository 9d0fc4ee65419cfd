"""Slow, obvious networks and objectives: one sample and one weight at a time, NumPy only."""

import math

import numpy as np

ACTIVATIONS = {
    "factored": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0))),
}


def branch(kind, matrices, state):
    """J h, or B phi(A h), of one vector."""
    if kind == "linear":
        (matrix,) = matrices
        return matrix @ state
    inner, outer = matrices
    return outer @ np.array([ACTIVATIONS[kind](float(x)) for x in inner @ state])


def walk(kind, embedding, blocks, x, *, skip=True):
    """States h_0, ..., h_L of one input."""
    states = [embedding @ x]
    for matrices in blocks:
        step = branch(kind, matrices, states[-1])
        states.append(states[-1] + step if skip else step)
    return states


def loss_of(loss, logits, label):
    """Loss of one sample."""
    if loss == "cross-entropy":
        return math.log(sum(math.exp(z - logits[label]) for z in logits))
    return 0.5 * sum((z - (k == label)) ** 2 for k, z in enumerate(logits))


def objective(kind, weights, inputs, labels, loss, decays, *, skip=True):
    """Mean loss plus (lam/2) times the squared entries; weights = (E, [matrices of each block], W)."""
    embedding, blocks, head = weights
    losses = [
        loss_of(loss, head @ walk(kind, embedding, blocks, x, skip=skip)[-1], label)
        for x, label in zip(inputs, labels, strict=True)
    ]
    parts = ([embedding], [matrix for matrices in blocks for matrix in matrices], [head])
    decay = sum(0.5 * lam * sum((m**2).sum() for m in part) for lam, part in zip(decays, parts, strict=True))
    return sum(losses) / len(losses) + decay


def idx_bytes(array, *, magic=b"\0\0\x08"):
    """An array of unsigned bytes in IDX format."""
    header = magic + bytes([array.ndim]) + b"".join(int(length).to_bytes(4, "big") for length in array.shape)
    return header + array.astype(np.uint8).tobytes()
