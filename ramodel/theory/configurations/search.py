"""The free search over all maps, and the best configuration of all. Everything here is searched, nothing proved."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ramodel.checks import LARGEST_SEED, finite_array, integer
from ramodel.theory.configurations.configuration import Configuration, class_objective, describe
from ramodel.theory.configurations.families import (
    TOLERANCE,
    circulant,
    critical_maps,
    lattice,
    pair,
    polygon_name,
    scaled,
    triangular,
)
from ramodel.theory.configurations.simplex import simplex
from ramodel.theory.configurations.symmetry import polygon_symmetry
from ramodel.theory.model import Array, ResidualModel
from ramodel.theory.optimum.losses import CrossEntropyLoss
from ramodel.theory.optimum.spectral import minimise_spectral

__all__ = ["best_configuration", "free_search", "lowest_map", "named_families", "partitions", "starting_maps"]

SAME = 1e-9
"""Relative difference of values below which two configurations are the same, and the simpler name is given."""

SCALES = (4.0, 8.0, 16.0)
"""Squared lengths of random starting vectors."""

ROUGH, ROUGH_ITERATIONS = 1e-3, 300
"""Relative gradient, and Newton steps, after which a start has shown what it is worth."""

PROMISING = 0.01
"""Relative difference of such rough values below which the greater may turn out the lower."""

NOISE = 0.05
"""Of every start, so that none sits in a saddle by symmetry."""

PARTITIONED = 12
"""Greatest number of classes for which every partition into polygons gives a start: there are 77 of 12."""


def named_families(classes: int, model: ResidualModel) -> list[Configuration]:
    """Return the lowest of each family that has so many classes, the simplest first (statement S10; own).

    The simplex, then pairs (even C >= 4), circulant (C >= 4), triangular (C = 6, 10, 15, ...), lattice (C = 9, 16,
    ...).

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> [found.family for found in named_families(10, FrobeniusModel(8, 0.01, 0.01))]
    ['simplex', 'pair', 'circulant', 'triangular']
    """
    found = [simplex(classes, model)]
    if classes >= 4:
        found += [pair(classes, model)] if classes % 2 == 0 else []
        found.append(circulant(classes, model))
    if classes in {n * (n - 1) // 2 for n in range(4, classes)}:
        found.append(triangular(classes, model))
    if classes in {n * n for n in range(3, classes)}:
        found.append(lattice(classes, model))
    return found


def free_search(
    classes: int,
    model: ResidualModel,
    *,
    starts: int = 6,
    seed: int = 0,
    guesses: Sequence[Array] = (),
    callback: Callable[[Array, Array], None] | None = None,
) -> Configuration:
    """Return the lowest critical point found among all maps M, from many starts (statement S10; own; searched).

    Starts are Gram matrices of random unit vectors in each number of dimensions from 1 to C - 1, at random scales and
    with a little noise; regular polygons in orthogonal planes for each partition of up to 12 classes; and `guesses`.

    Parameters
    ----------
    classes
        C, at least 2.
    model
        Without embedding.
    starts
        Random starts for each number of dimensions.
    seed
        Of the starts.
    guesses
        More maps [C, C] to start from.
    callback
        Sees values and relative gradients of the starts that still move.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> found = free_search(7, FrobeniusModel(8, 0.01, 0.01))
    >>> round(found.value, 9), found.effective_rank  # a pentagon and a pair: 0.044144407 for the best circulant
    (0.04237435, 3)
    """
    count = integer("classes", classes, minimum=2)
    class_objective(count, model)
    own = [finite_array(f"guesses[{i}]", guess, shape=(count, count)) for i, guess in enumerate(guesses)]
    maps = starting_maps(count, model, starts=starts, seed=seed, guesses=own)
    return describe("free", model, lowest_map(model, maps, callback=callback))


def best_configuration(
    classes: int,
    model: ResidualModel,
    *,
    starts: int = 6,
    seed: int = 0,
    callback: Callable[[Array, Array], None] | None = None,
) -> Configuration:
    """Return the lowest configuration of all that are known here: named families and free search (S10; own; searched).

    Its family is the simplest that reaches the value: a named one, else the partition into polygons, else "free".

    Parameters
    ----------
    classes, model, starts, seed, callback
        As for `free_search`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong kind or range.

    Examples
    --------
    >>> from ramodel.theory import FrobeniusModel
    >>> [best_configuration(classes, FrobeniusModel(8, 0.01, 0.01)).family for classes in (4, 5, 7)]
    ['pair', 'polygons 2+2+1', 'polygons 5+2']
    """
    named = named_families(classes, model)
    guesses = [found.end_to_end for found in named]
    free = free_search(classes, model, starts=starts, seed=seed, guesses=guesses, callback=callback)
    candidates = [*named, free]
    lowest = min(found.value for found in candidates)
    best = next(found for found in candidates if _reaches(found, lowest))
    if best is not free or classes > PARTITIONED:
        return best
    return next((found for found in _polygon_families(classes, model, lowest) if _reaches(found, lowest)), free)


def lowest_map(model: ResidualModel, starts: Array, *, callback: Callable[[Array, Array], None] | None = None) -> Array:
    """Return the lowest critical point [C, C] reached from starts [B, C, C]: all roughly, the best few to the end."""
    loss = _loss(starts.shape[1])
    rough = minimise_spectral(loss, model, starts, tolerance=ROUGH, max_iterations=ROUGH_ITERATIONS, callback=callback)
    promising = rough.values <= rough.values.min() * (1.0 + PROMISING)
    settled = minimise_spectral(loss, model, rough.maps[promising], callback=callback)
    lowest = settled.maps[settled.values.argmin()]
    end: Array = minimise_spectral(loss, model, lowest[np.newaxis], tolerance=TOLERANCE).maps[0]
    return end


def starting_maps(
    classes: int, model: ResidualModel, *, starts: int, seed: int, guesses: Sequence[Array] = ()
) -> Array:
    """Return the starts [B, C, C] of `free_search`."""
    rng = np.random.default_rng(integer("seed", seed, minimum=0, maximum=LARGEST_SEED))
    each = integer("starts", starts)
    maps = []
    for dimensions in range(1, classes):
        vectors = rng.standard_normal((each, classes, dimensions))
        vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
        maps.append(rng.choice(SCALES, (each, 1, 1)) * (vectors @ vectors.swapaxes(1, 2)))
    if classes <= PARTITIONED:
        maps.append(_orthogonal_polygons(partitions(classes), model))
    everything = np.concatenate([*maps, *(guess[np.newaxis] for guess in guesses)])
    noisy: Array = everything + NOISE * rng.standard_normal(everything.shape)
    return noisy


def partitions(classes: int) -> list[tuple[int, ...]]:
    """Return the ways to write `classes` as a sum of parts, not all 1, parts descending."""
    return [sizes for sizes in _partitions(classes, classes) if sizes[0] > 1]


def _partitions(total: int, largest: int) -> Iterator[tuple[int, ...]]:
    if total == 0:
        yield ()
    for first in range(min(total, largest), 0, -1):
        for rest in _partitions(total - first, first):
            yield (first, *rest)


def _orthogonal_polygons(every: Sequence[tuple[int, ...]], model: ResidualModel) -> Array:
    """Return a map [B, C, C] for each partition, every polygon in a plane of its own, at its best scale."""
    return np.concatenate([scaled(polygon_symmetry(sizes), model, patterns=1) for sizes in every])


def _polygon_families(classes: int, model: ResidualModel, value: float) -> Iterator[Configuration]:
    """Go through the polygon families that may have this value, finest first: a descent keeps its start's symmetry."""
    every = sorted(partitions(classes), key=lambda sizes: (sizes.count(1), -len(sizes)))
    rough = minimise_spectral(_loss(classes), model, _orthogonal_polygons(every, model), tolerance=ROUGH)
    for sizes, reached, end in zip(every, rough.values, rough.maps, strict=True):
        if reached <= value * (1.0 + PROMISING):
            maps, _ = critical_maps(polygon_symmetry(sizes), model, end[np.newaxis])
            yield describe(polygon_name(sizes), model, maps[0])


def _reaches(found: Configuration, value: float) -> bool:
    return found.value <= value * (1.0 + SAME)


def _loss(classes: int) -> CrossEntropyLoss:
    return CrossEntropyLoss(None, np.arange(classes), classes)
