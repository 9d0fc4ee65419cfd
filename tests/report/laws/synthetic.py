"""Sweeps that were never run: every cell of a real configuration, with numbers that follow a law up to noise.

Nothing is trained or measured: trained cells are aligned and obey S6, controls are not.
"""

import tomllib
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import xarray as xr

from ramodel.experiments.sweeps.cells import SweepCell
from ramodel.experiments.sweeps.cells import cells as cells_of
from ramodel.experiments.sweeps.config import SweepConfig

CONFIGS = Path(__file__).parents[3] / "configs" / "cpu"

_TRANSFORMER = {
    "law": "transformer",
    "title": "Are the blocks of a transformer coupled?",
    "network": {"family": "transformer", "width": 32, "depth": 6},
    "data": {"dataset": "python-text", "context": 16},
    "measure": {"during": ["coupling", "line_shape", "norm_growth"]},
    "arms": [{"name": "trained"}, {"name": "untrained", "control": True, "set": {"training.iterations": 0}}],
    "claims": [
        {
            "statement": "S17",
            "claim": "coupling over pairs of blocks",
            "reading": "coupling",
            "at_most": 0.7,
            "control": "untrained",
            "reason": "half way from chance",
        }
    ],
}


@cache
def config(law: str) -> SweepConfig:
    """The configuration of a law as it is shipped; that of the transformer is made here where none is."""
    path = CONFIGS / f"{law}.toml"
    content = tomllib.loads(path.read_text()) if path.is_file() else _TRANSFORMER
    for arm in content["arms"]:
        if arm.get("set", {}).get("training.optimiser") == "lbfgs":
            arm["set"].setdefault("training.batch_size", "default")
    return msgspec.convert(content, SweepConfig)


@cache
def sweep(law: str) -> dict[str, xr.Dataset]:
    """All cells of a law."""
    return {cell.name: dataset(cell, law) for cell in cells_of(config(law))}


def dataset(cell: SweepCell, law: str) -> xr.Dataset:
    """What a cell might have given."""
    random = np.random.default_rng([cell.seed, *map(ord, cell.name)])
    trained = not cell.control
    family = cell.network["family"]
    stages = 3 if family in ("cifar-resnet", "procrustes") else 1
    depth = 9 if stages == 3 else int(cell.network["depth"])
    classes = cell.data.classes or 10
    inputs, ranks, looks = 2 * classes, classes + 2, 8
    noise = 0.04 if trained else 0.5
    decay = max(cell.training.jacobian_decay, 1e-4)

    gain = np.geomspace(40.0, 4.0, classes - 1) * (1e-2 / decay) ** 0.5 * float(cell.network.get("keep_probability", 1))
    s = np.pad(np.maximum(gain ** (2 / (2 * depth + 1)) - 1.0, 1e-7), (0, ranks - classes + 1), constant_values=1e-7)
    flat = np.where(np.arange(ranks) < ranks, 0.3 * np.exp(-0.1 * np.arange(ranks)), 0.0)
    base = s if trained else flat
    layers = np.arange(1, depth + 1)
    sloped = trained and cell.training.decay_norms
    profile = 1.0 / (1.0 + base[0] * (layers - layers.mean())).clip(0.3) if sloped else np.ones(depth)
    values = base * profile[:, None, None] * np.exp(noise * random.normal(size=(depth, inputs, ranks)))
    values = -np.sort(-values, axis=-1)
    near = np.exp(-0.04 * np.abs(layers[:, None] - layers)) if trained else np.eye(depth) * 0.8 + 0.15
    affinity = np.clip(near + 0.02 * random.normal(size=(depth, depth)), 0.0, 1.0)
    energy = decay * np.sum(s) * np.exp(0.2 * random.normal(size=depth))
    slack = {"lbfgs": 1e-6, "sgd": 0.1}.get(cell.training.optimiser, 0.3) if trained else 2.0
    states = np.arange(depth + 1) / depth
    fade = 1.0 - 0.7 * states if trained else np.ones(depth + 1)
    variables: dict[str, tuple[tuple[str, ...], object]] = {
        "singular_value": (("layer", "input", "rank"), values),
        "mean_jacobian_singular_value": (("layer", "rank"), values.mean(axis=1)),
        "secant_singular_value": (("layer", "rank"), values.mean(axis=1)),
        "class_mean_singular_value": (("layer", "class", "rank"), values[:, :classes]),
        "eigenvalue": (("layer", "rank"), values.mean(axis=1)),
        "asymmetry_error": (("layer", "input"), np.abs(noise * (2 + random.normal(size=(depth, inputs))))),
        "energy_outside_error": (("layer", "input"), np.abs(noise**2 * (2 + random.normal(size=(depth, inputs))))),
        "subspace_affinity": (("layer", "other_layer"), affinity),
        "coupling_error": (("layer", "other_layer"), (1.0 - affinity) * 1.1),
        "step_length": (("layer", "input"), np.exp(noise * random.normal(size=(depth, inputs)))),
        "line_shape_ratio": (("input",), 1.0 + noise * np.abs(random.normal(size=inputs))),
        "step_cv": (("input",), noise * (3 + random.normal(size=inputs))),
        "norm_growth": (("input",), 0.1 + 0.02 * random.normal(size=inputs)),
        "gradient_norm_ratio": (("layer",), 1.0 + values[:, :, 0].mean(axis=1) * (0.5 if trained else -1.5)),
        "block_energy": (("layer",), energy),
        "block_work": (("layer",), energy * (1.0 + slack * random.normal(size=depth))),
        "euler_work": (("state",), 1.0 + slack * 0.3 * random.normal(size=depth + 1)),
        "head_energy": ((), 1.0),
        "variability_error": (("state",), 3.0 * fade**4 * np.exp(0.1 * random.normal(size=depth + 1))),
        "equinorm_error": (("state",), 0.3 * fade),
        "equiangle_error": (("state",), 0.4 * fade + 0.02),
        "nearest_centre_score": (("state",), 1.0 - 0.4 * fade),
        "head_predicted": (("law", "rank"), np.stack([1.2 * base, base])),
        "gain_predicted": (("law", "rank"), np.stack([1.2 * base, base])),
        "stand_in_error": (
            ("stand_in", "law", "layer"),
            np.array([0.6, 0.4, 0.2, 0.1])[:, None, None]
            * np.array([1.4, 1.0])[None, :, None]
            * np.exp(0.1 * random.normal(size=(4, 2, depth))),
        ),
        "balanced_singular_value": (("rank",), base),
        "stationarity": ((), slack),
        "train_accuracy": ((), 0.99 if trained else 0.1),
        "test_accuracy": ((), (0.95 if trained else 0.1) + 0.01 * random.normal()),
        "train_loss": ((), 0.1),
        "test_loss": ((), 0.3),
        "seconds": ((), 1.0),
    }
    if cell.network.get("kind") == "linear" and trained:
        variables["predicted_singular_value"] = (("rank",), base)
    for name in cell.measure.during:
        start, end = (1.4, 0.001 if trained else 1.2) if name == "asymmetry" else (0.2, 0.9 if trained else 0.25)
        variables[f"{name}_during"] = (("look",), np.geomspace(start, end, looks) * np.exp(0.05 * random.normal()))
    coords: dict[str, object] = {
        "layer": layers,
        "state": np.arange(depth + 1),
        "rank": np.arange(1, ranks + 1),
        "class": np.arange(classes),
        "law": ["frobenius", "nuclear"],
        "stand_in": ["input", "class_mean", "mean", "secant"],
        "stage": ("layer", np.repeat(np.arange(stages), depth // stages)),
    }
    if cell.measure.during:
        end_at = max(cell.training.iterations, 8)
        coords["iteration"] = ("look", [0, *np.geomspace(1, end_at, looks - 1).round().astype(int)])
    found = xr.Dataset({name: (axes, np.asarray(numbers)) for name, (axes, numbers) in variables.items()}, coords)
    return found.assign_attrs(
        sweep=law, law=law, arm=cell.arm, control=int(cell.control), seed=cell.seed,
        axes=msgspec.json.encode(cell.axes).decode(), network=msgspec.json.encode(cell.network).decode(),
        data=msgspec.json.encode(cell.data).decode(), training=msgspec.json.encode(cell.training).decode(),
        measure=msgspec.json.encode(cell.measure).decode(), versions='{"numpy": "2.4", "torch": "2.13"}', device="cpu",
    )  # fmt: skip
