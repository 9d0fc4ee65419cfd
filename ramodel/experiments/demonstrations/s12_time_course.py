"""S12: how asymmetry and imbalance fade with training time, and what integration does to the invariant."""

from typing import Any

import numpy as np
import xarray as xr

from ramodel.metrics import asymmetry_error
from ramodel.problem import Problem
from ramodel.progress import progress_bar
from ramodel.theory import alignment_rate, alignment_residual, imbalance
from ramodel.theory.model import Array

__all__ = ["demonstrate"]

CONFIGURATION: dict[str, Any] = {
    "targets": (3.0, 2.0),
    "width": 3,
    "depth": 4,
    "start": 0.2,
    "seed": 0,
    "decays": (0.1, 0.01, 0.001),
    "longest": 40.0,
    "moments": 28,
    "tolerances": tuple(10.0**-exponent for exponent in range(3, 13)),
    "conserved_until": 5.0,
}
QUICK: dict[str, Any] = {"decays": (0.1,), "longest": 10.0, "moments": 5, "tolerances": (1e-4, 1e-8), "depth": 2}
SOLVER: dict[str, Any] = {"method": "Radau", "relative_tolerance": 1e-6, "absolute_tolerance": 1e-10}


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Follow gradient flow from one random start, with several decays and without, on a squared loss of white inputs.

    Returns
    -------
    Dataset
        ``asymmetry``, ``residual``, ``imbalance`` [decay, scaled_time]: root mean squares over layers of
        ||J_l - J_l^T||/||J_l||, of ||R_l|| (S1) and of ||D_l||, at times scaled_time / decay; the same with the ending
        ``_without_decay`` [scaled_time] at the times of the smallest decay (for the residual rho = 1); ``rate``
        [decay]: predicted slowest rate at each decay's own optimum, in units of the decay, and ``measured_rate``
        [decay]: that of the asymmetry between the last two times; ``invariant_error`` [tolerance]: largest change
        of an entry of D_l by integration without decay.
    """
    chosen = {**CONFIGURATION, **(QUICK if quick else {})}
    decays, tolerances = chosen["decays"], chosen["tolerances"]
    times = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, chosen["moments"] - 1) * chosen["longest"]])
    courses, rates, errors = [], [], []
    with progress_bar("gradient flows", len(decays) + 1 + len(tolerances), show=progress) as bar:
        for decay in (*decays, 0.0):
            course, spectrum = _follow(decay, times / (decay or min(decays)), chosen)
            courses.append(course)
            if decay:
                rates.append(alignment_rate([*spectrum[: len(chosen["targets"])], 0.0], chosen["depth"], 1.0))
            bar.advance(status=f"decay {decay:g}")
        for tolerance in tolerances:
            errors.append(_invariant_error(tolerance, chosen))
            bar.advance(status=f"tolerance {tolerance:g}")
    variables: dict[str, Any] = {}
    for name in courses[0]:
        variables[name] = (("decay", "scaled_time"), np.array([course[name] for course in courses[:-1]]))
        variables[f"{name}_without_decay"] = (("scaled_time",), courses[-1][name])
    before, last = variables["asymmetry"][1][:, -2:].T
    slopes = np.log(before / last) / (times[-1] - times[-2])
    variables["measured_rate"] = (("decay",), slopes)
    variables["rate"] = (("decay",), np.array(rates))
    variables["invariant_error"] = (("tolerance",), np.array(errors))
    coordinates = {"decay": list(decays), "scaled_time": times, "tolerance": list(tolerances)}
    return xr.Dataset(variables, coordinates, chosen)


def _follow(decay: float, times: Array, chosen: dict[str, Any]) -> tuple[dict[str, Array], Array]:
    """Return the three sizes at the times, and the singular values of the first block at the end."""
    from ramodel.simulate import gradient_flow

    flow = gradient_flow(_problem(decay, chosen), times, **_start(chosen), **SOLVER, progress=False)
    residual = alignment_residual(flow.jacobians, flow.heads, decay_ratio=1.0)
    sizes = {
        "asymmetry": asymmetry_error(flow.jacobians),
        "residual": np.linalg.norm(residual, axis=(-2, -1)),
        "imbalance": np.linalg.norm(imbalance(flow.jacobians, flow.heads)[:, :-1], axis=(-2, -1)),
    }
    course = {name: np.sqrt(np.mean(size**2, axis=-1)) for name, size in sizes.items()}
    return course, np.linalg.svd(flow.jacobians[-1, 0], compute_uv=False)


def _invariant_error(tolerance: float, chosen: dict[str, Any]) -> float:
    from ramodel.simulate import gradient_flow

    flow = gradient_flow(
        _problem(0.0, chosen),
        [0.0, chosen["conserved_until"]],
        **_start(chosen),
        relative_tolerance=tolerance,
        absolute_tolerance=1e-3 * tolerance,
        progress=False,
    )
    before, after = imbalance(flow.jacobians, flow.heads)
    return float(np.abs(after - before).max())


def _problem(decay: float, chosen: dict[str, Any]) -> Problem:
    inputs = np.sqrt(chosen["width"]) * np.eye(chosen["width"])
    return Problem(
        model="frobenius",
        loss="squared",
        inputs=inputs,
        targets=inputs[:, : len(chosen["targets"])] * chosen["targets"],
        depth=chosen["depth"],
        jacobian_decay=decay,
        head_decay=decay,
    )


def _start(chosen: dict[str, Any]) -> dict[str, Any]:
    rng, width = np.random.default_rng(chosen["seed"]), chosen["width"]
    return {
        "jacobians": chosen["start"] * rng.standard_normal((chosen["depth"], width, width)),
        "head": chosen["start"] * rng.standard_normal((len(chosen["targets"]), width)),
    }
