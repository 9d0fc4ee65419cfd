"""A problem in the coordinates of its inputs' span, where nothing is left that could only cost.

Directions without inputs change no logit, and leaving them out of M lowers every singular value. In the right singular
basis of X the second moments are diagonal.
"""

from dataclasses import dataclass, replace

import numpy as np

from ramodel.problem import Problem
from ramodel.theory.frobenius import FrobeniusModel
from ramodel.theory.kinetic import KineticModel
from ramodel.theory.model import Array, ResidualModel
from ramodel.theory.nuclear import NuclearModel
from ramodel.theory.optimum.losses import CrossEntropyLoss, LogisticLoss, MapLoss, SquaredLoss
from ramodel.theory.optimum.objective import KineticObjective, Objective
from ramodel.theory.optimum.penalty import SpectralPenalty
from ramodel.theory.optimum.spectral import reduced_objective

__all__ = ["Reduction", "model_of"]

WHITE = 1e-10
"""Inputs are white if the singular values of X agree to this, relatively: rounding errors and no more."""

MODELS: dict[str, type[ResidualModel]] = {
    "frobenius": FrobeniusModel,
    "nuclear": NuclearModel,
    "kinetic": KineticModel,
}


@dataclass(frozen=True, eq=False)
class Reduction:
    """The inputs' span, and the reduced problem in it.

    Parameters
    ----------
    basis : array [d_in, r]
        V, an orthonormal basis of the span of the inputs (one arbitrary direction if they are all zero).
    root : array [r]
        Standard deviations along the basis: mean x x^T = V diag(root^2) V^T.
    loss
        Of M V; of M V diag(root) if `model` is None.
    objective
        The reduced objective of one point.
    model
        The model whose cost is a function of the singular values of M alone. For the kinetic model it has the scale of
        white inputs in its decay lam_J; with inputs that are not white there is none.
    """

    basis: Array
    root: Array
    loss: MapLoss
    objective: Objective
    model: ResidualModel | None

    @property
    def whitening(self) -> Array:
        """What M V is multiplied by to give the map of `loss`, for each column [r]."""
        return self.root if self.model is None else np.ones_like(self.root)

    @classmethod
    def of(cls, problem: Problem) -> "Reduction":
        """Reduce a problem.

        Raises
        ------
        ValueError
            If the model is none of those with a reduced problem, or that has no minimum.
        """
        model = model_of(problem)
        left, values, right = np.linalg.svd(problem.inputs, full_matrices=False)
        rank = np.count_nonzero(values > max(problem.inputs.shape) * np.finfo(np.float64).eps * values[0])
        kept = slice(max(rank, 1))
        basis, root = right[kept].T, values[kept] / np.sqrt(problem.samples)
        if isinstance(model, KineticModel) and rank > 0:
            if not is_white(root):
                return cls._coloured_kinetic(problem, model, basis, root, left[:, kept] * np.sqrt(problem.samples))
            model = replace(model, jacobian_decay=model.jacobian_decay * root[0] ** 2)
        loss = loss_of_map(problem, left[:, kept] * values[kept])
        return cls(basis, root, loss, reduced_objective(loss, [model], width=problem.width), model)

    @classmethod
    def _coloured_kinetic(
        cls, problem: Problem, model: KineticModel, basis: Array, root: Array, whitened: Array
    ) -> "Reduction":
        if model.embedding_decay is not None:
            raise ValueError(
                "inputs of the problem are not white; in the kinetic model with an embedding the decay then has an "
                "infimum that no network attains: take problem.whitened(), or leave embedding_decay out."
            )
        loss = loss_of_map(problem, whitened)
        head, block = SpectralPenalty.ridge(model.head_decay), SpectralPenalty.ridge(model.jacobian_decay / model.depth)
        return cls(basis, root, loss, KineticObjective(loss, head, block, np.diag(root)), None)


def is_white(root: Array) -> bool:
    """Whether the standard deviations are all the same."""
    return bool(root[0] - root[-1] <= WHITE * root[0])


def model_of(problem: Problem) -> ResidualModel:
    """Return the closed forms of the problem's model."""
    if problem.model not in MODELS:
        raise ValueError(
            f"model of the problem is {problem.model!r}; it must be one of {', '.join(map(repr, MODELS))}. Without "
            "skips nothing reduces (S8)."
        )
    kind = MODELS[problem.model]
    return kind(problem.depth, problem.jacobian_decay, problem.head_decay, problem.embedding_decay)


def loss_of_map(problem: Problem, inputs: Array) -> MapLoss:
    """Return the loss of the problem's targets as a function of the map that acts on these inputs [N, r]."""
    if problem.loss == "logistic":
        return LogisticLoss(inputs, problem.targets.astype(np.float64))
    if problem.loss == "cross-entropy":
        return CrossEntropyLoss(inputs, problem.targets.astype(np.int64), problem.classes)
    if problem.targets.ndim == 1:
        return SquaredLoss(inputs, np.eye(problem.classes)[problem.targets.astype(np.int64)])
    return SquaredLoss(inputs, problem.targets.astype(np.float64))
