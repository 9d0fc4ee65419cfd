"""S10: the effective rank of the best configuration over depths and decays, and the simplex's two boundaries."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from ramodel.problem import Problem
from ramodel.progress import progress_bar
from ramodel.theory import FrobeniusModel
from ramodel.theory.configurations import Boundaries, PhaseDiagram, best_configuration, boundaries, phase_diagram
from ramodel.theory.configurations.configuration import RANK_SHARE

__all__ = ["SEARCHED", "demonstrate", "phase_dataset"]

CONFIGURATION: dict[str, Any] = {
    "classes": (4, 6, 10, 100),
    "shallowest": 1.0,
    "deepest": 64.0,
    "depths": 13,
    "least_decay": 1e-4,
    "greatest_decay": 0.1,
    "decays": 7,
    "curve_points": 13,
    "starts": 3,
    "check_starts": 4,
    "seed": 0,
}
QUICK: dict[str, Any] = {
    "classes": (4, 100),
    "depths": 3,
    "decays": 3,
    "curve_points": 2,
    "starts": 1,
    "check_starts": 1,
}

CHECKS = (
    (4, 4, 0.01),
    (4, 8, 0.001),
    (4, 16, 0.01),
    (4, 16, 0.001),
    (6, 2, 0.01),
    (6, 4, 0.001),
    (6, 8, 0.01),
    (6, 16, 0.01),
    (10, 2, 0.01),
    (10, 4, 0.01),
    (10, 8, 0.01),
    (10, 8, 0.1),
)
"""Classes, depth and decay of points checked by minimising over all unreduced variables."""

SEARCHED = 16
"""Greatest number of classes for which the best configuration is searched; of more, only the boundaries are shown."""


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Compute the phase diagrams from the reduced problem, and a dozen points without it.

    Returns
    -------
    Dataset
        That of `phase_dataset`, and over ``check``: ``check_classes``, ``check_depth``, ``check_decay``, the objectives
        ``check_reduced`` and ``check_unreduced`` and the ranks ``check_reduced_rank`` and ``check_unreduced_rank``.
    """
    chosen = {**CONFIGURATION, **(QUICK if quick else {})}
    dataset = phase_dataset(
        chosen["classes"],
        np.geomspace(chosen["shallowest"], chosen["deepest"], chosen["depths"]),
        np.geomspace(chosen["least_decay"], chosen["greatest_decay"], chosen["decays"]),
        curve_points=chosen["curve_points"],
        starts=chosen["starts"],
        seed=chosen["seed"],
        progress=progress,
    )
    checks = CHECKS[:1] if quick else CHECKS
    rows = []
    with progress_bar("without the reduction", len(checks), show=progress) as bar:
        for classes, depth, decay in checks:
            rows.append(_check(classes, depth, decay, chosen))
            bar.advance(status=f"C = {classes}, L = {depth}")
    names = ("classes", "depth", "decay", "reduced", "unreduced", "reduced_rank", "unreduced_rank")
    columns = zip(names, zip(*rows, strict=True), strict=True)
    checked = {f"check_{name}": ("check", list(values)) for name, values in columns}
    return dataset.assign(checked).assign_attrs(check_starts=chosen["check_starts"])


def phase_dataset(
    classes: Sequence[int],
    depths: ArrayLike,
    decays: ArrayLike,
    *,
    curve_points: int = 25,
    starts: int = 4,
    seed: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Return phase diagrams for several numbers of classes at equal decays of blocks and head.

    Returns
    -------
    Dataset
        Over (classes, depth, decay): ``effective_rank``, ``value``, ``simplex_value`` and ``simplex_stable`` (1 or 0);
        NaN for more than `SEARCHED` classes. Over (classes, curve_decay): ``threshold_depth`` and ``stability_depth``,
        NaN where there is none.
    """
    rows, columns = np.asarray(depths, dtype=float), np.asarray(decays, dtype=float)
    beyond = (columns[-1] / columns[0]) ** (0.5 / max(columns.size - 1, 1))  # to the edges of the outer cells
    line = np.geomspace(columns[0] / beyond, columns[-1] * beyond, curve_points)
    shape = (len(classes), rows.size, columns.size)
    grids = {name: np.full(shape, np.nan) for name in ("effective_rank", "value", "simplex_value", "simplex_stable")}
    curves = []
    for place, count in enumerate(classes):
        if count <= SEARCHED:
            found: PhaseDiagram = phase_diagram(count, rows, columns, starts=starts, seed=seed, progress=progress)
            for name, grid in grids.items():
                grid[place] = getattr(found, name)
        curves.append(_curves(count, line, float(rows[-1]), progress=progress))
    return xr.Dataset(
        {
            **{name: (("classes", "depth", "decay"), grid) for name, grid in grids.items()},
            "threshold_depth": (("classes", "curve_decay"), [curve.threshold_depth for curve in curves]),
            "stability_depth": (
                ("classes", "curve_decay"),
                [np.where(np.isfinite(curve.stability_depth), curve.stability_depth, np.nan) for curve in curves],
            ),
        },
        {"classes": list(classes), "depth": rows, "decay": columns, "curve_decay": line},
        {"decay_ratio": 1.0, "starts": starts, "seed": seed},
    )


def _curves(classes: int, decays: np.ndarray, deepest: float, *, progress: bool) -> Boundaries:
    """Return the boundaries, one decay after the other under a bar."""
    with progress_bar(f"boundaries, {classes} classes", len(decays), show=progress) as bar:
        points = []
        for decay in decays:
            points.append(boundaries(classes, [decay], deepest=deepest))
            bar.advance()
    return Boundaries(
        decays=decays,
        threshold_depth=np.concatenate([point.threshold_depth for point in points]),
        stability_depth=np.concatenate([point.stability_depth for point in points]),
    )


def _check(classes: int, depth: int, decay: float, chosen: dict[str, Any]) -> tuple[float, ...]:
    """Return the point, both objectives and both ranks; the unreduced ones from many starts over all J_l and W."""
    from ramodel.simulate import minimise

    reduced = best_configuration(classes, FrobeniusModel(depth, decay, decay), seed=chosen["seed"])
    problem = Problem(
        model="frobenius",
        loss="cross-entropy",
        inputs=np.eye(classes),
        targets=np.arange(classes),
        depth=depth,
        jacobian_decay=decay,
        head_decay=decay,
    )
    optimum = minimise(problem, starts=chosen["check_starts"], seed=chosen["seed"], tolerance=1e-8, progress=False)
    s = np.linalg.svd(optimum.jacobians, compute_uv=False).mean(axis=0)
    rank = int(np.count_nonzero(s > RANK_SHARE * s[0]))
    return classes, depth, decay, reduced.value, optimum.objective, reduced.effective_rank, rank
