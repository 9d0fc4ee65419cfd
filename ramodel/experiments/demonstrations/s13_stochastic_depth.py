"""S13: moments of the gain under stochastic depth, and what the noise does to the optimum."""

from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import minimize

from ramodel.progress import progress_bar
from ramodel.theory import equivalent_decay, gain_mean, gain_variance, stochastic_depth_optimum
from ramodel.theory.model import Array

__all__ = ["demonstrate"]

CONFIGURATION: dict[str, Any] = {
    "depth": 8,
    "target": 4.0,
    "decay": 0.01,
    "keep": 0.8,
    "keeps": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
    "singular_values": (0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    "draws": 200_000,
    "seed": 0,
}
QUICK: dict[str, Any] = {"depth": 4, "keeps": (0.5, 0.8, 1.0), "draws": 20_000}
CURVE_POINTS = 60
CONVENTIONS = {"plain": False, "rescaled": True}


def demonstrate(*, quick: bool = False, progress: bool = True) -> xr.Dataset:
    """Compare the closed forms with random networks, with all 2^L patterns, and with a minimiser of all s_l apart.

    Returns
    -------
    Dataset
        ``mean_*`` and ``variance_*`` [convention, s]: closed form along ``line``, by all patterns and by Monte Carlo
        (with ``mean_error``, ``variance_error``, standard errors) at ``s``; ``small_noise`` [convention, line]: the
        variance by the equivalent decay; ``optimum`` [convention, keep_line] and ``found`` [convention, keep, layer]:
        s at the optimum of the closed form, and every s_l that L-BFGS finds over the patterns from unequal starts.
    """
    chosen = {**CONFIGURATION, **(QUICK if quick else {})}
    depth, keep = chosen["depth"], chosen["keep"]
    s, keeps = np.array(chosen["singular_values"]), np.array(chosen["keeps"])
    line = np.geomspace(s[0], s[-1], CURVE_POINTS)
    keep_line = np.linspace(keeps[0], 1.0, CURVE_POINTS)
    rows: dict[str, list[Any]] = {}
    with progress_bar("stochastic depth", len(CONVENTIONS) * (1 + len(keeps)), show=progress) as bar:
        for rescaled in CONVENTIONS.values():
            mean, variance = (f(line, depth, keep, rescaled=rescaled) for f in (gain_mean, gain_variance))
            small = depth * equivalent_decay(mean, line, keep, rescaled=rescaled) * line**2
            optimum = [_optimum(q, rescaled, chosen) for q in keep_line]
            computed = {"mean": mean, "variance": variance, "small_noise": small, "optimum": optimum}
            computed |= _by_patterns(s, rescaled, chosen) | _by_draws(s, rescaled, chosen)
            bar.advance()
            found = []
            for q in keeps:
                found.append(_minimise(float(q), rescaled, chosen))
                bar.advance(status=f"keep {q:g}")
            for name, row in {**computed, "found": found}.items():
                rows.setdefault(name, []).append(row)
    axes = {"mean": "line", "variance": "line", "small_noise": "line", "optimum": "keep_line"}
    variables: dict[str, Any] = {name: (("convention", axes.get(name, "s")), rows[name]) for name in rows}
    variables["found"] = (("convention", "keep", "layer"), rows["found"])
    coordinates = {"convention": list(CONVENTIONS), "s": s, "line": line, "keep": keeps, "keep_line": keep_line}
    attributes = {name: chosen[name] for name in ("depth", "target", "decay", "draws", "seed")}
    return xr.Dataset(variables, coordinates, {**attributes, "keep_of_moments": keep})


def _optimum(keep: float, rescaled: bool, chosen: dict[str, Any]) -> float:
    decay = chosen["decay"]
    return stochastic_depth_optimum(
        chosen["target"], chosen["depth"], float(keep), jacobian_decay=decay, head_decay=decay, rescaled=rescaled
    ).s


def _patterns(keep: float, depth: int) -> tuple[Array, Array]:
    """Return all patterns [2^L, L] of kept blocks and their probabilities."""
    kept = np.array(list(product((0.0, 1.0), repeat=depth)))
    return kept, np.prod(np.where(kept == 1.0, keep, 1.0 - keep), axis=1)


def _by_patterns(s: Array, rescaled: bool, chosen: dict[str, Any]) -> dict[str, Array]:
    keep = chosen["keep"]
    kept, probabilities = _patterns(keep, chosen["depth"])
    gain = np.prod(1.0 + kept * (s / keep if rescaled else s)[:, np.newaxis, np.newaxis], axis=-1)
    mean = gain @ probabilities
    return {"mean_enumerated": mean, "variance_enumerated": (gain - mean[:, np.newaxis]) ** 2 @ probabilities}


def _by_draws(s: Array, rescaled: bool, chosen: dict[str, Any]) -> dict[str, Array]:
    keep, draws = chosen["keep"], chosen["draws"]
    rng = np.random.default_rng(chosen["seed"])
    count = rng.binomial(chosen["depth"], keep, size=draws)  # with equal s only the number of kept blocks counts
    gain = (1.0 + (s / keep if rescaled else s)[:, np.newaxis]) ** count
    squares = (gain - gain.mean(axis=1, keepdims=True)) ** 2
    return {
        "mean_drawn": gain.mean(axis=1),
        "mean_error": gain.std(axis=1) / np.sqrt(draws),
        "variance_drawn": squares.mean(axis=1),
        "variance_error": squares.std(axis=1) / np.sqrt(draws),
    }


def _minimise(keep: float, rescaled: bool, chosen: dict[str, Any]) -> Array:
    """Return s_1..s_L at the lowest minimum that L-BFGS finds over w and all s_l apart."""
    depth, y, decay = chosen["depth"], chosen["target"], chosen["decay"]
    kept, probabilities = _patterns(keep, depth)
    added = kept / keep if rescaled else kept

    def objective(point: Array) -> tuple[float, Array]:
        w, s = point[0], point[1:]
        factors = 1.0 + added * s
        gain = np.prod(factors, axis=1)
        weighted = probabilities * (w * gain - y)
        value = 0.5 * weighted @ (w * gain - y) + 0.5 * decay * (w**2 + s @ s)
        slope = (weighted * w * gain) @ (added / factors) + decay * s
        return float(value), np.concatenate([[weighted @ gain + decay * w], slope])

    rng = np.random.default_rng(chosen["seed"])
    starts = [np.concatenate([[scale * y], rng.uniform(0.0, 0.5, depth)]) for scale in (1.0, 0.5, 0.1)]
    bounds = [(None, None)] + [(0.0, None)] * depth
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000}
    results = [
        minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options) for start in starts
    ]
    found: Array = min(results, key=lambda result: result.fun).x[1:]
    return found
