"""Spectra made by hand: Jacobians and states in, what `measure` would keep of them out."""

import numpy as np
import xarray as xr

from ramodel.spectra import Spectra


def spectra_of(jacobians, states=None, *, rank=None, labels=None, keep=(), statistics=(), stage="all"):
    """Spectra of Jacobians [L, N, (P,) d, d]; `keep` of "vectors", "jacobian", "alignment"."""
    columns, values, rows = np.linalg.svd(jacobians)
    rank = rank or values.shape[-1]
    left, right, values = np.swapaxes(columns, -1, -2)[..., :rank, :], rows[..., :rank, :], values[..., :rank]
    lead = ("block", "input") if jacobians.ndim == 4 else ("block", "input", "pair")
    names = [f"{stage}.{number}" for number in range(len(jacobians))]
    shared = {"block": names, "input": np.arange(jacobians.shape[1]), "rank": np.arange(1, rank + 1)}
    if "pair" in lead:
        shared["pair"] = [f"{token}<-{token}" for token in range(jacobians.shape[2])]
    numbers = {
        "singular_values": ((*lead, "rank"), values),
        "converged": ((*lead, "rank"), np.ones(values.shape, bool)),
        "tail_energy": (lead, np.maximum(np.sum(jacobians**2, axis=(-2, -1)) - np.sum(values**2, axis=-1), 0.0)),
    }
    if "energies" in statistics:
        numbers["trace"] = lead, np.trace(jacobians, axis1=-2, axis2=-1)
        numbers["frobenius"] = lead, np.linalg.norm(jacobians, axis=(-2, -1))
    coordinates = shared | {"stage": ("block", [stage] * len(names)), "skip": ("block", ["inside"] * len(names))}
    if labels is not None:
        coordinates["label"] = "input", np.asarray(labels)
    vectors = {}
    if "vectors" in keep:
        vectors |= {"left": ((*lead, "rank", "coordinate"), left), "right": ((*lead, "rank", "coordinate"), right)}
    if "jacobian" in keep:
        vectors["jacobian"] = (*lead, "row", "column"), jacobians
    if "alignment" in keep:
        axes = ("block", "other_block", *lead[1:], "rank", "other_rank")
        for name, first, second in (
            ("alignment_left_right", left, right),
            ("alignment_right_left", right, left),
        ):
            vectors[name] = axes, first[:, None] @ jacobians[None] @ np.swapaxes(second, -1, -2)[:, None]
    if states is not None:
        tokens = ("token",) if states.ndim == 4 else ()
        vectors["states"] = ("state", "input", *tokens, "coordinate"), states
    attributes = {"state_shape": np.array(jacobians.shape[-1:])}
    return Spectra(xr.Dataset(numbers, coordinates), {stage: xr.Dataset(vectors, shared, attributes)})


def equal_steps_network(depth=5, inputs=6, width=7, offset=2.0, seed=0):
    """Rank-one aligned blocks with 1/s_l = l + c (S11) and their states: RA1 to RA4 to the letter."""
    rng = np.random.default_rng(seed)
    direction = np.linalg.qr(rng.normal(size=(width, width)))[0][0]
    sizes = 1 / (np.arange(1, depth + 1) + offset)
    jacobians = np.broadcast_to(
        (sizes[:, None, None] * np.outer(direction, direction))[:, None], (depth, inputs, width, width)
    )
    states = [rng.normal(size=(inputs, width))]
    for jacobian in jacobians[:, 0]:
        states.append(states[-1] + states[-1] @ jacobian.T)
    return jacobians, np.stack(states)


def random_network(depth=4, inputs=6, width=7, seed=0, pairs=None):
    """Random Jacobians and states."""
    rng = np.random.default_rng(seed)
    tokens = () if pairs is None else (pairs,)
    jacobians = rng.normal(size=(depth, inputs, *tokens, width, width))
    return jacobians, rng.normal(size=(depth + 1, inputs, *tokens, width))
