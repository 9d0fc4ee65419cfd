"""Slow, obvious versions of what the instrument measures: one input at a time. Imports nothing of ramodel.

A network is a function of a vector for the embedding, a list of branches f_l, and a head; `skip` says whether a block
adds its branch to its input. Work is found as what it means: the derivative of the loss when a branch is stretched.
"""

import numpy as np
import torch


def jacobian(function, point):
    """Return d function_i / d point_j by one backward pass for each row."""
    rows = []
    for i in range(len(point)):
        variable = point.clone().requires_grad_()
        function(variable)[i].backward()
        rows.append(variable.grad)
    return torch.stack(rows)


def walk(embedding, branches, head, skip, x, stretch=None, factor=1.0):
    """Return states and logits of one input; the part named by `stretch` is multiplied by `factor`."""
    hidden = embedding(x)
    if stretch == ("state", 0):
        hidden = factor * hidden
    states = [hidden]
    for layer, branch in enumerate(branches, start=1):
        added = branch(hidden)
        if stretch == ("branch", layer):
            added = factor * added
        hidden = hidden + added if skip else added
        if stretch == ("state", layer):
            hidden = factor * hidden
        states.append(hidden)
    logits = head(hidden)
    return states, factor * logits if stretch == ("logits",) else logits


def loss(logits, target, name):
    if name == "cross-entropy":
        return float(torch.log(torch.exp(logits).sum()) - logits[target])
    if name == "logistic":
        return float(torch.log1p(torch.exp(-target * logits[0])))
    wanted = torch.tensor(np.eye(len(logits))[target] if np.ndim(target) == 0 else target)
    return float(((logits - wanted) ** 2).sum() / 2)


def mean_loss(network, inputs, targets, name, stretch=None, factor=1.0):
    total = 0.0
    for x, target in zip(inputs, targets, strict=True):
        with torch.no_grad():
            total += loss(walk(*network, torch.tensor(x), stretch, factor)[1], target, name)
    return total / len(inputs)


def work(network, inputs, targets, name, stretch, step=1e-5):
    """Return minus the derivative of the mean loss when the part `stretch` is multiplied by 1 + epsilon."""
    up = mean_loss(network, inputs, targets, name, stretch, 1 + step)
    down = mean_loss(network, inputs, targets, name, stretch, 1 - step)
    return -(up - down) / (2 * step)


def secants(network, inputs):
    """Return argmin_J sum |f_l(h) - J h|^2 of least norm over the walks of all inputs, block by block."""
    embedding, branches, head, skip = network
    pairs = [([], []) for _ in branches]
    for x in inputs:
        with torch.no_grad():
            states, _ = walk(embedding, branches, head, skip, torch.tensor(x))
            for (before, added), branch, state in zip(pairs, branches, states, strict=False):
                before.append(state.numpy())
                added.append(branch(state).numpy())
    return np.stack([np.linalg.lstsq(np.stack(h), np.stack(f), rcond=1e-10)[0].T for h, f in pairs])
