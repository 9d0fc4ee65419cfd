"""How far what the optimiser found is from the closed forms of its model, as numbers by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ramodel.experiments.readings import PREDICTED_SHARE
from ramodel.metrics import subspace_affinity_score
from ramodel.problem import Model, Problem
from ramodel.theory import MODELS, KineticModel, ResidualModel

if TYPE_CHECKING:
    from ramodel.simulate import Optimum

__all__ = ["ERRORS", "SCORES", "agreement"]

Array = NDArray[np.float64]
Numbers = dict[str, Any]

ERRORS = ("asymmetry", "balance_error", "layer_spread", "slope_error", "max_relative_error")
"""Entries of `agreement` that are 0 where the theory holds."""

SCORES = ("neighbour_alignment", "own_alignment")
"""Entries of `agreement` between 0 and 1."""

ROUNDING = 1e-12
"""Size below which a Jacobian, beside the identity that it is added to, counts as zero; relative, for plain maps."""


def agreement(problem: Problem, optimum: "Optimum") -> Numbers:
    """Return what was found beside what the closed forms say (S1, S2, S6, S7, S8, S18).

    Every error is 0 where the theory holds, and where the layers found are zero. `max_relative_error` is the largest
    ``|found - predicted| / predicted`` over all layers and the predicted values above one hundredth of the largest.

    Parameters
    ----------
    problem
        What was minimised.
    optimum
        What `ramodel.minimise` returned for it.

    Returns
    -------
    dict
        All models: "balance_error", "predicted", "max_relative_error". Frobenius and nuclear: "asymmetry" ``||J -
        J^T|| / ||J||``, "layer_spread" ``||J_l - mean|| / ||mean||``, "singular_values" of every block; predicted are
        those of a block, from the end-to-end map. Kinetic: "asymmetry" of ``J Sigma``, "slope_error" ``|1/s_{l+1} -
        1/s_l - 1|``, "eigenvalues" of every block; predicted are those of every block, from head and Sigma. Plain:
        "neighbour_alignment" and "own_alignment", mean squared cosines between the leading left singular vectors of a
        layer and the right ones of the next (the least one) and of its own (the mean), None where all is zero;
        "singular_values" and predicted as in the first.

    Examples
    --------
    >>> from ramodel.problem import random_problem
    >>> from ramodel.simulate import minimise
    >>> problem = random_problem(model="kinetic", classes=3, width=4, depth=3, samples=9, loss="squared",
    ...                          jacobian_decay=0.1, head_decay=0.1, seed=0)
    >>> agreement(problem, minimise(problem))["slope_error"] < 1e-8
    True
    """
    model = MODELS[problem.model](
        problem.depth, problem.jacobian_decay, problem.head_decay, embedding_decay=problem.embedding_decay
    )
    return _NUMBERS[problem.model](model, problem, optimum)


def _symmetric_blocks(model: ResidualModel, problem: Problem, optimum: "Optimum") -> Numbers:
    """Frobenius and nuclear models: all blocks equal and symmetric."""
    jacobians = _without_rounding(optimum.jacobians)
    mean = jacobians.mean(axis=0)
    head = optimum.head
    if np.linalg.norm(head) ** 2 <= ROUNDING * model.decay_ratio:
        head = np.zeros_like(head)
    singular_values: Array = np.asarray(np.linalg.svd(optimum.jacobians, compute_uv=False), dtype=np.float64)
    end_to_end = np.linalg.svd(optimum.end_to_end, compute_uv=False)
    predicted = _padded(model.jacobian_singular_value(end_to_end), singular_values.shape[1])
    return {
        "asymmetry": max(_ratio(jacobian - jacobian.T, jacobian) for jacobian in jacobians),
        "balance_error": model.balance_error(jacobians, head),
        "layer_spread": max(_ratio(jacobian - mean, mean) for jacobian in jacobians),
        "singular_values": singular_values.tolist(),
        "predicted": predicted.tolist(),
        "max_relative_error": _largest_error(singular_values, predicted),
    }


def _equal_steps(model: ResidualModel, problem: Problem, optimum: "Optimum") -> Numbers:
    """Kinetic model: eigenvalues, as the blocks are symmetric in whitened coordinates only."""
    assert isinstance(model, KineticModel)
    jacobians, embedding = _without_rounding(optimum.jacobians), optimum.embedding
    moment = problem.second_moment
    entering = moment if embedding is None else embedding @ moment @ embedding.T
    eigenvalues: Array = np.sort(np.linalg.eigvals(optimum.jacobians).real, axis=1)[:, ::-1]
    predicted = _padded(model.eigenvalue_profile(optimum.head, entering), eigenvalues.shape[1])
    used = predicted[0] > max(PREDICTED_SHARE * predicted[0].max(), ROUNDING)
    slopes = np.diff(1.0 / eigenvalues[:, used], axis=0)
    weighted = jacobians @ entering
    return {
        "asymmetry": max(_ratio(product - product.T, product) for product in weighted),
        "balance_error": model.balance_error(jacobians, optimum.head, embedding, moment) if jacobians.any() else 0.0,
        "slope_error": float(np.abs(slopes - 1.0).max(initial=0.0)),
        "eigenvalues": eigenvalues.tolist(),
        "predicted": predicted.tolist(),
        "max_relative_error": _largest_error(eigenvalues, predicted),
    }


def _neighbours(model: ResidualModel, problem: Problem, optimum: "Optimum") -> Numbers:
    """Plain model: singular values, and frames that only neighbours share."""
    end_to_end = np.linalg.svd(optimum.end_to_end, compute_uv=False)
    end_to_end[end_to_end <= ROUNDING * end_to_end[0]] = 0.0  # its root of order L + 1 would not be small
    left, singular_values, right = np.linalg.svd(optimum.jacobians)
    rank = np.count_nonzero(end_to_end)
    outputs, inputs = left[:, :, :rank].swapaxes(1, 2), right[:, :rank]
    head = np.linalg.svd(optimum.head, full_matrices=False)[2][np.newaxis, :rank]
    following = np.concatenate([inputs[1:], head])
    predicted = _padded(model.jacobian_singular_value(end_to_end), singular_values.shape[1])
    return {
        "balance_error": model.balance_error(optimum.jacobians, optimum.head, optimum.embedding),
        "neighbour_alignment": float(subspace_affinity_score(outputs, following).min()) if rank else None,
        "own_alignment": float(subspace_affinity_score(outputs, inputs).mean()) if rank else None,
        "singular_values": singular_values.tolist(),
        "predicted": predicted.tolist(),
        "max_relative_error": _largest_error(singular_values, predicted),
    }


_NUMBERS: dict[Model, Callable[[ResidualModel, Problem, "Optimum"], Numbers]] = {
    "frobenius": _symmetric_blocks,
    "nuclear": _symmetric_blocks,
    "kinetic": _equal_steps,
    "plain": _neighbours,
}


def _largest_error(found: Array, predicted: Array) -> float:
    """Largest relative error of `found` [L, d] over all predicted values [d] or [L, d] that are not small."""
    everywhere = np.broadcast_to(predicted, found.shape)
    compared = everywhere > max(PREDICTED_SHARE * everywhere.max(), ROUNDING)
    return float(np.abs(found[compared] / everywhere[compared] - 1.0).max(initial=0.0))


def _padded(values: Array, count: int) -> Array:
    """Return the first `count` values along the last axis, zeros where there are fewer."""
    padded = np.zeros((*values.shape[:-1], count))
    kept = values[..., :count]
    padded[..., : kept.shape[-1]] = kept
    return padded


def _without_rounding(jacobians: Array) -> Array:
    """Return the Jacobians, zero in place of those that are rounding errors beside the identity of the skip."""
    sizes = np.linalg.norm(jacobians, axis=(1, 2), keepdims=True)
    return np.where(sizes > ROUNDING, jacobians, 0.0)


def _ratio(departure: Array, reference: Array) -> float:
    """Return ||departure|| / ||reference||; 0 where the departure is zero."""
    size = float(np.linalg.norm(departure))
    return size / float(np.linalg.norm(reference)) if size > 0.0 else 0.0
