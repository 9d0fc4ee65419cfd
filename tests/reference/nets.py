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


def conv3x3(image, weight, stride):
    """A 3 x 3 convolution of one image [C, H, W] with a border of zeros, pixel by pixel."""
    channels, height, width = image.shape
    padded = np.zeros((channels, height + 2, width + 2))
    padded[:, 1:-1, 1:-1] = image
    rows, columns = range(0, height, stride), range(0, width, stride)
    return np.array([[[(padded[:, i : i + 3, j : j + 3] * w).sum() for j in columns] for i in rows] for w in weight])


def batch_norm(image, scale, shift, mean, variance):
    """What running statistics make of one image [C, H, W], channel by channel; eps 1e-5."""
    channels = zip(image, scale, shift, mean, variance, strict=True)
    return np.array([a * (channel - m) / math.sqrt(v + 1e-5) + b for channel, a, b, m, v in channels])


def option_a_shortcut(image, outputs):
    """Every second pixel of every second row, in the middle of `outputs` channels that are zero."""
    channels, height, width = image.shape
    result = np.zeros((outputs, (height + 1) // 2, (width + 1) // 2))
    first = (outputs - channels) // 2
    for c in range(channels):
        for i in range(0, height, 2):
            for j in range(0, width, 2):
                result[first + c, i // 2, j // 2] = image[c, i, j]
    return result


def shifted_image(image, down, right, *, mirrored):
    """Mirror left to right, then move; zeros come in."""
    height, width = image.shape[:2]
    found = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                source = x - right
                found[y, x] = image[y - down, width - 1 - source if mirrored else source]
    return found


def circular_convolution_matrix(kernel, size):
    """The matrix of a convolution on the torus, kernel [out, in, k, k] with its middle at 0, entry by entry."""
    outputs, inputs, k, _ = kernel.shape
    height, width = size
    matrix = np.zeros((outputs, height, width, inputs, height, width))
    for i in range(height):
        for j in range(width):
            for a in range(k):
                for b in range(k):
                    matrix[:, i, j, :, (i + a - k // 2) % height, (j + b - k // 2) % width] += kernel[:, :, a, b]
    return matrix.reshape(outputs * height * width, inputs * height * width)
