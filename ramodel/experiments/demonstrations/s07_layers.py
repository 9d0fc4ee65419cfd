"""S7: within one network, blocks that pay for transport shrink from layer to layer, other blocks are equal."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ramodel.problem import Model, Problem, random_problem
from ramodel.progress import progress_bar
from ramodel.theory import MODELS, KineticModel
from ramodel.theory.model import Array

if TYPE_CHECKING:
    from ramodel.simulate import Optimum

__all__ = ["demonstrate"]

CONFIGURATION: dict[str, Any] = {
    "classes": 4,
    "width": 6,
    "samples": 60,
    "depth": 10,
    "jacobian_decay": 1e-2,
    "head_decay": 1e-2,
    "least_scale": 0.25,
    "seed": 3,
}
QUICK: dict[str, Any] = {"depth": 4, "samples": 12, "classes": 3, "width": 4}
SHOWN: tuple[Model, ...] = ("kinetic", "frobenius", "nuclear")


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Minimise one cross-entropy problem in three models; follow blocks and inputs from layer to layer.

    The inputs are far from white: their last coordinate is `least_scale` of what it was.

    Returns
    -------
    Dataset
        ``eigenvalue`` and ``predicted`` [model, layer, rank]: the C - 1 largest of every J_l, found and by the closed
        forms. ``singular_value`` [model, layer, rank]: those found, equal to the eigenvalues for symmetric blocks.
        ``step`` and ``predicted_step`` [model, layer, sample]: lengths over their mean along the path. ``detour``
        [model, layer, sample]: distance of h_l from the straight line, over the length of the latter. ``objective``
        and ``gradient_norm`` [model].
    """
    from ramodel.simulate import minimise

    chosen = {**CONFIGURATION, **(QUICK if quick else {})}
    parts = []
    with progress_bar("layers of three models", len(SHOWN), show=progress) as bar:
        for model in SHOWN:
            problem = _problem(model, chosen)
            parts.append(_layers(problem, minimise(problem, seed=chosen["seed"], progress=False)))
            bar.advance(status=model)
    return xr.concat(parts, dim="model").assign_coords(model=list(SHOWN)).assign_attrs(chosen)


def _problem(model: Model, chosen: dict[str, Any]) -> Problem:
    sizes = {name: value for name, value in chosen.items() if name != "least_scale"}
    problem = random_problem(model=model, loss="cross-entropy", **sizes)
    scales = np.geomspace(1.0, chosen["least_scale"], problem.inputs.shape[1])
    return replace(problem, inputs=problem.inputs * scales)


def _layers(problem: Problem, optimum: "Optimum") -> xr.Dataset:
    rank = problem.classes - 1
    jacobians = optimum.jacobians
    blocks, predicted = _closed_forms(problem, optimum, rank)
    states = _states(problem.inputs, jacobians)
    layers = np.arange(1, problem.depth + 1)
    return xr.Dataset(
        {
            "eigenvalue": (("layer", "rank"), np.sort(np.linalg.eigvals(jacobians).real, axis=1)[:, : -rank - 1 : -1]),
            "predicted": (("layer", "rank"), predicted),
            "singular_value": (("layer", "rank"), np.linalg.svd(jacobians, compute_uv=False)[:, :rank]),
            "step": (("layer", "sample"), _steps(states)),
            "predicted_step": (("layer", "sample"), _steps(_states(problem.inputs, blocks))),
            "detour": (("layer", "sample"), _detour(states)),
            "objective": optimum.objective,
            "gradient_norm": optimum.gradient_norm,
        },
        {"layer": layers},
    )


def _closed_forms(problem: Problem, optimum: "Optimum", rank: int) -> tuple[Array, Array]:
    """Return all blocks, from the head, and their largest eigenvalues [L, rank]; kinetic: from head and inputs."""
    model = MODELS[problem.model](problem.depth, problem.jacobian_decay, problem.head_decay)
    if isinstance(model, KineticModel):
        moment = problem.second_moment
        return model.predicted_jacobians(optimum.head, moment), model.eigenvalue_profile(optimum.head, moment)[:, :rank]
    m = np.linalg.svd(optimum.end_to_end, compute_uv=False)
    return model.predicted_jacobians(optimum.head), model.layer_profile(m)[:, :rank]


def _states(inputs: Array, jacobians: Array) -> Array:
    """Return h_0, ..., h_L of all samples, [L + 1, N, d]."""
    states = [inputs]
    for jacobian in jacobians:
        states.append(states[-1] + states[-1] @ jacobian.T)
    return np.array(states)


def _steps(states: Array) -> Array:
    lengths: Array = np.linalg.norm(np.diff(states, axis=0), axis=2)
    return np.asarray(lengths / lengths.mean(axis=0))


def _detour(states: Array) -> Array:
    """Return the distance of h_1, ..., h_L from the line through h_0 and h_L, over |h_L - h_0|; [L, N]."""
    moved = states[1:] - states[0]
    length = np.linalg.norm(moved[-1], axis=1)
    along = moved[-1] / length[:, np.newaxis]
    aside = moved - (moved * along).sum(axis=2, keepdims=True) * along
    return np.asarray(np.linalg.norm(aside, axis=2) / length)
