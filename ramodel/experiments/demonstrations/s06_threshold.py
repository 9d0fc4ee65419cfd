"""S6: the rank of two-matrix blocks drops in steps as decay grows; free blocks fade and keep their rank."""

from typing import Any

import numpy as np
import xarray as xr

from ramodel.problem import Model, Problem
from ramodel.progress import progress_bar
from ramodel.theory import FrobeniusModel, NuclearModel, target_threshold
from ramodel.theory.model import Array

__all__ = ["demonstrate"]

CONFIGURATION: dict[str, Any] = {
    "targets": (4.0, 2.8, 2.0, 1.4),
    "width": 5,
    "depth": 4,
    "head_decay": 1e-2,
    "least_decay": 8e-3,
    "greatest_decay": 0.3,
    "points": 10,
    "curve_points": 200,
    "seed": 0,
}
QUICK: dict[str, Any] = {"points": 3, "depth": 1}
MODELS: dict[Model, type[FrobeniusModel | NuclearModel]] = {"nuclear": NuclearModel, "frobenius": FrobeniusModel}
ZERO = 1e-7
"""Share of the largest singular value of all blocks below which the optimiser's are zero; it leaves about 1e-10."""

BISECTIONS = 60


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Minimise one squared loss of white inputs at many block decays; count and measure the singular values of J_l.

    Returns
    -------
    Dataset
        ``curve`` [model, curve_decay, direction]: s by the closed form. ``found`` [model, decay, direction] and
        ``nonzero`` [model, decay]: singular values of J_1 at the optimiser's minimum and how many are not zero.
        ``threshold`` [direction]: the decay at which each direction leaves the blocks of the nuclear model.
    """
    chosen = {**CONFIGURATION, **(QUICK if quick else {})}
    y = np.array(chosen["targets"])
    ends = chosen["least_decay"], chosen["greatest_decay"]
    decays, line = np.geomspace(*ends, chosen["points"]), np.geomspace(*ends, chosen["curve_points"])
    found = np.empty((len(MODELS), decays.size, y.size))
    with progress_bar("rank against decay", len(MODELS) * decays.size, show=progress) as bar:
        for i, name in enumerate(MODELS):
            for j, decay in enumerate(decays):
                found[i, j] = _optimiser(name, float(decay), chosen)
                bar.advance(status=f"{name}, decay {decay:.3g}")
    curve = [_closed_form(kind, line, chosen) for kind in MODELS.values()]
    unit = target_threshold(NuclearModel(chosen["depth"], chosen["head_decay"], chosen["head_decay"]))
    return xr.Dataset(
        {
            "curve": (("model", "curve_decay", "direction"), np.array(curve)),
            "found": (("model", "decay", "direction"), found),
            "nonzero": (("model", "decay"), (found > ZERO * found.max()).sum(axis=2)),
            "threshold": ("direction", chosen["head_decay"] * (y / unit) ** 2),
        },
        {"model": list(MODELS), "decay": decays, "curve_decay": line, "direction": y},
        {key: chosen[key] for key in ("depth", "width", "head_decay", "seed")},
    )


def _optimiser(name: Model, decay: float, chosen: dict[str, Any]) -> Array:
    """Return the singular values of J_1 at the minimum, as many as there are targets."""
    from ramodel.simulate import minimise

    y, width = np.array(chosen["targets"]), chosen["width"]
    rng = np.random.default_rng(chosen["seed"])
    left, right = (np.linalg.qr(rng.standard_normal((size, size)))[0] for size in (y.size, width))
    inputs = np.sqrt(width) * np.eye(width)
    problem = Problem(
        model=name,
        loss="squared",
        inputs=inputs,
        targets=inputs @ ((left * y) @ right[:, : y.size].T).T,
        depth=chosen["depth"],
        jacobian_decay=decay,
        head_decay=chosen["head_decay"],
    )
    optimum = minimise(problem, starts=2, seed=chosen["seed"], progress=False)
    sizes: Array = np.linalg.svd(optimum.jacobians[0], compute_uv=False)[: y.size]
    return sizes


def _closed_form(kind: type[FrobeniusModel | NuclearModel], decays: Array, chosen: dict[str, Any]) -> Array:
    """Return s [decay, direction] at the m that minimise (m - y)^2 / 2 + c(m) / 2, by bisection of the slope.

    The slope is m - y + lam_W w^2 / m. In units of sqrt(rho), w and s are those of the model whose decays are 1.
    """
    unit = kind(chosen["depth"], 1.0, 1.0)
    high = np.array(chosen["targets"]) / np.sqrt(decays / chosen["head_decay"])[:, np.newaxis]
    y, low = high, np.zeros_like(high)
    for _ in range(BISECTIONS):
        m = 0.5 * (low + high)
        rises = m - y + chosen["head_decay"] * unit.head_singular_value(m) ** 2 / m > 0.0
        low, high = np.where(rises, low, m), np.where(rises, m, high)
    return np.asarray(unit.jacobian_singular_value(0.5 * (low + high)))
