"""S9: how far blocks stretch gradients, at optima found without the closed forms and by the laws over depth."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ramodel.metrics import gradient_norm_ratio
from ramodel.problem import Model, Problem
from ramodel.progress import progress_bar
from ramodel.theory import (
    FrobeniusModel,
    NuclearModel,
    PlainModel,
    ResidualModel,
    gradient_ratio_bounds,
    logarithmic_law,
    logarithmic_law_constant,
)
from ramodel.theory.model import Array

if TYPE_CHECKING:
    from ramodel.simulate import Optimum

__all__ = ["demonstrate"]

CONFIGURATION: dict[str, Any] = {
    "targets": (4.0, 2.5),
    "decay": 1e-2,
    "samples": 40,
    "width": 4,
    "seed": 0,
    "depths": (1, 2, 4, 8, 16, 32),
}
QUICK: dict[str, Any] = {"samples": 8, "depths": (1, 2)}
CURVE_POINTS = 60
MODELS: dict[Model, type[ResidualModel]] = {"frobenius": FrobeniusModel, "nuclear": NuclearModel, "plain": PlainModel}


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Minimise the same squared loss at several depths; follow the gradients of all samples back through the blocks.

    Inputs are white, and the decay is so small that the singular values m of the end-to-end map stay those of the
    targets at every depth: T is fixed, as the laws ask.

    Returns
    -------
    Dataset
        ``ratio`` [model, depth, quantile]: least, median and greatest ||g_{l-1}||/||g_l|| over samples and blocks;
        ``bound`` [model, depth, side]: the bounds from the optimum's own m; ``without_skip`` [depth, quantile]: the
        same blocks of the Frobenius model with the skips taken away; ``curve`` [law, curve_depth]: ratios minus 1 by
        the laws at the targets' m. The plain model, which never had skips, is the other control.
    """
    chosen = {**CONFIGURATION, **(QUICK if quick else {})}
    depths = chosen["depths"]
    ratio, bound = (np.empty((len(MODELS), len(depths), size)) for size in (3, 2))
    without_skip = np.empty((len(depths), 3))
    with progress_bar("norm ratios", len(MODELS) * len(depths), show=progress) as bar:
        for i, name in enumerate(MODELS):
            for j, depth in enumerate(depths):
                optimum, gradients = _minimise(_problem(name, depth, chosen))
                stretch = optimum.jacobians + (0.0 if name == "plain" else np.eye(chosen["width"]))
                ratio[i, j] = _quantiles(gradients, stretch)
                if name == "frobenius":
                    without_skip[j] = _quantiles(gradients, optimum.jacobians)
                m = np.linalg.svd(optimum.end_to_end, compute_uv=False)
                s = MODELS[name](depth, chosen["decay"], chosen["decay"]).jacobian_singular_value(m)
                bound[i, j] = (s.min(), s.max()) if name == "plain" else gradient_ratio_bounds(s)
                bar.advance(status=f"{name}, L = {depth}")
    line = np.geomspace(depths[0], depths[-1], CURVE_POINTS)
    return xr.Dataset(
        {
            "ratio": (("model", "depth", "quantile"), ratio),
            "bound": (("model", "depth", "side"), bound),
            "without_skip": (("depth", "quantile"), without_skip),
            "curve": (("law", "curve_depth"), np.array(list(_laws(line, chosen).values()))),
        },
        {
            "model": list(MODELS),
            "depth": np.array(depths),
            "quantile": ["least", "median", "greatest"],
            "side": ["lower", "upper"],
            "law": list(_laws(line, chosen)),
            "curve_depth": line,
        },
        {**chosen, "constant": float(_constant(chosen))},
    )


def _problem(model: Model, depth: int, chosen: dict[str, Any]) -> Problem:
    """Return a squared loss with white inputs and targets of the given singular values."""
    rng = np.random.default_rng(chosen["seed"])
    frame, _ = np.linalg.qr(rng.standard_normal((chosen["samples"], chosen["width"])))
    inputs = np.sqrt(chosen["samples"]) * frame
    targets = inputs[:, : len(chosen["targets"])] * chosen["targets"]
    decay = chosen["decay"]
    return Problem(
        model=model,
        loss="squared",
        inputs=inputs,
        targets=targets,
        depth=depth,
        jacobian_decay=decay,
        head_decay=decay,
    )


def _minimise(problem: Problem) -> tuple["Optimum", Array]:
    """Return the optimum and the gradient of the loss by the last state, for every sample."""
    from ramodel.simulate import minimise

    optimum = minimise(problem, starts=2, progress=False)
    errors = (problem.inputs @ optimum.end_to_end.T - problem.targets) / problem.samples
    return optimum, errors @ optimum.head


def _quantiles(last: Array, maps: Array) -> Array:
    """Return least, median and greatest ratio of gradients [N, d] that go back through the maps [L, d, d]."""
    gradients = [last]
    for matrix in maps[::-1]:
        gradients.append(gradients[-1] @ matrix)
    return np.quantile(gradient_norm_ratio(np.stack(gradients[::-1])), [0.0, 0.5, 1.0])


def _constant(chosen: dict[str, Any]) -> Array:
    return logarithmic_law_constant(FrobeniusModel(1, chosen["decay"], chosen["decay"]), max(chosen["targets"]))


def _laws(line: Array, chosen: dict[str, Any]) -> dict[str, Array]:
    """Return the greatest ratio minus 1 at the depths `line`, by each law."""
    decay, m = chosen["decay"], max(chosen["targets"])
    brackets = np.array([FrobeniusModel(depth, decay, decay).bounds(m) for depth in line])
    return {
        "frobenius lower": brackets[:, 0],
        "frobenius upper": brackets[:, 1],
        "logarithmic": logarithmic_law(line, _constant(chosen)),
        "nuclear": np.array([NuclearModel(depth, decay, decay).jacobian_singular_value(m) for depth in line]),
        "plain": np.array([PlainModel(depth, decay, decay).jacobian_singular_value(m) for depth in line]) - 1.0,
    }
