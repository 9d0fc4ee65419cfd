"""The optimiser's share of the main job: random problems solved over all unreduced variables, next to S2 and S6."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import xarray as xr

from ramodel.comparison import Comparison
from ramodel.experiments.readings import PREDICTED_SHARE
from ramodel.theory import MODELS

__all__ = ["Simulations", "confront_simulations", "run_simulations"]

Model = Literal["frobenius", "nuclear"]

_MODELS: tuple[Model, Model] = ("frobenius", "nuclear")


class Simulations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Random problems for the optimiser: every model at every depth.

    Parameters
    ----------
    depths
        Numbers of blocks.
    classes, width, samples
        Size of each problem.
    decay
        lam_J = lam_W, hence rho = 1.
    starts, seed
        Starts of the optimiser and seed of problems and starts.
    """

    depths: tuple[int, ...] = (1, 2, 4, 8, 16)
    classes: int = 4
    width: int = 8
    samples: int = 40
    decay: float = 1e-2
    starts: int = 2
    seed: int = 0

    @property
    def name(self) -> str:
        """Name of the group that holds the results."""
        return "simulations"


def run_simulations(config: Simulations) -> xr.Dataset:
    """Solve the problems and return what the optimiser found, sorted as (model, depth).

    Returns
    -------
    xarray.Dataset
        Over (problem, rank): `end_to_end`, `jacobian` (mean over layers), `head`; over problem: `model`, `depth`,
        `gradient_norm`, `converged`.
    """
    rows = [(model, depth) for model in _MODELS for depth in config.depths]
    seeds = np.random.SeedSequence(config.seed).generate_state(len(rows))
    found = [_solve(config, model, depth, int(seed)) for (model, depth), seed in zip(rows, seeds, strict=True)]
    return xr.concat(found, dim="problem").assign_attrs(msgspec.to_builtins(config) | {"rho": 1.0})


def confront_simulations(found: xr.Dataset) -> list[Comparison]:
    """Compare the optimiser's singular values with S2 (Frobenius) and S6 (nuclear); the other law is the control."""
    comparisons = []
    for model, statement in zip(_MODELS, ("S2", "S6"), strict=True):
        group = found.isel(problem=np.flatnonzero(found["model"].values == model))
        other = _MODELS[1 - _MODELS.index(model)]
        comparisons.append(
            Comparison(
                statement=statement,
                claim="s_k of the optimiser, largest error",
                subject="simulated",
                kind="exact",
                numeric=max(_law_errors(group, model)),
                theory=0.0,
                tolerance=1e-8,
                control=min(_law_errors(group, other)),
                control_name=f"{other} law",
                stationarity=float(group["gradient_norm"].max()),
            )
        )
    return comparisons


def _solve(config: Simulations, model: Model, depth: int, seed: int) -> xr.Dataset:
    from ramodel.simulate import minimise, random_problem  # torch takes seconds: only the processes that run need it

    problem = random_problem(
        model=model,
        classes=config.classes,
        width=config.width,
        depth=depth,
        samples=config.samples,
        loss="cross-entropy",
        jacobian_decay=config.decay,
        head_decay=config.decay,
        seed=seed,
    )
    optimum = minimise(problem, starts=config.starts, seed=seed, progress=False)
    values = np.linalg.svd(optimum.jacobians, compute_uv=False).mean(axis=0)
    return xr.Dataset(
        {
            "end_to_end": ("rank", np.linalg.svd(optimum.end_to_end, compute_uv=False)),
            "jacobian": ("rank", values[: config.classes]),
            "head": ("rank", np.linalg.svd(optimum.head, compute_uv=False)),
            "depth": depth,
            "model": model,
            "gradient_norm": optimum.gradient_norm,
            "converged": optimum.converged,
        }
    )


def _law_errors(group: xr.Dataset, law: str) -> Sequence[float]:
    errors = []
    for index in range(group.sizes["problem"]):
        problem = group.isel(problem=index)
        predicted = MODELS[law](int(problem["depth"]), 1.0, 1.0).jacobian_singular_value(problem["end_to_end"].values)
        measured = problem["jacobian"].values
        large = predicted > PREDICTED_SHARE * predicted[0]
        departure = np.abs(measured[large] - predicted[large]) / predicted[large]
        errors.append(float(departure.max()) if large.any() else math.inf)
    return errors
