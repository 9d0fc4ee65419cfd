"""The effective rank of the best configuration over depths and decays, with the two boundaries of the simplex (S10)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ramodel.checks import finite_array, integer, positive
from ramodel.progress import Progress, progress_bar
from ramodel.theory.configurations.configuration import Configuration, describe
from ramodel.theory.configurations.search import lowest_map, named_families, starting_maps
from ramodel.theory.configurations.simplex import simplex
from ramodel.theory.configurations.stability import simplex_stability, stability_depth
from ramodel.theory.configurations.threshold import threshold_depth
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.model import Array
from ramodel.theory.optimum.losses import CrossEntropyLoss
from ramodel.theory.optimum.spectral import minimise_spectral

__all__ = ["Boundaries", "PhaseDiagram", "boundaries", "phase_diagram"]

STRIDE = 3
"""Every third decay is searched from random starts, at all depths: optima change far more with depth."""

GAIN = 1e-9
"""Least relative gain that counts as an improvement when optima spread."""

NOISE = 0.02
"""Of a start from a neighbour, so that a symmetry it has, and its own optimum has not, is no trap."""


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Where the simplex stops being best, and where it stops being a local minimum.

    Parameters
    ----------
    decays : array [n]
        lam_J.
    threshold_depth : array [n]
        L at which pairs are as good as the simplex (first order); NaN for odd C and C < 4.
    stability_depth : array [n]
        L from which on the simplex is a saddle; infinite where there is none.
    """

    decays: Array
    threshold_depth: Array
    stability_depth: Array


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """The best configuration found at every depth and decay. Arrays [n_depths, n_decays] unless said otherwise.

    Parameters
    ----------
    classes
        C.
    decay_ratio
        rho = lam_J / lam_W.
    depths : array [n_depths]
        L, real.
    decays : array [n_decays]
        lam_J.
    value, simplex_value
        F of the best configuration found, and of the simplex.
    effective_rank
        Number of s_k above s_1/10.
    simplex_stable
        Whether the simplex is a strict local minimum.
    end_to_end : array [n_depths, n_decays, C, C]
        M of the best.
    jacobian_singular_values : array [n_depths, n_decays, C]
        s_k of the best, descending.
    """

    classes: int
    decay_ratio: float
    depths: Array
    decays: Array
    value: Array
    simplex_value: Array
    effective_rank: NDArray[np.int64]
    simplex_stable: NDArray[np.bool_]
    end_to_end: Array
    jacobian_singular_values: Array


def boundaries(classes: int, decays: ArrayLike, *, decay_ratio: float = 1.0, deepest: float = 1e4) -> Boundaries:
    """Return the depths at which the simplex stops being best among pairs, and a local minimum (statement S10; own).

    Parameters
    ----------
    classes
        C, at least 2.
    decays
        lam_J > 0, shape [n].
    decay_ratio
        rho = lam_J / lam_W > 0.
    deepest
        Greatest depth at which the simplex is asked for its stability.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range, or pairs are never better: see `threshold_depth`.

    Examples
    --------
    >>> boundaries(10, [0.1]).stability_depth.round(3)
    array([6.591])
    """
    lam = _positive_list("decays", decays)
    rho = positive("decay_ratio", decay_ratio)
    paired = classes >= 4 and classes % 2 == 0
    return Boundaries(
        decays=lam,
        threshold_depth=np.array([threshold_depth(classes, x, x / rho).depth if paired else np.nan for x in lam]),
        stability_depth=np.array([_stability(classes, x, x / rho, deepest) for x in lam]),
    )


def phase_diagram(
    classes: int,
    depths: ArrayLike,
    decays: ArrayLike,
    *,
    decay_ratio: float = 1.0,
    starts: int = 4,
    seed: int = 0,
    progress: bool = True,
) -> PhaseDiagram:
    """Return the best configuration found over a grid of depths and decays (statement S10; own; searched, not proved).

    At each depth every third decay is searched, in the named families and freely, and all decays descend from all that
    was found. Then optima spread: each point descends from those of its neighbours, until none improves.

    Parameters
    ----------
    classes
        C, at least 2.
    depths
        L > 0, ascending, shape [n_depths].
    decays
        lam_J > 0, ascending, shape [n_decays].
    decay_ratio
        rho = lam_J / lam_W > 0.
    starts
        Random starts for each number of dimensions, see `free_search`.
    seed
        Of all starts.
    progress
        Show a bar on a terminal.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> phase_diagram(4, [4.0, 8.0], [0.001, 0.01]).effective_rank
    array([[3, 3],
           [2, 2]])
    """
    count = integer("classes", classes, minimum=2)
    rho = positive("decay_ratio", decay_ratio)
    shape = (len(rows := _positive_list("depths", depths)), len(columns := _positive_list("decays", decays)))
    models = [FrobeniusModel(depth, decay, decay / rho) for depth in rows for decay in columns]
    seeds = np.random.SeedSequence(integer("seed", seed, minimum=0)).generate_state(len(models) + 1)
    found = []
    with progress_bar(f"{count} classes", len(rows) + 1, show=progress) as bar:
        for place in range(len(rows)):
            row = slice(place * len(columns), (place + 1) * len(columns))
            found.append(_row(count, models[row], seeds[row], starts))
            bar.advance(status=f"depth {rows[place]:.3g}: families and free search")
        maps = _spread(models, np.concatenate(found), shape, np.random.default_rng(seeds[-1]), bar)
        bar.advance()
    best_found = [describe("best", model, m) for model, m in zip(models, maps, strict=True)]
    return _diagram(count, rho, rows, columns, models, best_found)


def _row(classes: int, models: list[FrobeniusModel], seeds: NDArray[np.unsignedinteger[Any]], starts: int) -> Array:
    """Return the lowest maps [n_decays, C, C] at one depth: what is found at some decays is tried at all."""
    candidates: list[Array] = []
    for model, seed in list(zip(models, seeds, strict=True))[::STRIDE]:
        named = [one.end_to_end for one in named_families(classes, model)]
        random = starting_maps(classes, model, starts=starts, seed=int(seed), guesses=named)
        candidates += [*named, lowest_map(model, random)]
    every = [model for model in models for _ in candidates]
    descent = minimise_spectral(_loss(classes), every, np.stack(candidates * len(models)))
    lowest = descent.values.reshape(len(models), -1).argmin(axis=1)
    maps: Array = descent.maps.reshape(len(models), len(candidates), classes, classes)[np.arange(len(models)), lowest]
    return maps


def _stability(classes: int, jacobian_decay: float, head_decay: float, deepest: float) -> float:
    return stability_depth(classes, jacobian_decay, head_decay, deepest=deepest) if classes >= 4 else np.inf


def _spread(
    models: list[FrobeniusModel], maps: Array, shape: tuple[int, ...], rng: np.random.Generator, bar: Progress
) -> Array:
    """Return the maps after descents from their neighbours, repeated from those that changed until none improves."""
    loss = _loss(maps.shape[1])
    values = np.array([describe("", model, m).value for model, m in zip(models, maps, strict=True)])
    changed = np.ones(len(models), dtype=bool)
    sweep = 0
    while changed.any():
        sweep += 1
        pairs = np.array([(to, of) for to, of in _neighbours(shape) if changed[of]])
        starts = maps[pairs[:, 1]] + NOISE * rng.standard_normal((len(pairs), *maps.shape[1:]))
        descent = minimise_spectral(loss, [models[to] for to in pairs[:, 0]], starts)
        changed[:] = False
        for (to, _), value, m in zip(pairs, descent.values, descent.maps, strict=True):
            if value < values[to] * (1.0 - GAIN):
                values[to], maps[to], changed[to] = value, m, True
        bar.advance(0, status=f"spreading, sweep {sweep}: {changed.sum()} better")
    return maps


def _loss(classes: int) -> CrossEntropyLoss:
    return CrossEntropyLoss(None, np.arange(classes), classes)


def _neighbours(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Go through the pairs (point, neighbour) of a grid, as flat places."""
    places = np.arange(np.prod(shape)).reshape(shape)
    for first, second in ((places[1:], places[:-1]), (places[:, 1:], places[:, :-1])):
        for one, other in zip(first.flat, second.flat, strict=True):
            yield int(one), int(other)
            yield int(other), int(one)


def _diagram(
    classes: int,
    rho: float,
    depths: Array,
    decays: Array,
    models: list[FrobeniusModel],
    best: list[Configuration],
) -> PhaseDiagram:
    shape = (len(depths), len(decays))
    return PhaseDiagram(
        classes=classes,
        decay_ratio=rho,
        depths=depths,
        decays=decays,
        value=np.array([one.value for one in best]).reshape(shape),
        simplex_value=np.array([simplex(classes, model).value for model in models]).reshape(shape),
        effective_rank=np.array([one.effective_rank for one in best]).reshape(shape),
        simplex_stable=np.array([simplex_stability(classes, model).stable for model in models]).reshape(shape),
        end_to_end=np.stack([one.end_to_end for one in best]).reshape(*shape, classes, classes),
        jacobian_singular_values=np.stack([one.jacobian_singular_values for one in best]).reshape(*shape, classes),
    )


def _positive_list(name: str, values: ArrayLike) -> Array:
    """Return a list of positive, ascending numbers."""
    listed = finite_array(name, values, shape=(None,))
    for place, value in enumerate(listed):
        positive(f"{name}[{place}]", float(value))
    if (np.diff(listed) <= 0.0).any():
        raise ValueError(f"{name} is {listed.tolist()}; it must be ascending, each value once.")
    return listed
