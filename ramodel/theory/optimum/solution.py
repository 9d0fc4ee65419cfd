"""The network of an end-to-end map: all J_l, W and E, with what they do."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ramodel.checks import finite_array
from ramodel.problem import Problem
from ramodel.theory.kinetic import KineticModel
from ramodel.theory.model import Array, ResidualModel
from ramodel.theory.optimum.reduction import loss_of_map
from ramodel.theory.transport import equal_step_jacobians, equal_steps_exist

__all__ = ["Network", "Solution", "aligned_network", "coloured_kinetic_network"]


@dataclass(frozen=True, eq=False)
class Solution:
    """The best optimum found of the reduced problem, with the network that attains it. Arrays are float64.

    That it is the global optimum is proved where `closed` says so, and searched elsewhere: see `objectives`.

    Parameters
    ----------
    problem
        What was solved.
    objective
        The reduced objective, loss(M X) + (1/2) sum_k c_L(m_k).
    end_to_end : array [C, d_in]
        M, the embedding included.
    jacobians : array [L, d, d]
        J_l, read-only; where all blocks are equal (S1, S6) they share their memory.
    head : array [C, d]
        W.
    embedding : array [d, d_in] or None
        E.
    gradient_norm
        Of the reduced problem, relative: ``||gradient|| / (||grad loss|| + ||grad decay||)``; 0 for a closed form.
    converged
        Whether `gradient_norm` is at most the tolerance asked for.
    closed
        Whether the closed road (squared error, white inputs) was taken, which is global.
    feasible
        Whether the network exists. It may not in the kinetic model, if an eigenvalue of P is 1 - L/l (S7); the blocks
        are then NaN and the objective is an infimum.
    objectives, gradient_norms : array [starts]
        How every start ended. Those left behind were not descended to the end.
    seconds
        Wall time.
    """

    problem: Problem
    objective: float
    end_to_end: Array
    jacobians: Array
    head: Array
    embedding: Array | None
    gradient_norm: float
    converged: bool
    closed: bool
    feasible: bool
    objectives: Array
    gradient_norms: Array
    seconds: float

    @cached_property
    def singular_values(self) -> Array:
        """m_k of M, [min(C, d_in)], falling."""
        return np.asarray(np.linalg.svd(self.end_to_end, compute_uv=False), dtype=np.float64)

    @cached_property
    def jacobian_singular_values(self) -> Array:
        """The min(C, d) largest singular values of every J_l, [L, min(C, d)]; no others differ from zero."""
        count = min(self.head.shape)
        equal = self.jacobians.strides[0] == 0
        s = np.linalg.svd(self.jacobians[:1] if equal else self.jacobians, compute_uv=False)[:, :count]
        return np.broadcast_to(np.asarray(s, dtype=np.float64), (len(self.jacobians), count))

    @property
    def factors(self) -> tuple[Array, Array]:
        """A' and B of the nuclear model, [L, d, d] each, balanced: both are the root of J_l (S6).

        Raises
        ------
        ValueError
            If the model is another.
        """
        if self.problem.model != "nuclear":
            raise ValueError(f"model of the problem is {self.problem.model!r}; only nuclear blocks have factors.")
        values, vectors = np.linalg.eigh(self.jacobians[0])
        root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        both = np.broadcast_to(root, self.jacobians.shape)
        return both, both

    def trajectories(self, inputs: ArrayLike | None = None) -> Array:
        """States h_0, ..., h_L of inputs [N, d_in] (those of the problem if None), [L + 1, N, d].

        Raises
        ------
        TypeError, ValueError
            If the inputs are not finite numbers, or have another width than those of the problem.
        """
        x = self._inputs(inputs)
        states = np.empty((len(self.jacobians) + 1, len(x), self.head.shape[1]))
        states[0] = x if self.embedding is None else x @ self.embedding.T
        for layer, jacobian in enumerate(self.jacobians):
            states[layer + 1] = states[layer] + states[layer] @ jacobian.T
        return states

    def logits(self, inputs: ArrayLike | None = None) -> Array:
        """Logits [N, C] of inputs [N, d_in] (those of the problem if None), by the blocks and the head.

        Raises
        ------
        TypeError, ValueError
            As `trajectories`.
        """
        x = self._inputs(inputs)
        state = x if self.embedding is None else x @ self.embedding.T
        for jacobian in self.jacobians:
            state = state + state @ jacobian.T
        logits: Array = state @ self.head.T
        return logits

    @cached_property
    def train_loss(self) -> float:
        """The loss without decay, of the logits that blocks and head give (S16: predicted from the decays alone)."""
        identity = loss_of_map(self.problem, self.logits())
        value, _, _ = identity.evaluate(np.eye(self.problem.classes)[np.newaxis])
        return float(value[0])

    @cached_property
    def decay(self) -> float:
        """The decay of blocks, head and embedding: `objective` - `train_loss`, computed from the matrices."""
        problem = self.problem
        blocks = {"frobenius": self._squares, "nuclear": self._nuclear_norms, "kinetic": self._squared_steps}
        total = problem.jacobian_decay * blocks[problem.model]() + problem.head_decay * np.square(self.head).sum()
        if self.embedding is not None and problem.embedding_decay is not None:
            total += problem.embedding_decay * np.square(self.embedding).sum()
        return 0.5 * float(total)

    @cached_property
    def margins(self) -> Array:
        """How far the right logit leads: z_y - max over j != y of z_j, of each sample [N]; y z with one logit (S16).

        Raises
        ------
        ValueError
            If the targets are real numbers: then no logit is the right one.
        """
        problem, logits = self.problem, self.logits()
        if problem.targets.ndim > 1 or (logits.shape[1] == 1 and problem.loss != "logistic"):
            raise ValueError(
                "targets of the problem name no right logit among others; margins need labels of two classes or more."
            )
        if problem.loss == "logistic":
            signed: Array = problem.targets * logits[:, 0]
            return signed
        labels = problem.targets.astype(np.int64)[:, np.newaxis]
        right = np.take_along_axis(logits, labels, axis=1)[:, 0]
        np.put_along_axis(logits, labels, -np.inf, axis=1)
        leads: Array = right - logits.max(axis=1)
        return leads

    def _inputs(self, inputs: ArrayLike | None) -> Array:
        if inputs is None:
            return self.problem.inputs
        return finite_array("inputs", inputs, shape=(None, self.problem.inputs.shape[1]))

    def _squares(self) -> float:
        return float(np.square(self.jacobians).sum())

    def _nuclear_norms(self) -> float:
        return 2.0 * float(self.jacobian_singular_values.sum())

    def _squared_steps(self) -> float:
        return float(np.square(np.diff(self.trajectories(), axis=0)).sum()) / self.problem.samples


Network = tuple[Array, Array, Array | None, bool]
"""J_l, W, E, and whether the blocks exist."""


def aligned_network(model: ResidualModel, end_to_end: Array, width: int) -> Network:
    """Return the network of least decay for M [C, d_in] whose singular values tell all (statements S1, S6, S7, S18)."""
    left, m, right = np.linalg.svd(end_to_end, full_matrices=False)
    count = min(len(m), width)
    left, m, right = left[:, :count], m[:count], right[:count]
    m[m <= max(end_to_end.shape) * np.finfo(np.float64).eps * m[0]] = 0.0  # S7 with an embedding tells 0 from rounding
    frame = right if model.embedding_decay is None else np.eye(count, width)
    head = (left * model.head_singular_value(m)) @ frame
    embedding = (
        None if model.embedding_decay is None else frame.T @ (model.embedding_singular_value(m)[:, None] * right)
    )
    profile = model.layer_profile(m)
    if isinstance(model, KineticModel):
        return (frame.T * profile[:, np.newaxis]) @ frame, head, embedding, True
    block = (frame.T * profile[0]) @ frame
    return np.broadcast_to(block, (len(profile), width, width)), head, embedding, True


def coloured_kinetic_network(depth: int, head: Array, displacement: Array, basis: Array) -> Network:
    """Return the network of W [C, r] and P - I [r, r], in the basis [d, r] of the inputs' span (statement S7)."""
    width = len(basis)
    product = np.eye(width) + basis @ displacement @ basis.T
    if not equal_steps_exist(product, depth):
        return np.full((depth, width, width), np.nan), head @ basis.T, None, False
    return equal_step_jacobians(product, depth), head @ basis.T, None, True
