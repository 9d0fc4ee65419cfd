"""What claims are tried on: strategies of plain numbers, matrices made from them, and roads apart from the formulas."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import reject
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from ramodel.optimise import Evaluation
from ramodel.problem import Loss, Model, Problem, ProblemVariant, random_problem
from ramodel.simulate import Optimum, UnreducedObjective, minimise
from ramodel.simulate.hessian import smallest_eigenvalue
from ramodel.simulate.objective import Variables
from ramodel.testing.strategies import haar_matrix, powers_of_ten, seeds
from ramodel.theory import CriticalPoint

__all__ = [
    "DECAYS",
    "DEPTHS",
    "DESCENT_SHARE",
    "SIZES",
    "Array",
    "Case",
    "blocks_with",
    "critical_problem",
    "descended",
    "descents",
    "gaussian",
    "least_curvature",
    "model_numbers",
    "optimum",
    "product",
    "relative",
    "relative_gradient",
    "unreduced_gradient",
    "unreduced_value",
]

Array = NDArray[np.float64]
Case = st.SearchStrategy[dict[str, Any]]

DEPTHS = st.integers(1, 6)
DECAYS = powers_of_ten(-2, 0)
SIZES = powers_of_ten(-1, 0.5)
"""Singular values of blocks, 0.1 to 3.2."""

DESCENT_SHARE = 0.1
"""Share of the examples that descend to an optimum: each takes as long as hundreds of others."""

DESCENT_SECONDS = 300.0
"""Far more than any descent needs, which takes less than one: verdicts must not depend on how fast the machine is."""


def model_numbers(**others: st.SearchStrategy[Any]) -> Case:
    """Cases of depth and decays, and `others`."""
    return st.fixed_dictionaries({"depth": DEPTHS, "jacobian_decay": DECAYS, "head_decay": DECAYS, **others})


@st.composite
def descents(
    draw: st.DrawFn, *, losses: Sequence[Loss] = ("squared", "cross-entropy"), spare: bool = False, least_depth: int = 1
) -> dict[str, Any]:
    """Arguments of `optimum`; with `spare`, the width exceeds the number of classes."""
    loss = draw(st.sampled_from(losses))
    classes = 2 if loss == "logistic" else draw(st.integers(2, 3))
    return {
        "loss": loss,
        "classes": classes,
        "width": draw(st.integers(classes + 1 if spare else 2, 5)),
        "depth": draw(st.integers(least_depth, 4)),
        "samples": draw(st.integers(classes, 8)),
        "jacobian_decay": draw(DECAYS),
        "head_decay": draw(DECAYS),
        "seed": draw(seeds),
    }


def optimum(
    model: Model,
    *,
    seed: int,
    layer_decays: Sequence[float] | None = None,
    bias_decay: float | None = None,
    **numbers: Any,
) -> tuple[Problem, Optimum]:
    """Return a random problem and where a descent over all unreduced variables ends, which knows no closed form.

    What does not converge is no example: the claims are about critical points. Descents end where rounding lets no step
    improve them; wall time ends them after `DESCENT_SECONDS` only, which is meant never to happen.
    """
    problem = random_problem(model=model, seed=seed, **numbers)
    if layer_decays is None and bias_decay is None:
        return problem, descended(problem, seed)
    variant = ProblemVariant(problem=problem, layer_decays=layer_decays, bias_decay=bias_decay)  # type: ignore[arg-type]
    return problem, descended(variant, seed)


def descended(problem: Problem | ProblemVariant, seed: int) -> Optimum:
    """Return where a descent of `problem` ends; see `optimum`."""
    found = minimise(problem, starts=1, seed=seed, time_budget=DESCENT_SECONDS, progress=False)
    if not found.converged:
        reject()
    return found


def gaussian(seed: int, *shape: int) -> Array:
    """Return standard normal numbers."""
    return np.random.default_rng(seed).standard_normal(shape)


def blocks_with(s: Sequence[float] | Array, width: int, depth: int, seed: int) -> tuple[Array, Array]:
    """Return L equal symmetric blocks [L, d, d] with these eigenvalues, the rest 0, and their vectors as columns."""
    vectors = haar_matrix(width, seed)[:, : len(s)]
    jacobian = (vectors * np.asarray(s)) @ vectors.T
    return np.tile(jacobian, (depth, 1, 1)), vectors


def product(blocks: Array) -> Array:
    """Return (I + J_L) ... (I + J_1)."""
    result = np.eye(blocks.shape[-1])
    for block in blocks:
        result = result + block @ result
    return result


def relative(value: ArrayLike, reference: ArrayLike) -> float:
    """Return ||value - reference|| / ||reference||; the plain norm where the reference is zero."""
    size = float(np.linalg.norm(np.asarray(reference)))
    return float(np.linalg.norm(np.asarray(value) - np.asarray(reference))) / (size if size > 0.0 else 1.0)


def critical_problem(point: CriticalPoint, seed: int) -> Problem:
    """Return a squared-loss problem on random inputs of which `point` is a critical point."""
    return point.problem(gaussian(seed, 2 * point.end_to_end.shape[1] + 1, point.end_to_end.shape[1]))


def relative_gradient(problem: Problem, jacobians: Array, head: Array, embedding: Array | None = None) -> float:
    """Return ``||grad F|| / (||grad ell|| + ||grad decay||)`` at a point of the unreduced problem."""
    return float(_evaluated(problem, jacobians, head, embedding)[1].relative_gradient())


def unreduced_value(problem: Problem, jacobians: Array, head: Array) -> float:
    """Return F at a point of the unreduced problem."""
    return float(_evaluated(problem, jacobians, head, None)[1].value)


def least_curvature(problem: Problem, jacobians: Array, head: Array) -> float:
    """Return the least eigenvalue of the Hessian of F over all variables at a point of the unreduced problem."""
    objective = UnreducedObjective(problem, torch.device("cpu"))
    return smallest_eigenvalue(objective, objective.join(_variables(jacobians, head, None)))


def unreduced_gradient(problem: Problem, jacobians: Array, head: Array) -> tuple[Array, Array]:
    """Return dF/dJ_l [L, d, d] and dF/dW [C, d] at a point of the unreduced problem."""
    objective, evaluation = _evaluated(problem, jacobians, head, None)
    parts = objective.split(evaluation.gradient)
    return parts.blocks[0, :, 0].numpy(), parts.head[0].numpy()


def _evaluated(
    problem: Problem, jacobians: Array, head: Array, embedding: Array | None
) -> tuple[UnreducedObjective, Evaluation]:
    objective = UnreducedObjective(problem, torch.device("cpu"))
    return objective, objective(objective.join(_variables(jacobians, head, embedding)))


def _variables(jacobians: Array, head: Array, embedding: Array | None) -> Variables:
    return Variables(
        blocks=torch.tensor(jacobians)[None, :, None],
        head=torch.tensor(head)[None],
        embedding=None if embedding is None else torch.tensor(embedding)[None],
    )
