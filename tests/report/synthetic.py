"""A run that was never trained: measurements made from the closed forms, with random frames as controls.

Nothing here comes from ramodel: S18 is solved by bisection, and every reading is computed from explicit matrices.
"""

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DECAY = 1e-2
END_TO_END = (14.0, 11.0, 8.0, 5.0, 3.0, 1.5)
NOISE = {"linear": 0.0, "factored": 0.0, "gelu": 0.03, "relu": 0.08}


def measurements(
    kinds: Sequence[str] = ("linear", "factored", "gelu", "relu"),
    depths: Sequence[int] = (4, 8, 16),
    seeds: int = 2,
    arms: Sequence[str] = ("trained", "untrained", "no-skip", "sgd"),
    simulations: bool = True,
    classes: int = 6,
    width: int = 12,
) -> xr.DataTree:
    """A whole run: trained networks at every seed, controls and mini-batch training at seed 0."""
    groups = {}
    for kind in kinds:
        for arm in arms:
            if arm == "sgd" and kind != "linear":
                continue
            for depth in depths:
                for seed in range(seeds if arm == "trained" else 1):
                    name = f"{kind}-{arm}-L{depth:02d}-seed{seed}"
                    groups[f"/{name}"] = network(kind, arm, depth, seed, classes, width)
    if simulations:
        groups["/simulations"] = optimiser_points(depths)
    root = xr.Dataset(attrs={"seed": "0", "plan": json.dumps({"depths": list(depths)}), "versions": '{"numpy": "2"}'})
    return xr.DataTree.from_dict({"/": root, **groups})


def network(kind: str, arm: str, depth: int, seed: int, classes: int = 6, width: int = 12) -> xr.Dataset:
    """One network of the synthetic run."""
    random = np.random.default_rng([seed, depth, *map(ord, kind + arm)])
    inputs = 2 * classes
    labels = np.repeat(np.arange(classes), 2)
    start = random.normal(size=(classes, width))[labels] + 0.2 * random.normal(size=(inputs, width))

    m = np.array(END_TO_END[: classes - 1]) * np.exp(0.05 * random.normal(size=classes - 1))
    law = "nuclear" if kind == "factored" else "frobenius"
    s = embedded_gain(m, depth, law)
    w = head_value(s, law, m / (1.0 + s) ** depth)
    if arm in ("trained", "sgd"):
        frame = np.linalg.qr(random.normal(size=(width, width)))[0][:, : s.size]
        error = 0.02 if arm == "sgd" else NOISE.get(kind, 0.05)
        jacobians = np.broadcast_to((frame * s) @ frame.T, (depth, inputs, width, width))
        jacobians = jacobians + error * s[0] * random.normal(size=jacobians.shape) / np.sqrt(width)
    elif arm == "untrained":
        jacobians = random.normal(size=(depth, 1, width, width)) * np.ones((1, inputs, 1, 1)) / depth / np.sqrt(width)
    else:
        jacobians = np.stack([1.1 * np.linalg.qr(random.normal(size=(width, width)))[0] for _ in range(depth)])
        jacobians = jacobians[:, None] * np.ones((1, inputs, 1, 1))

    skip = 0.0 if arm == "no-skip" else 1.0
    path = [start]
    for block in jacobians:
        path.append(skip * path[-1] + np.einsum("nij,nj->ni", block, path[-1]))
    data = readings(jacobians, np.stack(path), classes)

    energy = np.full(depth, DECAY * float(np.sum(s**2 if law == "frobenius" else s)))
    slack = {"linear": 1e-7, "factored": 1e-7, "gelu": 1e-6, "relu": 1e-2}.get(kind, 1e-2) if arm == "trained" else 0.5
    head = DECAY * float(np.sum(w**2))
    data["block_energy"] = ("layer", energy)
    data["block_work"] = ("layer", energy * (1.0 + slack * random.normal(size=depth)))
    drift = np.linspace(0.4, 0.0, depth + 1) if kind == "gelu" else np.zeros(depth + 1)
    data["euler_work"] = ("state", head * (1.0 - drift + slack * random.normal(size=depth + 1)))
    data["head_energy"] = ((), head)
    data["head_work"] = ((), head * (1.0 + slack * random.normal()))
    ranks = data.sizes["rank"]
    data["head_singular_value"] = ("rank", np.pad(w, (0, ranks - w.size)))
    data["class_mean_singular_value"] = (("layer", "class", "rank"), np.ones((depth, classes, ranks)))
    data["input_class"] = ("input", labels)
    if kind in ("linear", "factored") and arm in ("trained", "sgd"):
        for variable, values in (
            ("end_to_end_singular_value", m),
            ("predicted_singular_value", s),
            ("balanced_singular_value", s),
        ):
            data[variable] = ("rank", np.pad(values, (0, ranks - values.size)))
    for scalar, value in (
        ("stationarity", slack if arm != "untrained" else 1.0),
        ("train_loss", 0.1),
        (
            "train_accuracy",
            1.0 if arm in ("trained", "sgd") or (arm == "no-skip" and kind in ("linear", "factored")) else 0.1,
        ),
        ("test_accuracy", 0.95 if arm in ("trained", "sgd") else 0.1),
        ("seconds", 1.0),
    ):
        data[scalar] = ((), value)
    return data.assign_attrs(
        kind=kind, arm=arm, depth=depth, seed=seed, width=width, classes=classes,
        jacobian_decay=DECAY, head_decay=DECAY, embedding_decay=DECAY,
    )  # fmt: skip


def readings(jacobians: Floats, states: Floats, classes: int) -> xr.Dataset:
    """What the instrument would read off Jacobians [L, N, d, d] and states [L+1, N, d]."""
    depth, inputs, width, _ = jacobians.shape
    left, values, right_rows = np.linalg.svd(jacobians)
    kept = min(classes + 2, width)
    right = np.swapaxes(right_rows, -1, -2)[..., :kept]
    grid = np.abs(np.einsum("lnia,mnij,lnjb->lmnab", left[..., :kept], jacobians, right))
    grid = (grid / values[None, :, :, :1, None]).mean(axis=2)
    top = right[..., :classes]
    affinity = (np.einsum("lnia,mnib->lmnab", top, top) ** 2).sum(axis=(-1, -2)).mean(axis=-1) / classes
    steps = np.diff(states, axis=0)
    lengths = np.linalg.norm(steps, axis=-1)
    axes = np.linalg.svd(states.reshape(-1, width) - states.reshape(-1, width).mean(axis=0), full_matrices=False)[2][:2]
    return xr.Dataset(
        {
            "singular_value": (("layer", "input", "rank"), values[..., :kept]),
            "asymmetry_error": (("layer", "input"), np.ones((depth, inputs))),
            "alignment_grid": (("layer", "other_layer", "rank", "other_rank"), grid),
            "subspace_affinity": (("layer", "other_layer"), affinity),
            "step_length": (("layer", "input"), lengths),
            "line_shape_ratio": ("input", depth / np.linalg.norm((steps / lengths[..., None]).sum(axis=0), axis=-1)),
            "step_cv": ("input", lengths.std(axis=0) / lengths.mean(axis=0)),
            "trajectory": (("state", "input", "axis"), states @ axes.T),
            "gap": (("layer", "input"), values[..., classes - 1] / values[..., classes]),
        },
        coords={"layer": np.arange(1, depth + 1), "state": np.arange(depth + 1), "rank": np.arange(1, kept + 1)},
    )


def optimiser_points(depths: Sequence[int]) -> xr.Dataset:
    """Points of S2 and S6 (no embedding, rho = 1), a problem for each model and depth."""
    m = np.array([9.0, 6.0, 2.0, 0.3])
    rows = [(model, depth) for model in ("frobenius", "nuclear") for depth in depths]
    s = np.stack([plain_gain(m, depth, model) for model, depth in rows])
    depth = np.array([depth for _, depth in rows])
    return xr.Dataset(
        {
            "end_to_end": (("problem", "rank"), np.tile(m, (len(rows), 1))),
            "jacobian": (("problem", "rank"), s),
            "head": (("problem", "rank"), m / (1.0 + s) ** depth[:, None]),
            "depth": ("problem", depth),
            "model": ("problem", [model for model, _ in rows]),
            "gradient_norm": ("problem", np.full(len(rows), 1e-11)),
        },
        attrs={"rho": 1.0},
    )


def plain_gain(m: Floats, depth: int, law: str) -> Floats:
    """s of S2 (m^2 = s (1+s)^(2L+1)) or S6 (m^2 = (1+s)^(2L+1) above 1) at rho = 1, by bisection."""
    if law == "nuclear":
        return np.maximum(m ** (2.0 / (2 * depth + 1)) - 1.0, 0.0)
    return _bisect(lambda s: s * (1.0 + s) ** (2 * depth + 1) - m**2, m)


def embedded_gain(m: Floats, depth: int, law: str) -> Floats:
    """s of S18 with equal decays: m = s (1+s)^(L+1), or m = (1+s)^(L+1) above the threshold."""
    if law == "nuclear":
        return np.maximum(m ** (1.0 / (depth + 1)) - 1.0, 0.0)
    return _bisect(lambda s: s * (1.0 + s) ** (depth + 1) - m, m)


def head_value(s: Floats, law: str, below: Floats) -> Floats:
    """w of S1 (w^2 = s (1+s)) or S6 (w^2 = 1 + s, and `below` the threshold) at rho = 1."""
    return np.sqrt(s * (1.0 + s)) if law == "frobenius" else np.where(s > 0.0, np.sqrt(1.0 + s), below)


def _bisect(residual, m: Floats) -> Floats:
    low, high = np.zeros_like(m), np.full_like(m, 50.0)
    for _ in range(80):
        middle = (low + high) / 2.0
        above = residual(middle) > 0.0
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return (low + high) / 2.0
