"""S15: with a spare direction a path leads down from every point off the branch; gradient descent finds its way."""

from typing import Any

import numpy as np
import xarray as xr

from ramodel.problem import Problem
from ramodel.progress import progress_bar
from ramodel.theory import FrobeniusModel, construct_critical_point, descent_path
from ramodel.theory.model import Array

__all__ = ["demonstrate"]

CONFIGURATION: dict[str, Any] = {
    "targets": (2.0, 1.0),
    "depth": 2,
    "decay": 0.2,
    "head_scale": 2.0,
    "block_scale": 0.1,
    "starts": 24,
    "step_size": 0.03,
    "steps": 6000,
    "records": 120,
    "angles": 13,
    "curve_points": 100,
    "seed": 0,
}
QUICK: dict[str, Any] = {"starts": 6, "steps": 400, "records": 20}
SPARE = (0, 1)
"""d - C of the two arms."""


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Walk the descent path of a constructed critical point; descend from large random heads with and without room.

    Returns
    -------
    Dataset
        ``change`` [curve_theta] by the closed form and ``evaluated`` [theta]: F(theta) - F(0), that by the objective of
        all variables. ``least`` [spare, record, start]: smallest eigenvalue of the symmetric part of I + J_l over all
        blocks at step ``step``; ``excess`` [spare, start]: F at the end over the least F of any start.
    """
    chosen = {**CONFIGURATION, **(QUICK if quick else {})}
    line, angles = np.linspace(0.0, np.pi, chosen["curve_points"]), np.linspace(0.0, np.pi, chosen["angles"])
    change, evaluated = _path(line, angles, chosen)
    records = np.unique(np.geomspace(1, chosen["steps"], chosen["records"]).astype(int))
    least = np.empty((len(SPARE), records.size, chosen["starts"]))
    objective = np.empty((len(SPARE), chosen["starts"]))
    with progress_bar("gradient descent", len(SPARE) * chosen["steps"], show=progress) as bar:
        for i, spare in enumerate(SPARE):
            least[i], objective[i] = _descend(spare, records, chosen)
            bar.advance(chosen["steps"], status=f"d - C = {spare}")
    return xr.Dataset(
        {
            "change": ("curve_theta", change),
            "evaluated": ("theta", evaluated),
            "least": (("spare", "step", "start"), least),
            "excess": (("spare", "start"), objective / objective.min(axis=1, keepdims=True)),
        },
        {"theta": angles, "curve_theta": line, "spare": list(SPARE), "step": records},
        {key: chosen[key] for key in ("depth", "decay", "head_scale", "step_size", "seed")},
    )


def _path(line: Array, angles: Array, chosen: dict[str, Any]) -> tuple[Array, Array]:
    """Return the closed form along `line` and what the unreduced objective says at `angles`."""
    import torch

    from ramodel.simulate import UnreducedObjective
    from ramodel.simulate.objective import Variables

    rng = np.random.default_rng(chosen["seed"])
    classes, decay = len(chosen["targets"]), chosen["decay"]
    model = FrobeniusModel(chosen["depth"], decay, decay)
    branches = np.ones((chosen["depth"], classes))
    branches[0, 0] = -1.0
    point = construct_critical_point(model, rng.standard_normal((classes, classes + 1)), branches)
    path = descent_path(point.jacobians, point.head, decay)
    objective = UnreducedObjective(point.problem(np.eye(classes + 1)), torch.device("cpu"))
    values = []
    for theta in angles:
        blocks, head = (torch.from_numpy(array) for array in path(float(theta)))
        values.append(float(objective(objective.join(Variables(blocks[None, :, None], head[None], None))).value))
    return np.asarray(path.objective_change(line)), np.array(values) - values[0]


def _descend(spare: int, records: Array, chosen: dict[str, Any]) -> tuple[Array, Array]:
    """Return the smallest eigenvalues [record, start] along gradient descent, and F [start] at its end."""
    import torch

    from ramodel.simulate import UnreducedObjective
    from ramodel.simulate.objective import Variables

    y, depth, starts = np.array(chosen["targets"]), chosen["depth"], chosen["starts"]
    width = y.size + spare
    inputs = np.sqrt(width) * np.eye(width)
    problem = Problem(
        model="frobenius",
        loss="squared",
        inputs=inputs,
        targets=inputs @ np.eye(y.size, width).T * y,
        depth=depth,
        jacobian_decay=chosen["decay"],
        head_decay=chosen["decay"],
    )
    objective = UnreducedObjective(problem, torch.device("cpu"))
    rng = np.random.default_rng(chosen["seed"])
    head = torch.from_numpy(chosen["head_scale"] * rng.standard_normal((starts, y.size, width)))
    blocks = torch.from_numpy(chosen["block_scale"] * rng.standard_normal((1, depth, starts, width, width)))
    points = objective.join(Variables(blocks, head, None))
    least = []
    for step in range(1, chosen["steps"] + 1):
        points = points - chosen["step_size"] * objective(points).gradient
        if step in records:
            maps = objective.jacobians(objective.split(points))
            least.append(1.0 + torch.linalg.eigvalsh((maps + maps.mT) / 2).amin(dim=(0, 2)).numpy())
    return np.array(least), objective(points).value.numpy()
